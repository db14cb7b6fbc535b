"""The embedded decision point: regorus in a process of its own, with a time limit, failing closed.

Whatever goes wrong is a denial with a named reason (`Failure`): a policy that is too slow (its process is killed, the
next decision gets a new one), undefined, in error, or that answers anything but a complete decision.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from tacita_policies.answer import read_answer, read_permission
from tacita_policies.bundle import Bundle
from tacita_policies.decision import Decision, Entrypoint, Failure, Permission, denied_by, refused_by
from tacita_policies.example import EXAMPLES
from tacita_policies.process import DecisionProcess, ProcessFailed, Results
from tacita_policies.questions import MatchInput, PermitInput
from tacita_policies.source import PolicyRefused
from tacita_protocol.crypto.digest import Digest

DECISION_SECONDS = 2.0
"""Longest evaluation of one decision; then its process is killed."""
QUEUE_SECONDS = 10.0
"""Longest wait of a decision behind others."""
BATCH = 64
"""Questions that are put at once; between two batches others have their turn, and each has the time of one decision."""


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
            example = EXAMPLES[entrypoint]
            if isinstance(example, MatchInput):
                reasons = (await self.decide(entrypoint, example)).reasons
            else:
                reasons = (await self.permit(entrypoint, example)).reasons
            failures = [reason.code for reason in reasons if reason.code in set(Failure)]
            if failures:
                await self._drop()
                raise PolicyRefused(f"{entrypoint.value} gives no decision on an example: {failures[0]}")

    async def decide(self, entrypoint: Entrypoint, input: MatchInput) -> Decision:  # noqa: A002 - OPA's own term
        """Evaluate `entrypoint`; every failure is a denial that names it."""
        answers = await self._in_turn(entrypoint, [input])
        if isinstance(answers, Failure):
            return denied_by(answers)
        return read_answer(answers[0], approvals=input.approvals)

    async def permit(self, entrypoint: Entrypoint, input: PermitInput) -> Permission:  # noqa: A002 - OPA's own term
        """Evaluate `entrypoint`; every failure is a denial that names it."""
        return (await self.permit_each(entrypoint, [input]))[0]

    async def permit_each(self, entrypoint: Entrypoint, inputs: Sequence[PermitInput]) -> tuple[Permission, ...]:
        """Evaluate `entrypoint` on each input; a failure denies all of its batch."""
        permissions: list[Permission] = []
        for start in range(0, len(inputs), BATCH):
            batch = inputs[start : start + BATCH]
            answers = await self._in_turn(entrypoint, batch)
            if isinstance(answers, Failure):
                permissions += [refused_by(answers)] * len(batch)
            else:
                permissions += [read_permission(answer, asked) for answer, asked in zip(answers, batch, strict=True)]
        return tuple(permissions)

    async def close(self) -> None:
        """End the process; every further decision is a denial."""
        self._closed = True
        await self._drop()

    async def _in_turn(
        self, entrypoint: Entrypoint, inputs: Sequence[MatchInput | PermitInput]
    ) -> Sequence[Results] | Failure:
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            return Failure.BUSY
        try:
            return await self._ask(entrypoint, [facts.model_dump(mode="json") for facts in inputs])
        finally:
            self._turn.release()

    async def _ask(self, entrypoint: Entrypoint, inputs: Sequence[Mapping[str, Any]]) -> Sequence[Results] | Failure:
        answered = False
        try:
            process = await self._running()
            async with asyncio.timeout(self._timeout):
                answer = await process.ask(self._bundle.rules[entrypoint], inputs)
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
