"""The embedded decision point: regorus in a process of its own, with a time limit, failing closed.

Whatever goes wrong is a denial with a named reason (`Failure`): a policy that is too slow (its process is killed, the
next decision gets a new one), undefined, in error, or that answers anything but a complete decision.
"""

import asyncio
from collections.abc import Mapping, Sequence

from tacita_policies.answer import read_answer
from tacita_policies.bundle import Bundle
from tacita_policies.decision import Decision, Entrypoint, Failure, MatchInput, denied_by
from tacita_policies.example import EXAMPLE
from tacita_policies.process import DecisionProcess, ProcessFailed
from tacita_policies.source import PolicyRefused
from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.jcs import JSONValue

DECISION_SECONDS = 2.0
"""Longest evaluation of one decision; then its process is killed."""
QUEUE_SECONDS = 10.0
"""Longest wait of a decision behind others."""


class EmbeddedDecisionPoint:
    """A `DecisionPoint` on the embedded engine. For use from one event loop.

    Args:
        bundle: what to evaluate.
        timeout: seconds that one evaluation may take.
    """

    def __init__(self, bundle: Bundle, *, timeout: float = DECISION_SECONDS) -> None:
        self._bundle = bundle
        self._timeout = timeout
        self._turn = asyncio.Lock()
        self._process: DecisionProcess | None = None
        self._closed = False

    @property
    def digest(self) -> Digest:
        """Digest of the bundle."""
        return self._bundle.digest

    @property
    def process_id(self) -> int | None:
        """The running decision process, if there is one."""
        return self._process.pid if self._process is not None and self._process.alive else None

    async def start(self) -> None:
        """Start the process and evaluate every entrypoint once on an example: some errors surface only then.

        Raises:
            PolicyRefused: the bundle does not give a complete decision.
        """
        for entrypoint in Entrypoint:
            decision = await self.decide(entrypoint, EXAMPLE)
            failures = [reason.code for reason in decision.reasons if reason.code in set(Failure)]
            if failures:
                await self._drop()
                raise PolicyRefused(f"{entrypoint.value} gives no decision on an example: {failures[0]}")

    async def decide(self, entrypoint: Entrypoint, input: MatchInput) -> Decision:  # noqa: A002 - OPA's own term
        """Evaluate `entrypoint`; every failure is a denial that names it."""
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            return denied_by(Failure.BUSY)
        try:
            answer = await self._ask(entrypoint, input)
        finally:
            self._turn.release()
        return denied_by(answer) if isinstance(answer, Failure) else read_answer(answer, approvals=input.approvals)

    async def close(self) -> None:
        """End the process; every further decision is a denial."""
        self._closed = True
        await self._drop()

    async def _ask(self, entrypoint: Entrypoint, facts: MatchInput) -> Sequence[Mapping[str, JSONValue]] | Failure:
        answered = False
        try:
            process = await self._running()
            async with asyncio.timeout(self._timeout):
                answer = await process.ask(self._bundle.rules[entrypoint], facts.model_dump(mode="json"))
            answered = True
        except TimeoutError:
            return Failure.TIMEOUT
        except (ProcessFailed, PolicyRefused):
            return Failure.UNAVAILABLE
        finally:
            if not answered:  # also when cancelled: a late answer must not be read as that of the next question
                await self._drop()
        return answer

    async def _running(self) -> DecisionProcess:
        if self._closed:
            raise ProcessFailed("the decision point is closed")
        if self._process is None or not self._process.alive:
            await self._drop()
            self._process = await DecisionProcess.launch(self._bundle)
        return self._process

    async def _drop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await process.kill()
