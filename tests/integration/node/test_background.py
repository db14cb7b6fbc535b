"""Tasks beside the local API: whoever ends by itself stops the node and is named; whoever is cancelled did nothing."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tacita_node.background import background
from tacita_node.services import NodeServices
from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import TestClock, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_tasks_that_somebody_else_cancels_are_not_reported_as_ended(tmp_path: Path) -> None:
    begun = asyncio.Event()
    tasks: list[asyncio.Task[object] | None] = []

    async def waits(_services: NodeServices, stop: asyncio.Event) -> None:
        tasks.append(asyncio.current_task())
        begun.set()
        await stop.wait()

    clock = TestClock()
    async with running(tmp_path, BrokerSimulator(clock), clock=clock) as node:
        with capture_logs() as logs:
            async with background(node.services, {"delivery": waits}):
                await begun.wait()
                (task,) = tasks
                assert task is not None
                task.cancel()  # as the loop does with all tasks at its end
                await asyncio.wait([task])
                assert node.services.stop.is_set()
    assert [line for line in logs if line["event"].startswith("task-")] == []


@pytest.mark.parametrize("fails", [False, True])
async def test_a_task_that_ends_by_itself_stops_the_node_and_is_named_once(tmp_path: Path, fails: bool) -> None:
    async def ends(_services: NodeServices, _stop: asyncio.Event) -> None:
        if fails:
            raise asyncio.CancelledError  # what it waited for was cancelled, not itself

    clock = TestClock()
    async with running(tmp_path, BrokerSimulator(clock), clock=clock) as node:
        with capture_logs() as logs:
            async with background(node.services, {"delivery": ends}):
                await node.services.stop.wait()
    assert [line["task"] for line in logs if line["event"] == "task-ended"] == ["delivery"]
