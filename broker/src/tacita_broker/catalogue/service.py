"""The catalogue. A dataset that the policy does not let the asker discover does not exist for the asker."""

from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.bell import Bell
from tacita_broker.catalogue.discovery import Discovery, Offered
from tacita_broker.catalogue.tables import DatasetRow
from tacita_broker.config import Limits
from tacita_broker.log.service import QUEUED
from tacita_broker.log.store import queue_entry
from tacita_broker.partners.service import KnownPartner, PartnerService, require_in_force
from tacita_broker.problems import conflict, refused, too_many
from tacita_broker.storage import Database
from tacita_protocol.api import MAX_LISTED, Catalogue, DatasetView
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import Signed, verify_statement
from tacita_protocol.tlog.entry import build_card_entry


class CatalogueService:
    """Publishes and finds dataset cards."""

    def __init__(
        self,
        database: Database,
        partners: PartnerService,
        discovery: Discovery,
        limits: Limits,
        clock: Callable[[], int],
        bell: Bell,
    ) -> None:
        self._database = database
        self._partners = partners
        self._discovery = discovery
        self._limits = limits
        self._clock = clock
        self._bell = bell
        self._verified: dict[tuple[str, str], Signed[DatasetCard]] = {}
        """By owner and name: as many as there may be datasets, however many epochs they have."""

    async def publish(self, caller: KnownPartner, dataset: str, epoch: int, envelope: str) -> bool:
        """Store a card for one epoch and hand it to the log. False when the same bytes were there already.

        Raises `ProtocolError` or `ProblemError`: 409 for other bytes of a known epoch, or one that is not the newest.
        """
        card = verify_statement(DatasetCard, envelope, caller.key)
        body = card.body
        if (body.partner, body.dataset, body.epoch) != (caller.partner, dataset, epoch):
            raise refused("card-address", "The card is not that of the addressed dataset and epoch.")
        if body.normaliser.partition("/")[0] != body.kind.value:
            raise refused("card-normaliser", "The card's normaliser is not one for its kind of identifier.")
        now = self._clock()
        async with self._database.write() as session:
            await require_in_force(session, caller)
            known = await session.get(DatasetRow, (caller.partner, dataset, epoch))
            if known is not None:
                if known.withdrawn is not None:
                    raise conflict("epoch-withdrawn", "This epoch was withdrawn; publish a new epoch.")
                if known.card == card.envelope:
                    return False
                raise conflict("epoch-exists", "This epoch was published with another card; publish a new epoch.")
            newest = await self._newest_epoch(session, caller.partner, dataset)
            if newest is not None and epoch < newest:
                raise conflict("epoch-old", "A newer epoch of this dataset has been published.")
            if newest is None and await self._names(session, caller.partner) >= self._limits.datasets_per_partner:
                raise too_many("too-many-datasets", "This partner may publish no more datasets.")
            if await self._today(session, caller.partner, now) >= self._limits.dataset_cards_per_day:
                raise too_many("too-many-cards", "This partner has published too many cards today.")
            session.add(
                DatasetRow(partner=caller.partner, dataset=dataset, epoch=epoch, card=card.envelope, published=now)
            )
            entry = build_card_entry("dataset-card", card.envelope_digest, now)
            await queue_entry(session, f"dataset-card:{card.envelope_digest}", entry, now=now)
        self._bell.ring(QUEUED)
        return True

    async def catalogue(self, caller: KnownPartner) -> Catalogue:
        """The newest cards that the caller may discover."""
        newest = (
            select(DatasetRow.partner, DatasetRow.dataset, func.max(DatasetRow.epoch).label("epoch"))
            .group_by(DatasetRow.partner, DatasetRow.dataset)
            .subquery()
        )
        query = select(DatasetRow).join(
            newest,
            (DatasetRow.partner == newest.c.partner)
            & (DatasetRow.dataset == newest.c.dataset)
            & (DatasetRow.epoch == newest.c.epoch),
        )
        async with self._database.read() as session:
            rows = list(await session.scalars(query.order_by(DatasetRow.partner, DatasetRow.dataset)))
            offered = [one for row in rows if (one := await self._offered(session, row)) is not None]
        visible = await self._discovery.visible(caller.card, offered)
        return Catalogue(datasets=tuple(DatasetView(card=one.dataset.envelope) for one in visible[:MAX_LISTED]))

    async def offered(
        self, asker: Signed[PartnerCard], owner: str, dataset: str, epoch: int
    ) -> Signed[DatasetCard] | None:
        """The card of the newest epoch, if it is `epoch` and the asker may discover it; None otherwise.

        Not inside a transaction: the policy is asked.
        """
        async with self._database.read() as session:
            found = await self._newest_in(session, owner, dataset, epoch)
        if found is None:
            await self._discovery.absent(asker, owner, f"{dataset}/{epoch}")
            return None
        visible = await self._discovery.visible(asker, [found])
        return visible[0].dataset if visible else None

    async def still_offered_in(self, session: AsyncSession, card: DatasetCard) -> bool:
        """Whether that epoch is still the newest of an approved partner."""
        return await self._newest_in(session, card.partner, card.dataset, card.epoch) is not None

    async def stored_in(
        self, session: AsyncSession, owner: str, dataset: str, epoch: int
    ) -> Signed[DatasetCard] | None:
        """The card of this epoch, whether or not it is still the newest; None once it was withdrawn."""
        row = await session.get(DatasetRow, (owner, dataset, epoch))
        return None if row is None else await self._card(session, row)

    async def _card(self, session: AsyncSession, row: DatasetRow) -> Signed[DatasetCard] | None:
        """The verified card of an approved owner, unless it was withdrawn."""
        offered = await self._offered(session, row)
        return None if offered is None else offered.dataset

    async def _newest_in(self, session: AsyncSession, owner: str, dataset: str, epoch: int) -> Offered | None:
        if await self._newest_epoch(session, owner, dataset) != epoch:
            return None
        row = await session.get(DatasetRow, (owner, dataset, epoch))
        return None if row is None else await self._offered(session, row)

    async def _offered(self, session: AsyncSession, row: DatasetRow) -> Offered | None:
        """The card with its owner, approved, unless it was withdrawn.

        It is verified once, as long as no other epoch of its dataset is asked for.
        """
        owner = await self._partners.approved_in(session, row.partner)
        if owner is None or row.withdrawn is not None:
            return None
        address = (row.partner, row.dataset)
        card = self._verified.get(address)
        if card is None or card.envelope != row.card:
            card = self._verified[address] = verify_statement(DatasetCard, row.card, owner.key)
        return Offered(owner.card, card)

    @staticmethod
    async def _newest_epoch(session: AsyncSession, partner: str, dataset: str) -> int | None:
        query = select(func.max(DatasetRow.epoch)).where(DatasetRow.partner == partner, DatasetRow.dataset == dataset)
        return (await session.execute(query)).scalar_one_or_none()

    @staticmethod
    async def _today(session: AsyncSession, partner: str, now: int) -> int:
        recent = (DatasetRow.partner == partner, DatasetRow.published > now - 24 * 3600)
        return (await session.execute(select(func.count()).where(*recent))).scalar_one()

    @staticmethod
    async def _names(session: AsyncSession, partner: str) -> int:
        query = select(func.count(DatasetRow.dataset.distinct())).where(DatasetRow.partner == partner)
        return (await session.execute(query)).scalar_one()
