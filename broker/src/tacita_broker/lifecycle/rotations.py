"""Replacing a partner's keys.

From the commit on the old key opens nothing: requests and bearer tokens under it are refused. What was signed with it
before stays verifiable (`partners.tables.PastKeyRow`). What was bound to the old card ends with it: agreements name its
digest, and dataset cards are signed with its key. The partner publishes and agrees anew.
"""

from collections.abc import Callable

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.agreements.tables import AgreementRow
from tacita_broker.bell import Bell
from tacita_broker.catalogue.tables import DatasetRow
from tacita_broker.config import Limits
from tacita_broker.log.service import QUEUED
from tacita_broker.log.store import queue_entry
from tacita_broker.partners.enrolment import Enrolment, card_reference, check_keys_free
from tacita_broker.partners.service import KnownPartner
from tacita_broker.partners.tables import PartnerRow, PastKeyRow
from tacita_broker.problems import conflict, too_many
from tacita_broker.storage import Database
from tacita_protocol.api import RotationBody
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.rotation import KeyRotation, verify_rotation
from tacita_protocol.statements.statement import Signed
from tacita_protocol.tlog.entry import build_card_entry

DAY = 24 * 3600


class Rotations:
    """Takes rotations."""

    def __init__(
        self, database: Database, enrolment: Enrolment, limits: Limits, clock: Callable[[], int], bell: Bell
    ) -> None:
        self._database = database
        self._enrolment = enrolment
        self._limits = limits
        self._clock = clock
        self._bell = bell

    async def rotate(self, caller: KnownPartner, body: RotationBody) -> None:
        """Put the new card in force. The caller has signed the request with the old key.

        Raises `ProtocolError`; `ProblemError`: 409 when one of the keys is or was a partner's, or the card was replaced
        meanwhile, 429 for too many rotations.
        """
        card = self._enrolment.presented_card(body.card)
        rotation = verify_rotation(body.rotation, old=caller.card, new=card)
        async with self._database.write() as session:
            row = await session.get_one(PartnerRow, caller.partner)
            if row.card != caller.card.envelope:
                raise conflict("card-replaced", "This card was replaced meanwhile.")
            await check_keys_free(session, card.body)
            await self._check_quota(session, caller.partner)
            await self._replace(session, row, card, rotation)
        self._bell.ring(QUEUED)

    async def _replace(
        self, session: AsyncSession, row: PartnerRow, card: Signed[PartnerCard], rotation: Signed[KeyRotation]
    ) -> None:
        now = self._clock()
        session.add(
            PastKeyRow(
                signing_key=row.signing_key,
                partner=row.partner,
                card=row.card,
                rotation=rotation.envelope,
                replaced=now,
            )
        )
        row.card, row.card_digest, row.signing_key = card.envelope, card.envelope_digest, card.body.signing_key
        await session.flush()
        datasets = update(DatasetRow).where(DatasetRow.partner == row.partner, DatasetRow.withdrawn.is_(None))
        await session.execute(datasets.values(withdrawn=now))
        of_partner = or_(AgreementRow.first == row.partner, AgreementRow.second == row.partner)
        agreements = update(AgreementRow).where(of_partner, AgreementRow.ended.is_(None))
        await session.execute(agreements.values(ended=now))
        for reference, entry in (
            (card_reference(card), build_card_entry("partner-card", card.envelope_digest, now)),
            (f"key-rotation:{rotation.digest}", build_card_entry("key-rotation", rotation.envelope_digest, now)),
        ):
            await queue_entry(session, reference, entry, now=now)

    async def _check_quota(self, session: AsyncSession, partner: str) -> None:
        recent = (PastKeyRow.partner == partner, PastKeyRow.replaced > self._clock() - DAY)
        count = (await session.execute(select(func.count()).where(*recent))).scalar_one()
        if count >= self._limits.rotations_per_day:
            raise too_many("too-many-rotations", "This partner has replaced its keys too often today.")
