"""What the statements mean together: strictest obligations, covering terms, outcomes, log items."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.logged import Outcome, closing_items, opening_items, outcome_of
from tacita_protocol.statements.obligations import Obligations, strictest
from tacita_protocol.statements.receipt import Receipt, ReceiptStatus
from tacita_protocol.statements.statement import sign_statement
from tacita_protocol.statements.vocabulary import Mode, ResultTo, Role
from tests.support.memory_log import key_named
from tests.support.statements import AGREEMENT, DENIAL, GRANT, MATCH, MATCH_REQUEST, OBLIGATIONS, RECEIPT, TIME, named


def subsets(items: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(items), unique=True).map(tuple)


OBLIGED = st.builds(
    Obligations,
    modes=subsets(tuple(Mode)),
    engines=subsets(("ecdh", "vole", "oprf")),
    result_to=subsets(tuple(ResultTo)),
    max_elements=st.integers(0, 2**26),
    suppress_below=st.integers(0, 100),
    round_to=st.integers(1, 1000),
    labels=subsets(("grading", "seen", "source")),
    approvals=subsets(("second-person", "officer")),
    retention_days=st.integers(0, 3650),
    expires_in=st.integers(1, 72 * 3600),
)


@given(OBLIGED, OBLIGED)
def test_the_strictest_obligations_satisfy_both(a: Obligations, b: Obligations) -> None:
    both = strictest(a, b)
    for one in (a, b):
        assert strictest(both, one) == both
        assert both.max_elements <= one.max_elements
        assert both.suppress_below >= one.suppress_below
        assert both.expires_in <= one.expires_in
        assert both.retention_days <= one.retention_days
        for permitted in ("modes", "engines", "result_to", "labels"):
            assert set(getattr(both, permitted)) <= set(getattr(one, permitted))
        assert set(both.approvals) >= set(one.approvals)


@given(OBLIGED)
def test_obligations_are_not_stricter_than_themselves(a: Obligations) -> None:
    assert strictest(a, a) == a


def test_nothing_permitted_stays_nothing() -> None:
    other = OBLIGATIONS.model_copy(update={"engines": ("vole",)})
    assert strictest(OBLIGATIONS, other).engines == ()


QUESTION: dict[str, Any] = {
    "owner": "safe-harbour",
    "dataset": "accounts",
    "requester": "first-bank",
    "kind": Kind.ACCOUNT,
    "mode": Mode.INTERSECTION,
    "result_to": ResultTo.REQUESTER,
    "purpose": "payment-screening",
    "legal_basis": "gdpr-6-1-f",
    "at": TIME,
}


def test_a_term_covers_its_question() -> None:
    assert AGREEMENT.covering_term(**QUESTION) == AGREEMENT.terms[0]
    assert AGREEMENT.covering_term(**QUESTION, engine="ecdh") == AGREEMENT.terms[0]


NOT_COVERED: dict[str, dict[str, Any]] = {
    "another dataset": {"dataset": "phones"},
    "another owner": {"owner": "somebody"},
    "a requester who is no party": {"requester": "somebody"},
    "the owner itself": {"requester": "safe-harbour"},
    "another kind": {"kind": Kind.PHONE},
    "another receiver": {"result_to": ResultTo.OWNER},
    "another purpose": {"purpose": "victim-protection"},
    "another legal basis": {"legal_basis": "gdpr-6-1-d"},
    "another engine": {"engine": "vole"},
    "before the period": {"at": TIME - 1},
    "after the period": {"at": TIME + 90 * 86_400},
    "the other way round": {"owner": "first-bank", "requester": "safe-harbour"},
}


@pytest.mark.parametrize("changes", NOT_COVERED.values(), ids=NOT_COVERED.keys())
def test_no_term_covers(changes: dict[str, Any]) -> None:
    assert AGREEMENT.covering_term(**QUESTION | changes) is None


def test_one_term_must_cover_everything() -> None:
    """The purpose of one term and the dataset of another are not an agreement."""
    first = AGREEMENT.terms[0]
    other = first.model_copy(update={"dataset": "phones", "purposes": ("victim-protection",)})
    agreement: Agreement = AGREEMENT.model_copy(update={"terms": (first, other)})
    assert agreement.covering_term(**QUESTION) == first
    assert agreement.covering_term(**QUESTION | {"dataset": "phones"}) is None


def test_parties_by_name() -> None:
    first, second = AGREEMENT.parties
    assert AGREEMENT.party("first-bank") == first
    assert AGREEMENT.counterparty("first-bank") == second
    assert AGREEMENT.party("somebody") is None
    assert AGREEMENT.counterparty("somebody") is None


def receipts(**changes: Any) -> tuple[Receipt, Receipt]:
    """Both sides' receipts; `changes` are the responder's."""
    own = {"role": Role.RESPONDER, "partner": "safe-harbour", "custody": named("other"), "started": TIME - 60}
    return RECEIPT, RECEIPT.model_copy(update=own | changes)


ABORTED = {"status": ReceiptStatus.ABORTED, "step": "matching"}


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome.COMPLETED),
        (ABORTED, Outcome.ABORTED),
        ({"elements_charged": 129}, Outcome.DISPUTED),
        ({"grant": named("other")}, Outcome.DISPUTED),
        ({"open": named("other")}, Outcome.DISPUTED),
        ({"match": "0" * 32}, Outcome.DISPUTED),
        ({"engine": "vole"}, Outcome.DISPUTED),
        ({"ended": TIME + 600}, Outcome.COMPLETED),
    ],
)
def test_the_outcome_follows_from_both_receipts(changes: dict[str, Any], outcome: Outcome) -> None:
    asked, answered = receipts(**changes)
    assert outcome_of(asked, answered) is outcome
    assert outcome_of(answered, asked) is outcome


def test_the_outcome_of_missing_receipts() -> None:
    asked, answered = receipts(**ABORTED)
    assert outcome_of(None, None) is Outcome.INCOMPLETE
    assert outcome_of(asked, None) is Outcome.INCOMPLETE
    assert outcome_of(None, answered) is Outcome.ABORTED


def test_an_opening_says_who_asked_whom_and_what_was_decided() -> None:
    request = sign_statement(MATCH_REQUEST, key_named("first-bank"))
    for decision in (sign_statement(GRANT, key_named("broker-one")), sign_statement(DENIAL, key_named("broker-one"))):
        assert opening_items(request, decision) == {
            "type": "opening",
            "match": MATCH,
            "request": request.digest,
            "decision": decision.digest,
            "requester": "first-bank",
            "responder": "safe-harbour",
            "policy": named("policy"),
        }


def test_a_closing_names_what_is_missing_by_an_empty_text() -> None:
    items = closing_items(
        MATCH,
        named("grant"),
        Outcome.INCOMPLETE,
        requester_receipt=named("receipt"),
        responder_receipt=None,
        refusal=None,
    )
    assert items == {
        "type": "closing",
        "match": MATCH,
        "decision": named("grant"),
        "outcome": "incomplete",
        "requester_receipt": named("receipt"),
        "responder_receipt": "",
        "refusal": "",
    }
