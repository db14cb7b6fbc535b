"""Own revocations on their way to the broker: the same bytes, until it has taken them."""

import asyncio
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import select

from tacita_node.causes import Causes, facts_of
from tacita_node.data.service import DatasetService
from tacita_node.lifecycle.tables import RevocationRow
from tacita_node.storage import Database
from tacita_sdk.broker import BrokerClient
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable, ResponseUntrusted

if TYPE_CHECKING:
    from tacita_node.services import NodeServices

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class Delivery:
    """Delivers what waits, oldest first."""

    def __init__(self, database: Database, *, broker: BrokerClient, datasets: DatasetService) -> None:
        self._database = database
        self._broker = broker
        self._datasets = datasets
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Delivers everything that waits. Raises what the broker client raises when it cannot now; call it again."""
        # After what is being published: a card that came later would bring a withdrawn dataset back.
        async with self._one_at_a_time, self._datasets.publishing:
            query = select(RevocationRow).where(RevocationRow.waiting.is_(True)).order_by(RevocationRow.issued)
            async with self._database.read() as session:
                rows = list(await session.scalars(query))
            for row in rows:
                refused = await self._deliver(row.envelope)
                async with self._database.write() as session:
                    stored = await session.get_one(RevocationRow, row.digest)
                    stored.waiting, stored.refused = False, refused

    async def _deliver(self, envelope: str) -> str | None:
        """None when the broker took it, or the code with which it refused it for good."""
        try:
            await self._broker.revoke(envelope)
        except BrokerProblem as problem:
            if problem.status >= 500 or problem.status in (401, 429) or not problem.proven:
                raise
            _log.warning("revocation-not-taken", code=problem.code)
            return problem.code
        return None


async def run_delivery(services: "NodeServices", stop: asyncio.Event) -> None:
    """Delivers until `stop`, or until it is cancelled."""
    pause = FIRST_PAUSE_SECONDS
    causes = Causes()
    while not stop.is_set():
        services.revocations.to_deliver.clear()
        try:
            await services.delivery.run()
        except (BrokerUnreachable, BrokerProblem, ResponseUntrusted) as error:
            causes.tell("delivery", _log.warning, "revocation-delayed", **facts_of(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            pause = FIRST_PAUSE_SECONDS
            causes.over("delivery")
            await services.revocations.to_deliver.wait()
