"""Promise 20: for the asker a silent match with hits looks like one without.

Two federations that differ in one thing: whether the owner's list holds any of the asker's accounts. Everything that
the asker can see is recorded in both and must be equal: its exchanges with the broker, its API, its database, its log.
Of the time it takes the owner, the structure is compared: its receipt is at the broker before anything is computed that
depends on the result, both cases compute equally much, and nothing that broker or asker can see waits for it: a look-up
that never ended would hold up the owner's own hits only. When both learn, the same holds for the owner's run.

Left out of the comparison are the log's proofs (as many cosignatures as witnesses happened to be quick) and how often
the asker looked whether something had happened.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog

from tacita_node.access.roles import Role
from tacita_node.app import create_app
from tacita_node.data.custody import CustodyEvent
from tacita_node.matching.export import audit_export
from tacita_node.workers import ThreadWorkers, Workers, unnoticed
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.psi.ecdh import EcdhEngine
from tacita_protocol.psi.engine import Task
from tacita_protocol.statements.statement import unverified
from tests.support.match_federation import IBANS, Member, Send, match_federation
from tests.support.match_steps import find

pytestmark = pytest.mark.anyio

BOOK = IBANS[:4]
WITH_HITS = IBANS[2:]
WITHOUT_HITS = (
    "AT611904300234573201",
    "CH9300762011623852957",
    "IT60X0542811101000000123456",
    "PL61109010140000071219812874",
)
PROOFS = {"logged", "entry", "proof"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Seen:
    """What the asker can see of one match, with ids and times reduced to their form."""

    written: list[tuple[object, ...]] = field(default_factory=list)
    frames: list[tuple[object, ...]] = field(default_factory=list)
    last_view: object = None
    answers: dict[str, object] = field(default_factory=dict)
    row: dict[str, object] = field(default_factory=dict)
    custody: list[str] = field(default_factory=list)
    blobs: list[str] = field(default_factory=list)
    logged: Counter[tuple[str, ...]] = field(default_factory=Counter)


LOOK_UP = "_hits/0"
"""The task in which an engine's receiver looks what is common."""


@dataclass
class Computed(Workers):
    """Computes in a thread, and notes what and when: task names, and `receipt` once the broker has it.

    `may_look`: what a look-up waits for, so that a test can make one take as long as it likes.
    """

    order: list[str] = field(default_factory=list)
    inner: ThreadWorkers = field(default_factory=ThreadWorkers)
    may_look: asyncio.Event | None = None

    async def run(self, tasks: Sequence[Task], done: Callable[[int], None] = unnoticed) -> list[Any]:
        names = [f"{task.function.__name__}/{task.elements}" for task in tasks]
        self.order += names
        if self.may_look is not None and LOOK_UP in names:
            await self.may_look.wait()
        return await self.inner.run(tasks, done)


@pytest.mark.parametrize("max_elements", [2**20, 60], ids=["in-one-piece", "in-partitions"])
async def test_a_silent_hit_looks_like_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_elements: int) -> None:
    monkeypatch.setattr(EcdhEngine, "max_elements", max_elements)
    hit, hit_computed = await scene(tmp_path / "hit", WITH_HITS, hits=2)
    miss, miss_computed = await scene(tmp_path / "miss", WITHOUT_HITS, hits=0)
    assert hit.written
    assert hit.frames
    assert hit.written == miss.written
    assert hit.frames == miss.frames
    assert hit.last_view == miss.last_view
    assert hit.answers == miss.answers
    assert hit.row == miss.row
    assert hit.custody == miss.custody
    assert hit.blobs == miss.blobs
    assert hit.logged == miss.logged
    assert hit_computed == miss_computed
    posted = hit_computed.index("receipt")
    assert 0 < posted < len(hit_computed) - 1


@pytest.mark.parametrize(
    ("result_to", "max_elements"), [("owner", 60), ("both", 2**20)], ids=["owner-in-partitions", "both-in-one-piece"]
)
async def test_nothing_that_others_see_waits_for_the_look_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result_to: str, max_elements: int
) -> None:
    monkeypatch.setattr(EcdhEngine, "max_elements", max_elements)
    computed = Computed(may_look=asyncio.Event())
    assert computed.may_look is not None
    async with match_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        await bank.load("book", Kind.ACCOUNT, BOOK, publish=False)
        await ngo.load("accounts", Kind.ACCOUNT, WITH_HITS)
        await federation.agree()
        closing = note_receipt(ngo, computed.order)
        ngo.running.pool = computed
        match = await federation.order(result_to=result_to, sensitivity="financial")
        # The asker's match ends, and the owner asks for its closing, while the owner has not looked.
        assert (await bank.ended(match)).outcome == "completed"
        await closing.wait()
        held = await find(ngo, match)
        assert held is not None
        assert (held.state, held.released, held.hits_sealed) == ("closing", False, None)
        # Its hits are released when both are there, the closing and what was found.
        computed.may_look.set()
        assert (await ngo.ended(match)).hits == 2
    assert LOOK_UP in computed.order
    assert computed.order.index("receipt") < computed.order.index(LOOK_UP)
    looked = computed.order[computed.order.index(LOOK_UP) :]
    assert set(looked) == {LOOK_UP}, "no run goes on after the first look"


async def scene(root: Path, owned: tuple[str, ...], *, hits: int) -> tuple[Seen, list[str]]:
    """One silent match to its end: what the asker saw, and in which order the owner computed and posted."""
    seen, computed = Seen(), Computed()
    async with match_federation(root) as federation:
        bank, ngo = federation.bank, federation.ngo
        await bank.load("book", Kind.ACCOUNT, BOOK, publish=False)
        await ngo.load("accounts", Kind.ACCOUNT, owned)
        await federation.agree()
        record(bank, seen)
        note_receipt(ngo, computed.order)
        ngo.running.pool = computed
        with structlog.testing.capture_logs() as events:
            match = await federation.order(result_to="owner", sensitivity="financial")
            await bank.ended(match)
            assert (await ngo.ended(match)).hits == hits
        seen.logged = Counter(
            (str(event["event"]), *sorted(event)) for event in events if event["event"] != "witness-cosigned"
        )
        await look(bank, match, seen)
    return seen, computed.order


def record(member: Member, seen: Seen) -> None:
    """Notes every exchange about matches between this member and the broker."""

    async def on(request: httpx2.Request, send: Send) -> httpx2.Response:
        response = await send()
        if not request.url.path.startswith(("/v1/matches", "/v1/tokens")):
            return response
        content = await response.aread()
        sent = await request.aread()
        path = re.sub(r"[0-9a-f]{32}", "{match}", request.url.path)
        if request.method != "GET":
            seen.written.append((request.method, path, response.status_code, len(sent), form(content)))
        elif "/frames/" not in path:
            seen.last_view = (path, response.status_code, form(content))
        elif response.status_code == 200:
            seen.frames.append((path, len(content)))
        return httpx2.Response(response.status_code, headers=response.headers, stream=httpx2.ByteStream(content))

    member.line.on = on


def note_receipt(member: Member, order: list[str]) -> asyncio.Event:
    """Notes when the broker has this member's receipt for the first time; set once it has shown the closing."""
    closing = asyncio.Event()

    async def on(request: httpx2.Request, send: Send) -> httpx2.Response:
        response = await send()
        if request.url.path.endswith("/receipt") and response.is_success and "receipt" not in order:
            order.append("receipt")
        if request.method == "GET" and re.fullmatch("/v1/matches/[0-9a-f]{32}", request.url.path):
            content = await response.aread()
            if response.is_success and json.loads(content)["closing"] is not None:
                closing.set()
            return httpx2.Response(response.status_code, headers=response.headers, stream=httpx2.ByteStream(content))
        return response

    member.line.on = on
    return closing


async def look(member: Member, match: str, seen: Seen) -> None:
    """Everything that stays at the asker's node and that its users can ask for."""
    token = await member.running.tokens.issue(Role.ANALYST)
    transport = httpx2.ASGITransport(create_app(member.running))
    headers = {"authorization": f"Bearer {token.secret}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8441", headers=headers) as client:
        for path in ("/v1/matches", f"/v1/matches/{match}", f"/v1/matches/{match}/hits"):
            answer = await client.get(path)
            seen.answers[path.replace(match, "{match}")] = (answer.status_code, form(answer.content, keep=True))
    seen.answers["export"] = form((await audit_export(member.running)).model_dump_json().encode())
    row = await find(member, match)
    assert row is not None
    for column in row.__table__.columns:
        value = getattr(row, column.key)
        kept = value if isinstance(value, bool) or column.key in {"units", "partitions", "reasons", "state"} else None
        seen.row[column.key] = (type(value).__name__, kept, measured(value))
    events = [unverified(CustodyEvent, event) for event in await member.running.custody.events()]
    seen.custody = [f"{event.type} {sorted(event.details)}" for event in events]
    for namespace in ("results", "frames", "epochs"):
        seen.blobs += [namespace] * len(await member.running.blobs.names(namespace))


def measured(value: object) -> object:
    """A stored value's length, without that of a proof in it."""
    if isinstance(value, bytes):
        return len(value)
    if not isinstance(value, str):
        return None
    return form(value.encode()) if value.startswith("{") and "logged" in value else len(value)


def form(content: bytes, *, keep: bool = False) -> object:
    """A JSON document with each text as its length (or as it is, with `keep`, ids and numbers aside); proofs left out.

    Anything else is its length.
    """
    try:
        document = json.loads(content)
    except ValueError:
        return len(content)
    return _form(document, keep=keep)


def _form(value: object, *, keep: bool) -> object:
    match value:
        case dict():
            return {name: _form(part, keep=keep) for name, part in value.items() if name not in PROOFS}
        case list():
            return [_form(part, keep=keep) for part in value]
        case str():
            return value if keep and not re.fullmatch(r"[0-9a-f]{32}", value) else len(value)
        case bool() | None:
            return value
        case _:
            return len(str(value))
