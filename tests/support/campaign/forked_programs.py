"""Our programs as processes of their own, forked from one that has loaded them: loading is most of a program's start.

The process that forks has no threads and does nothing else. A program that is started from it has its own session,
environment, arguments and log file; whatever it starts by itself (a decision process, workers) belongs to that session.
When whoever started the forking process ends, all of it is killed.

    with ForkedPrograms() as programs:
        process = programs.start("tacita-broker", "run", directory, log=file, environment={...})
        programs.kill(process)
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAMS = {
    "tacita": "tacita_sdk.cli.main",
    "tacita-broker": "tacita_broker.cli",
    "tacita-node": "tacita_node.cli",
}
_LOADED_LATER = (
    *("aiosqlite", "sqlalchemy.dialects.sqlite.aiosqlite", "uvicorn", "uvloop", "httptools", "uvicorn.protocols.utils"),
    *("tacita_broker.run", "tacita_node.run", "tacita_node.logs", "tacita_policies.source"),
    *("tacita_sdk.cli.witness", "tacita_sdk.witness"),
)
"""What the programs import once they are told what to do."""
_PR_SET_PDEATHSIG = 1


class ForkedPrograms:
    """Starts and ends programs. Safe to use from several threads."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._forking = subprocess.Popen(
            [sys.executable, "-m", "tests.support.campaign.forked_programs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forking.communicate()

    def start(self, program: str, *arguments: str, log: Path, environment: Mapping[str, str]) -> int:
        """Start a program with `environment` and nothing else of ours but the search paths; its process id."""
        order = {"program": program, "arguments": arguments, "log": str(log), "environment": dict(environment)}
        return self._asked(**order)

    def kill(self, process: int) -> None:
        """`kill -9`, and wait until it is gone."""
        os.kill(process, signal.SIGKILL)
        self._asked(wait=process)

    def stop(self, process: int) -> int:
        """SIGTERM, and wait for its end; its exit code."""
        os.kill(process, signal.SIGTERM)
        return os.waitstatus_to_exitcode(self._asked(wait=process))

    def wait(self, process: int) -> int:
        """Wait until it ends by itself; its exit code. Nothing else is started meanwhile."""
        return os.waitstatus_to_exitcode(self._asked(wait=process))

    def ended(self, process: int) -> bool:
        """Whether it has ended by itself."""
        return self._asked(look=process) == 1

    def _asked(self, **order: Any) -> int:
        with self._turn:
            assert self._forking.stdin is not None
            assert self._forking.stdout is not None
            self._forking.stdin.write(json.dumps(order).encode() + b"\n")
            self._forking.stdin.flush()
            return int(self._forking.stdout.readline())


def sessions_alive(sessions: frozenset[int]) -> frozenset[int]:
    """Those of the sessions in which a process still runs."""
    alive = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        if int(session) in sessions and state != "Z":
            alive.add(int(session))
    return frozenset(alive)


def _serve() -> dict[str, Any] | None:
    """Fork when told to. Returns in each forked process, with what it is to become, and at the very end with None."""
    children: set[int] = set()
    answers = os.fdopen(os.dup(1), "w")
    while line := sys.stdin.readline():
        order = json.loads(line)
        if "program" in order:
            answer = os.fork()
            if answer == 0:
                answers.close()
                return dict(order)
            children.add(answer)
        elif "wait" in order:
            _, answer = os.waitpid(order["wait"], 0)
            children.discard(order["wait"])
        else:
            # WNOWAIT: the status stays for whoever waits.
            info = os.waitid(os.P_PID, order["look"], os.WEXITED | os.WNOHANG | os.WNOWAIT)
            answer = 0 if info is None else 1
        print(answer, file=answers, flush=True)
    for child in children:
        os.kill(child, signal.SIGKILL)
    return None


def _become(order: Mapping[str, Any]) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, target)
    for descriptor in (nothing, log):
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = [order["program"], *order["arguments"]]
    importlib.import_module(PROGRAMS[order["program"]]).main()


if __name__ == "__main__":
    for module in (*PROGRAMS.values(), *_LOADED_LATER):
        importlib.import_module(module)
    gc.freeze()
    if (told := _serve()) is not None:
        _become(told)
