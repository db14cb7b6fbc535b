"""How a partner comes in: an invitation for one use, a self-signed card, and a person who compares its fingerprint."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.access.nonces import use_nonce
from tacita_broker.config import Settings
from tacita_broker.errors import ConfigurationRefused
from tacita_broker.log.store import queue_entry
from tacita_broker.log.tables import TrustFileRow
from tacita_broker.partners.tables import InvitationRow, PartnerRow, PartnerStatus, PastKeyRow
from tacita_broker.problems import ProblemError, conflict, refused, too_many
from tacita_broker.storage import Database
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.crypto.httpsig import VerifiedRequest
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.statements.partner import PartnerCard, fingerprint
from tacita_protocol.statements.statement import Signed, unverified, verify_statement
from tacita_protocol.statements.vocabulary import PartnerKind
from tacita_protocol.tlog.entry import build_card_entry
from tacita_protocol.tlog.trust import TrustPolicy

SECRET_BYTES = 24
CARD_AGE_SECONDS = 24 * 3600
"""A card must have been issued within this time before it is presented."""


@dataclass(frozen=True)
class Invitation:
    """What an administrator passes on: the code, and until when it is good (unix seconds)."""

    code: str
    kind: PartnerKind
    expires: int


@dataclass(frozen=True)
class ListedPartner:
    """A partner as an administrator sees it."""

    partner: str
    name: str
    kind: PartnerKind
    status: PartnerStatus
    fingerprint: str


class Enrolment:
    """Invitations, enrolments and approvals."""

    def __init__(self, database: Database, settings: Settings, clock: Callable[[], int]) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    async def invite(self, kind: PartnerKind) -> Invitation:
        """Make an invitation for one partner of this kind. The code also carries the key that the node pins."""
        secret = b64u(random_bytes(SECRET_BYTES))
        expires = self._clock() + self._settings.invitation_seconds
        async with self._database.write() as session:
            session.add(InvitationRow(secret_hash=_hash(secret), kind=kind.value, expires=expires, used_by=None))
        return Invitation(f"{secret}.{self._settings.signing_key}", kind, expires)

    def presented_card(self, envelope: str) -> Signed[PartnerCard]:
        """The card with its own signature verified. Raises `ProtocolError` or `ProblemError`."""
        claimed = unverified(PartnerCard, envelope)
        card = verify_statement(PartnerCard, envelope, VerifyKey.from_text(claimed.signing_key))
        now = self._clock()
        if not now - CARD_AGE_SECONDS <= card.body.issued <= now + self._settings.clock_skew_seconds:
            raise refused("card-time", "The card was not issued recently; make a new one and compare the clocks.")
        VerifyKey.from_text(card.body.witness_key)
        if card.body.signing_key == card.body.witness_key:
            raise refused("card-keys", "Signing key and witness key must be different keys.")
        if card.body.partner == self._settings.broker:
            raise refused("card-partner", "This id is the broker's own.")
        return card

    async def enrol(self, code: str, card: Signed[PartnerCard], request: VerifiedRequest) -> None:
        """Use an invitation for a card whose key signed `request`. The same card with it again changes nothing.

        Raises `ProblemError`: 403 for an invitation that is unknown, used, expired, or for another kind (one answer),
        409 when the id or a key is taken.
        """
        secret, _, pinned = code.partition(".")
        async with self._database.write() as session:
            invitation = await session.get(InvitationRow, _hash(secret))
            if invitation is None or pinned not in ("", self._settings.signing_key):
                raise _uninvited()
            await use_nonce(session, request)
            known = await session.get(PartnerRow, card.body.partner)
            if invitation.used_by is not None:
                same = known is not None and (invitation.used_by, known.card) == (card.body.partner, card.envelope)
                if same and known is not None and known.status != PartnerStatus.REVOKED.value:
                    return
                raise _uninvited()
            if invitation.expires <= self._clock() or invitation.kind != card.body.kind.value:
                raise _uninvited()
            await check_keys_free(session, card.body)
            await self._check_room(session, card.body.partner)
            session.add(
                PartnerRow(
                    partner=card.body.partner,
                    status=PartnerStatus.PENDING.value,
                    card=card.envelope,
                    card_digest=card.envelope_digest,
                    signing_key=card.body.signing_key,
                    witness_key=card.body.witness_key,
                    enrolled=self._clock(),
                    approved=None,
                )
            )
            await session.flush()
            invitation.used_by = card.body.partner

    async def listed(self) -> list[ListedPartner]:
        """All partners with their fingerprints, pending ones included."""
        async with self._database.read() as session:
            rows = list(await session.scalars(select(PartnerRow).order_by(PartnerRow.partner)))
        return [_listed(row) for row in rows]

    async def approve(self, partner: str, stated_fingerprint: str | None) -> ListedPartner:
        """Approve a pending partner and hand its card to the log. Approving twice changes nothing.

        Raises `ConfigurationRefused` when there is no such partner, its fingerprint is not the one stated, or the
        trust file names a witness with its id or key, but not with both.
        """
        async with self._database.write() as session:
            row = await session.get(PartnerRow, partner)
            if row is None:
                raise ConfigurationRefused("no partner with this id has enrolled; see `tacita-broker partners`")
            if row.status == PartnerStatus.REVOKED.value:
                raise ConfigurationRefused("this partner was revoked: it comes in again under another id and new keys")
            listed = _listed(row)
            if stated_fingerprint is not None and _hex(stated_fingerprint) != _hex(listed.fingerprint):
                raise ConfigurationRefused(
                    "the fingerprint is not that of the enrolled card: do not approve it before you know why"
                )
            if row.status == PartnerStatus.PENDING.value:
                issued = await session.scalar(select(TrustFileRow.text).order_by(TrustFileRow.id.desc()).limit(1))
                if issued is not None:
                    check_witness_lines(TrustPolicy.parse(issued), row.partner, row.witness_key)
                now = self._clock()
                row.status, row.approved = PartnerStatus.APPROVED.value, now
                card = _card(row)
                entry = build_card_entry("partner-card", card.envelope_digest, now)
                await queue_entry(session, card_reference(card), entry, now=now)
            return _listed(row)

    async def _check_room(self, session: AsyncSession, partner: str) -> None:
        if await session.get(PartnerRow, partner) is not None:
            raise _taken()
        count = (await session.execute(select(func.count()).select_from(PartnerRow))).scalar_one()
        if count >= self._settings.partners:
            raise too_many("too-many-partners", "The federation takes no more partners.")


async def check_keys_free(session: AsyncSession, card: PartnerCard) -> None:
    """No key of `card` is or was another partner's. Raises a 409 problem.

    For the partner of a rotation its own witness key is none of them; its own signing keys, past ones too, are.
    """
    keys = (card.signing_key, card.witness_key)
    own_witness = (PartnerRow.partner == card.partner) & (PartnerRow.witness_key == card.witness_key)
    present = or_(PartnerRow.signing_key.in_(keys), PartnerRow.witness_key.in_(keys) & ~own_witness)
    past = PastKeyRow.signing_key.in_(keys)
    for taken in (select(PartnerRow.partner).where(present), select(PastKeyRow.partner).where(past)):
        if (await session.execute(taken.limit(1))).first() is not None:
            raise _taken()


def check_witness_lines(trust: TrustPolicy, partner: str, witness_key: str) -> None:
    """A partner cosigns under its own id and key only: otherwise it would count in the proofs of its own matches.

    Raises `ConfigurationRefused`.
    """
    for name, verifier in trust.witnesses.items():
        if (name == partner) != (verifier.key.text == witness_key):
            raise ConfigurationRefused("a witness line has a partner's id or key, but not both")


def card_reference(card: Signed[PartnerCard]) -> str:
    """The log's reference of a partner card."""
    return f"partner-card:{card.envelope_digest}"


def _listed(row: PartnerRow) -> ListedPartner:
    card = _card(row)
    return ListedPartner(row.partner, card.body.name, card.body.kind, PartnerStatus(row.status), fingerprint(card))


def _card(row: PartnerRow) -> Signed[PartnerCard]:
    return verify_statement(PartnerCard, row.card, VerifyKey.from_text(row.signing_key))


def _hash(secret: str) -> str:
    return digest_of(b"tacita/invitation/v1\0" + secret.encode())


def _hex(text: str) -> str:
    return "".join(character for character in text.lower() if character not in " -:\t")


def _taken() -> ProblemError:
    return conflict(
        "partner-exists",
        "This id, or one of these keys, belongs to a partner already: choose another id, in a new directory.",
    )


def _uninvited() -> ProblemError:
    return ProblemError(
        403, "invitation", "The invitation is not valid for this kind of partner, or not any more: ask for a new one."
    )
