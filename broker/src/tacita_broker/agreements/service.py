"""Carrying agreements from one party to the other and back, and logging them once both have signed."""

from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.agreements.tables import AgreementRow
from tacita_broker.bell import Bell
from tacita_broker.config import Limits
from tacita_broker.inbox.service import InboxService
from tacita_broker.log.service import QUEUED
from tacita_broker.log.store import queue_entry
from tacita_broker.partners.service import KnownPartner, PartnerService, require_in_force
from tacita_broker.problems import conflict, not_found, too_many
from tacita_broker.storage import Database
from tacita_protocol.api import AgreementBody, InboxEventType
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.errors import SignatureInvalid
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.statement import Signed, unverified, verify_statement
from tacita_protocol.tlog.entry import build_card_entry

SALT_BYTES = 32


class AgreementService:
    """Receives and finds agreements."""

    def __init__(
        self,
        database: Database,
        partners: PartnerService,
        inbox: InboxService,
        limits: Limits,
        clock: Callable[[], int],
        bell: Bell,
    ) -> None:
        self._database = database
        self._partners = partners
        self._inbox = inbox
        self._limits = limits
        self._clock = clock
        self._bell = bell

    async def receive(self, caller: KnownPartner, envelope: str) -> bool:
        """Take an agreement signed by the caller alone (a proposal) or by both. False when nothing is new.

        The other party hears of it. Raises `ProtocolError`; `ProblemError`: 404 when the caller is no party or the
        other party is unknown, 409 when another agreement has this id, 429 when the caller has proposed too many.
        """
        claimed = unverified(Agreement, envelope)
        counterparty = claimed.counterparty(caller.partner)
        async with self._database.write() as session:
            await require_in_force(session, caller)
            other = None
            if counterparty is not None:
                other = await self._partners.approved_in(session, counterparty.partner)
            if other is None:
                raise not_found()
            signed, complete = _verified(envelope, caller.key, other.key)
            row = await session.get(AgreementRow, signed.body.agreement)
            if row is None:
                await self._check_quota(session, caller.partner)
                row = AgreementRow(
                    agreement=signed.body.agreement,
                    first=signed.body.parties[0].partner,
                    second=signed.body.parties[1].partner,
                    proposer=caller.partner,
                    digest=signed.digest,
                    envelope=signed.envelope,
                    complete=False,
                    salt=None,
                    received=self._clock(),
                )
                session.add(row)
            elif row.digest != signed.digest:
                raise conflict("agreement-exists", "Another agreement has this id.")
            elif row.ended is not None:
                raise conflict("agreement-ended", "This agreement was revoked, or a party's card was replaced since.")
            elif row.complete or row.envelope == signed.envelope:
                return False
            elif not complete:
                raise conflict("agreement-proposed", "The other party has proposed this; add your signature to theirs.")
            if complete:
                await self._complete(session, row, signed)
            await self._inbox.post(
                session, other.partner, InboxEventType.AGREEMENT, agreement=signed.body.agreement, now=self._clock()
            )
        self._inbox.ring(other.partner)
        self._bell.ring(QUEUED)
        return True

    async def find(self, caller: str, agreement: str) -> AgreementBody:
        """An agreement as far as it is signed. Raises 404 unless the caller is a party."""
        async with self._database.read() as session:
            row = await session.get(AgreementRow, agreement)
        if row is None or caller not in (row.first, row.second):
            raise not_found()
        return AgreementBody(envelope=row.envelope)

    async def cited_in(self, session: AsyncSession, digest: str, first: str, second: str) -> Signed[Agreement] | None:
        """The complete agreement with this payload digest between these two partners, while it is in force here."""
        low, high = sorted((first, second))
        query = select(AgreementRow).where(
            AgreementRow.digest == digest,
            AgreementRow.first == low,
            AgreementRow.second == high,
            AgreementRow.complete.is_(True),
            AgreementRow.ended.is_(None),
        )
        row = (await session.execute(query.limit(1))).scalar_one_or_none()
        if row is None:
            return None
        parties = [await self._partners.approved_in(session, partner) for partner in (low, high)]
        keys = [party.key for party in parties if party is not None]
        return verify_statement(Agreement, row.envelope, *keys) if len(keys) == len(parties) else None

    async def _complete(self, session: AsyncSession, row: AgreementRow, signed: Signed[Agreement]) -> None:
        salt = random_bytes(SALT_BYTES)
        row.envelope, row.complete, row.salt = signed.envelope, True, salt.hex()
        now = self._clock()
        entry = build_card_entry("agreement", digest_of(salt + signed.envelope.encode("ascii")), now)
        await queue_entry(session, f"agreement:{signed.body.agreement}", entry, now=now)

    async def _check_quota(self, session: AsyncSession, proposer: str) -> None:
        query = select(func.count()).where(AgreementRow.proposer == proposer)
        if (await session.execute(query)).scalar_one() >= self._limits.agreements_per_partner:
            raise too_many("too-many-agreements", "This partner may propose no more agreements.")


def _verified(envelope: str, sender: VerifyKey, other: VerifyKey) -> tuple[Signed[Agreement], bool]:
    """The agreement and whether both have signed. Raises `SignatureInvalid` for any other signers."""
    try:
        return verify_statement(Agreement, envelope, sender, other), True
    except SignatureInvalid as error:
        if error.reason != "signers":
            raise
    return verify_statement(Agreement, envelope, sender), False
