"""Bodies of the broker's HTTP routes, shared by the broker and the SDK.

Signed things travel as DSSE envelopes in text form and are verified with `statements.statement`; declared here is
only the wrapping. `parse_body` is the one way in: strict JSON first, then the model.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, StringConstraints, model_validator

from tacita_protocol.statements.statement import MAX_ENVELOPE_BYTES, Part, parse_part
from tacita_protocol.statements.vocabulary import (
    AgreementId,
    BrokerId,
    Code,
    MatchId,
    PartnerId,
    Sentence,
    ShortText,
    UnixTime,
    VerifyKeyText,
    VersionText,
)
from tacita_protocol.tlog.entry import LoggedEntry

MAX_BODY_BYTES = 1024 * 1024
"""Longest JSON body of a request or of a single object in a response."""
MAX_LIST_BYTES = 16 * 1024 * 1024
"""Longest JSON body of a listing (partners, catalogue, inbox)."""
MAX_LISTED = 10_000
MAX_PAST_CARDS = 16
MAX_EVENTS = 1_000
MAX_NOTE_BYTES = 64 * 1024
MAX_PROOF_HASHES = 64

Envelope = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]+$", max_length=MAX_ENVELOPE_BYTES)]
Note = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NOTE_BYTES)]
NoteLine = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
VKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=512)]
HashText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""32 bytes in unpadded base64url."""
Sequence = Annotated[int, Field(ge=0, le=2**53 - 1)]

P = TypeVar("P", bound=Part)


def parse_body(cls: type[P], data: bytes, *, max_bytes: int = MAX_BODY_BYTES) -> P:
    """Parse a body strictly (duplicate keys, integer range, depth, unknown fields).

    Raises `MalformedMessage` naming the field, or `LimitExceeded`.
    """
    return parse_part(cls, data, what="body", max_bytes=max_bytes)


class BrokerInfo(Part):
    """Public facts about a broker. A node trusts the key from its invitation, and only compares this one."""

    broker: BrokerId
    name: ShortText
    signing_key: VerifyKeyText
    log_vkey: VKey
    origin: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=255)]
    version: VersionText


class EnrolRequest(Part):
    """The invitation's secret and the self-signed card; the HTTP signature proves possession of the key."""

    invitation: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$", max_length=256), Field(repr=False)]
    card: Envelope


class LoggedCard(Part):
    """The public log entry of a card, with its inclusion proof (`tlog-proof` text)."""

    entry: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=4096)]
    proof: Note


class PastCard(Part):
    """A card that was replaced, and the KeyRotation that replaced it."""

    card: Envelope
    rotation: Envelope


class PartnerView(Part):
    """`past` holds the cards before the present one, as far as the list goes."""

    partner: PartnerId
    card: Envelope
    entry: LoggedCard | None
    past: Annotated[tuple[PastCard, ...], Field(max_length=MAX_PAST_CARDS)] = ()


class PartnerList(Part):
    partners: Annotated[tuple[PartnerView, ...], Field(max_length=MAX_LISTED)]


class DatasetView(Part):
    card: Envelope


class Catalogue(Part):
    datasets: Annotated[tuple[DatasetView, ...], Field(max_length=MAX_LISTED)]


class AgreementBody(Part):
    envelope: Envelope


class StatementBody(Part):
    envelope: Envelope


class RotationBody(Part):
    """A KeyRotation and the card that it puts in force."""

    rotation: Envelope
    card: Envelope


class RevocationView(Part):
    """A revocation as the broker lists it; `entry` is null until its log entry is witnessed."""

    number: Annotated[int, Field(ge=1, le=2**53 - 1)]
    envelope: Envelope
    entry: LoggedCard | None


class RevocationList(Part):
    """Revocations after the asked number that concern the reader; `next` is the number to ask from next."""

    revocations: Annotated[tuple[RevocationView, ...], Field(max_length=MAX_EVENTS)]
    next: Sequence


class PromiseBody(Part):
    promise: Envelope


class LoggedDecision(Part):
    """The broker's grant or denial and the opening entry that records it."""

    decision: Envelope
    logged: LoggedEntry


class Receipts(Part):
    requester: Envelope | None
    responder: Envelope | None


class LoggedClosing(Part):
    """The closing entry and the statements it cites by digest."""

    logged: LoggedEntry
    receipts: Receipts
    refusal: Envelope | None


class MatchState(StrEnum):
    """Where a match stands at the broker."""

    REQUESTED = "requested"
    AWAITING_APPROVAL = "awaiting-approval"
    """People must approve first; between requested and granted."""
    GRANTED = "granted"
    DENIED = "denied"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class MatchView(Part):
    """Everything a party may see of its match."""

    match: MatchId
    state: MatchState
    requester: PartnerId
    responder: PartnerId
    request: Envelope
    decision: LoggedDecision | None
    acceptance: Envelope | None
    refusal: Envelope | None
    open: Envelope | None
    closing: LoggedClosing | None


class InboxEventType(StrEnum):
    """What happened; the reader fetches the match or agreement itself."""

    DECISION = "decision"
    ACCEPTANCE = "acceptance"
    REFUSAL = "refusal"
    OPEN = "open"
    ABORTED = "aborted"
    CLOSING = "closing"
    AGREEMENT = "agreement"
    REVOCATION = "revocation"
    """Something was revoked: read the list of revocations on."""


class InboxEvent(Part):
    """`match` is set for every type but `agreement`, which sets `agreement`, and `revocation`, which sets neither."""

    seq: Annotated[int, Field(ge=1, le=2**53 - 1)]
    type: InboxEventType
    match: MatchId | None
    agreement: AgreementId | None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        about_agreement = self.type is InboxEventType.AGREEMENT
        about_match = self.type not in (InboxEventType.AGREEMENT, InboxEventType.REVOCATION)
        if (self.agreement is not None) != about_agreement or (self.match is not None) != about_match:
            raise ValueError("the event names exactly the thing it is about")
        return self


class Inbox(Part):
    """Events after the asked position; `next` is the position to ask from next."""

    events: Annotated[tuple[InboxEvent, ...], Field(max_length=MAX_EVENTS)]
    next: Sequence


class TokenScope(StrEnum):
    """What a bearer token opens."""

    INBOX = "inbox"
    FRAMES = "frames"


class TokenRequest(Part):
    """A signed request for a bearer token; one for frames is bound to its match."""

    scope: TokenScope
    match: MatchId | None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.match is not None) != (self.scope is TokenScope.FRAMES):
            raise ValueError("a match is named exactly for frames")
        return self


class TokenBody(Part):
    token: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=2048), Field(repr=False)]
    expires: UnixTime


class WitnessNext(Part):
    """The next checkpoint to cosign and the consistency proof from the witness's own size `old`."""

    old: Sequence
    proof: Annotated[tuple[HashText, ...], Field(max_length=MAX_PROOF_HASHES)]
    checkpoint: Note


class CosignatureBody(Part):
    """A cosignature line over the checkpoint of `size`."""

    size: Sequence
    line: NoteLine


class Problem(Part):
    """A problem document (RFC 9457). `type` is `urn:tacita:problem:<code>`; details never quote a value.

    It may come unsigned, from anybody on the line, and is shown to people: it cannot steer their terminal.
    """

    type: Annotated[str, StringConstraints(pattern=r"^urn:tacita:problem:[a-z0-9][a-z0-9.-]{0,63}$")]
    title: ShortText
    status: Annotated[int, Field(ge=400, le=599)]
    detail: Sentence

    @classmethod
    def of(cls, status: int, code: Code, title: str, detail: str) -> Self:
        """The problem document for a named code."""
        return cls(type=f"urn:tacita:problem:{code}", title=title, status=status, detail=detail)

    @property
    def code(self) -> str:
        """The last part of `type`."""
        return self.type.rpartition(":")[2]


class Health(Part):
    """Answer of `GET /healthz`."""

    status: Literal["ok"]
