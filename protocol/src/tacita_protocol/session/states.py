"""What a session is made with, the states it passes, and what it hands out."""

from dataclasses import dataclass, field
from enum import StrEnum

from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.statements.receipt import Software
from tacita_protocol.statements.vocabulary import BrokerId, PartnerId
from tacita_protocol.tlog.trust import TrustPolicy

MAX_CLOCK_SKEW = 60
"""Seconds by which another machine's clock may be ahead."""


class State(StrEnum):
    """Where a session stands; the table is in the package's docstring."""

    NEW = "new"
    REQUESTED = "requested"
    AWAITING_APPROVAL = "awaiting-approval"
    GRANTED = "granted"
    DENIED = "denied"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    OPEN = "open"
    CONFIRMED = "confirmed"
    MATCHING = "matching"
    CLOSING = "closing"
    CLOSED = "closed"
    ABORTED = "aborted"


class MessageKind(StrEnum):
    """What travels between a session and the broker."""

    REQUEST = "request"
    DECISION = "decision"
    ACCEPTANCE = "acceptance"
    REFUSAL = "refusal"
    OPEN = "open"
    FRAME = "frame"
    RECEIPT = "receipt"
    CLOSING = "closing"


@dataclass(frozen=True)
class Outgoing:
    """Something to post: a signed envelope, or one frame with its `sequence`. Persist a frame before posting it."""

    kind: MessageKind
    data: bytes = field(repr=False)
    sequence: int | None = None


@dataclass(frozen=True)
class SessionContext:
    """Who talks to whom, whom they trust, and the limits.

    `peer_key` comes from the card that was confirmed out of band, `broker_key` from the invitation; neither from
    the broker's answers. `responder_count` is the padded size on the dataset's card, which the grant must repeat, and
    `responder_engines` are the engines on that card, among which the grant chooses. `max_message_bytes` bounds one
    engine message of the peer. `custody` is the salted custody head from before the match; a receipt for a session
    that bad data ends cites it.
    """

    partner: PartnerId
    signing_key: SigningKey
    peer: PartnerId
    peer_key: VerifyKey
    broker: BrokerId
    broker_key: VerifyKey
    trust: TrustPolicy
    software: tuple[Software, ...]
    max_message_bytes: int
    responder_count: int
    responder_engines: tuple[str, ...]
    custody: Digest

    @property
    def parties(self) -> frozenset[str]:
        """The two partners, whose witnesses do not count for this match."""
        return frozenset((self.partner, self.peer))
