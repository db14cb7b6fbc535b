"""A partner that speaks through the real session machine, step by step, until a test makes it deviate.

It acts with a node's keys and data while that node itself keeps still: what a partner that changes its software can do.
"""

from collections.abc import Callable, Generator
from typing import Any

from tacita_node.services import NodeServices
from tacita_protocol.api import MatchView
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.identifiers.token import Tokens
from tacita_protocol.psi.ecdh import EcdhEngine
from tacita_protocol.psi.engine import Action, Compute, RunParameters, Send
from tacita_protocol.session import (
    Confirmed,
    EngineMessage,
    MessageKind,
    RequesterSession,
    ResponderSession,
    Run,
)
from tacita_protocol.session.runs import evaluated
from tacita_protocol.statements.receipt import Receipt
from tacita_protocol.statements.statement import sign_statement, unverified
from tacita_sdk.broker import BrokerClient, Step
from tacita_sdk.errors import BrokerProblem
from tests.support.simulated_federation import until

ENGINE = EcdhEngine()
STEPS: dict[MessageKind, Step] = {
    MessageKind.ACCEPTANCE: "acceptance",
    MessageKind.OPEN: "open",
    MessageKind.RECEIPT: "receipt",
}
FRAME_SECONDS = 60
"""Far more than a frame takes; a busy machine gets it."""


Change = Callable[[bytes, bytes], bytes]
"""From an honest message and the peer's own, what is sent instead."""


def honest(message: bytes, _seen: bytes) -> bytes:
    """The truth."""
    return message


class LyingPartner:
    """One match of one partner. `session` is real; what goes out may be anything."""

    session: RequesterSession | ResponderSession
    tokens: Tokens
    """Its set."""

    def __init__(self, services: NodeServices, match: str, direction: Direction) -> None:
        self.services = services
        self.match = match
        self.direction = direction
        self.broker: BrokerClient = services.broker
        self._incoming = 0
        self._messages: list[bytes] = []

    async def view(self, ready: Callable[[MatchView], bool]) -> MatchView:
        """The broker's view of the match, once it holds what is waited for."""

        async def look() -> MatchView | None:
            try:
                view = await self.broker.match(self.match)
            except BrokerProblem:
                return None
            return view if ready(view) else None

        return await until(look)

    async def flush(self) -> None:
        """Sends what the session has queued, as an honest node would."""
        while (message := self.session.send()) is not None:
            if message.kind is MessageKind.FRAME:
                assert message.sequence is not None
                await self.broker.put_frame(self.match, self.direction, message.sequence, message.data)
            else:
                await self.broker.send_statement(self.match, STEPS[message.kind], message.data.decode())

    async def take_frame(self) -> list[object]:
        """The peer's next frame, and what the session reports of it."""
        frame = await self.broker.frame(self.match, self.direction.other, self._incoming, wait=FRAME_SECONDS)
        assert frame is not None
        self._incoming += 1
        return list(self.session.receive(MessageKind.FRAME, frame, self.services.clock()))

    async def confirm(self) -> None:
        """Exchanges the frames that confirm."""
        await self.flush()
        while not any(isinstance(event, Confirmed) for event in await self.take_frame()):
            continue

    async def message(self) -> bytes:
        """The peer's next message of the engine."""
        while not self._messages:
            events = await self.take_frame()
            self._messages += [event.data for event in events if isinstance(event, EngineMessage)]
        return self._messages.pop(0)

    async def say(self, data: bytes, *, final: bool, run: int = 0, partition: int = 0) -> None:
        """Sends one message of the engine, whatever it is."""
        self.session.send_message(data, run=run, partition=partition, final=final)
        await self.flush()

    def question(self) -> bytes:
        """The engine's first message as the receiver of the one run, as an honest partner would send it."""
        [run] = self.session.runs
        return sent(until_message(ENGINE.receive(self.tokens, self.parameters(run))))

    async def answer(self, *, setup: Change = honest, response: Change = honest) -> None:
        """Plays the sender of the one run, with messages changed on the way out."""
        [run] = self.session.runs
        steps = ENGINE.send(self.tokens, self.parameters(run))
        first = sent(until_message(steps))
        until_message(steps)
        request = await self.message()
        await self.say(setup(first, request), final=False)
        await self.say(response(sent(until_message(steps, request)), request), final=True)

    def parameters(self, run: Run) -> RunParameters:
        """What the engine is told about a run in one partition."""
        return RunParameters(self.session.session_id, run.number, 0, run.receiver_count, run.sender_count, chunks=1)

    async def hand_in_receipt(self, **changes: Any) -> Receipt:
        """Finishes honestly, and hands in a receipt that deviates in these fields; the one handed in."""
        charged = sum(evaluated(run, self.session.partitions) for run in self.session.runs)
        custody = await self.services.custody.salted_head()
        self.session.finish(elements_charged=charged, custody=custody, now=self.services.clock())
        signed = self.session.receipt
        assert signed is not None
        body = unverified(Receipt, signed.envelope).model_copy(update=changes)
        receipt = sign_statement(body, self.services.identity.keys.signing)
        await self.broker.send_statement(self.match, "receipt", receipt.envelope)
        return body


def until_message(steps: Generator[Action, Any, Any], answer: Any = None) -> Action:
    """Runs an engine's tasks until it wants to send or receive."""
    action = steps.send(answer)
    while isinstance(action, Compute):
        action = steps.send([task.function(*task.arguments) for task in action.tasks])
    return action


def sent(action: Action) -> bytes:
    """What the engine sends."""
    assert isinstance(action, Send)
    return action.data
