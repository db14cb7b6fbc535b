"""Carrying out revocations.

Each has its effect, its entry in the log and the news of it in one transaction. What a partner may not revoke does not
exist for it. The same bytes again change nothing, whatever has been published or agreed since.
"""

from collections.abc import Callable

from pydantic import ValidationError
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.agreements.tables import AgreementRow
from tacita_broker.bell import Bell
from tacita_broker.catalogue.tables import DatasetRow
from tacita_broker.config import Settings
from tacita_broker.errors import ConfigurationRefused, UsageRefused
from tacita_broker.inbox.service import InboxService
from tacita_broker.lifecycle.tables import RevocationRow
from tacita_broker.log.service import QUEUED
from tacita_broker.log.store import queue_entry
from tacita_broker.matches.tables import MatchRow
from tacita_broker.partners.service import KnownPartner, require_in_force
from tacita_broker.partners.tables import PartnerRow, PartnerStatus
from tacita_broker.problems import conflict, not_found, refused
from tacita_broker.storage import Database
from tacita_protocol.api import InboxEventType, MatchState
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.statements.revocation import (
    Revocation,
    RevokedAgreement,
    RevokedDataset,
    RevokedPartner,
    may_revoke,
)
from tacita_protocol.statements.statement import Signed, sign_statement, verify_statement
from tacita_protocol.tlog.entry import build_card_entry


class Revocations:
    """Takes the partners' revocations and makes the broker's own."""

    def __init__(
        self, database: Database, inbox: InboxService, settings: Settings, clock: Callable[[], int], bell: Bell
    ) -> None:
        self._database = database
        self._inbox = inbox
        self._settings = settings
        self._clock = clock
        self._bell = bell

    async def receive(self, caller: KnownPartner, envelope: str) -> bool:
        """Carry out a partner's revocation of an own dataset or agreement. False for the same bytes again.

        Raises `ProtocolError`; `ProblemError`: 404 when there is no such thing or it is not the caller's, 409 when it
        counts no more already, 422 for a revocation that this broker does not carry out.
        """
        signed = verify_statement(Revocation, envelope, caller.key)
        body = signed.body
        if body.issuer != caller.partner:
            raise refused("issuer", "The revocation names another issuer than its sender.")
        if body.issued > self._clock() + self._settings.clock_skew_seconds:
            raise refused("statement-time", "The revocation comes from the future; compare the clocks.")
        async with self._database.write() as session:
            await require_in_force(session, caller)
            known = select(RevocationRow.number).where(RevocationRow.digest == signed.digest)
            if (await session.execute(known)).first() is not None:
                return False
            told: list[str] = []
            agreement: str | None = None
            match body.subject:
                case RevokedDataset() as dataset:
                    await self._withdraw(session, caller.partner, dataset)
                case RevokedAgreement(agreement=agreement) as ended:
                    told.append(await self._end_agreement(session, caller.partner, ended))
                case _:
                    raise refused("subject", "Partners revoke their datasets and agreements here, nothing else.")
            await self._record(session, signed, caller.partner, agreement, told)
        self._announce(told)
        return True

    async def revoke_partner(self, partner: str, reason: str, key: SigningKey) -> str:
        """Revoke an approved partner under the broker's key; the envelope. Repeating it changes nothing.

        Raises `ConfigurationRefused` when there is no such partner, `UsageRefused` when `reason` is no code.
        """
        now = self._clock()
        try:
            subject = RevokedPartner(partner=partner)
            body = Revocation(issuer=self._settings.broker, subject=subject, reason=reason, issued=now)
        except ValidationError:
            raise UsageRefused(
                "partner and reason are codes: lower-case letters, digits and hyphens, as `keys-stolen`"
            ) from None
        signed = sign_statement(body, key)
        approved = select(PartnerRow.partner).where(PartnerRow.status == PartnerStatus.APPROVED.value)
        async with self._database.write() as session:
            row = await session.get(PartnerRow, partner)
            if row is None or row.status == PartnerStatus.PENDING.value:
                raise ConfigurationRefused("no partner with this id has been approved; see `tacita-broker partners`")
            if row.status == PartnerStatus.REVOKED.value:
                earlier = select(RevocationRow.envelope).where(
                    RevocationRow.partner == partner, RevocationRow.type == subject.type
                )
                return (await session.execute(earlier)).scalar_one()
            row.status = PartnerStatus.REVOKED.value
            await session.flush()
            await self._hasten(session, partner)
            told = list(await session.scalars(approved.order_by(PartnerRow.partner)))
            await self._record(session, signed, partner, None, told)
        self._announce(told)
        return signed.envelope

    async def _withdraw(self, session: AsyncSession, partner: str, subject: RevokedDataset) -> None:
        if not may_revoke(partner, subject, is_broker=False):
            raise not_found()
        named = [DatasetRow.partner == partner, DatasetRow.dataset == subject.dataset]
        if subject.epoch is not None:
            named.append(DatasetRow.epoch == subject.epoch)
        rows = list(await session.scalars(select(DatasetRow).where(*named)))
        if not rows:
            raise not_found()
        if all(row.withdrawn is not None for row in rows):
            raise _revoked()
        await session.execute(
            update(DatasetRow).where(*named, DatasetRow.withdrawn.is_(None)).values(withdrawn=self._clock())
        )

    async def _hasten(self, session: AsyncSession, partner: str) -> None:
        """Let the running matches of a revoked partner, which can say nothing more in them, close soon."""
        soon = self._clock() + self._settings.abort_grace_seconds
        running = (MatchState.ACCEPTED.value, MatchState.OPEN.value)  # a grant's own time is short
        concerned = (
            MatchRow.state.in_(running),
            or_(MatchRow.requester == partner, MatchRow.responder == partner),
            MatchRow.deadline > soon,
        )
        await session.execute(update(MatchRow).where(*concerned).values(deadline=soon))

    async def _end_agreement(self, session: AsyncSession, partner: str, subject: RevokedAgreement) -> str:
        """The other party, which has to hear of it."""
        row = await session.get(AgreementRow, subject.agreement)
        parties = () if row is None else (row.first, row.second)
        if row is None or not may_revoke(partner, subject, is_broker=False, parties=parties):
            raise not_found()
        if row.ended is not None:
            raise _revoked()
        row.ended = self._clock()
        return row.second if partner == row.first else row.first

    async def _record(
        self, session: AsyncSession, signed: Signed[Revocation], partner: str, agreement: str | None, told: list[str]
    ) -> None:
        now = self._clock()
        session.add(
            RevocationRow(
                digest=signed.digest,
                type=signed.body.subject.type,
                partner=partner,
                agreement=agreement,
                envelope=signed.envelope,
                received=now,
            )
        )
        entry = build_card_entry("revocation", signed.envelope_digest, now)
        await queue_entry(session, revocation_reference(signed.digest), entry, now=now)
        for reader in told:
            await self._inbox.post(session, reader, InboxEventType.REVOCATION, now=now)

    def _announce(self, told: list[str]) -> None:
        self._inbox.ring(*told)
        self._bell.ring(QUEUED)


def revocation_reference(digest: str) -> str:
    """The log's reference of a revocation, by the digest of its payload."""
    return f"revocation:{digest}"


def _revoked() -> Exception:
    return conflict("already-revoked", "This counts no more already.")
