"""Partners' cards: whose key a statement must be under, also when that key was replaced since.

Several cards of one partner count only if rotations, signed by both keys each time and in the log, lead from one to the
next: otherwise one of them could have been invented.
"""

from collections.abc import Collection, Iterable, Mapping

from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.errors import PeerViolation, ProofInvalid, SignatureInvalid
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.rotation import KeyRotation, verify_rotation
from tacita_protocol.statements.statement import S, Signed, unverified, verify_statement

Logged = Collection[tuple[str, Digest]]
"""Type and digest of each public entry of the log."""


class Cards:
    """Verified cards, by partner."""

    def __init__(self, cards: Mapping[str, list[Signed[PartnerCard]]]) -> None:
        self._cards = cards

    def __len__(self) -> int:
        return sum(len(cards) for cards in self._cards.values())

    def verify(self, cls: type[S], envelope: str, partner: str) -> Signed[S]:
        """A statement of this partner, under a key that it had. Raises a ProtocolError."""
        refused = PeerViolation("the exports hold no card of a party to this match", field="cards")
        error: PeerViolation | SignatureInvalid = refused
        for card in self._cards.get(partner, ()):
            try:
                return verify_statement(cls, envelope, VerifyKey.from_text(card.body.signing_key))
            except SignatureInvalid as invalid:
                error = invalid
        raise error

    def witness_keys(self, partners: Iterable[str]) -> set[str]:
        """The witness keys of these partners."""
        return {card.body.witness_key for partner in partners for card in self._cards.get(partner, ())}


def read_card(envelope: str, logged: Logged) -> Signed[PartnerCard]:
    """A partner card, self-signed and in the log. Raises a ProtocolError."""
    claimed = unverified(PartnerCard, envelope)
    card = verify_statement(PartnerCard, envelope, VerifyKey.from_text(claimed.signing_key))
    if ("partner-card", card.envelope_digest) not in logged:
        raise ProofInvalid("a card is not in the log")
    return card


def linked(cards: Iterable[Signed[PartnerCard]], rotations: Iterable[str], logged: Logged) -> Cards:
    """Cards, each partner's linked by rotations. Raises a ProtocolError."""
    known = {card.digest: card for card in cards}
    before: dict[Digest, Signed[PartnerCard]] = {}
    for envelope in rotations:
        said = unverified(KeyRotation, envelope)
        old, new = known.get(said.replaces), known.get(said.card)
        if old is None or new is None:
            raise PeerViolation("a rotation leads from or to a card that is not shown", field="rotations")
        if ("key-rotation", verify_rotation(envelope, old=old, new=new).envelope_digest) not in logged:
            raise ProofInvalid("a rotation is not in the log")
        before[new.digest] = old
    replaced = {card.digest for card in before.values()}
    chains: dict[str, list[Signed[PartnerCard]]] = {}
    for card in known.values():
        if card.digest in replaced:
            continue
        if card.body.partner in chains:
            raise PeerViolation("two cards of one partner, and no rotation leads from one to the other", field="cards")
        chain = chains[card.body.partner] = [card]
        while (older := before.pop(chain[-1].digest, None)) is not None:
            chain.append(older)
    if sum(len(chain) for chain in chains.values()) != len(known):
        raise PeerViolation("the rotations of one partner do not form a chain", field="rotations")
    return Cards(chains)
