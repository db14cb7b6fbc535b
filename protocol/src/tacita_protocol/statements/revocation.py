"""Taking back trust: a partner, a key, a dataset, an agreement or a grant counts no longer."""

from collections.abc import Collection
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from tacita_protocol.statements.dataset import Epoch
from tacita_protocol.statements.statement import Part, Statement
from tacita_protocol.statements.vocabulary import (
    AgreementId,
    BrokerId,
    Code,
    DatasetName,
    HexDigest,
    MatchId,
    PartnerId,
    UnixTime,
)


class RevokedPartner(Part):
    """A partner with everything it said and offers."""

    type: Literal["partner"] = "partner"
    partner: PartnerId


class RevokedKey(Part):
    """The keys on one card of a partner."""

    type: Literal["key"] = "key"
    partner: PartnerId
    card: HexDigest


class RevokedDataset(Part):
    """One epoch of a dataset, or all of them (null)."""

    type: Literal["dataset"] = "dataset"
    partner: PartnerId
    dataset: DatasetName
    epoch: Epoch | None


class RevokedAgreement(Part):
    """An agreement; what was matched under it stays matched."""

    type: Literal["agreement"] = "agreement"
    agreement: AgreementId


class RevokedGrant(Part):
    """A grant that was not used up."""

    type: Literal["grant"] = "grant"
    match: MatchId
    grant: HexDigest


Subject: TypeAlias = RevokedPartner | RevokedKey | RevokedDataset | RevokedAgreement | RevokedGrant


class Revocation(Statement):
    """Signed by the broker or by a partner; `may_revoke` says who may revoke what. There is no way back."""

    TYPE: ClassVar[str] = "revocation"

    issuer: PartnerId | BrokerId
    subject: Annotated[Subject, Field(discriminator="type")]
    reason: Code
    issued: UnixTime


def may_revoke(issuer: str, subject: Subject, *, is_broker: bool, parties: Collection[str] = ()) -> bool:
    """Whether whoever signed as `issuer` may revoke `subject`.

    `is_broker` says that the signature is the broker's. `parties` are the two partners of the agreement or match that
    the subject names, empty where it is unknown: then no partner may revoke it.
    """
    if is_broker:
        return isinstance(subject, RevokedPartner | RevokedKey | RevokedGrant)
    match subject:
        case RevokedKey() | RevokedDataset():
            return subject.partner == issuer
        case RevokedAgreement() | RevokedGrant():
            return issuer in parties
        case RevokedPartner():
            return False
