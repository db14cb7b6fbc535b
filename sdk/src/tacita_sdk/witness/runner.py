"""The witness at work: ask the broker for the next checkpoint, decide, remember, cosign, hand over; forever.

A cosignature that the broker did not take is made and handed over again after each poll until it is taken or a newer
one replaces it; so it is, once, after a restart. A refusal of ours is reported and retried at the longest pause: it
means a fork, a rollback or a wrong key, and only people can resolve it. What the disk cannot hold ends the loop.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from tacita_protocol.api import WitnessNext
from tacita_protocol.crypto.encoding import from_b64u
from tacita_protocol.errors import ProtocolError
from tacita_protocol.tlog.merkle import HASH_BYTES
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable, ResponseUntrusted
from tacita_sdk.witness.witness import Cosigned, Witness

POLL_SECONDS: Final = 25
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
IDLE_PAUSE: Final = 0.5
"""Seconds between two polls that brought nothing new, so that a broker which answers at once is not hammered."""
RETRY_SECONDS: Final = 2
"""How long to poll while a cosignature waits to be handed over again."""

_BROKER_HAS_IT: Final = 409

Report = Callable[[str], None]
"""Takes a constant event name: witness.cosigned, .unreachable, .refused, .not-accepted."""


class WitnessApi(Protocol):
    """The two routes that a witness needs; both raise BrokerProblem, BrokerUnreachable or ResponseUntrusted."""

    async def witness_next(self, old: int, *, wait: int) -> WitnessNext | None: ...

    async def post_cosignature(self, size: int, line: str) -> None: ...


class WitnessRunner:
    """Runs one witness against one broker. `clock` answers unix seconds."""

    def __init__(
        self, witness: Witness, api: WitnessApi, *, clock: Callable[[], int], report: Report = lambda _event: None
    ) -> None:
        self._witness = witness
        self._api = api
        self._clock = clock
        self._report = report
        self._undelivered = True
        self._refused_with: int | None = None
        self._hindrance: str | None = None
        """What was reported last and still lasts."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; a poll under way is broken off. Raises WitnessStateError or OSError."""
        work = asyncio.create_task(self._run())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for task in (work, stopped):
                task.cancel()
            await asyncio.gather(work, stopped, return_exceptions=True)

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                progress = await self.step()
            except (BrokerUnreachable, BrokerProblem, ResponseUntrusted):
                self._hindered("witness.unreachable")
            except ProtocolError:
                self._hindered("witness.refused")
                pause = LONGEST_PAUSE
            else:
                pause = FIRST_PAUSE
                self._hindrance = None
                if not progress:
                    await asyncio.sleep(IDLE_PAUSE)
                continue
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _hindered(self, event: str) -> None:
        """Reports what holds the work up: once, until it is another or over."""
        if event != self._hindrance:
            self._report(event)
        self._hindrance = event

    async def step(self) -> bool:
        """Hand over what was left, poll once, cosign once; whether the broker took a cosignature of a new checkpoint.

        Raises ProtocolError when the checkpoint is refused, and what the API and the store raise.
        """
        if self._undelivered:
            again = await asyncio.to_thread(self._witness.again, self._clock())
            await self._hand_over(again)
        size = await asyncio.to_thread(lambda: self._witness.size)
        wait = RETRY_SECONDS if self._undelivered else POLL_SECONDS
        offered = await self._api.witness_next(size, wait=wait)
        if offered is None:
            return False
        # The whole step runs in a thread: syncing to disk takes its time, and a node's loop has other work.
        cosigned = await asyncio.to_thread(self._cosign, offered)
        await self._hand_over(cosigned)
        return not self._undelivered and cosigned.size > size

    def _cosign(self, offered: WitnessNext) -> Cosigned:
        proof = [from_b64u(text, length=HASH_BYTES, field="proof") for text in offered.proof]
        return self._witness.cosign(offered.checkpoint.encode(), old=offered.old, proof=proof, now=self._clock())

    async def _hand_over(self, cosigned: Cosigned | None) -> None:
        self._undelivered = cosigned is not None
        if cosigned is None:
            return
        try:
            await self._api.post_cosignature(cosigned.size, cosigned.line)
        except BrokerProblem as problem:
            # A conflict: the broker has gone on or has this line. Anything else, for example a trust file that does not
            # name this witness yet, may change; so it is tried again.
            if problem.status != _BROKER_HAS_IT:
                if problem.status != self._refused_with:  # once, for it comes every few seconds and may last for ever
                    self._report("witness.not-accepted")
                self._refused_with = problem.status
                return
        else:
            self._report("witness.cosigned")
        self._undelivered = False
        self._refused_with = None
