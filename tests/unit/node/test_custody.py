"""The custody chain: without gaps, signed, and without room for an identifier."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tacita_node.data.custody import CustodyChain, CustodyEvent, head_of, verify_chain
from tacita_node.data.tables import CustodySaltRow
from tacita_node.storage import Database, migrate
from tacita_protocol.crypto.digest import Digest, digest_of
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.errors import ProofInvalid, ProtocolError, SignatureInvalid
from tacita_protocol.statements.statement import sign_statement, unverified, verify_statement

KEY = SigningKey.from_seed(b"k" * 32)
Scene = Callable[[CustodyChain, Database], Awaitable[None]]


def play(root: Path, scene: Scene) -> list[str]:
    """The chain's events after a scene on a fresh database."""
    migrate(root / "node.db")

    async def main() -> list[str]:
        database = Database(root / "node.db")
        chain = CustodyChain(database, partner="north-bank", key=KEY, clock=lambda: 1_800_000_000)
        try:
            await scene(chain, database)
            return await chain.events()
        finally:
            await database.close()

    return asyncio.run(main())


async def five(chain: CustodyChain, _database: Database) -> None:
    for epoch in range(5):
        await chain.record("dataset-published", {"dataset": "suspects", "epoch": epoch})


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return play(tmp_path_factory.mktemp("chain"), five)


def check(events: list[str]) -> str | None:
    return verify_chain(events, partner="north-bank", key=KEY.verify_key)


def test_a_chain_verifies(events: list[str]) -> None:
    assert len({check(events[:length]) for length in range(6)}) == 6
    assert check([]) is None


def renumbered(events: list[str]) -> list[str]:
    event = unverified(CustodyEvent, events[4]).model_copy(update={"number": 3})
    return [*events[:3], sign_statement(event, KEY).envelope]


def resigned(events: list[str]) -> list[str]:
    return [sign_statement(unverified(CustodyEvent, events[0]), SigningKey.generate()).envelope, *events[1:]]


def changed(events: list[str]) -> list[str]:
    event = unverified(CustodyEvent, events[1])
    return [events[0], sign_statement(event.model_copy(update={"details": {"epoch": 7}}), KEY).envelope, *events[2:]]


def another_partners(events: list[str]) -> list[str]:
    event = unverified(CustodyEvent, events[4]).model_copy(update={"partner": "south-bank"})
    return [*events[:4], sign_statement(event, KEY).envelope]


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda events: events[1:], ProofInvalid),
        (lambda events: [*events[:2], *events[3:]], ProofInvalid),
        (lambda events: [events[0], events[2], events[1], *events[3:]], ProofInvalid),
        (lambda events: [*events, events[-1]], ProofInvalid),
        (renumbered, ProofInvalid),
        (changed, ProofInvalid),
        (another_partners, ProofInvalid),
        (resigned, SignatureInvalid),
    ],
)
def test_a_spoilt_chain_is_refused(
    events: list[str], spoil: Callable[[list[str]], list[str]], error: type[ProtocolError]
) -> None:
    with pytest.raises(error):
        check(spoil(events))


LATER = SigningKey.from_seed(b"l" * 32)
CARD = digest_of(b"the card that names the later key")


def across_a_rotation(events: list[str], *, card: str = CARD, last_key: SigningKey = LATER) -> list[str]:
    """The first two events, a rotation, and one more under `last_key`."""
    chain = events[:2]
    for event_type, details, key in (("keys-rotated", {"card": card}, KEY), ("dataset-published", {}, last_key)):
        prev = head_of(verify_statement(CustodyEvent, chain[-1], KEY.verify_key))
        event = unverified(CustodyEvent, events[0]).model_copy(
            update={"number": len(chain), "prev": prev, "type": event_type, "details": details}
        )
        chain.append(sign_statement(event, key).envelope)
    return chain


def test_a_chain_goes_on_under_the_key_that_a_rotation_names(events: list[str]) -> None:
    later = {CARD: LATER.verify_key}
    assert verify_chain(across_a_rotation(events), partner="north-bank", key=KEY.verify_key, later=later) is not None


@pytest.mark.parametrize(
    ("spoil", "later", "error"),
    [
        pytest.param({"last_key": KEY}, {CARD: LATER.verify_key}, SignatureInvalid, id="on under the old key"),
        pytest.param({"card": "1" * 64}, {CARD: LATER.verify_key}, ProofInvalid, id="to a card of nobody"),
        pytest.param({}, None, ProofInvalid, id="of which no later card is known"),
    ],
)
def test_a_rotation_that_does_not_hold_ends_the_chain(
    events: list[str],
    spoil: dict[str, Any],
    later: dict[Digest, VerifyKey] | None,
    error: type[ProtocolError],
) -> None:
    with pytest.raises(error):
        verify_chain(across_a_rotation(events, **spoil), partner="north-bank", key=KEY.verify_key, later=later)


@pytest.mark.parametrize(
    "details",
    [
        {"phone": "+447911123456"},
        {"dataset": "+447911123456"},
        {"source": "447911123456"},
        {"reason": "447911123456"},
        {"reason": "gb29nwbk60161331926819"},
        {"rows": "447911123456"},
        {"rows": -1},
        {"rows": True},
        {"rows": 2**53},
        {"rows": 1.5},
        {"dataset": None},
        {"dataset": ["x"]},
        {"digest": 7},
    ],
)
def test_details_have_no_room_for_an_identifier(tmp_path: Path, details: dict[str, object]) -> None:
    async def scene(chain: CustodyChain, _database: Database) -> None:
        with pytest.raises(ValueError, match="listed"):
            await chain.record("source-imported", details)  # type: ignore[arg-type]  # wrong on purpose

    assert play(tmp_path, scene) == []


def test_events_of_many_tasks_leave_no_gap(tmp_path: Path) -> None:
    async def scene(chain: CustodyChain, _database: Database) -> None:
        await asyncio.gather(*(chain.record("hits-shown", {"hits": number}) for number in range(40)))

    assert check(play(tmp_path, scene)) is not None


async def recorded_in_vain(chain: CustodyChain, database: Database) -> None:
    async with database.write() as session:
        await chain.record("second", {}, session)
        raise LookupError


def test_an_event_goes_with_its_transaction(tmp_path: Path) -> None:
    async def scene(chain: CustodyChain, database: Database) -> None:
        await chain.record("first", {})
        with pytest.raises(LookupError):
            await recorded_in_vain(chain, database)
        await chain.record("third", {})

    events = play(tmp_path, scene)
    assert [unverified(CustodyEvent, event).type for event in events] == ["first", "third"]
    check(events)


def test_a_salted_head_opens_with_its_salt(tmp_path: Path) -> None:
    async def scene(chain: CustodyChain, database: Database) -> None:
        empty, again = await chain.salted_head(), await chain.salted_head()
        await chain.record("first", {})
        full = await chain.salted_head()
        head = check(await chain.events())
        assert head is not None
        async with database.read() as session:
            rows = {row.salted: row for row in await session.scalars(select(CustodySaltRow))}
        assert empty != again
        assert digest_of(bytes.fromhex(rows[empty].salt) + bytes(32)) == empty
        assert digest_of(bytes.fromhex(rows[full].salt) + bytes.fromhex(head)) == full

    play(tmp_path, scene)
