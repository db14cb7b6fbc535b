"""A database server that goes away in the middle of writes, as one whose own disk is full does: nothing is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2

from tacita_broker.directory import migrate
from tacita_broker.matches.tables import MatchRow
from tacita_node.storage import migrate as migrate_node
from tacita_node.storage import place_of
from tacita_protocol.api import StatementBody
from tests.support.broker_harness import broker_at
from tests.support.broker_match import federation, match_request
from tests.support.broker_simulator import BrokerSimulator
from tests.support.postgresql import PostgresServer
from tests.support.single_node import TestClock, running

BEFORE = 3
"""Writes that have certainly succeeded when the server goes away."""


async def written_until_away(
    server: PostgresServer, write: Callable[[str], Awaitable[httpx2.Response]], *, done: int
) -> tuple[list[str], str]:
    """Writes one after the other while the server goes away: what was acknowledged, and what was not.

    `done` is the status that acknowledges.
    """
    names = [f"write-{number}" for number in range(BEFORE)]
    assert [(await write(name)).status_code for name in names] == [done] * BEFORE
    going = asyncio.create_task(asyncio.to_thread(server.crash))
    while True:
        name = f"write-{len(names)}"
        answer = await write(name)
        if answer.status_code != done:
            break
        names.append(name)
    await going
    assert_away(answer)
    return names, name


def assert_away(answer: httpx2.Response) -> None:
    """The problem document that says that the database does not answer."""
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"] == "urn:tacita:problem:database-away"
    assert "retry-after" in answer.headers


def test_a_broker_keeps_what_it_acknowledged(postgresql: PostgresServer, tmp_path: Path) -> None:
    url = postgresql.copy_of("broker", lambda made: asyncio.run(migrate(made)))

    async def run() -> None:
        async with broker_at(tmp_path, database=url) as harness:
            bank, ngo = await federation(harness)
            await harness.stop_witnesses()  # they take no 503 for an answer
            bodies = {}

            async def write(name: str) -> httpx2.Response:
                bodies[name] = match_request(bank, ngo)
                return await bank.post("/v1/matches", StatementBody(envelope=bodies[name].envelope))

            try:
                acknowledged, last = await written_until_away(postgresql, write, done=201)
                assert_away(await bank.get("/v1/partners"))
                await harness.running.failed.wait()  # it stops itself; its service manager starts it again
                assert (await harness.client.get("/healthz")).status_code == 503
            finally:
                postgresql.start()
            await harness.restart()
            again = await bank.post("/v1/matches", StatementBody(envelope=bodies[last].envelope))
            assert again.status_code in (200, 201), again.text
            async with harness.services.database.read() as session:
                kept = [await session.get(MatchRow, bodies[name].body.match) for name in (*acknowledged, last)]
            assert None not in kept
            assert not harness.running.failed.is_set()

    asyncio.run(run())


def test_a_node_keeps_what_it_acknowledged_and_goes_on(postgresql: PostgresServer, tmp_path: Path) -> None:
    url = postgresql.copy_of("node", lambda made: migrate_node(place_of(made, tmp_path)))

    async def run() -> None:
        clock = TestClock()
        async with running(tmp_path, BrokerSimulator(clock), clock=clock, database=url) as node:

            async def write(name: str) -> httpx2.Response:
                target = f"/v1/datasets/{name}/imports?kind=email&column=address"
                content = f"address\n{name}@example.org\n".encode()
                return await node.client.post(target, content=content, headers={"content-type": "text/csv"})

            try:
                acknowledged, last = await written_until_away(postgresql, write, done=200)
                assert_away(await node.client.get("/v1/datasets"))
            finally:
                postgresql.start()
            assert (await write(last)).status_code == 200
            listed = (await node.client.get("/v1/datasets")).json()["datasets"]
            assert {one["dataset"]: one["records"] for one in listed} == dict.fromkeys((*acknowledged, last), 1)

    asyncio.run(run())
