"""A broker's clock that goes wrong and is set right: nothing is used twice."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import func, select

from tacita_broker.access.nonces import KEPT_SECONDS
from tacita_broker.access.tables import NonceHorizonRow, NonceRow
from tacita_broker.matches.keeper import CLEARING_SECONDS
from tacita_protocol.api import MatchState
from tacita_protocol.crypto.httpsig import MAX_CLOCK_SKEW, MAX_VALIDITY
from tests.support.broker_harness import BrokerHarness, HostClock, broker_at
from tests.support.broker_match import federation, requested

TARGET = "/v1/partners"
HOUR = 3_600
NOW = 1_800_000_000


@pytest.mark.parametrize("ahead", [0, HOUR])
def test_a_clock_set_back_by_an_hour_lets_no_request_in_again(tmp_path: Path, ahead: int) -> None:
    """Whether it was right before, or an hour ahead: new requests are taken at once."""

    async def run() -> None:
        async with broker_at(tmp_path, clock=HostClock(stopped=NOW)) as harness:
            bank, _ = await federation(harness)
            stolen = bank.sign("GET", TARGET)
            assert (await bank.send("GET", TARGET, headers=stolen)).status_code == 200
            if ahead:
                await pass_time(harness, ahead)
                await set_clock(harness, -ahead)
            else:
                await set_clock(harness, -HOUR)
            again = await bank.send("GET", TARGET, headers=stolen)
            assert (again.status_code, code(again)) == (401, "replayed" if ahead else "signature-time")
            assert (await bank.get(TARGET)).status_code == 200
            if not ahead:
                await set_clock(harness, HOUR)
                assert code(await bank.send("GET", TARGET, headers=stolen)) == "replayed"

    asyncio.run(run())


def test_what_was_forgotten_is_refused_after_a_clock_was_set_back(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, clock=HostClock(stopped=NOW)) as harness:
            bank, _ = await federation(harness)
            stolen = bank.sign("GET", TARGET)
            assert (await bank.send("GET", TARGET, headers=stolen)).status_code == 200
            ahead = KEPT_SECONDS + MAX_VALIDITY + HOUR
            await pass_time(harness, ahead)
            async with harness.services.database.read() as session:
                assert (await session.execute(select(func.count()).select_from(NonceRow))).scalar_one() == 0
                horizon = (await session.execute(select(NonceHorizonRow.expires))).scalar_one()
            await harness.restart()
            await set_clock(harness, -ahead)
            again = await bank.send("GET", TARGET, headers=stolen)
            assert (again.status_code, code(again)) == (401, "signature-time")
            # Requests that nobody has seen are refused as well, for as long as one of the forgotten could be valid.
            assert code(await bank.get(TARGET)) == "signature-time"
            await set_clock(harness, horizon - harness.clock())
            assert (await bank.get(TARGET)).status_code == 200

    asyncio.run(run())


def test_a_clock_set_back_opens_no_grant_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, clock=HostClock(stopped=NOW)) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.granted()
            entries = harness.row_counts()["log_entries"]
            await set_clock(harness, 2 * HOUR)
            await match.until(MatchState.CLOSED)
            await set_clock(harness, -2 * HOUR)
            assert await match.say(ngo, "acceptance", match.make_acceptance()) == 410
            assert harness.row_counts()["log_entries"] == entries + 1
            await harness.restart()
            assert await match.say(ngo, "acceptance", match.make_acceptance()) == 410
            assert (await match.view(bank)).state is MatchState.CLOSED

    asyncio.run(run())


@pytest.mark.parametrize("shown", [False, True])
def test_a_token_that_expired_is_not_good_again(tmp_path: Path, shown: bool) -> None:
    """Whether or not somebody showed it in the meantime; a new one is given at once."""

    async def run() -> None:
        async with broker_at(tmp_path, clock=HostClock(stopped=NOW)) as harness:
            bank, _ = await federation(harness)
            old = await bank.token()
            assert await opens(harness, old)
            life = harness.services.settings.token_seconds
            await pass_time(harness, life)
            if shown:
                assert not await opens(harness, old)
            await set_clock(harness, -life)
            assert not await opens(harness, old)
            bank.forget_tokens()
            new = await bank.token()
            assert await opens(harness, new)
            await set_clock(harness, -MAX_CLOCK_SKEW)
            assert await opens(harness, new)
            await harness.restart()
            assert not await opens(harness, new)

    asyncio.run(run())


async def opens(harness: BrokerHarness, token: str) -> bool:
    """Whether the inbox is read with this token."""
    answer = await harness.client.get("/v1/inbox?after=0&wait=0", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200 or code(answer) == "token", answer.text
    return answer.status_code == 200


def code(answer: httpx2.Response) -> str:
    """The code of the problem."""
    return str(answer.json()["type"]).rpartition(":")[2]


async def set_clock(harness: BrokerHarness, seconds: int) -> None:
    """The clock goes on, or back, by so much; no witness is just signing."""
    await harness.stop_witnesses()
    harness.clock.offset += seconds
    harness.start_witnesses()


async def pass_time(harness: BrokerHarness, seconds: int) -> None:
    """The clock goes on, and the broker has cleared up since."""
    await set_clock(harness, seconds)
    keeper = harness.services.keeper
    for _ in range(1_500):
        if keeper.cleared >= harness.clock() - CLEARING_SECONDS:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the broker did not clear up")
