"""What tests of withdrawals, revocations and rotations share: faults on the line, and the local API of a member."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from tacita_node.access.roles import Role
from tacita_node.app import create_app
from tacita_node.config import Settings
from tacita_node.data.custody import CustodyEvent
from tacita_node.lifecycle.rotation import Rotation
from tacita_protocol.statements.statement import unverified
from tests.support.match_federation import PASSPHRASE, Intercept, Member, Send, system_clock


class Fault:
    """Breaks the exchanges of one method whose path contains `path`, until it is repaired.

    `down`: nothing arrives. `lost`: the broker deals with it, its answer does not arrive. `failing`: the broker deals
    with it and answers 503.
    """

    def __init__(self, member: Member, method: str, path: str, kind: str) -> None:
        self._member = member
        self._method = method
        self._path = path
        self._kind = kind
        self.seen = asyncio.Event()
        member.line.on = self._exchange

    async def _exchange(self, request: httpx2.Request, send: Send) -> httpx2.Response:
        if request.method != self._method or self._path not in request.url.path:
            return await send()
        self.seen.set()
        if self._kind == "down":
            raise httpx2.ConnectError("the line is down", request=request)
        answer = await send()
        await answer.aread()
        if self._kind == "lost":
            raise httpx2.ReadError("the line went down", request=request)
        return httpx2.Response(503, stream=httpx2.ByteStream(b""), request=request)

    def repair(self) -> None:
        """From now on everything passes."""
        self._member.line.on = None


def held(method: str, path: str, arrived: asyncio.Event, go: asyncio.Event) -> Intercept:
    """Holds the exchanges of a route back until `go`."""

    async def exchange(request: httpx2.Request, send: Send) -> httpx2.Response:
        if request.method == method and request.url.path.startswith(path):
            arrived.set()
            await go.wait()
        return await send()

    return exchange


@asynccontextmanager
async def api_of(member: Member) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the member's local API with an admin's token."""
    token = (await member.running.tokens.issue(Role.ADMIN)).secret
    transport = httpx2.ASGITransport(create_app(member.running), raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8441", headers=headers) as client:
        yield client


def rotation_of(member: Member, passphrase: bytes = PASSPHRASE) -> Rotation:
    """The rotation of a member's keys; it must not run."""
    settings = Settings(workers=1)
    return Rotation(member.directory, settings, passphrase, clock=system_clock, transport=member.line)


async def with_new_keys(member: Member) -> None:
    """Stops a member, replaces its keys, and starts it again."""
    await member.stop()
    member.identity = await rotation_of(member).rotate()
    await member.start()


async def custody_types(member: Member) -> list[str]:
    """The types of all custody events of a member."""
    return [unverified(CustodyEvent, event).type for event in await member.running.custody.events()]
