"""The worker processes: results in order, errors as raised, a dead worker replaced, nothing left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacita_node.matching.pool import WorkerPool
from tacita_protocol.errors import EngineFailure, InvalidIdentifier, MalformedMessage
from tacita_protocol.psi.engine import Task


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2)
    yield pool
    pool.close()


def square(number: int) -> int:
    return number * number


def refuse(field: str) -> None:
    raise MalformedMessage("not a point", field=field)


def refuse_identifier() -> None:
    raise InvalidIdentifier("no number", reason="not-a-number")


def interrupt_self() -> str:
    os.kill(os.getpid(), signal.SIGINT)
    return "alive"


def wait_for(file: str, begun: str) -> None:
    Path(begun).touch()
    while not Path(file).exists():
        time.sleep(0.01)


def die() -> None:
    os._exit(3)


def test_results_come_in_order_and_errors_as_they_were_raised(pool: WorkerPool) -> None:
    async def use() -> None:
        assert await pool.run([Task(square, (n,)) for n in range(20)]) == [n * n for n in range(20)]
        with pytest.raises(MalformedMessage) as caught:
            await pool.run([Task(square, (1,)), Task(refuse, ("setup",))])
        assert caught.value.field == "setup"
        with pytest.raises(InvalidIdentifier):
            await pool.run([Task(refuse_identifier, ())])
        assert await pool.run([Task(interrupt_self, ())]) == ["alive"]
        assert await pool.run([]) == []

    asyncio.run(use())


def test_a_worker_that_dies_fails_its_engine_only(pool: WorkerPool) -> None:
    async def use() -> None:
        with pytest.raises(EngineFailure):
            await pool.run([Task(die, ())])
        assert await pool.run([Task(square, (3,))]) == [9]

    asyncio.run(use())


def test_idle_workers_end_and_the_next_task_starts_others() -> None:
    async def use() -> None:
        pool = WorkerPool(1, idle_seconds=0.05)
        [first] = await pool.run([Task(os.getpid, ())])
        give_up = time.monotonic() + 60
        while running(first):
            assert time.monotonic() < give_up
            await asyncio.sleep(0.02)
        [second] = await pool.run([Task(os.getpid, ())])
        assert second != first
        pool.close()

    asyncio.run(use())


def test_no_worker_ends_while_another_one_computes(tmp_path: Path) -> None:
    async def use() -> None:
        pool = WorkerPool(2, idle_seconds=0.001)
        go, begun = tmp_path / "go", tmp_path / "begun"
        long = asyncio.create_task(pool.run([Task(wait_for, (str(go), str(begun)))]))
        # It is with one worker then, so that the other one does all that comes.
        await asyncio.to_thread(wait_for, str(begun), str(tmp_path / "waited"))
        workers = set()
        for _ in range(3):
            workers |= {*await pool.run([Task(os.getpid, ())])}
            await asyncio.sleep(0.05)  # far longer than the pool may be idle
        go.touch()
        assert (await long, len(workers)) == ([None], 1)
        pool.close()

    asyncio.run(use())


def test_a_closed_pool_runs_nothing(pool: WorkerPool) -> None:
    pool.close()
    with pytest.raises(RuntimeError):
        asyncio.run(pool.run([Task(square, (1,))]))


PARENT = """
import asyncio, os, sys
from tacita_node.matching.pool import WorkerPool
from tacita_protocol.psi.engine import Task

async def main():
    pool = WorkerPool(1)
    print((await pool.run([Task(os.getpid, ())]))[0], flush=True)
    await asyncio.sleep(60)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_workers_end_with_a_node_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    give_up = time.monotonic() + 60
    while running(worker):
        assert time.monotonic() < give_up
        time.sleep(0.02)


def running(pid: int) -> bool:
    try:
        # A worker whose parents are gone may stay in the table as a zombie, which runs nothing.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
