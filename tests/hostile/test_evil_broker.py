"""Every lie of a malicious broker, told to two real nodes: nothing is answered or released, and the reason is kept."""

from collections.abc import AsyncIterator

import pytest

from tacita_protocol.api import InboxEvent, InboxEventType
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.psi.buckets import padded_count
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.statement import Signed, sign_statement
from tacita_sdk.node_api import MatchSummary
from tests.support.evil_broker import FRAMES, GRANTS, EvilBroker, Lie
from tests.support.memory_log import key_named
from tests.support.simulated_federation import (
    ACCOUNTS,
    BANK,
    DEADLINE_SECONDS,
    SimulatedFederation,
    SimulatedMember,
    simulated_federation,
    until,
)
from tests.support.single_node import TestClock
from tests.support.statements import PARTNER_CARD

pytestmark = pytest.mark.anyio

Scene = tuple[SimulatedFederation, EvilBroker]


@pytest.fixture(scope="module")
async def federation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """After one honest match, from which a lie may take what it needs."""
    clock = TestClock()
    broker = EvilBroker(clock)
    async with simulated_federation(tmp_path_factory.mktemp("federation"), broker, clock) as one:
        match = await one.order()
        assert (await one.bank.ended(match, closed=True)).outcome == "completed"
        broker.evil.earlier = broker.desk.matches[match]
        yield one, broker


@pytest.fixture
async def scene(federation: Scene) -> AsyncIterator[Scene]:
    """Afterwards the broker tells the truth again, and nothing is left running."""
    one, broker = federation
    yield federation
    broker.evil.lie = None
    match = list(broker.desk.matches.values())[-1]
    broker.desk.close(match)
    for member in (one.bank, one.ngo):
        if await member.summary(match.id) is not None:
            await member.ended(match.id)


async def asked(scene: Scene, lie: Lie) -> str:
    """The bank asks a broker that lies like this."""
    federation, broker = scene
    broker.evil.lie = lie
    return await federation.order()


def codes(summary: MatchSummary) -> list[str]:
    return [reason.code for reason in summary.reasons]


async def said(member: SimulatedMember, match: str) -> tuple[str, list[str]]:
    """How the match ended at this node, and why."""
    ended = await member.ended(match)
    return ended.state, codes(ended)


DECISIONS = (
    *GRANTS,
    Lie.GRANT_FORGED,
    Lie.GRANT_OF_ANOTHER_MATCH,
    Lie.UNLOGGED,
    Lie.WITHOUT_QUORUM,
    Lie.WITHOUT_WITNESSES,
    Lie.ENTRY_OF_ANOTHER_MATCH,
    Lie.ENTRY_SAYS_OTHERWISE,
)


@pytest.mark.parametrize("lie", DECISIONS, ids=str)
async def test_a_broker_that(scene: Scene, lie: Lie) -> None:
    """Both sides refuse the decision; nothing was said to the other side, nothing charged."""
    federation, broker = scene
    match = await asked(scene, lie)
    refused = ("aborted", ["decision-not-proven"])
    assert await said(federation.bank, match) == refused
    assert await said(federation.ngo, match) == refused
    held = broker.desk.matches[match]
    assert (held.acceptance, held.refusal, held.open) == (None, None, None)
    assert await federation.ngo.charged(match) == 0
    assert not await federation.bank.released(match)


async def test_a_broker_that_shows_each_side_a_log_of_its_own(scene: Scene) -> None:
    federation, broker = scene
    match = await asked(scene, Lie.LOG_FORKED)
    assert await said(federation.ngo, match) == ("aborted", ["decision-not-proven"])
    assert broker.desk.matches[match].acceptance is None
    await federation.bank.matches.cancel(match)
    assert await said(federation.bank, match) == ("aborted", ["cancelled"])


async def test_a_broker_that_promises_another_request(scene: Scene) -> None:
    federation, broker = scene
    match = await asked(scene, Lie.PROMISE_OF_ANOTHER_REQUEST)
    assert await said(federation.bank, match) == ("aborted", ["promise-not-proven"])
    assert broker.desk.matches[match].open is None


ANSWERS = (Lie.ACCEPTANCE_FORGED, Lie.ACCEPTANCE_OF_ANOTHER_MATCH)
OPENINGS = (Lie.OPEN_FORGED, Lie.OPEN_OF_ANOTHER_MATCH)


@pytest.mark.parametrize("lie", ANSWERS, ids=str)
async def test_to_the_asker_a_broker_that(scene: Scene, lie: Lie) -> None:
    federation, broker = scene
    match = await asked(scene, lie)
    assert await said(federation.bank, match) == ("aborted", ["peer-violation"])
    assert broker.desk.matches[match].open is None, "its secret stayed where it was"
    broker.desk.close(broker.desk.matches[match])
    assert await said(federation.ngo, match) == ("aborted", ["peer-ended"])
    assert not await federation.bank.released(match)


@pytest.mark.parametrize("lie", OPENINGS, ids=str)
async def test_to_the_owner_a_broker_that(scene: Scene, lie: Lie) -> None:
    federation, broker = scene
    match = await asked(scene, lie)
    assert await said(federation.ngo, match) == ("aborted", ["peer-violation"])
    assert broker.desk.matches[match].frames[Direction.RESPONDER] == []
    assert await said(federation.bank, match) == ("aborted", ["peer-ended"])
    assert not await federation.bank.released(match)


async def test_to_the_owner_a_broker_that_swaps_the_request(scene: Scene) -> None:
    federation, broker = scene
    match = await asked(scene, Lie.REQUEST_SWAPPED)
    await settled(federation.ngo, broker)
    assert await federation.ngo.summary(match) is None
    assert broker.desk.matches[match].acceptance is None


RELAYED = (
    *FRAMES,
    Lie.FRAMES_REORDERED,
    Lie.FRAME_DUPLICATED,
    Lie.FRAME_REFLECTED,
    Lie.FRAME_OF_ANOTHER_MATCH,
)


@pytest.mark.parametrize("lie", RELAYED, ids=str)
async def test_on_the_way_a_broker_that(scene: Scene, lie: Lie) -> None:
    """The owner's node ends the match, answers nothing more, and books what the asker could have evaluated."""
    federation, broker = scene
    match = await asked(scene, lie)
    reason = "broker-untrusted" if lie is Lie.FRAME_OVERSIZED else "peer-violation"
    assert await said(federation.ngo, match) == ("aborted", [reason])
    assert await said(federation.bank, match) == ("aborted", ["peer-ended"])
    closed = await federation.bank.ended(match, closed=True)
    assert closed.outcome == "aborted"
    assert not await federation.bank.released(match)
    assert await federation.ngo.charged(match) == broker.desk.matches[match].request.body.padded_count


CLOSINGS = (
    Lie.OUTCOME_FALSE,
    Lie.CLOSING_UNLOGGED,
    Lie.CLOSING_WITHOUT_QUORUM,
    Lie.CLOSING_OF_ANOTHER_MATCH,
    Lie.OWN_RECEIPT_WITHHELD,
    Lie.RECEIPT_FORGED,
    Lie.RECEIPT_SWAPPED,
)


@pytest.mark.parametrize("lie", CLOSINGS, ids=str)
async def test_at_the_end_a_broker_that(scene: Scene, lie: Lie) -> None:
    """No hit is shown before the true closing comes; then it is, and the reason is gone."""
    federation, broker = scene
    match = await asked(scene, lie)

    async def refused() -> MatchSummary | None:
        row = await federation.bank.summary(match)
        return row if row is not None and codes(row) == ["closing-not-proven"] else None

    summary = await until(refused)
    assert (summary.state, summary.closed, summary.outcome, summary.hits) == ("closing", False, None, None)
    assert not await federation.bank.released(match)
    broker.evil.correct(broker.desk.matches[match])
    ended = await federation.bank.ended(match, closed=True)
    assert (ended.outcome, codes(ended)) == ("completed", [])
    assert await federation.bank.released(match)


# A silent hit: the owner learns.


@pytest.mark.parametrize("lie", [Lie.FRAME_CHANGED, Lie.FRAMES_REORDERED, Lie.FRAME_OF_ANOTHER_MATCH], ids=str)
async def test_in_a_silent_match_on_the_way_a_broker_that(scene: Scene, lie: Lie) -> None:
    """The owner finds nothing; the asker's node has booked what the owner could have evaluated."""
    federation, broker = scene
    broker.evil.lie = lie
    match = await federation.order(result_to="owner", sensitivity="financial")
    assert await said(federation.ngo, match) == ("aborted", ["peer-violation"])
    assert (await federation.ngo.ended(match, closed=True)).hits is None
    assert not await federation.ngo.released(match)
    assert await federation.bank.charged(match) == padded_count(len(ACCOUNTS))


@pytest.mark.parametrize("lie", [Lie.CLOSING_UNLOGGED, Lie.CLOSING_WITHOUT_QUORUM, Lie.OUTCOME_FALSE], ids=str)
async def test_in_a_silent_match_at_the_end_a_broker_that(scene: Scene, lie: Lie) -> None:
    """The owner sees no hit before the true closing."""
    federation, broker = scene
    broker.evil.lie = lie
    match = await federation.order(result_to="owner", sensitivity="financial")

    async def refused() -> MatchSummary | None:
        row = await federation.ngo.summary(match)
        return row if row is not None and codes(row) == ["closing-not-proven"] else None

    assert (await until(refused)).hits is None
    assert not await federation.ngo.released(match)
    broker.evil.correct(broker.desk.matches[match])
    assert (await federation.ngo.ended(match, closed=True)).hits == 2
    assert (await federation.bank.ended(match, closed=True)).hits is None


async def test_a_broker_that_closes_early(scene: Scene) -> None:
    federation, _ = scene
    match = await asked(scene, Lie.CLOSED_EARLY)
    for member in (federation.bank, federation.ngo):
        ended = await member.ended(match)
        assert (ended.state, codes(ended), ended.closed) == ("aborted", ["peer-ended"], False)
    assert not await federation.bank.released(match)


async def settled(member: SimulatedMember, broker: EvilBroker) -> None:
    """Every event in the member's inbox was dealt with."""
    events = broker.inboxes[member.services.identity.partner]

    async def read() -> bool | None:
        answer = await member.matches._arrivals._journal.cursor()
        return True if answer >= events[-1].seq else None

    await until(read)


async def test_a_broker_that_announces_a_used_grant_again(scene: Scene) -> None:
    federation, broker = scene
    broker.evil.lie = None
    match = await federation.order()
    await federation.bank.ended(match, closed=True)
    before = await federation.ngo.ended(match, closed=True)
    units = await federation.ngo.charged(match)
    broker.evil.announce_again(broker.desk.matches[match])
    await settled(federation.ngo, broker)
    assert await federation.ngo.summary(match) == before
    assert await federation.ngo.charged(match) == units


ATTACKER = key_named("attacker")


def card_in_the_name_of(partner: str) -> str:
    """A partner's card with a key that the broker holds."""
    changes = {"partner": partner, "signing_key": ATTACKER.verify_key.text}
    return sign_statement(PARTNER_CARD.model_copy(update=changes), ATTACKER).envelope


def question_in_the_name_of(partner: str, broker: EvilBroker) -> Signed[MatchRequest]:
    """The question of the honest match from before, asked anew."""
    assert broker.evil.earlier is not None
    changes = {"requester": partner, "match": random_hex(16), "nonce": random_hex(16)}
    return sign_statement(broker.evil.earlier.request.body.model_copy(update=changes), ATTACKER)


async def test_a_broker_that_invents_a_partner(scene: Scene) -> None:
    federation, broker = scene
    broker.evil.lie = None
    broker.cards["ghost-bank"] = card_in_the_name_of("ghost-bank")
    request = question_in_the_name_of("ghost-bank", broker)
    broker.desk.request("ghost-bank", request.envelope)
    assert await said(federation.ngo, request.body.match) == ("refused", ["partner-not-confirmed"])
    assert await federation.ngo.charged(request.body.match) == 0


async def test_a_broker_that_swaps_a_partners_key(scene: Scene) -> None:
    """The card that a person confirmed counts, not the one that the broker shows; the agreement is with the former."""
    federation, broker = scene
    broker.evil.lie = None
    honest = broker.cards[BANK]
    broker.cards[BANK] = card_in_the_name_of(BANK)
    request = question_in_the_name_of(BANK, broker)
    broker.desk.request(BANK, request.envelope)
    assert await said(federation.ngo, request.body.match) == ("refused", ["partner-not-confirmed"])
    assert await federation.ngo.charged(request.body.match) == 0
    await federation.ngo.ended(request.body.match, closed=True)
    broker.cards[BANK] = honest


async def test_a_broker_that_allows_what_nobody_agreed_on(scene: Scene) -> None:
    federation, broker = scene
    broker.evil.lie = None
    match = await federation.order(purpose="victim-protection")
    assert await said(federation.ngo, match) == ("refused", ["no-agreement"])
    ended = await federation.bank.ended(match, closed=True)
    assert (ended.state, ended.outcome) == ("refused", "refused")


async def test_a_broker_whose_inbox_skips_an_event(scene: Scene) -> None:
    """What is announced beyond the gap is not followed, so that nothing honest can be lost in it."""
    federation, broker = scene
    broker.evil.lie = None
    partner = federation.ngo.services.identity.partner
    await settled(federation.ngo, broker)
    events = broker.inboxes[partner]
    events.append(InboxEvent(seq=len(events) + 2, type=InboxEventType.DECISION, match="0" * 32, agreement=None))
    broker.news()
    match = await federation.order()
    # Only now: the request goes out after the order is answered, and it is its announcement that moves into the gap.
    assert await broker.until(lambda: events[-1].match == match or None, DEADLINE_SECONDS)
    del events[-2]
    renumbered = [event.model_copy(update={"seq": number}) for number, event in enumerate(events, start=1)]
    events[:] = renumbered
    broker.news()
    assert (await federation.bank.ended(match, closed=True)).outcome == "completed"
