"""A partner's change of keys: said with the old signing key and with the new one."""

from typing import ClassVar, Self

from pydantic import model_validator

from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.errors import PeerViolation
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import Signed, Statement, unverified, verify_statement
from tacita_protocol.statements.vocabulary import HexDigest, PartnerId, UnixTime

REPLACED = frozenset({"signing_key", "sealing_key", "issued"})
"""The fields in which the new card differs from the old one."""


class KeyRotation(Statement):
    """Signed by the old *and* the new signing key. Others use the new card only after confirming it, like the first."""

    TYPE: ClassVar[str] = "key-rotation"

    partner: PartnerId
    replaces: HexDigest
    """Digest of the old card."""
    card: HexDigest
    """Digest of the new card."""
    issued: UnixTime

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.replaces == self.card:
            raise ValueError("the card replaces itself")
        return self


def verify_rotation(
    envelope: str | bytes, *, old: Signed[PartnerCard], new: Signed[PartnerCard]
) -> Signed[KeyRotation]:
    """The rotation from `old` to `new`, two cards that were verified before, each under the signing key it names.

    Raises `MalformedMessage`, `LimitExceeded`, `SignatureInvalid`, or `PeerViolation` with the name of the field.
    """
    before, after = old.body, new.body
    # 1. Only the keys that a partner speaks with change: people confirmed the rest, and its witness stays.
    for field in PartnerCard.model_fields:
        if field not in REPLACED and getattr(before, field) != getattr(after, field):
            raise PeerViolation("a rotation changes the keys of a card and nothing else", field=field)
    # 2. Both keys are new.
    if after.signing_key == before.signing_key:
        raise PeerViolation("the new signing key is the old one", field="signing_key")
    if after.sealing_key == before.sealing_key:
        raise PeerViolation("the new sealing key is the old one", field="sealing_key")
    # 3. The rotation names these two cards.
    said = unverified(KeyRotation, envelope)
    for field, expected in (("partner", before.partner), ("replaces", old.digest), ("card", new.digest)):
        if getattr(said, field) != expected:
            raise PeerViolation("the rotation is about another card", field=field)
    # 4. Whoever holds the old key and whoever holds the new one say so.
    keys = (VerifyKey.from_text(before.signing_key), VerifyKey.from_text(after.signing_key))
    return verify_statement(KeyRotation, envelope, *keys)
