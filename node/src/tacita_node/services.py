"""Everything a running node consists of, opened in order and closed in reverse."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
from fastapi import Request
from sqlalchemy import select

from tacita_node.access.tokens import Tokens
from tacita_node.agreements.policy import AgreementPolicy
from tacita_node.agreements.service import AgreementService
from tacita_node.blobs import BlobStore
from tacita_node.broker_link.tls import trusted
from tacita_node.clock import Clock
from tacita_node.config import NodeDirectory, Settings
from tacita_node.data.custody import CustodyChain
from tacita_node.data.epochs import Epochs
from tacita_node.data.import_jobs import ImportJobs
from tacita_node.data.imports import Importer
from tacita_node.data.service import DatasetService
from tacita_node.data.tables import SourceRow
from tacita_node.data.uploads import Uploads
from tacita_node.identity import Identity
from tacita_node.lifecycle.delivery import Delivery
from tacita_node.lifecycle.past import past_cards
from tacita_node.lifecycle.revocations import RevocationService
from tacita_node.matching.pool import WorkerPool
from tacita_node.storage import Database, migrate, place_of
from tacita_node.trust import InstalledTrust
from tacita_node.workers import Workers
from tacita_policies.bundle import Bundle
from tacita_policies.check_process import check_apart
from tacita_policies.decision import DecisionPoint
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.tlog.trust import TrustPolicy
from tacita_sdk.broker import BrokerClient

if TYPE_CHECKING:
    from tacita_node.matching.service import MatchService


@dataclass
class NodeServices:
    """What routes and background tasks work with. A feature's service is given only what it needs of this."""

    directory: NodeDirectory
    settings: Settings
    identity: Identity
    database: Database
    cipher: StorageCipher
    blobs: BlobStore
    clock: Clock
    broker: BrokerClient
    decision_point: DecisionPoint
    pool: Workers
    custody: CustodyChain
    tokens: Tokens
    datasets: DatasetService
    imports: ImportJobs
    agreements: AgreementService
    revocations: RevocationService
    delivery: Delivery
    installed_trust: InstalledTrust
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the node is to end: whoever waits for something else waits for this too."""
    examining: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the node examines itself."""
    passphrase_file: Path | None = None
    """From where the passphrase of the keys came; None when a person typed it."""
    previewing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the beginning of a file is looked at."""
    matches: "MatchService | None" = None
    """Set by the matching jobs once they run."""

    @property
    def trust(self) -> TrustPolicy | None:
        """The federation's trust policy, None before one is installed."""
        return self.installed_trust.current()

    async def recheck_matches(self) -> None:
        """Ends the running matches from under which something was taken back. When it returns, they are over."""
        if self.matches is not None:
            await self.matches.recheck()


def services_of(request: Request) -> NodeServices:
    """The services behind a request."""
    services = request.app.state.services
    if not isinstance(services, NodeServices):
        raise RuntimeError("the application was built without services")
    return services


@asynccontextmanager
async def open_services(
    directory: NodeDirectory,
    settings: Settings,
    identity: Identity,
    *,
    clock: Clock,
    transport: httpx2.AsyncBaseTransport | None = None,
    decision_point: DecisionPoint | None = None,
    workers: Workers | None = None,
) -> AsyncIterator[NodeServices]:
    """Opens a node's services for the length of the block.

    Args:
        directory: an initialised node's directory; its database is migrated first.
        settings: the node's settings.
        identity: as `load_identity` gives it.
        clock: the time.
        transport: how to reach the broker; None for the network.
        decision_point: the node's policy; None for the packaged bundle in a process of its own.
        workers: who computes; None for a pool of processes.
    """
    place = place_of(settings.database, directory.database)
    await asyncio.to_thread(migrate, place)
    async with AsyncExitStack() as stack:
        database = Database(place)
        stack.push_async_callback(database.close)
        client = await stack.enter_async_context(
            httpx2.AsyncClient(transport=transport, trust_env=False, verify=trusted(settings.broker_ca))
        )
        if workers is None:
            pool = WorkerPool(settings.workers, idle_seconds=settings.worker_idle_seconds)
            stack.callback(pool.close)
            workers = pool
        if decision_point is None:
            decision_point = EmbeddedDecisionPoint(await asyncio.to_thread(load_policies, directory))
            stack.push_async_callback(decision_point.close)
            await decision_point.start()
        identity = replace(identity, past=await past_cards(database, identity.card))
        services = _assemble(directory, settings, identity, clock, database, client, workers, decision_point)
        stack.push_async_callback(services.imports.close)
        await services.blobs.forget_unfinished()
        await services.datasets.forget_unrecorded()
        yield services


def load_policies(directory: NodeDirectory) -> Bundle:
    """The shipped policy with the owner's rules. Raises `PolicyRefused`."""
    # A dangling link or a file under that name is no folder of own rules: loading it is refused, not left out.
    return Bundle.load(directory.policies if os.path.lexists(directory.policies) else None, check=check_apart)


def _assemble(
    directory: NodeDirectory,
    settings: Settings,
    identity: Identity,
    clock: Clock,
    database: Database,
    client: httpx2.AsyncClient,
    workers: Workers,
    decision_point: DecisionPoint,
) -> NodeServices:
    keys = identity.keys
    cipher = StorageCipher(keys.storage)
    blobs = BlobStore(directory.blobs, cipher)
    custody = CustodyChain(database, partner=identity.partner, key=keys.signing, clock=clock)
    broker = BrokerClient(
        identity.broker.url,
        broker_id=identity.broker.broker,
        broker_key=identity.broker.key,
        partner=identity.partner,
        signing_key=keys.signing,
        clock=clock,
        client=client,
    )
    limits = settings.limits
    uploads = Uploads(blobs, cipher=cipher, limits=limits, recorded=partial(_recorded_sources, database))
    importer = Importer(
        database,
        cipher=cipher,
        uploads=uploads,
        custody=custody,
        workers=workers,
        clock=clock,
        limits=limits,
        spool=directory.root,
    )
    epochs = Epochs(database, cipher=cipher, blobs=blobs, workers=workers, commitment_key=keys.commitment, clock=clock)
    datasets = DatasetService(
        database,
        identity=identity,
        cipher=cipher,
        uploads=uploads,
        importer=importer,
        epochs=epochs,
        custody=custody,
        broker=broker,
        clock=clock,
    )
    agreements = AgreementService(
        database,
        own=identity.card,
        key=keys.signing,
        custody=custody,
        broker=broker,
        policy=AgreementPolicy(decision_point, datasets, own=identity.card.body, clock=clock),
        clock=clock,
        limits=settings.limits,
    )
    revocations = RevocationService(
        database,
        identity=identity,
        custody=custody,
        broker=broker,
        datasets=datasets,
        agreements=agreements,
        clock=clock,
    )
    return NodeServices(
        directory=directory,
        settings=settings,
        identity=identity,
        database=database,
        cipher=cipher,
        blobs=blobs,
        clock=clock,
        broker=broker,
        decision_point=decision_point,
        pool=workers,
        custody=custody,
        tokens=Tokens(database, clock=clock, limit=settings.limits.tokens),
        datasets=datasets,
        imports=ImportJobs(importer, limits=limits),
        agreements=agreements,
        revocations=revocations,
        delivery=Delivery(database, broker=broker, datasets=datasets),
        installed_trust=InstalledTrust(directory.trust, log_vkey=identity.broker.log_vkey),
    )


async def _recorded_sources(database: Database) -> set[str]:
    """The source files that imports tell of."""
    async with database.read() as session:
        return set(await session.scalars(select(SourceRow.blob).where(~SourceRow.staged)))
