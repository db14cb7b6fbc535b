"""A disk that takes nothing, at the broker: 503, nothing acknowledged, and it goes on by itself once there is room."""

import asyncio
import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tacita_broker.directory import migrate
from tacita_broker.matches.tables import MatchRow
from tacita_broker.problems import PROBLEM_TYPE
from tacita_protocol.api import MatchState, StatementBody
from tacita_protocol.statements.vocabulary import Role
from tests.support.broker_harness import BrokerHarness, broker_at
from tests.support.broker_match import ScriptedMatch, federation, match_request, requested
from tests.support.disk_full import server_without_room
from tests.support.postgresql import PostgresServer

ROOM_AGAIN = {"max_page_count": 2**30, "query_only": 0}


@pytest.mark.parametrize("setting", [("max_page_count", 1), ("query_only", 1)], ids=["full", "read-only"])
def test_a_database_that_takes_nothing_acknowledges_nothing(tmp_path: Path, setting: tuple[str, int]) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            await harness.stop_witnesses()
            writer, (name, value) = await writer_of(harness), setting
            await writer.execute_fetchall(f"PRAGMA {name} = {value}")
            for _ in range(20):  # what the log still had in hand may have left room for one more
                await use_up_the_room(harness)
                match = match_request(bank, ngo)
                answer = await bank.post("/v1/matches", StatementBody(envelope=match.envelope))
                if answer.status_code != 201:
                    break
            assert_disk_full(answer)
            async with harness.services.database.read() as session:
                assert await session.get(MatchRow, match.body.match) is None
            await writer.execute_fetchall(f"PRAGMA {name} = {ROOM_AGAIN[name]}")
            answer = await bank.post("/v1/matches", StatementBody(envelope=match.envelope))
            assert answer.status_code == 201, answer.text

    asyncio.run(run())


def test_a_server_without_room_acknowledges_nothing(postgresql: PostgresServer, tmp_path: Path) -> None:
    url = postgresql.copy_of("broker", lambda made: asyncio.run(migrate(made)))

    async def run() -> None:
        async with broker_at(tmp_path, database=url) as harness:
            bank, ngo = await federation(harness)
            match = ScriptedMatch(bank, ngo, match_request(bank, ngo), harness=harness)
            body = StatementBody(envelope=match.request.envelope)
            async with server_without_room(url, "matches", state="53100"):
                assert_disk_full(await bank.post("/v1/matches", body))
            async with harness.services.database.read() as session:
                assert await session.get(MatchRow, match.id) is None
            async with server_without_room(url, "log_entries", state="53100") as met:
                assert (await bank.post("/v1/matches", body)).status_code == 201
                while not await met():  # a job beside the requests: it tries again until there is room
                    assert not harness.running.failed.is_set()
                    await asyncio.sleep(0.05)
            await match.granted()
            assert not harness.running.failed.is_set()

    asyncio.run(run())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_files_that_cannot_be_written_hold_a_match_up_and_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()

            def failing(_descriptor: int, _data: bytes) -> int:
                raise OSError(code, os.strerror(code))

            with monkeypatch.context() as patch:
                patch.setattr(os, "write", failing)
                assert_disk_full(await bank.put_frame(match.id, "requester", 0, b"one"))
                assert (await ngo.frame(match.id, "requester", 0)).status_code == 204
                for partner, role in ((bank, Role.REQUESTER), (ngo, Role.RESPONDER)):
                    assert await match.say(partner, "receipt", match.make_receipt(role)) == 204
                # The closing entry is stored, and no checkpoint that contains it can be written.
                await health(harness, 503)
                await harness.stop_witnesses(failing=True)
                assert (await match.view(bank)).closing is None
                assert not harness.running.failed.is_set()
            harness.start_witnesses()
            await match.until(MatchState.CLOSED)
            await health(harness, 200)
            assert list(harness.directory.log.glob("**/.*")) == []

    asyncio.run(run())


def assert_disk_full(answer: httpx2.Response) -> None:
    """The problem document that says so."""
    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM_TYPE), answer.text
    assert answer.json()["type"] == "urn:tacita:problem:disk-full"
    assert "retry-after" in answer.headers


async def health(harness: BrokerHarness, status: int) -> None:
    """Waits until the broker says so of itself."""
    for _ in range(1_500):
        if (await harness.client.get("/healthz")).status_code == status:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"/healthz never answered {status}")


async def writer_of(harness: BrokerHarness) -> Any:
    """The one connection that writes."""
    async with harness.services.database.write() as session:
        connection = await (await session.connection()).get_raw_connection()
        return connection.driver_connection


async def use_up_the_room(harness: BrokerHarness) -> None:
    """Fills the pages that the database file has; nothing happens where nothing can be written at all."""
    for size in (4_096, 256, 1):
        with suppress(OperationalError):
            for _ in range(8_192 // size + 64):
                async with harness.services.database.write() as session:
                    await session.execute(text("CREATE TABLE IF NOT EXISTS filler (bytes BLOB)"))
                    await session.execute(text(f"INSERT INTO filler VALUES (zeroblob({size}))"))
