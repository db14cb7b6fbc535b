"""An empty database with the schema, made once."""

import asyncio
from pathlib import Path

import pytest

from tacita_broker.directory import migrate
from tests.support.broker_log import make_template
from tests.support.postgresql import PostgresServer


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("broker") / "template.db")


@pytest.fixture
def served(postgresql: PostgresServer) -> str:
    """The address of a PostgreSQL database of the same kind."""
    return postgresql.copy_of("broker", lambda url: asyncio.run(migrate(url)))


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Path | str:
    """Either of them."""
    place: Path | str = request.getfixturevalue("template" if request.param == "sqlite" else "served")
    return place
