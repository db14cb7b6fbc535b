"""An owner that deviates, and the asker's real node: the match ends or is disputed, and no hit is shown."""

from collections.abc import AsyncIterator

import pytest

from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.session import Run
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.receipt import FrameCounts, ReceiptStatus, Transcripts
from tacita_protocol.statements.vocabulary import Role
from tests.support.broker_simulator import BrokerSimulator
from tests.support.hostile_points import POINT, REQUEST, RESPONSE, SETUP, Case, Change, in_order
from tests.support.lying_partner import ENGINE, sent, until_message
from tests.support.lying_responder import LyingResponder
from tests.support.memory_broker import OBLIGATIONS
from tests.support.simulated_federation import DEADLINE_SECONDS, SimulatedFederation, simulated_federation
from tests.support.single_node import TestClock

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def federation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SimulatedFederation]:
    clock = TestClock()
    root = tmp_path_factory.mktemp("federation")
    async with simulated_federation(root, BrokerSimulator(clock), clock) as one:
        await one.ngo.keep_still()
        yield one


async def asked(federation: SimulatedFederation) -> LyingResponder:
    """The bank asks, and the liar is about to answer."""
    return LyingResponder(federation.ngo.services, await federation.order())


@pytest.fixture
async def liar(federation: SimulatedFederation) -> LyingResponder:
    """With an open and confirmed session."""
    responder = await asked(federation)
    await responder.accept()
    await responder.open()
    return responder


async def assert_aborted(federation: SimulatedFederation, match: str, reason: str = "peer-violation") -> None:
    """The asker's node ended it with a receipt and shows nothing."""
    ended = await federation.bank.ended(match)
    assert (ended.state, [given.code for given in ended.reasons], ended.hits) == ("aborted", [reason], None)
    held = federation.broker.desk.matches[match]
    assert await federation.broker.until(lambda: held.receipts.get(Role.REQUESTER), DEADLINE_SECONDS)
    federation.broker.desk.close(held)
    assert (await federation.bank.ended(match, closed=True)).outcome == "aborted"
    assert not await federation.bank.released(match)
    assert await federation.bank.services.blobs.names("results") == []


def cases(table: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("change", [pytest.param(row[1], id=row[0]) for row in table])


@cases(SETUP)
async def test_its_setup_is(federation: SimulatedFederation, liar: LyingResponder, change: Change) -> None:
    await liar.answer(setup=change)
    await assert_aborted(federation, liar.match)


@cases(RESPONSE)
async def test_its_response_is(federation: SimulatedFederation, liar: LyingResponder, change: Change) -> None:
    await liar.answer(response=change)
    await assert_aborted(federation, liar.match)


async def test_its_setup_is_larger_than_its_dataset(federation: SimulatedFederation, liar: LyingResponder) -> None:
    await liar.answer(setup=lambda honest, seen: in_order(honest + seen[: 10 * POINT]))
    await assert_aborted(federation, liar.match)


async def test_it_sends_one_message_more(federation: SimulatedFederation, liar: LyingResponder) -> None:
    await liar.message()
    for final in (False, False, True):
        await liar.say(b"\2" * POINT, final=final)
    await assert_aborted(federation, liar.match)


async def test_it_ends_before_it_has_answered(federation: SimulatedFederation, liar: LyingResponder) -> None:
    await liar.message()
    await liar.say(b"\2" * POINT, final=True)
    await assert_aborted(federation, liar.match)


async def test_it_never_finishes(federation: SimulatedFederation, liar: LyingResponder) -> None:
    await liar.message()
    await federation.bank.matches.cancel(liar.match)
    await assert_aborted(federation, liar.match, "cancelled")


ACCEPTANCES: dict[str, dict[str, object]] = {
    "two partitions where one is right": {"partitions": 2},
    "obligations without the engine": {"obligations": OBLIGATIONS.model_copy(update={"engines": ("vole",)})},
    "obligations that only approvals meet": {"obligations": OBLIGATIONS.model_copy(update={"approvals": ("officer",)})},
    "obligations for fewer elements": {"obligations": OBLIGATIONS.model_copy(update={"max_elements": 1})},
    "another grant": {"grant": digest_of(b"other")},
    "another match": {"match": "0" * 32},
    "another responder": {"responder": "somebody"},
    "a time before the grant": {"issued": 1_700_000_000},
    "another secret": {"sealed_secret": "A" * 1558},
}


@pytest.mark.parametrize("changes", ACCEPTANCES.values(), ids=ACCEPTANCES.keys())
async def test_its_acceptance_names(federation: SimulatedFederation, changes: dict[str, object]) -> None:
    liar = await asked(federation)
    await liar.accept(**changes)
    await assert_aborted(federation, liar.match)
    assert federation.broker.desk.matches[liar.match].open is None, "the asker's secret stayed where it was"


RECEIPTS: dict[str, tuple[dict[str, object], str]] = {
    "nothing charged": ({"elements_charged": 0}, "disputed"),
    "another transcript": (
        {"transcripts": Transcripts(requester=digest_of(b"one"), responder=digest_of(b"two"))},
        "disputed",
    ),
    "fewer frames": ({"frames": FrameCounts(requester=1, responder=1)}, "disputed"),
    "another engine": ({"engine": "vole"}, "disputed"),
    "another opening": ({"open": digest_of(b"other")}, "disputed"),
    "aborted": ({"status": ReceiptStatus.ABORTED, "step": "matching"}, "aborted"),
}


@pytest.mark.parametrize(("changes", "outcome"), RECEIPTS.values(), ids=RECEIPTS.keys())
async def test_its_receipt_says(
    federation: SimulatedFederation, liar: LyingResponder, changes: dict[str, object], outcome: str
) -> None:
    await liar.answer()
    await liar.hand_in_receipt(**changes)
    ended = await federation.bank.ended(liar.match, closed=True)
    assert (ended.outcome, ended.hits) == (outcome, None)
    assert not await federation.bank.released(liar.match)


# A silent hit: the owner learns, so it is the asker's set that is tested, and the asker's node that counts.

ASKED: list[Case] = [row for row in REQUEST if row[0] in ("empty", "one point more", "a point off the curve")]


@cases(ASKED)
async def test_in_a_silent_match_its_request_is(federation: SimulatedFederation, change: Change) -> None:
    """The asker's node answers nothing, and what the owner could have evaluated stays charged there."""
    match = await federation.order(result_to="owner", sensitivity="financial")
    liar = LyingResponder(federation.ngo.services, match)
    await liar.accept()
    await liar.open()
    honest = liar.question()
    await liar.say(change(honest, await liar.message()), final=True)
    await assert_aborted(federation, match)
    held = federation.broker.desk.matches[match]
    assert len(held.frames[Direction.REQUESTER]) == 2, "it confirmed, sent its setup, and answered nothing"
    assert held.decision is not None
    assert isinstance(held.decision.body, Grant)
    assert await federation.bank.charged(match) == held.decision.body.responder_count


# What ecdh cannot show, said openly: a deviation that is no malformed message.


async def test_a_response_under_other_keys_finds_nothing_and_is_not_noticed(
    federation: SimulatedFederation, liar: LyingResponder
) -> None:
    """Semi-honest: points of another key, each on the curve, hide every hit, and nobody can tell."""
    [run] = liar.session.runs

    def under_another_key(_honest: bytes, request: bytes) -> bytes:
        return other_response(liar, run, request)

    await liar.answer(response=under_another_key)
    await liar.hand_in_receipt()
    ended = await federation.bank.ended(liar.match, closed=True)
    assert (ended.outcome, ended.hits) == ("completed", 0)


def other_response(liar: LyingResponder, run: Run, request: bytes) -> bytes:
    """The response of an engine with fresh keys."""
    steps = ENGINE.send(liar.tokens, liar.parameters(run))
    until_message(steps)
    until_message(steps)
    return sent(until_message(steps, request))


async def test_it_hands_in_no_receipt(federation: SimulatedFederation, liar: LyingResponder) -> None:
    """The asker's own receipt is in, so the record is complete as far as it can be: its hits are shown."""
    await liar.answer()
    held = federation.broker.desk.matches[liar.match]
    assert await federation.broker.until(lambda: held.receipts.get(Role.REQUESTER), DEADLINE_SECONDS)
    federation.broker.desk.close(held)
    ended = await federation.bank.ended(liar.match, closed=True)
    assert (ended.outcome, ended.hits) == ("incomplete", 2)
