"""A responder that keeps the protocol up to the engine's messages and then sends nonsense: it gains nothing."""

from collections.abc import AsyncIterator

import pytest

from tests.support.match_federation import MatchFederation, loaded_federation
from tests.support.rogue import RogueResponder

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("rogue-responder")]  # one federation serves all of them


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def federation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MatchFederation]:
    async with loaded_federation(tmp_path_factory.mktemp("federation"), abort_grace_seconds=0) as federation:
        await federation.ngo.stop()
        await federation.ngo.start(jobs=False)
        yield federation


@pytest.mark.parametrize(
    "message",
    [b"", b"\x02" * 33, b"\xff" * (33 * 64), b"\x02" + bytes(32) + b"\x02" * 33 * 63, b"\x02" * (33 * 65)],
    ids=["nothing", "one-point", "no-points", "all-alike", "one-too-many"],
)
async def test_a_peer_that_answers_nonsense_gains_nothing(federation: MatchFederation, message: bytes) -> None:
    bank = federation.bank
    match = await federation.order()
    rogue = RogueResponder(federation.ngo, match)
    await rogue.confirm()
    await rogue.receive()
    rogue.session.send_message(message, run=0, partition=0, final=True)
    await rogue.send()
    summary = await bank.ended(match)
    assert (summary.state, summary.outcome, summary.hits) == ("aborted", "aborted", None)
    assert [reason.code for reason in summary.reasons] == ["peer-violation"]
