"""Imports that are cancelled at one point after another, and what may be left of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from unittest import mock

import pytest
from sqlalchemy import func, select

from tacita_node.data import imports, staging
from tacita_node.data.cancellation import CancelAsked
from tacita_node.data.custody import CustodyEvent, verify_chain
from tacita_node.data.imports import ImportOrder
from tacita_node.data.tables import DatasetRow, RecordRow, RejectRow, SourceRow
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_protocol.identifiers.kind import Kind
from tests.support.broker_simulator import BrokerSimulator
from tests.support.identifiers import phones
from tests.support.single_node import SingleNode, TestClock, running
from tests.support.statements_seen import before_statement

ROWS = 20
DATA = "\n".join(["phone", *phones(ROWS), "junk"]).encode()
ROWS_AT_ONCE = 8


@contextmanager
def small_transactions() -> Iterator[None]:
    """In the block, an import of a few rows takes several transactions, as one of many thousands does."""
    with (
        mock.patch.object(imports, "ROWS_AT_ONCE", ROWS_AT_ONCE),
        mock.patch.object(staging, "ROWS_AT_ONCE", ROWS_AT_ONCE),
    ):
        yield


@asynccontextmanager
async def a_node(root: Path, database: str | None = None) -> AsyncIterator[SingleNode]:
    """A node from nothing; `database` is the address of a migrated one on a server, else it is a file."""
    clock = TestClock()
    async with running(root, BrokerSimulator(clock), clock=clock, database=database) as node:
        yield node


async def counts(services: NodeServices) -> dict[str, int]:
    """How many rows imports have left."""
    tables = (DatasetRow, SourceRow, RecordRow, RejectRow)
    async with services.database.read() as session:
        return {
            table.__tablename__: await session.scalar(select(func.count()).select_from(table)) or 0 for table in tables
        }


async def events(services: NodeServices) -> list[tuple[str, dict[str, str | int]]]:
    """Type and details of every custody event, of a chain that verifies."""
    chain = await services.custody.events()
    verify_chain(chain, partner="north-bank", key=services.identity.keys.signing.verify_key)
    bodies = [services.identity.verify_own(CustodyEvent, envelope).body for envelope in chain]
    return [(body.type, dict(body.details)) for body in bodies]


async def cancel_at_every_statement(root: Path, address: str | None = None, *, apart: int = 1) -> None:
    """Asks while one statement after another is under way, or each `apart`th; each import has a dataset of its own.

    `address` is the one of a migrated database on a server; None for a file.
    """
    async with a_node(root, address) as node:
        services, expected = node.services, await counts(node.services)
        answers: list[asyncio.Task[ImportOrder]] = []

        def ask() -> None:
            [job] = services.imports.under_way()
            answers.append(asyncio.ensure_future(services.imports.cancel(job.progress.source)))

        outcomes: list[str] = []
        while True:
            wanted = ImportOrder(f"suspects-{len(outcomes)}", Kind.PHONE, "phone", "GB")
            upload = await services.datasets.uploads.whole(DATA)
            with before_statement(apart * len(outcomes), ask):
                try:
                    done = await services.imports.run(upload, wanted, wait=600)
                except CancelAsked:
                    outcomes.append("cancelled")
                    assert await answers[-1] == wanted
                    assert await counts(services) == expected
                    continue
            assert isinstance(done, imports.Imported)
            assert (done.outcome, done.accepted, done.rejected) == ("imported", ROWS, 1)
            for table, more in (("datasets", 1), ("sources", 1), ("records", ROWS), ("rejects", 1)):
                expected[table] += more
            assert await counts(services) == expected
            if len(answers) == len(outcomes):
                break  # this import has fewer statements
            outcomes.append("over")
            with pytest.raises(ProblemError, match="409 import-over"):
                await answers[-1]
        cancelled = outcomes.count("cancelled")
        assert outcomes == ["cancelled"] * cancelled + ["over"] * (len(outcomes) - cancelled)
        assert cancelled * apart > 8  # also between the transactions that stage: dataset, records three times, rejects
        assert "over" in outcomes
        kinds = [kind for kind, _ in await events(services)]
        assert kinds == ["import-cancelled"] * cancelled + ["source-imported"] * (len(outcomes) - cancelled + 1)
