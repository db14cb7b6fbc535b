"""An empty database with the schema, made once."""

from pathlib import Path

import pytest

from tests.support.broker_log import make_template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("broker") / "template.db")
