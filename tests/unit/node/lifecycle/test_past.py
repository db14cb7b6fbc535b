"""The cards before a peer's present one: what a broker shows of them, and what is kept."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tacita_node.lifecycle.past import chain_before, keep_in, rotations_of
from tacita_node.storage import Database, migrate
from tacita_protocol.api import PastCard
from tacita_protocol.crypto.keys import SealingKey, SigningKey
from tacita_protocol.errors import ProtocolError
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.rotation import KeyRotation
from tacita_protocol.statements.statement import Signed, sign_statement
from tests.support.statements import PARTNER_CARD

pytestmark = pytest.mark.anyio

PARTNER = PARTNER_CARD.partner
KEYS = [SigningKey.generate() for _ in range(4)]


def card_of(key: SigningKey) -> Signed[PartnerCard]:
    named = {"signing_key": key.verify_key.text, "sealing_key": SealingKey.generate().public_key.text}
    return sign_statement(PARTNER_CARD.model_copy(update=named), key)


CARDS = [card_of(key) for key in KEYS]


def past(old: int, *, signers: tuple[int, ...] = ()) -> PastCard:
    """A card that the next one replaced."""
    body = KeyRotation(
        partner=PARTNER, replaces=CARDS[old].digest, card=CARDS[old + 1].digest, issued=PARTNER_CARD.issued
    )
    rotation = sign_statement(body, *(KEYS[signer] for signer in signers or (old, old + 1)))
    return PastCard(card=CARDS[old].envelope, rotation=rotation.envelope)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    migrate(tmp_path / "node.db")
    database = Database(tmp_path / "node.db")
    yield database
    await database.close()


def test_a_chain_ends_where_no_rotation_leads_on() -> None:
    chain = chain_before(CARDS[3], [past(1), past(2)])
    assert [replaced.card for replaced in chain] == [CARDS[2], CARDS[1]]
    assert chain_before(CARDS[3], [past(0), past(1)]) == ()


@pytest.mark.parametrize("signers", [(0,), (1,), (2, 3)])
def test_a_rotation_that_not_both_keys_signed(signers: tuple[int, ...]) -> None:
    with pytest.raises(ProtocolError):
        chain_before(CARDS[1], [past(0, signers=signers)])


async def test_rotations_are_kept_once_and_shown_with_the_cards_at_both_ends(database: Database) -> None:
    for newest in (1, 3, 2):  # what is heard later may reach less far
        chain = chain_before(CARDS[newest], [past(number) for number in range(newest)])
        async with database.write() as session:
            await keep_in(session, CARDS[newest], chain)
    cards, rotations = await rotations_of(database, {PARTNER})
    assert set(cards) == {card.envelope for card in CARDS}
    assert sorted(rotations) == sorted(past(number).rotation for number in range(3))
    assert await rotations_of(database, {"somebody-else"}) == ([], [])
