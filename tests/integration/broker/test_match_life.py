"""A match from request to closing, over HTTP, with a scripted pair of partners."""

import asyncio
from pathlib import Path

from tacita_protocol.api import MatchState
from tacita_protocol.statements.vocabulary import Role
from tests.support.broker_harness import broker_at
from tests.support.broker_match import event_types, federation, requested


def test_a_match_runs_from_request_to_closing(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            assert harness.trust is None
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            await match.relay("requester", b"\x00" * 1000)
            await match.relay("responder", b"\x01" * 1000)
            assert await match.say(bank, "receipt", match.make_receipt(Role.REQUESTER)) == 204
            assert (await match.view(bank)).state is MatchState.OPEN
            assert await match.say(ngo, "receipt", match.make_receipt(Role.RESPONDER)) == 204
            view = await match.until(MatchState.CLOSED)
            assert view.closing is not None
            opened = view.closing.logged.verify(
                harness.services.log.require_trust(), excluded=frozenset({bank.name, ngo.name})
            )
            assert opened.items["outcome"] == "completed"
            assert await event_types(bank) == ["decision", "acceptance", "closing"]
            assert await event_types(ngo) == ["decision", "open", "closing"]

    asyncio.run(run())
