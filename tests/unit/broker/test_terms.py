"""What request, card and policy leave of a match: one engine and the strictest obligations, or a plain reason."""

from typing import Any

import pytest

from tacita_broker.matches.terms import Terms, terms_of
from tacita_protocol.psi.partition import bin_size
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.match import MatchRequest, SenderDecision
from tacita_protocol.statements.obligations import MAX_APPROVALS, Obligations
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.vocabulary import Mode, ResultTo
from tests.support.statements import DATASET_CARD, MATCH_REQUEST, OBLIGATIONS, named

CARD = DATASET_CARD.model_copy(update={"engines": ("oprf", "ecdh", "vole"), "padded_size": 1024})
WIDE = OBLIGATIONS.model_copy(
    update={
        "modes": tuple(Mode),
        "engines": ("ecdh", "vole", "oprf"),
        "result_to": tuple(ResultTo),
        "max_elements": 1024,
        "expires_in": 3600,
    }
)
"""The policy's obligations; the request tests 128 elements of 1,024."""


def asking(result_to: ResultTo = ResultTo.REQUESTER, *, own: Obligations = WIDE, **changes: Any) -> MatchRequest:
    """A request, with its sender's decision where there must be one."""
    decided = None if result_to is ResultTo.REQUESTER else SenderDecision(policy=named("own policy"), obligations=own)
    values = {"engines": ("vole", "ecdh"), "result_to": result_to, "sender_decision": decided} | changes
    return MatchRequest.model_validate(dict(MATCH_REQUEST) | values)


def narrowed(**changes: Any) -> Obligations:
    return WIDE.model_copy(update=changes)


GRANTED: dict[str, tuple[MatchRequest, Obligations, str]] = {
    "the requester's first": (asking(), WIDE, "vole"),
    "the requester's order, not the card's": (asking(engines=("ecdh", "oprf")), WIDE, "ecdh"),
    "the first that is permitted": (asking(), narrowed(engines=("ecdh",)), "ecdh"),
    "the first that counts": (asking(mode=Mode.CARDINALITY), WIDE, "ecdh"),
    "the first that serves the owner": (asking(ResultTo.OWNER, engines=("oprf", "ecdh")), WIDE, "ecdh"),
    "the first that both policies permit": (asking(ResultTo.BOTH, own=narrowed(engines=("ecdh",))), WIDE, "ecdh"),
    "as many elements as are permitted": (asking(ResultTo.OWNER), narrowed(max_elements=1024), "vole"),
    "few asked of many": (asking(), narrowed(max_elements=128), "vole"),
}


@pytest.mark.parametrize(("request_", "permitted", "engine"), GRANTED.values(), ids=GRANTED.keys())
def test_what_is_left(request_: MatchRequest, permitted: Obligations, engine: str) -> None:
    terms = terms_of(request_, CARD, permitted)
    assert isinstance(terms, Terms)
    assert terms.engine == engine


DENIED: dict[str, tuple[MatchRequest, Obligations, str]] = {
    "no engine counts": (asking(mode=Mode.CARDINALITY, engines=("vole", "oprf")), WIDE, "engine-cannot"),
    "no engine serves the owner": (asking(ResultTo.OWNER, engines=("oprf",)), WIDE, "engine-cannot"),
    "no engine that anybody knows": (asking(engines=("magic",)), WIDE, "engine-cannot"),
    "a mode that is not permitted": (
        asking(mode=Mode.CARDINALITY),
        narrowed(modes=(Mode.INTERSECTION,)),
        "form-not-permitted",
    ),
    "a receiver that is not permitted": (
        asking(ResultTo.BOTH),
        narrowed(result_to=(ResultTo.OWNER,)),
        "form-not-permitted",
    ),
    "a receiver that its own node does not permit": (
        asking(ResultTo.OWNER, own=narrowed(result_to=(ResultTo.BOTH,))),
        WIDE,
        "form-not-permitted",
    ),
    "no engine that is permitted": (asking(), narrowed(engines=("oprf",)), "no-common-engine"),
    "two policies without a common engine": (
        asking(ResultTo.OWNER, own=narrowed(engines=("vole",))),
        narrowed(engines=("ecdh",)),
        "no-common-engine",
    ),
    "too many asked": (asking(), narrowed(max_elements=127), "too-many-elements"),
    "too many for the owner": (asking(ResultTo.OWNER), narrowed(max_elements=1023), "too-many-elements"),
    "too many in one of two runs": (asking(ResultTo.BOTH), narrowed(max_elements=128), "too-many-elements"),
    "too many for its own node": (asking(ResultTo.BOTH, own=narrowed(max_elements=128)), WIDE, "too-many-elements"),
    "an approval that its own node demands": (
        asking(ResultTo.OWNER, own=narrowed(approvals=("officer",))),
        WIDE,
        "not-approved",
    ),
    "more approvals than anything can say": (
        asking(ResultTo.OWNER, own=narrowed(approvals=tuple(f"own-{i}" for i in range(MAX_APPROVALS)))),
        narrowed(approvals=("officer",)),
        "not-approved",
    ),
}


@pytest.mark.parametrize(("request_", "permitted", "code"), DENIED.values(), ids=DENIED.keys())
def test_nothing_is_left(request_: MatchRequest, permitted: Obligations, code: str) -> None:
    reason = terms_of(request_, CARD, permitted)
    assert isinstance(reason, Reason)
    assert reason.code == code


def test_an_engine_that_the_owner_does_not_offer() -> None:
    card = CARD.model_copy(update={"engines": ("oprf",)})
    reason = terms_of(asking(), card, WIDE)
    assert isinstance(reason, Reason)
    assert reason.code == "no-common-engine"


def test_the_stricter_of_both_obligations_hold() -> None:
    own = narrowed(expires_in=60, round_to=10, suppress_below=5, retention_days=1)
    terms = terms_of(asking(ResultTo.OWNER, own=own), CARD, narrowed(round_to=5, suppress_below=6))
    assert isinstance(terms, Terms)
    left = terms.obligations
    assert (left.expires_in, left.round_to, left.suppress_below, left.retention_days) == (60, 10, 6, 1)


LARGEST = 2**26
PARTS = 128
"""Of the largest set that a statement can declare, with `ecdh`."""

UNITS: dict[str, tuple[MatchRequest, int, int]] = {
    "to the requester": (asking(), 1024, 128),
    "to the owner": (asking(ResultTo.OWNER), 1024, 1024),
    "to both": (asking(ResultTo.BOTH), 1024, 1024 + 128),
    "in partitions, each filled up": (asking(engines=("ecdh",)), LARGEST, PARTS * bin_size(128, PARTS)),
    "with an engine that is never cut": (asking(engines=("oprf",)), LARGEST, 128),
    "a number": (asking(mode=Mode.CARDINALITY), 2**20, 128),
}


def sized(size: int) -> DatasetCard:
    return CARD.model_copy(update={"padded_size": size})


@pytest.mark.parametrize(("request_", "size", "units"), UNITS.values(), ids=UNITS.keys())
def test_what_the_receivers_can_evaluate(request_: MatchRequest, size: int, units: int) -> None:
    terms = terms_of(request_, sized(size), narrowed(max_elements=LARGEST))
    assert isinstance(terms, Terms)
    assert terms.units == units


def test_the_fill_of_partitions_counts_against_the_limit() -> None:
    evaluated = PARTS * bin_size(128, PARTS)
    assert evaluated > 128
    assert isinstance(terms_of(asking(), sized(LARGEST), narrowed(max_elements=evaluated)), Terms)
    reason = terms_of(asking(), sized(LARGEST), narrowed(max_elements=evaluated - 1))
    assert isinstance(reason, Reason)
    assert reason.code == "too-many-elements"


def test_what_every_node_would_refuse_is_not_granted() -> None:
    reason = terms_of(asking(mode=Mode.CARDINALITY), sized(2**20 + 1), narrowed(max_elements=LARGEST))
    assert isinstance(reason, Reason)
    assert reason.code == "too-many-for-engine"
