"""Tests here are coroutines, run by anyio's plugin on asyncio."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.agreeing_pair import Pair
from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import TestClock, running


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    clock = TestClock()
    broker = BrokerSimulator(clock)
    async with AsyncExitStack() as stack:
        bank = await stack.enter_async_context(running(tmp_path / "bank", broker, clock=clock))
        ngo = await stack.enter_async_context(
            running(tmp_path / "ngo", broker, clock=clock, partner="harbour-ngo", kind=PartnerKind.NGO)
        )
        yield Pair(bank, ngo, broker, clock)
