"""What a broker in a process of its own does for scripted partners on loopback, with two real witnesses."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Iterator, Sequence
from pathlib import Path
from statistics import quantiles
from typing import TypeVar

from bench.report import Figure, progress
from tacita_protocol.api import Inbox, InboxEventType, MatchState, MatchView, parse_body
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.statements.vocabulary import PartnerKind, Role
from tests.support.broker_match import MatchScript, ask
from tests.support.broker_partner import Partner
from tests.support.broker_process import BrokerProcess, broker_process

T = TypeVar("T")

NO_RATES = {
    f"TACITA_BROKER_{kind}_{limit}": "1000000" for kind in ("SIGNED", "BEARER") for limit in ("PER_SECOND", "BURST")
}
"""Few partners stand for many here: how often each may ask is not what is measured."""

MATCHES = 120
REQUESTERS = 2
"""Each may have 64 open matches."""

AT_ONCE = 16
SAMPLE_FRAME = 64 * 1024

FRAME = 2**20
FRAMES = 256
"""In each direction."""

WARM_UP = 8
WAIT_SECONDS = 20

ENTRIES = 300
ENTRIES_BEFORE = 10


def broker_matches() -> Iterator[Figure]:
    """Matches of two requesters that are open at one time, each of which then completes: frames, receipts, closing."""
    seconds, count = asyncio.run(_matches())
    yield Figure("broker.matches", MATCHES, count, "matches")
    yield Figure("broker.matches.seconds", MATCHES, round(seconds, 2), "s")


async def _matches() -> tuple[float, int]:
    with tempfile.TemporaryDirectory(prefix="tacita-bench-") as folder:
        async with broker_process(Path(folder) / "federation", NO_RATES) as broker:
            owner = await broker.owner("safe-harbour")
            banks = [await broker.partner(f"bank-{number}", PartnerKind.BANK) for number in range(REQUESTERS)]
            began = time.perf_counter()
            opened = await _together([_open(banks[number % REQUESTERS], owner) for number in range(MATCHES)])
            views = await _together([match.view(match.requester) for match in opened])
            count = sum(view.state is MatchState.OPEN for view in views)
            progress(f"  {count} open after {time.perf_counter() - began:.1f} s")
            await _together([_complete(match) for match in opened])
            for match in opened:
                await _closed(broker, match)
            took = time.perf_counter() - began
    progress(f"  all closed as completed after {took:.1f} s")
    return took, count


async def _together(work: Sequence[Awaitable[T]]) -> list[T]:
    """All of it, `AT_ONCE` at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def in_turn(one: Awaitable[T]) -> T:
        async with places:
            return await one

    return await asyncio.gather(*map(in_turn, work))


async def _open(requester: Partner, responder: Partner) -> MatchScript:
    match = MatchScript(requester, responder, await ask(requester, responder))
    await match.run_to_open()
    return match


async def _complete(match: MatchScript) -> None:
    for direction in ("requester", "responder"):
        await match.relay(direction, random_bytes(SAMPLE_FRAME))
    for partner, role in ((match.requester, Role.REQUESTER), (match.responder, Role.RESPONDER)):
        if await match.say(partner, "receipt", match.make_receipt(role)) != 204:
            raise RuntimeError("a receipt was refused")


async def _closed(broker: BrokerProcess, match: MatchScript) -> None:
    """Wait for the closing entry and check its proof."""
    view = await match.until(MatchState.CLOSED)
    parties = frozenset({view.requester, view.responder})
    if (
        view.closing is None
        or view.closing.logged.verify(broker.trust, excluded=parties).items["outcome"] != "completed"
    ):
        raise RuntimeError("a match did not complete")


def broker_relay() -> Iterator[Figure]:
    """Frames of 1 MiB of one match in both directions at once, each acknowledged from the disk and fetched."""
    took = asyncio.run(_relay())
    sent = 2 * FRAMES * FRAME / 1e6
    progress(f"  {sent:.0f} MB in {took:.2f} s")
    yield Figure("broker.relay", 2 * FRAMES, round(sent / took, 1), "MB/s")


async def _relay() -> float:
    with tempfile.TemporaryDirectory(prefix="tacita-bench-") as folder:
        async with broker_process(Path(folder) / "federation", NO_RATES) as broker:
            match = await _open(
                await broker.partner("first-bank", PartnerKind.BANK), await broker.owner("safe-harbour")
            )
            frame = random_bytes(FRAME)
            await _both_ways(match, frame, range(WARM_UP))
            began = time.perf_counter()
            await _both_ways(match, frame, range(WARM_UP, WARM_UP + FRAMES))
            return time.perf_counter() - began


async def _both_ways(match: MatchScript, frame: bytes, numbers: range) -> None:
    async def send(sender: Partner, direction: str) -> None:
        for number in numbers:
            if (await sender.put_frame(match.id, direction, number, frame)).status_code != 201:
                raise RuntimeError("a frame was refused")

    async def fetch(receiver: Partner, direction: str) -> None:
        for number in numbers:
            answer = await receiver.frame(match.id, direction, number, WAIT_SECONDS)
            if answer.status_code != 200 or answer.content != frame:
                raise RuntimeError("a frame did not arrive as it was sent")

    sides = {"requester": (match.requester, match.responder), "responder": (match.responder, match.requester)}
    async with asyncio.TaskGroup() as tasks:
        for direction, (sender, receiver) in sides.items():
            tasks.create_task(send(sender, direction))
            tasks.create_task(fetch(receiver, direction))


def log_p99() -> Iterator[Figure]:
    """From sending a request for a match to holding its decision with a checked proof of both witnesses, one by one."""
    took = asyncio.run(_latencies())
    cuts = quantiles((seconds * 1_000 for seconds in took), n=100)
    progress(f"  p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, slowest {max(took) * 1_000:.0f} ms")
    yield Figure("log.p99", ENTRIES, round(cuts[98], 1), "ms")
    yield Figure("log.p99.p50", ENTRIES, round(cuts[49], 1), "ms")


async def _latencies() -> list[float]:
    took = []
    with tempfile.TemporaryDirectory(prefix="tacita-bench-") as folder:
        async with broker_process(Path(folder) / "federation", NO_RATES) as broker:
            bank, owner = await broker.partner("first-bank", PartnerKind.BANK), await broker.owner("safe-harbour")
            position = 0
            for number in range(ENTRIES_BEFORE + ENTRIES):
                began = time.perf_counter()
                match = MatchScript(bank, owner, await ask(bank, owner))
                position = await _heard(bank, match.id, InboxEventType.DECISION, position)
                view: MatchView = await match.view(bank)
                if view.decision is None:
                    raise RuntimeError("a decision was told of but is not there")
                view.decision.logged.verify(broker.trust, excluded=frozenset({bank.name, owner.name}))
                if number >= ENTRIES_BEFORE:
                    took.append(time.perf_counter() - began)
                await match.granted()
                if await match.say(owner, "refusal", match.make_refusal()) != 204:
                    raise RuntimeError("a refusal was refused")
                position = await _heard(bank, match.id, InboxEventType.CLOSING, position)
    return took


async def _heard(partner: Partner, match: str, what: InboxEventType, after: int) -> int:
    """Wait as a node does, at the inbox, for an event of a match; returns the position after it."""
    end = time.monotonic() + 600
    while time.monotonic() < end:
        answer = await partner.inbox(after, WAIT_SECONDS)
        if answer.status_code != 200:
            raise RuntimeError("the inbox does not answer")
        inbox = parse_body(Inbox, answer.content)
        after = inbox.next
        if any(event.match == match and event.type is what for event in inbox.events):
            return after
    raise RuntimeError("an event did not come")
