"""The databases that a broker may have."""

import asyncio

import pytest

from tacita_broker.directory import migrate
from tests.support.postgresql import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    """A PostgreSQL database's address, or None for a file in the broker's directory."""
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgresql")
    return server.copy_of("broker", lambda url: asyncio.run(migrate(url)))
