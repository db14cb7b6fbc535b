"""Several cards of one partner count only when rotations lead from one to the next."""

from collections.abc import Callable

import pytest

from tacita_protocol.crypto.digest import Digest, digest_of
from tacita_protocol.crypto.keys import SealingKey, SigningKey
from tacita_protocol.errors import PeerViolation, ProofInvalid, ProtocolError, SignatureInvalid
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.revocation import Revocation, RevokedDataset
from tacita_protocol.statements.rotation import KeyRotation
from tacita_protocol.statements.statement import Signed, sign_statement
from tacita_sdk.verify.cards import Cards, linked, read_card
from tests.support.statements import PARTNER_CARD

KEYS = [SigningKey.generate() for _ in range(4)]


def card(number: int, partner: str = "north-bank") -> Signed[PartnerCard]:
    changes = {
        "partner": partner,
        "signing_key": KEYS[number].verify_key.text,
        "sealing_key": SealingKey.generate().public_key.text,
    }
    return sign_statement(PARTNER_CARD.model_copy(update=changes), KEYS[number])


CARDS = [card(number) for number in range(4)]


def rotation(old: int, new: int, *signers: int) -> Signed[KeyRotation]:
    before, after = CARDS[old].body, CARDS[new]
    body = KeyRotation(
        partner=before.partner, replaces=CARDS[old].digest, card=after.digest, issued=PARTNER_CARD.issued
    )
    return sign_statement(body, *(KEYS[signer] for signer in signers or (old, new)))


FIRST, SECOND = rotation(0, 1), rotation(1, 2)
LOGGED: set[tuple[str, Digest]] = {
    *(("partner-card", shown.envelope_digest) for shown in CARDS),
    *(("key-rotation", shown.envelope_digest) for shown in (FIRST, SECOND, rotation(0, 2), rotation(2, 0))),
}


def revocation(number: int) -> str:
    subject = RevokedDataset(partner="north-bank", dataset="book", epoch=None)
    body = Revocation(issuer="north-bank", subject=subject, reason="left", issued=PARTNER_CARD.issued)
    return sign_statement(body, KEYS[number]).envelope


def of(cards: list[int], *rotations: Signed[KeyRotation]) -> Cards:
    return linked([CARDS[number] for number in cards], [shown.envelope for shown in rotations], LOGGED)


def test_statements_verify_under_each_key_that_the_partner_had() -> None:
    cards = of([2, 0, 1, 0], SECOND, FIRST)
    assert len(cards) == 3
    for number in (0, 1, 2):
        cards.verify(Revocation, revocation(number), "north-bank")
    with pytest.raises(SignatureInvalid):
        cards.verify(Revocation, revocation(3), "north-bank")
    with pytest.raises(PeerViolation):
        cards.verify(Revocation, revocation(0), "somebody-else")
    assert cards.witness_keys(["north-bank", "somebody-else"]) == {PARTNER_CARD.witness_key}


def test_exports_of_several_nodes_may_show_parts_of_a_chain_and_the_same_ones_twice() -> None:
    assert len(of([0, 1, 2, 1], FIRST, SECOND, FIRST)) == 3
    assert len(of([1, 2], SECOND)) == 2


def test_one_card_needs_no_rotation() -> None:
    assert len(of([1])) == 1


@pytest.mark.parametrize(
    ("make", "error"),
    [
        pytest.param(lambda: of([0, 1]), PeerViolation, id="no rotation"),
        pytest.param(lambda: of([0, 1, 2], FIRST), PeerViolation, id="a gap"),
        pytest.param(lambda: of([0], FIRST), PeerViolation, id="a card that is not shown"),
        pytest.param(lambda: of([0, 1, 2], FIRST, rotation(0, 2)), PeerViolation, id="a fork"),
        pytest.param(lambda: of([0, 1, 2], FIRST, SECOND, rotation(2, 0)), PeerViolation, id="a circle"),
        pytest.param(lambda: of([2, 3], rotation(2, 3)), ProofInvalid, id="not in the log"),
        pytest.param(lambda: of([0, 1], rotation(0, 1, 1)), SignatureInvalid, id="without the old signature"),
        pytest.param(lambda: of([0, 1], rotation(0, 1, 0)), SignatureInvalid, id="without the new signature"),
    ],
)
def test_cards_that_are_not_linked(make: Callable[[], Cards], error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        make()


def test_a_card_must_be_in_the_log() -> None:
    assert read_card(CARDS[0].envelope, LOGGED) == CARDS[0]
    with pytest.raises(ProofInvalid):
        read_card(CARDS[0].envelope, {("partner-card", digest_of(b"another"))})
