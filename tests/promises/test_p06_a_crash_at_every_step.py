"""Promise 6, when a side dies: at no step is anything answered unwitnessed, or a result kept that is not closed.

A side dies just before a request of its match leaves, or after the broker has taken it and before the answer is there:
nothing of it reaches the broker from then on, it is stopped where it stands, and started again from its disk.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx2
import pytest

from tacita_broker.matches.tables import MatchRow
from tacita_node.matching.export import audit_export
from tacita_node.problems import ProblemError
from tacita_protocol.api import LoggedDecision, parse_body
from tacita_sdk.verify import open_log, verify_audit
from tests.support.match_federation import DEADLINE_SECONDS, MatchFederation, Member, Send, loaded_federation
from tests.support.scale import SOAKING

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(900)]

Side = Literal["bank", "ngo"]
THE_REQUEST = "POST the request"
LEARNED_FROM = re.compile(r"/(acceptance|frames/responder/\d+)$")
"""Requests of the asked side from which the asking one may learn something."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Wire:
    """Between one side and the broker: notes the steps of a match, and can go dead at one of them."""

    federation: MatchFederation
    member: Member
    steps: dict[str, None] = field(default_factory=dict)
    dead_at: tuple[str, bool] | None = None
    """A step, and whether the broker still takes that request."""
    dead: asyncio.Event = field(default_factory=asyncio.Event)
    unwitnessed: list[str] = field(default_factory=list)
    _spoken: bool = False

    async def __call__(self, request: httpx2.Request, send: Send) -> httpx2.Response:
        step = self._step(request)
        if step is not None:
            self.steps.setdefault(step)
            if LEARNED_FROM.search(step) and not await self._witnessed(request):
                self.unwitnessed.append(step)
        if self.dead_at is not None and step == self.dead_at[0] and not self.dead.is_set():
            if self.dead_at[1]:
                await send()
            self.dead.set()
        if self.dead.is_set():
            await asyncio.Event().wait()
        return await send()

    def _step(self, request: httpx2.Request) -> str | None:
        _, found, what = request.url.path.partition("/v1/matches")
        if not found:
            return None
        what = re.sub(r"^/[0-9a-f]{32}", "", what)
        if request.method == "GET" and not what:
            return "look after the receipt" if self._spoken else "look"
        self._spoken = self._spoken or what == "/receipt"
        return f"{request.method} {what}" if what else THE_REQUEST

    async def _witnessed(self, request: httpx2.Request) -> bool:
        """Whether the match's opening is in the log, cosigned by a quorum without its parties."""
        match = request.url.path.split("/")[3]
        async with self.federation.broker.database.read() as session:
            row = await session.get(MatchRow, match)
        trust = self.federation.broker.log.trust
        if row is None or row.opening is None or trust is None:
            return False
        logged = parse_body(LoggedDecision, row.opening.encode()).logged
        return logged.verify(trust, excluded=frozenset({row.requester, row.responder})).items["match"] == match


async def test_a_crash_at_every_step_shows_and_loses_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async with loaded_federation(tmp_path) as federation:
        endings: list[str] = []
        undisturbed = await _match(federation, None)
        assert undisturbed.ending == "completed"
        for side, step, taken in _crashes(undisturbed):
            crashed = await _match(federation, (side, step, taken))
            assert not crashed.unwitnessed, (side, step, taken)
            endings.append(crashed.ending)
        assert set(endings) == {"aborted", "completed"}
        await _audited(federation, tmp_path)
        record_property("crashes", len(endings))
        record_property("of_them_completed_all_the_same", endings.count("completed"))


@dataclass(frozen=True)
class _Played:
    """One match: how it ended, each side's steps in their order, and what was answered without a witnessed opening."""

    ending: str
    steps: dict[Side, tuple[str, ...]]
    unwitnessed: tuple[str, ...]


def _crashes(undisturbed: _Played) -> Iterator[tuple[Side, str, bool]]:
    """Each step of each side before and after the broker takes it; in `make test` one of both, and fewer frames."""
    taken = False
    for side, steps in undisturbed.steps.items():
        for step in steps:
            if SOAKING:
                yield side, step, False
                yield side, step, True
            elif not re.search(r"^GET /frames/|/frames/\w+/[1-9]", step):
                taken = not taken
                yield side, step, taken


async def _match(federation: MatchFederation, crash: tuple[Side, str, bool] | None) -> _Played:
    """Play a match in which a side dies at a step and comes back. What must hold at that moment and at the end."""
    members: dict[Side, Member] = {"bank": federation.bank, "ngo": federation.ngo}
    wires = {side: Wire(federation, member) for side, member in members.items()}
    for side, wire in wires.items():
        members[side].line.on = wire
    if crash is not None:
        side, step, taken = crash
        wires[side].dead_at = (step, taken)
    match = await federation.order()
    if crash is not None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await wires[side].dead.wait()
        await _nothing_is_shown(federation, match)
        await members[side].stop()
        members[side].line.on = None
        await members[side].start()
    never_asked = crash == ("bank", THE_REQUEST, False)
    ending = await (_given_up(federation, match) if never_asked else _ending(federation, match))
    for member in members.values():
        member.line.on = None
    unwitnessed = tuple(step for wire in wires.values() for step in wire.unwitnessed)
    return _Played(ending, {side: tuple(wire.steps) for side, wire in wires.items()}, unwitnessed)


async def _ending(federation: MatchFederation, match: str) -> str:
    """The one outcome of a match, which both sides know."""
    bank, ngo = await federation.bank.ended(match), await federation.ngo.ended(match)
    assert bank.outcome == ngo.outcome
    assert bank.hits in (None, 2)
    assert bank.hits is None or bank.outcome == "completed"
    return str(bank.outcome)


async def _given_up(federation: MatchFederation, match: str) -> str:
    """How a match ended of which the broker has never heard."""
    ending = (await federation.bank.ended(match, closed=False)).state
    async with federation.broker.database.read() as session:
        assert await session.get(MatchRow, match) is None
    return ending


async def _nothing_is_shown(federation: MatchFederation, match: str) -> None:
    """Before its closing is verified, the asking side shows no hit, whatever else has happened."""
    summary = await federation.bank.matches.match(match)
    if summary.closed:
        return
    assert summary.hits is None
    with pytest.raises(ProblemError) as refused:
        await federation.bank.matches.hits(match)
    assert refused.value.status == 409


async def _audited(federation: MatchFederation, root: Path) -> None:
    """An outsider finds nothing wrong with log and exports after all that."""
    trust = federation.broker.log.trust
    assert trust is not None
    exports = [await audit_export(member.running) for member in (federation.bank, federation.ngo)]
    await asyncio.to_thread(verify_audit, trust, open_log(str(root / "broker")), exports)
