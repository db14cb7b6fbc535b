"""The shipped policies, started once for each file of tests."""

import asyncio
from collections.abc import Iterator

import pytest

from tacita_policies.bundle import Bundle
from tests.support.shipped_policies import Policies


@pytest.fixture(scope="module")
def policies() -> Iterator[Policies]:
    with asyncio.Runner() as runner:
        policies = Policies(runner, Bundle.load())
        yield policies
        policies.close()
