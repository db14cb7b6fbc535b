"""Which engine a match gets: the requester's first that the card offers, everybody permits, and that can serve it."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.psi.engines import CAPACITIES, ENGINE_NAMES, SERVES, engine_named, negotiate, serves
from tacita_protocol.statements.vocabulary import Mode, ResultTo

ALL = ("vole", "ecdh", "oprf")
INTERSECTION, CARDINALITY = Mode.INTERSECTION, Mode.CARDINALITY
REQUESTER, OWNER, BOTH = ResultTo.REQUESTER, ResultTo.OWNER, ResultTo.BOTH

CASES: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], Mode, ResultTo], str | None]] = {
    "the requester's first": ((("ecdh", "vole"), ALL, ALL, INTERSECTION, REQUESTER), "ecdh"),
    "not the card's first": ((("vole", "ecdh"), ("ecdh", "vole"), ALL, INTERSECTION, REQUESTER), "vole"),
    "not the obligations' first": ((("vole", "ecdh"), ALL, ("ecdh", "vole"), INTERSECTION, REQUESTER), "vole"),
    "the first that the card offers": ((("vole", "ecdh"), ("ecdh",), ALL, INTERSECTION, REQUESTER), "ecdh"),
    "the first that is permitted": ((("vole", "ecdh"), ALL, ("ecdh",), INTERSECTION, REQUESTER), "ecdh"),
    "the first that serves the mode": ((("vole", "ecdh"), ALL, ALL, CARDINALITY, REQUESTER), "ecdh"),
    "the first that serves the owner": ((("oprf", "ecdh"), ALL, ALL, INTERSECTION, OWNER), "ecdh"),
    "the first that serves both": ((("oprf", "vole"), ALL, ALL, INTERSECTION, BOTH), "vole"),
    "none offered": ((("vole",), ("ecdh",), ALL, INTERSECTION, REQUESTER), None),
    "none permitted": ((("vole",), ALL, (), INTERSECTION, REQUESTER), None),
    "none serves the mode": ((("vole", "oprf"), ALL, ALL, CARDINALITY, REQUESTER), None),
    "none serves the owner": ((("oprf",), ALL, ALL, INTERSECTION, OWNER), None),
    "a cardinality is for the requester": ((ALL, ALL, ALL, CARDINALITY, OWNER), None),
    "an engine that nobody knows": ((("magic",), ("magic",), ("magic",), INTERSECTION, REQUESTER), None),
    "a known one after an unknown one": (
        (("magic", "ecdh"), ("magic", "ecdh"), ("magic", "ecdh"), INTERSECTION, REQUESTER),
        "ecdh",
    ),
}


@pytest.mark.parametrize(("case", "engine"), CASES.values(), ids=CASES.keys())
def test_the_first_that_fits(
    case: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], Mode, ResultTo], engine: str | None
) -> None:
    requested, offered, permitted, mode, result_to = case
    assert negotiate(requested, offered=offered, permitted=permitted, mode=mode, result_to=result_to) == engine


NAMES = st.lists(st.sampled_from((*ALL, "magic")), unique=True)


@given(NAMES, NAMES, NAMES, st.sampled_from(Mode), st.sampled_from(ResultTo))
def test_whatever_is_chosen_fits_and_nothing_before_it_does(
    requested: list[str], offered: list[str], permitted: list[str], mode: Mode, result_to: ResultTo
) -> None:
    chosen = negotiate(requested, offered=offered, permitted=permitted, mode=mode, result_to=result_to)
    fitting = {*offered} & {*permitted} & {engine for engine in ALL if serves(engine, mode, result_to)}
    assert chosen is None or chosen in fitting
    before = requested if chosen is None else requested[: requested.index(chosen)]
    assert not fitting & {*before}


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_the_table_agrees_with_the_engines_of_this_version(name: str) -> None:
    assert {mode for mode, _ in SERVES[name]} == engine_named(name).modes
    engine, known = engine_named(name), CAPACITIES[name]
    assert (known.max_elements, known.partitionable) == (engine.max_elements, engine.partitionable)


def test_of_every_engine_it_is_known_how_much_it_takes() -> None:
    assert CAPACITIES.keys() == SERVES.keys()
    for name, capacity in CAPACITIES.items():
        assert capacity.partitionable <= {mode for mode, _ in SERVES[name]}


def test_who_only_names_engines_loads_no_library() -> None:
    """A broker, which grants engines without running them, and a node, whose workers compute."""
    imports = "sys, tacita_protocol.psi.engines as engines, tacita_protocol.session"
    use = "[engines.engine_named(name).version for name in engines.ENGINE_NAMES]"
    script = f"import {imports}; {use}; sys.exit('private_set_intersection' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
