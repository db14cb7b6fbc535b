"""Tests here are coroutines, run by anyio's plugin on asyncio."""

import pytest


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"
