"""When an agreement counts: between whom, under which cards, with whose signatures.

Whatever does not hold raises a `ProtocolError`; nothing here looks at time or state.
"""

from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.errors import PeerViolation
from tacita_protocol.statements.agreement import Agreement, Party
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import Signed, unverified, verify_statement


def other_party(body: Agreement, own: Signed[PartnerCard]) -> Party:
    """The other side of an agreement that we are a side of, under our own card."""
    ours, theirs = body.party(own.body.partner), body.counterparty(own.body.partner)
    if ours is None or theirs is None:
        raise PeerViolation("the agreement is between others", field="parties")
    if ours.card != own.digest:
        raise PeerViolation("the agreement names another card than our own", field="parties")
    return theirs


def verify_offer(envelope: str, *, own: Signed[PartnerCard], peer: Signed[PartnerCard]) -> Signed[Agreement]:
    """An agreement that the other party signed, and nobody else. `peer` is its confirmed card."""
    _check_cards(unverified(Agreement, envelope), own=own, peer=peer)
    return verify_statement(Agreement, envelope, _key(peer))


def verify_signed(envelope: str, *, own: Signed[PartnerCard], peer: Signed[PartnerCard]) -> Signed[Agreement]:
    """An agreement that both parties signed, and nobody else. `peer` is the other's confirmed card."""
    signed = verify_statement(Agreement, envelope, _key(own), _key(peer))
    _check_cards(signed.body, own=own, peer=peer)
    return signed


def _check_cards(body: Agreement, *, own: Signed[PartnerCard], peer: Signed[PartnerCard]) -> None:
    theirs = other_party(body, own)
    if theirs.partner != peer.body.partner or theirs.card != peer.digest:
        raise PeerViolation("the agreement names another card than the confirmed one", field="parties")


def _key(card: Signed[PartnerCard]) -> VerifyKey:
    return VerifyKey.from_text(card.body.signing_key)
