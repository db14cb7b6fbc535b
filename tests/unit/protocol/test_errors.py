import pickle

import pytest

from tacita_protocol.errors import (
    InvalidIdentifier,
    MalformedMessage,
    PeerViolation,
    ProtocolError,
    SignatureInvalid,
    UnsupportedVersion,
)


@pytest.mark.parametrize(
    "error",
    [
        MalformedMessage("not JSON"),
        UnsupportedVersion("unknown", field="v"),
        PeerViolation("not the next one", field="frame.sequence"),
        SignatureInvalid("expired", reason="expired"),
        InvalidIdentifier("check digits", reason="checksum"),
    ],
)
def test_an_error_survives_the_way_out_of_a_worker_process(error: ProtocolError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_the_field_is_named_once() -> None:
    assert str(UnsupportedVersion("unknown", field="v")) == "v: unknown"
