"""The demo's sample data, written once."""

import pytest

from deploy.demo.sample_data import SampleData, write_sample_data


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> SampleData:
    return write_sample_data(tmp_path_factory.mktemp("data"))
