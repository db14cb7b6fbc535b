"""A disk that takes nothing, at a node: 503, nothing is acknowledged, and matches go on once there is room."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tacita_node.problems import PROBLEM_TYPE
from tacita_node.storage import migrate, place_of
from tacita_protocol.api import InboxEvent, InboxEventType
from tests.support.broker_simulator import BrokerSimulator
from tests.support.disk_full import read_only, server_without_room
from tests.support.match_federation import MatchFederation, Send, loaded_federation, system_clock
from tests.support.match_steps import find, hold_engine_frames, rows, state_of
from tests.support.postgresql import PostgresServer
from tests.support.single_node import TestClock, running

pytestmark = pytest.mark.anyio

IMPORT = "/v1/datasets/suspects/imports?kind=phone"
CSV = b"phone\n+442079460001\n"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def federation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MatchFederation]:
    async with loaded_federation(tmp_path_factory.mktemp("disk")) as federation:
        yield federation


async def test_an_import_that_cannot_be_written_is_answered_503(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = TestClock()
    async with running(tmp_path, BrokerSimulator(clock), clock=clock) as node:

        def full(_descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        async def imported() -> int:
            answer = await node.client.post(IMPORT, content=CSV, headers={"content-type": "text/csv"})
            if answer.status_code == 503:
                assert answer.headers["content-type"] == PROBLEM_TYPE
                assert answer.json()["type"] == "urn:tacita:problem:disk-full"
            return answer.status_code

        async with read_only(node.services.database):
            assert await imported() == 503
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)  # the file of the source itself
            assert await imported() == 503
        assert (await node.client.get("/v1/datasets")).json()["datasets"] == []
        assert await imported() == 200


@pytest.mark.parametrize(("state", "status"), [("53100", 503), ("53200", 503), ("58030", 500)])
async def test_a_server_without_room_is_answered_503(
    postgresql: PostgresServer, tmp_path: Path, state: str, status: int
) -> None:
    url = postgresql.copy_of("node", lambda made: migrate(place_of(made, tmp_path)))
    clock = TestClock()
    async with running(tmp_path, BrokerSimulator(clock), clock=clock, database=url) as node:

        async def imported() -> int:
            return (await node.client.post(IMPORT, content=CSV, headers={"content-type": "text/csv"})).status_code

        async with server_without_room(url, "records", state=state):
            assert await imported() == status
        assert (await node.client.get("/v1/datasets")).json()["datasets"] == []
        assert await imported() == 200


async def test_a_request_waits_for_the_disk_and_is_answered_then(federation: MatchFederation) -> None:
    bank, ngo = federation.bank, federation.ngo
    looked_up = asyncio.Event()

    async def watch(request: httpx2.Request, send: Send) -> httpx2.Response:
        response = await send()
        if request.url.path.startswith("/v1/matches/"):
            looked_up.set()
        return response

    ngo.line.on = watch
    async with read_only(ngo.running.database):
        match = await federation.order()
        await state_of(bank, match, "granted")
        await looked_up.wait()  # it has heard of the request, and cannot write it down
        assert await find(ngo, match) is None
    asked, answered = await bank.ended(match), await ngo.ended(match)
    assert (asked.outcome, asked.hits, answered.outcome) == ("completed", 2, "completed")
    assert not ngo.running.stop.is_set()


async def test_a_match_whose_end_cannot_be_written_ends_once_it_can(federation: MatchFederation) -> None:
    bank, ngo = federation.bank, federation.ngo
    hold_engine_frames(ngo)
    match = await federation.order()
    await state_of(ngo, match, "matching")
    async with read_only(ngo.running.database):
        await bank.matches.cancel(match)
        job = ngo.matches._jobs._running[match]
        await job.over.wait()  # and could not say so
        assert (await ngo.matches.match(match)).state == "matching"
    ngo.line.on = None
    asked, answered = await bank.ended(match), await ngo.ended(match)
    assert (asked.outcome, answered.outcome) == ("aborted", "aborted")
    assert (asked.state, answered.state) == ("aborted", "aborted")


async def test_a_clock_set_back_by_an_hour_uses_no_grant_again(federation: MatchFederation) -> None:
    ngo = federation.ngo
    match = await federation.order()
    before = await ngo.ended(match)
    ngo.clock = lambda: system_clock() - 3_600
    await ngo.stop()
    await ngo.start(jobs=True, witness=False)
    event = InboxEvent(seq=1, type=InboxEventType.DECISION, match=match, agreement=None)
    known = await rows(ngo)
    await ngo.matches.notify(event)
    assert (await rows(ngo), await ngo.matches.match(match)) == (known, before)
    assert ngo.matches._jobs._tasks == {}
