"""What a partner offers to be asked about: one card per published epoch of a dataset."""

from typing import Annotated, ClassVar

from pydantic import Field

from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.statement import Part, Statement
from tacita_protocol.statements.vocabulary import (
    Code,
    DatasetName,
    Distinct,
    Engines,
    HexDigest,
    Jurisdictions,
    NormaliserVersion,
    OprfKeyText,
    PaddedCount,
    PartnerId,
    PartnerKind,
    Sensitivity,
    UnixTime,
)

MAX_EPOCH = 2**31 - 1

Epoch = Annotated[int, Field(ge=1, le=MAX_EPOCH)]


class OnlineSet(Part):
    """What a requester needs to ask an epoch's encoded set again and again, once it has downloaded it."""

    oprf_key: OprfKeyText
    """The epoch's public key, under which every evaluation is proved."""
    encoded_set: HexDigest
    """SHA-256 of the encoded set."""


class DatasetCard(Statement):
    """One epoch of a dataset; the true size is hidden in the padded one, the commitment is a claim."""

    TYPE: ClassVar[str] = "dataset-card"

    partner: PartnerId
    dataset: DatasetName
    kind: Kind
    normaliser: NormaliserVersion
    epoch: Epoch
    padded_size: PaddedCount
    commitment: HexDigest
    """Salted Merkle root of the tokens."""
    engines: Engines
    """By which the owner's node can answer; in no order, the requester's counts."""
    online: OnlineSet | None
    sensitivity: Sensitivity
    jurisdictions: Jurisdictions
    labels: Annotated[tuple[Code, ...], Field(max_length=16), Distinct]
    discoverable_by: Annotated[tuple[PartnerKind, ...], Field(max_length=len(PartnerKind)), Distinct]
    issued: UnixTime
