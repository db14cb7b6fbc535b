"""Revocations and rotations as partners make them, for the broker's tests."""

from dataclasses import replace

from tacita_broker.lifecycle.revocations import revocation_reference
from tacita_protocol.api import RevocationList, RotationBody, StatementBody, parse_body
from tacita_protocol.crypto.encoding import from_b64u
from tacita_protocol.crypto.keys import SealingKey, SigningKey
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.revocation import Revocation, RevokedAgreement, RevokedDataset, Subject
from tacita_protocol.statements.rotation import KeyRotation
from tacita_protocol.statements.statement import Signed, sign_statement
from tacita_protocol.statements.vocabulary import PartnerKind
from tacita_protocol.tlog.entry import PublicEntry, open_card_entry
from tacita_protocol.tlog.proof import LogProof
from tests.support.broker_harness import BrokerHarness
from tests.support.broker_partner import Partner, card_of


def revocation(partner: Partner, subject: Subject, **changes: object) -> Signed[Revocation]:
    """What a partner signs to revoke something."""
    values = {"issuer": partner.name, "subject": subject, "reason": "no-longer-needed", "issued": partner.clock()}
    return sign_statement(Revocation.model_validate(values | changes), partner.key)


def withdrawal(partner: Partner, dataset: str = "accounts", *, owner: str | None = None) -> Signed[Revocation]:
    """The withdrawal of all epochs of a dataset."""
    return revocation(partner, RevokedDataset(partner=owner or partner.name, dataset=dataset, epoch=None))


def ending(partner: Partner, agreement: str) -> Signed[Revocation]:
    """The revocation of an agreement."""
    return revocation(partner, RevokedAgreement(agreement=agreement))


async def revoke(partner: Partner, statement: Signed[Revocation]) -> int:
    """Send a revocation; the answer's status."""
    return (await partner.post("/v1/revocations", StatementBody(envelope=statement.envelope))).status_code


async def listed(partner: Partner, after: int = 0) -> RevocationList:
    """What a partner reads of revocations."""
    answer = await partner.get(f"/v1/revocations?after={after}")
    assert answer.status_code == 200, answer.text
    return parse_body(RevocationList, answer.content)


async def logged(harness: BrokerHarness, statement: Signed[Revocation]) -> PublicEntry | None:
    """The log's entry of a revocation, its proof verified; None until it is witnessed."""
    assert harness.trust is not None
    card = await harness.services.log.logged_card(revocation_reference(statement.digest))
    if card is None:
        return None
    entry = from_b64u(card.entry)
    LogProof.parse(card.proof).verify(entry, harness.trust)
    return open_card_entry(entry)


def with_new_keys(partner: Partner) -> Partner:
    """The same partner with new signing and sealing keys."""
    return replace(partner, key=SigningKey.generate(), sealing=SealingKey.generate(), _tokens={})


def rotation(old: Partner, new: Partner, kind: PartnerKind, was: Signed[PartnerCard]) -> RotationBody:
    """The change from one set of keys to the other, as it should be."""
    card = card_of(new, kind)
    body = KeyRotation(partner=old.name, replaces=was.digest, card=card.digest, issued=old.clock())
    return RotationBody(rotation=sign_statement(body, old.key, new.key).envelope, card=card.envelope)


async def card_in_force(harness: BrokerHarness, partner: str) -> Signed[PartnerCard]:
    """The card that the broker holds for a partner."""
    known = await harness.services.partners.find(partner)
    assert known is not None
    return known.card


async def rotated(harness: BrokerHarness, partner: Partner, kind: PartnerKind) -> Partner:
    """The partner after it has replaced its keys at the broker."""
    new = with_new_keys(partner)
    body = rotation(partner, new, kind, await card_in_force(harness, partner.name))
    answer = await partner.post("/v1/rotations", body)
    assert answer.status_code == 201, answer.text
    harness.partners[partner.name] = new
    return new
