"""Which benchmarks a name stands for."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.aims import AIMS
from bench.registry import BENCHMARKS, WITH_PEERS, selected

README = Path(__file__).parents[3] / "bench" / "README.md"


def test_all_are_all() -> None:
    assert selected("all") == list(BENCHMARKS)


def test_peers_are_those_with_a_peer() -> None:
    assert set(selected("peers")) == WITH_PEERS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_name_stands_for_itself(name: str) -> None:
    assert name in selected(name)


def test_a_beginning_stands_for_what_follows_its_dot() -> None:
    assert selected("path") == selected("path.ecdh") == ["path.ecdh.2^16"]


@pytest.mark.parametrize("name", ["", "ecd", "peer", "nothing"])
def test_other_names_stand_for_nothing(name: str) -> None:
    assert selected(name) == []


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_module_is_there(name: str) -> None:
    assert find_spec(BENCHMARKS[name].partition(":")[0]) is not None


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_readme_has_a_row_for_every_name(name: str) -> None:
    assert f"| `{name}` |" in README.read_text(encoding="utf-8")


def test_aims_are_of_figures_that_a_benchmark_gives() -> None:
    assert [
        figure for figure in AIMS if not any(figure == name or figure.startswith(f"{name}.") for name in BENCHMARKS)
    ] == []
