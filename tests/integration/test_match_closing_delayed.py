"""A receipt that cannot be handed over for long: the node tries again, and its log says once what the matter is."""

from pathlib import Path

import httpx2
import pytest
from structlog.testing import capture_logs

from tacita_protocol.api import InboxEvent, InboxEventType, Problem
from tests.support.match_federation import Send, loaded_federation, until

pytestmark = pytest.mark.anyio

REFUSED, UNTRUSTED = "BrokerProblem", "ResponseUntrusted"
CLOCK = Problem.of(401, "signature-time", "Unauthorized", "The clocks differ.").model_dump_json().encode()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_closing_that_is_delayed_is_logged_once_for_each_cause(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank = federation.bank
        tries, cause = 0, REFUSED

        async def keep_the_receipt(request: httpx2.Request, send: Send) -> httpx2.Response:
            nonlocal tries
            if not request.url.path.endswith("/receipt"):
                return await send()
            tries += 1
            if cause == REFUSED:
                headers = {"content-type": "application/problem+json"}
                return httpx2.Response(401, headers=headers, stream=httpx2.ByteStream(CLOCK), request=request)
            return httpx2.Response(200, stream=httpx2.ByteStream(b""), request=request)  # nobody signed this

        async def tried(times: int) -> None:
            """Has the closing try again so many times, without its pause. All but the last have failed then."""
            wanted = tries + times

            async def enough() -> bool:
                await bank.matches.notify(InboxEvent(seq=1, type=InboxEventType.OPEN, match=match, agreement=None))
                return tries >= wanted

            await until(enough)

        bank.line.on = keep_the_receipt
        match = await federation.order()
        with capture_logs() as logs:
            await tried(4)
            cause = UNTRUSTED
            await tried(3)
            cause = REFUSED
            await tried(3)
            bank.line.on = None
            assert (await bank.ended(match)).outcome == "completed"
    delayed = [entry for entry in logs if entry["event"] == "closing-delayed"]
    assert [entry["error"] for entry in delayed] == [REFUSED, UNTRUSTED, REFUSED]
    assert [(entry.get("code"), entry.get("status")) for entry in delayed] == [
        ("signature-time", 401),
        (None, None),
        ("signature-time", 401),
    ]
    assert {entry["match"] for entry in delayed} == {match}
    assert "The clocks differ" not in repr(logs)
