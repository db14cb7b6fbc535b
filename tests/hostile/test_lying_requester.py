"""An asker that deviates, and the owner's real node: it answers nothing more, what could be learned stays charged."""

from collections.abc import AsyncIterator

import pytest

from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.crypto.keys import SealingPublicKey
from tacita_protocol.errors import MalformedMessage
from tacita_protocol.psi.buckets import padded_count
from tacita_protocol.session.keys import seal_secret
from tacita_protocol.statements.receipt import ReceiptStatus, Transcripts
from tacita_protocol.statements.statement import sign_statement
from tacita_protocol.statements.vocabulary import Role
from tests.support.broker_simulator import BrokerSimulator
from tests.support.hostile_points import POINT, REQUEST, SETUP, Case, Change
from tests.support.lying_requester import LyingRequester
from tests.support.match_desk import DeskMatch
from tests.support.simulated_federation import DEADLINE_SECONDS, SimulatedFederation, match_order, simulated_federation
from tests.support.single_node import TestClock

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def federation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SimulatedFederation]:
    clock = TestClock()
    root = tmp_path_factory.mktemp("federation")
    async with simulated_federation(root, BrokerSimulator(clock), clock) as one:
        await one.bank.keep_still()
        yield one


@pytest.fixture
async def liar(federation: SimulatedFederation) -> LyingRequester:
    """With an open and confirmed session."""
    requester = await LyingRequester.asking(federation.bank.services, match_order())
    await requester.open()
    return requester


async def assert_aborted(federation: SimulatedFederation, match: str, *, answers: int = 0) -> None:
    """The owner's node ended it with a receipt, and has booked all that the asker could have evaluated.

    `answers`: how many the engine gave.
    """
    ended = await federation.ngo.ended(match)
    assert (ended.state, [given.code for given in ended.reasons]) == ("aborted", ["peer-violation"])
    held = federation.broker.desk.matches[match]
    assert await federation.ngo.charged(match) == held.request.body.padded_count
    await receipted(federation, held)
    federation.broker.desk.close(held)
    assert (await federation.ngo.ended(match, closed=True)).outcome == "aborted"
    assert len(held.frames[Direction.RESPONDER]) <= 2 + answers, "beside its confirmation and its setup"


async def receipted(federation: SimulatedFederation, held: DeskMatch) -> None:
    """The owner's receipt is in."""
    assert await federation.broker.until(lambda: held.receipts.get(Role.RESPONDER), DEADLINE_SECONDS)


MORE: list[Case] = [
    ("twice as many elements as declared", lambda honest, _seen: honest * 2, MalformedMessage),
    ("a hundred times as many", lambda honest, _seen: honest * 100, MalformedMessage),
    ("one element", lambda honest, _seen: honest[:POINT], MalformedMessage),
]


@pytest.mark.parametrize("change", [pytest.param(row[1], id=row[0]) for row in [*REQUEST, *MORE]])
async def test_the_request_of_the_engine_is(
    federation: SimulatedFederation, liar: LyingRequester, change: Change
) -> None:
    honest = liar.question()
    await liar.say(change(honest, await liar.message()), final=True)
    await assert_aborted(federation, liar.match)


async def test_a_second_question_in_the_same_session(federation: SimulatedFederation, liar: LyingRequester) -> None:
    honest = liar.question()
    await liar.say(honest, final=False)
    await liar.say(honest, final=True)
    await assert_aborted(federation, liar.match, answers=1)


async def test_a_second_opening_with_another_secret(federation: SimulatedFederation) -> None:
    """The owner took the first one; what is sealed under the keys of the second does not open."""
    liar = await LyingRequester.asking(federation.bank.services, match_order())
    await liar.open()
    held = federation.broker.desk.matches[liar.match]
    assert held.acceptance is not None
    sealed = seal_secret(
        bytes(32),
        SealingPublicKey.from_text(held.acceptance.body.ephemeral_key),
        role=Role.REQUESTER,
        match_id=bytes.fromhex(liar.match),
        sender=liar.asked.body.requester,
    )
    assert held.open is not None
    second = sign_statement(
        held.open.body.model_copy(update={"sealed_secret": sealed}), liar.services.identity.keys.signing
    )
    await liar.broker.send_statement(liar.match, "open", second.envelope)
    await liar.broker.put_frame(liar.match, Direction.REQUESTER, 1, b"\0" * 100)
    await assert_aborted(federation, liar.match)


async def test_it_never_finishes(federation: SimulatedFederation, liar: LyingRequester) -> None:
    """The broker ends the match at its deadline; the budget is gone all the same."""
    await liar.message()
    held = federation.broker.desk.matches[liar.match]
    federation.broker.desk.close(held)
    ended = await federation.ngo.ended(liar.match)
    assert (ended.state, [given.code for given in ended.reasons]) == ("aborted", ["peer-ended"])
    assert await federation.ngo.charged(liar.match) == held.request.body.padded_count


async def test_it_never_opens(federation: SimulatedFederation) -> None:
    """What was reserved for it is free again."""
    liar = await LyingRequester.asking(federation.bank.services, match_order())
    await liar.granted()
    await liar.view(lambda view: view.acceptance is not None)
    federation.broker.desk.close(federation.broker.desk.matches[liar.match])
    ended = await federation.ngo.ended(liar.match)
    assert (ended.state, [given.code for given in ended.reasons]) == ("aborted", ["peer-ended"])
    assert await federation.ngo.charged(liar.match) == 0


RECEIPTS: dict[str, tuple[dict[str, object], str]] = {
    "nothing charged": ({"elements_charged": 0}, "disputed"),
    "more charged": ({"elements_charged": 2**20}, "disputed"),
    "another transcript": (
        {"transcripts": Transcripts(requester=digest_of(b"one"), responder=digest_of(b"two"))},
        "disputed",
    ),
    "another engine": ({"engine": "vole"}, "disputed"),
    "aborted": ({"status": ReceiptStatus.ABORTED, "step": "matching"}, "aborted"),
}


@pytest.mark.parametrize(("changes", "outcome"), RECEIPTS.values(), ids=RECEIPTS.keys())
async def test_its_receipt_says(
    federation: SimulatedFederation, liar: LyingRequester, changes: dict[str, object], outcome: str
) -> None:
    await liar.say(liar.question(), final=True)
    for _ in ("setup", "response"):
        await liar.message()
    await liar.hand_in_receipt(**changes)
    held = federation.broker.desk.matches[liar.match]
    assert (await federation.ngo.ended(liar.match, closed=True)).outcome == outcome
    assert await federation.ngo.charged(liar.match) == held.request.body.padded_count


async def test_it_hands_in_no_receipt(federation: SimulatedFederation, liar: LyingRequester) -> None:
    await liar.say(liar.question(), final=True)
    for _ in ("setup", "response"):
        await liar.message()
    held = federation.broker.desk.matches[liar.match]
    await receipted(federation, held)
    federation.broker.desk.close(held)
    assert (await federation.ngo.ended(liar.match, closed=True)).outcome == "incomplete"
    assert await federation.ngo.charged(liar.match) == held.request.body.padded_count


async def test_it_looks_itself_up_until_the_cap_is_reached(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is counted is what could have been evaluated, aborted or not."""
    clock = TestClock()
    root = tmp_path_factory.mktemp("capped")
    async with simulated_federation(root, BrokerSimulator(clock), clock, units=2 * 64) as federation:
        await federation.bank.keep_still()
        for _ in range(2):
            liar = await LyingRequester.asking(federation.bank.services, match_order())
            await liar.open()
            await liar.say(b"", final=True)
            await assert_aborted(federation, liar.match)
        liar = await LyingRequester.asking(federation.bank.services, match_order())
        ended = await federation.ngo.ended(liar.match)
        assert (ended.state, [given.code for given in ended.reasons]) == ("refused", ["cap-reached"])


CLAIMS: dict[str, tuple[dict[str, object], str]] = {
    "another purpose": ({"purpose": "victim-protection"}, "no-agreement"),
    "another legal basis": ({"legal_basis": "gdpr-6-1-d"}, "no-agreement"),
    "another agreement": ({"agreement": digest_of(b"invented")}, "no-agreement"),
    "no agreement": ({"agreement": None}, "no-agreement"),
    "more elements than the cap has": ({"padded_count": padded_count(30_000)}, "cap-reached"),
}


@pytest.mark.parametrize(("changes", "reason"), CLAIMS.values(), ids=CLAIMS.keys())
async def test_its_request_names(federation: SimulatedFederation, changes: dict[str, object], reason: str) -> None:
    """The broker allows it; the owner does not."""
    liar = await LyingRequester.asking(federation.bank.services, match_order(), **changes)
    ended = await federation.ngo.ended(liar.match)
    assert (ended.state, [given.code for given in ended.reasons]) == ("refused", [reason])
    assert await federation.ngo.charged(liar.match) == 0


# A silent hit: the owner learns, so it is the asker's set that is tested, and the asker that sends.

TOLD: list[Case] = [SETUP[0], SETUP[-1], *(row for row in SETUP if row[0] in ("one point more", "unsorted"))]


@pytest.mark.parametrize("change", [pytest.param(row[1], id=row[0]) for row in TOLD])
async def test_in_a_silent_match_its_setup_is(federation: SimulatedFederation, change: Change) -> None:
    """The owner finds nothing, and keeps nothing."""
    order = match_order(result_to="owner", sensitivity="financial")
    liar = await LyingRequester.asking(federation.bank.services, order)
    await liar.open()
    await liar.answer(setup=change)
    ended = await federation.ngo.ended(liar.match)
    assert (ended.state, [given.code for given in ended.reasons], ended.hits) == ("aborted", ["peer-violation"], None)
    assert await federation.ngo.charged(liar.match) == 0, "its own set was not tested"
    assert not await federation.ngo.released(liar.match)
