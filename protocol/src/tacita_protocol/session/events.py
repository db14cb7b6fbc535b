"""What `receive` reports. Values that must not reach a log are kept out of `repr`."""

from dataclasses import dataclass, field
from typing import TypeAlias

from tacita_protocol.statements.acceptance import Acceptance, Refusal
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.logged import Outcome
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.receipt import Receipt
from tacita_protocol.statements.statement import Signed


@dataclass(frozen=True)
class Granted:
    """The grant is genuine, about this request, and in the witnessed log."""

    request: Signed[MatchRequest]
    grant: Signed[Grant]


@dataclass(frozen=True)
class Denied:
    """The broker said no; the denial is in the witnessed log."""

    denial: Signed[Denial]


@dataclass(frozen=True)
class Accepted:
    """The responder agreed; the requester's session has queued its Open."""

    acceptance: Signed[Acceptance]


@dataclass(frozen=True)
class Refused:
    """The responder said no."""

    refusal: Signed[Refusal]


@dataclass(frozen=True)
class Opened:
    """The requester opened the session; both sides hold the keys now."""


@dataclass(frozen=True)
class Confirmed:
    """The peer proved that it holds the same keys. From here on the budget is charged and the engine runs."""

    session_id: bytes = field(repr=False)


@dataclass(frozen=True)
class EngineMessage:
    """One whole message of the peer's engine, and where it belongs."""

    data: bytes = field(repr=False)
    run: int
    partition: int


@dataclass(frozen=True)
class PeerFinished:
    """The message before was the peer's last of this run."""

    run: int


@dataclass(frozen=True)
class Closed:
    """The closing entry is in the witnessed log. `may_release`: the result may be shown to the side it is for."""

    outcome: Outcome
    peer_receipt: Signed[Receipt] | None
    may_release: bool


Event: TypeAlias = Granted | Denied | Accepted | Refused | Opened | Confirmed | EngineMessage | PeerFinished | Closed
