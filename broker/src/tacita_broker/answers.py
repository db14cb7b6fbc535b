"""What the commands of `tacita-broker` answer with --json; docs/schemas/ is made of `OUTPUTS`."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Base of every answer. Times are unix seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class BrokerFacts(Answer):
    """The broker's public facts."""

    broker: str
    name: str
    signing_key: str
    log_vkey: str
    origin: str


class Invited(Answer):
    """An invitation for one partner, and when it ends."""

    code: str
    expires: int


class PartnerRow(Answer):
    """A partner in the list."""

    partner: str
    name: str
    kind: str
    status: str
    fingerprint: str


class PartnerRevoked(Answer):
    """A partner that was revoked, and the signed revocation."""

    partner: str
    revocation: str


class TrustIssued(Answer):
    """The trust file was issued."""

    digest: str
    witnesses: tuple[str, ...]


class LogStep(Answer):
    """One step of the check of the log."""

    number: int
    proved: str


OUTPUTS: Final[Mapping[str, Any]] = {
    "init": BrokerFacts,
    "info": BrokerFacts,
    "invite": Invited,
    "partners": tuple[PartnerRow, ...],
    "approve": PartnerRow,
    "revoke": PartnerRevoked,
    "trust": TrustIssued,
    "log check": tuple[LogStep, ...],
}
"""By the command's words."""
