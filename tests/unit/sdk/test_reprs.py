"""What a log line or a trace shows of an object is its repr: no identifier, token, invitation or plaintext in it."""

import pytest

from tacita_protocol.api import EnrolRequest, TokenBody
from tacita_protocol.crypto.frames import OpenedFrame
from tacita_sdk.node_api import Hits, HitView, MatchOrder
from tacita_sdk.signed_http import Answer, Call

SECRET = "2d0f6a51"
HIT = HitView(source="0" * 32, line=7, value=SECRET)

OBJECTS = {
    "a hit": HIT,
    "all hits": Hits(match="0" * 32, hits=(HIT,), notice="Handle with care."),
    "a case reference": MatchOrder(dataset="own", with_="ngo/phones", purpose="p", basis="b", case=SECRET),
    "a bearer token": TokenBody(token=SECRET, expires=1),
    "an invitation": EnrolRequest(invitation=SECRET, card="{}"),
    "an answer's body": Answer(200, SECRET.encode(), {}),
    "a request's body": Call("POST", "/v1/enrolments", body=SECRET.encode()),
    "a frame's plaintext": OpenedFrame(run=0, partition=0, sequence=0, final=False, plaintext=SECRET.encode()),
}


@pytest.mark.parametrize("value", OBJECTS.values(), ids=OBJECTS)
def test_a_repr_keeps_it_to_itself(value: object) -> None:
    assert SECRET not in repr(value)
    assert SECRET not in str(value)
