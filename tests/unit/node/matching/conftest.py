"""Tests here are coroutines, run by anyio's plugin on asyncio."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
