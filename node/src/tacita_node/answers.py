"""What the commands of `tacita-node` answer with --json; docs/schemas/ is made of `OUTPUTS`."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from tacita_node.access.roles import Role
from tacita_sdk.node_api import DoctorReport


class Answer(BaseModel):
    """Base of every answer. Times are unix seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Applied(Answer):
    """A new node has applied at the broker."""

    partner: str
    fingerprint: str
    witness_vkey: str


class Rotated(Answer):
    """The keys were replaced."""

    partner: str
    fingerprint: str


class TrustInstalled(Answer):
    """The trust file is installed."""

    digest: str
    origin: str
    witnesses: tuple[str, ...]


class TokenIssued(Answer):
    """A new token: the secret, shown this once; null when it was written to a file instead."""

    token: str | None
    id: str
    expires: int


class TokenFacts(Answer):
    """A token in the list."""

    id: str
    roles: tuple[Role, ...]
    issued: int
    expires: int
    name: str


class TokenList(Answer):
    """Every token that was issued and not revoked."""

    tokens: tuple[TokenFacts, ...]


class TokenRevoked(Answer):
    """The id of the token that is at its end."""

    revoked: str


OUTPUTS: Final[Mapping[str, Any]] = {
    "init": Applied,
    "rotate": Rotated,
    "token": TokenIssued,
    "tokens": TokenList,
    "revoke-token": TokenRevoked,
    "doctor": DoctorReport,
    "trust": TrustInstalled,
}
"""By the command's words."""
