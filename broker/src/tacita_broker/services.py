"""The broker put together: which part gets what. No part finds another by itself."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from fastapi import Request

from tacita_broker.access.bearer_key import BearerKey
from tacita_broker.access.rates import Rates
from tacita_broker.agreements.service import AgreementService
from tacita_broker.bell import Bell, Places
from tacita_broker.blobs import BlobStore
from tacita_broker.catalogue.discovery import Discovery
from tacita_broker.catalogue.service import CatalogueService
from tacita_broker.config import Settings
from tacita_broker.directory import BrokerDirectory, BrokerKeys
from tacita_broker.inbox.service import InboxService
from tacita_broker.lifecycle.listing import RevocationListing
from tacita_broker.lifecycle.revocations import Revocations
from tacita_broker.lifecycle.rotations import Rotations
from tacita_broker.log.lease import Lease, lease_of
from tacita_broker.log.service import LogService
from tacita_broker.matches.admission import Admission
from tacita_broker.matches.closing import Closing
from tacita_broker.matches.decision import DecisionMaker
from tacita_broker.matches.intake import Intake
from tacita_broker.matches.keeper import Keeper
from tacita_broker.matches.service import MatchService
from tacita_broker.observability import events
from tacita_broker.partners.enrolment import Enrolment
from tacita_broker.partners.service import PartnerService
from tacita_broker.relay.service import RelayService
from tacita_broker.storage import Database
from tacita_policies.decision import DecisionPoint
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.tlog.note import NoteSigner

LEASE_SECONDS = 1.0
"""Between two looks at whether the lease is still held."""

STOP_SECONDS = 5.0
"""How long the background loops may take to end their present step."""

Clock = Callable[[], int]
"""Unix seconds, UTC."""


@dataclass(frozen=True)
class Services:
    """What routes use. Built once by `build`, started and stopped by `running`."""

    settings: Settings
    keys: BrokerKeys
    bearer_key: BearerKey
    clock: Clock
    database: Database
    bell: Bell
    log: LogService
    partners: PartnerService
    enrolment: Enrolment
    catalogue: CatalogueService
    agreements: AgreementService
    revocations: Revocations
    revocation_listing: RevocationListing
    rotations: Rotations
    inbox: InboxService
    relay: RelayService
    matches: MatchService
    keeper: Keeper
    decision_point: DecisionPoint
    lease: Lease
    rates: Rates
    places: Places = field(default_factory=Places)
    nobody: VerifyKey = field(default_factory=lambda: SigningKey.generate().verify_key)
    """A key whose secret is thrown away: signatures that claim an unknown partner are checked under it."""


def services_of(request: Request) -> Services:
    """The services of the app that serves this request."""
    services: Services = request.app.state.services
    return services


def build(
    directory: BrokerDirectory, settings: Settings, keys: BrokerKeys, point: DecisionPoint, clock: Clock
) -> Services:
    """Put a broker together. Nothing runs and nothing is opened yet."""
    database, bell, bearer_key = Database(settings.database), Bell(), BearerKey(clock)
    key = keys.signing
    log = LogService(database, directory.log, NoteSigner(settings.origin, keys.log), settings, clock, bell)
    partners = PartnerService(database, log)
    enrolment = Enrolment(database, settings, clock)
    inbox = InboxService(database, settings, bell)
    catalogue = CatalogueService(database, partners, Discovery(point, clock), settings, clock, bell)
    agreements = AgreementService(database, partners, inbox, settings, clock, bell)
    relay = RelayService(database, BlobStore(directory.blobs), settings, bell)
    closing = Closing(partners, key.verify_key, clock, bell)
    intake = Intake(database, partners, inbox, closing, settings, key.verify_key, clock)
    admission = Admission(database, partners, catalogue, agreements, log, settings, key, clock)
    decisions = DecisionMaker(database, partners, catalogue, agreements, point, settings, key, clock)
    return Services(
        settings=settings,
        keys=keys,
        bearer_key=bearer_key,
        clock=clock,
        database=database,
        bell=bell,
        log=log,
        partners=partners,
        enrolment=enrolment,
        catalogue=catalogue,
        agreements=agreements,
        revocations=Revocations(database, inbox, settings, clock, bell),
        revocation_listing=RevocationListing(database, log, settings),
        rotations=Rotations(database, enrolment, settings, clock, bell),
        inbox=inbox,
        relay=relay,
        matches=MatchService(database, admission, intake, bell),
        keeper=Keeper(
            database, decisions, closing, log, relay, inbox, settings, key.verify_key, clock, bell, bearer_key
        ),
        decision_point=point,
        lease=lease_of(settings.database),
        rates=Rates(settings, time.monotonic),
    )


class Running:
    """A started broker: `async with Running(services)`. `failed` is set when a part of it cannot go on."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tasks: list[asyncio.Task[None]] = []
        self.failed = asyncio.Event()
        """The process must end: nothing may be acknowledged any more."""
        self.failure: BaseException | None = None
        """Why."""

    async def __aenter__(self) -> Self:
        services = self._services
        await services.lease.take()
        try:
            async with asyncio.TaskGroup() as starting:  # together, because each takes its time
                starting.create_task(services.decision_point.start())
                starting.create_task(services.log.recover())
        except BaseExceptionGroup as group:
            await self._close()
            raise group.exceptions[0] from None
        except BaseException:
            await self._close()
            raise
        loops = (
            ("log", services.log.run()),
            ("decisions", services.keeper.run_decisions()),
            ("matches", services.keeper.run()),
            ("lease", _keep(services.lease, services.bell)),
        )
        for name, work in loops:
            task = asyncio.create_task(work, name=name)
            task.add_done_callback(self._ended)
            self._tasks.append(task)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._services.bell.stop()
        # The loops end by themselves after their present step; a cancelled one could leave a thread writing files.
        _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close()

    async def _close(self) -> None:
        await self._services.decision_point.close()
        await self._services.database.close()
        await self._services.lease.release()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is None and self._services.bell.stopping:
            return
        events().critical("broker.failed", part=task.get_name(), error=type(error).__name__)
        self.failure = error
        self.failed.set()
        self._services.bell.stop()


async def _keep(lease: Lease, bell: Bell) -> None:
    """Look at the lease until the bell stops: a broker without it does nothing more. Raises `LeaseLost`."""
    while not bell.stopping:
        with bell.listen() as listener:
            await listener.heard(LEASE_SECONDS)
        await lease.check()
