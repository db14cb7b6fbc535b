"""The parent's end of the decision process: start it, put one question (or a batch) at a time, kill it."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Self

from tacita_policies.bundle import Bundle
from tacita_policies.source import PolicyRefused
from tacita_protocol.crypto.jcs import JSONValue, parse_json
from tacita_protocol.errors import ProtocolError

START_SECONDS = 30.0
"""Longest wait for a new process to have loaded the bundle (on a busy machine)."""
MAX_ANSWER_BYTES = 1 << 20
"""Bytes of one answer of the process."""

_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")  # and nothing that could hold a secret


Results = list[Mapping[str, JSONValue]]
"""What each rule gave for one input."""


class ProcessFailed(Exception):
    """The process could not be started, died, or answered nonsense; it is of no further use."""


class DecisionProcess:
    """One running process. Not for concurrent use."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._asked = 0

    @classmethod
    async def launch(cls, bundle: Bundle) -> Self:
        """Start a process and load `bundle` into it.

        Raises:
            PolicyRefused: the engine does not take the bundle.
            ProcessFailed: no process, or not in time.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "tacita_policies.decision_process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=MAX_ANSWER_BYTES,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )
        except OSError as error:
            raise ProcessFailed("no decision process could be started") from error
        started = cls(process)
        ready = False
        try:
            async with asyncio.timeout(START_SECONDS):
                answer = await started._exchange(
                    {"parent": os.getpid(), "policies": dict(bundle.policies), "data": dict(bundle.data)}
                )
            ready = answer.get("ready") is True
        except TimeoutError as error:
            raise ProcessFailed("the decision process did not start in time") from error
        finally:
            if not ready:
                await started.kill()
        if not ready:
            raise PolicyRefused(f"the engine does not take the bundle: {answer.get('error')}")
        return started

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, rules: Sequence[str], inputs: Sequence[Mapping[str, Any]]) -> list[Results]:
        """Evaluate `rules` on each input; the results of all rules for each. After an exception, or if cancelled, the
        process must be killed.

        Raises:
            ProcessFailed: it died or answered something else.
        """
        self._asked += 1
        answer = await self._exchange({"id": self._asked, "rules": list(rules), "inputs": list(inputs)})
        answers = answer.get("results")
        if answer.get("id") != self._asked or not isinstance(answers, list) or len(answers) != len(inputs):
            raise ProcessFailed("the decision process answered another question")
        return [_results(results, len(rules)) for results in answers]

    async def kill(self) -> None:
        """End it, whatever it is doing, and wait until it is gone."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):  # it ended on its own a moment ago
                self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()

    async def _exchange(self, message: Mapping[str, Any]) -> dict[str, JSONValue]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process was started without pipes")
        try:
            stdin.write(json.dumps(message).encode() + b"\n")
            await stdin.drain()
            answer = parse_json(await stdout.readline(), max_bytes=MAX_ANSWER_BYTES)
        except (OSError, ValueError, ProtocolError) as error:  # ValueError: a line longer than the limit
            raise ProcessFailed("the decision process died or answered nonsense") from error
        if not isinstance(answer, dict):
            raise ProcessFailed("the decision process answered nonsense")
        return answer


def _results(results: JSONValue, rules: int) -> Results:
    if not isinstance(results, list) or len(results) != rules:
        raise ProcessFailed("the decision process answered another question")
    return [result if isinstance(result, dict) else {} for result in results]
