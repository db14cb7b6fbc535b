"""How a run is cut: the size of a bin, the number of bins, and which token goes where."""

import hashlib
import hmac
from fractions import Fraction
from itertools import pairwise
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.crypto.random_arrays import random_tokens
from tacita_protocol.errors import LimitExceeded, PeerViolation
from tacita_protocol.identifiers.token import Tokens
from tacita_protocol.psi.assignment import assignment
from tacita_protocol.psi.ecdh import EcdhEngine
from tacita_protocol.psi.engine import Mode, RunParameters
from tacita_protocol.psi.partition import bin_size, check_partitions, partitions_for
from tacita_protocol.statements.vocabulary import MAX_ELEMENTS, MAX_PARTITIONS

BINS = [2**k for k in range(13)]


def exact_bin_size(count: int, partitions: int) -> int:
    """The definition itself, in fractions."""
    chance = Fraction(1, partitions)
    bound = Fraction(1, 2**40 * 2 * partitions)
    size, tail = count, Fraction(0)
    while size > 0:
        tail += comb(count, size) * chance**size * (1 - chance) ** (count - size)
        if tail >= bound:
            break
        size -= 1
    return size


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.sampled_from(BINS))
def test_a_bin_is_as_large_as_the_exact_tail_demands(count: int, partitions: int) -> None:
    assert bin_size(count, partitions) == exact_bin_size(count, partitions)


def test_bins_of_known_size() -> None:
    """Both sides must get the same numbers on any machine and in any version: these are written down once."""
    assert {(count, bins): bin_size(count, bins) for count, bins in KNOWN_SIZES} == KNOWN_SIZES


KNOWN_SIZES = {
    (1, 1): 1,
    (64, 1): 64,
    (1, 4096): 1,
    (64, 2): 59,
    (64, 4096): 6,
    (2**20, 2): 527_994,
    (2**21, 4): 528_890,
    (2**26, 128): 529_911,
    (2**26, 4096): 17_446,
}


@given(st.integers(1, MAX_ELEMENTS - 1), st.sampled_from(BINS[4:]))
@settings(max_examples=30, deadline=None)
def test_more_elements_never_need_smaller_bins(count: int, partitions: int) -> None:
    larger = min(MAX_ELEMENTS, count + count // 50 + 1)
    assert bin_size(count, partitions) <= bin_size(count + 1, partitions) <= bin_size(larger, partitions)


@given(st.integers(1, 2**20))
@settings(max_examples=20, deadline=None)
def test_more_bins_are_never_larger_and_take_in_all(count: int) -> None:
    sizes = [bin_size(count, partitions) for partitions in BINS]
    assert all(more <= fewer for fewer, more in pairwise(sizes))
    assert all(size * partitions >= count for size, partitions in zip(sizes, BINS, strict=True))


@pytest.mark.parametrize(("count", "partitions"), [(0, 1), (1, 0), (-1, 2), (64, -4)])
def test_bins_of_nothing_are_a_mistake(count: int, partitions: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        bin_size(count, partitions)


class SmallEngine(EcdhEngine):
    """ecdh for few elements, so that few are cut."""

    max_elements = 100


SMALL = SmallEngine()


@pytest.mark.parametrize(
    ("requester", "responder", "partitions"),
    [(64, 64, 1), (100, 100, 1), (64, 101, 2), (101, 64, 2), (128, 64, 4), (512, 64, 16), (2**14, 2**14, 512)],
)
def test_the_smallest_number_of_partitions_that_fit(requester: int, responder: int, partitions: int) -> None:
    counts = {"requester_count": requester, "responder_count": responder}
    assert partitions_for(SMALL, Mode.INTERSECTION, **counts) == partitions
    assert bin_size(max(requester, responder), partitions) <= SMALL.max_elements
    assert partitions == 1 or bin_size(max(requester, responder), partitions // 2) > SMALL.max_elements
    check_partitions(SMALL, Mode.INTERSECTION, partitions, **counts)


def test_the_shipped_engine_takes_the_largest_set_that_a_statement_can_declare() -> None:
    largest = partitions_for(
        EcdhEngine(), Mode.INTERSECTION, requester_count=MAX_ELEMENTS, responder_count=MAX_ELEMENTS
    )
    assert largest == 128


@pytest.mark.parametrize("partitions", [1, 2, 8, 32, 4096, 0, -16])
def test_another_number_of_partitions_is_refused(partitions: int) -> None:
    with pytest.raises(PeerViolation) as caught:
        check_partitions(SMALL, Mode.INTERSECTION, partitions, requester_count=512, responder_count=64)
    assert caught.value.field == "partitions"


def test_a_mode_that_is_not_cut_has_the_engines_limit() -> None:
    assert partitions_for(SMALL, Mode.CARDINALITY, requester_count=100, responder_count=100) == 1
    with pytest.raises(LimitExceeded):
        partitions_for(SMALL, Mode.CARDINALITY, requester_count=101, responder_count=64)


def test_more_than_all_partitions_take_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        partitions_for(SMALL, Mode.INTERSECTION, requester_count=64, responder_count=100 * MAX_PARTITIONS)


def assigned(tokens: Tokens, p: RunParameters, partitions: int) -> list[int]:
    results = [task.function(*task.arguments) for task in assignment(tokens, p, partitions)]
    return [int(partition) for result in results for partition in result]


P = RunParameters(bytes(range(32)), 7, 0, receiver_count=64, sender_count=64, chunks=2)


def test_a_token_goes_where_the_written_rule_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Computed a second time from the docstring, and over several tasks."""
    monkeypatch.setattr("tacita_protocol.psi.assignment.MAX_TASK_TOKENS", 10)
    tokens = random_tokens(64)
    expected = [
        int.from_bytes(hmac.digest(bytes(range(32)), b"\0\0\0\7" + token.tobytes(), hashlib.sha256)[:8], "big") % 4096
        for token in tokens
    ]
    assert assigned(tokens, P, 4096) == expected


def test_other_sessions_and_runs_cut_in_other_ways() -> None:
    tokens = random_tokens(64)
    cuts = [
        assigned(tokens, RunParameters(session_id, run, 0, 64, 64, 1), 4096)
        for session_id in (bytes(32), b"\1" * 32)
        for run in (0, 1)
    ]
    assert len({tuple(cut) for cut in cuts}) == len(cuts)


def test_tokens_spread_evenly() -> None:
    """Chi squared over 64 bins, on fixed tokens: 63 degrees of freedom, 1 in 10^6 above 127."""
    tokens = np.frombuffer(
        b"".join(hashlib.sha256(i.to_bytes(4, "big")).digest() for i in range(2**14)), dtype=np.uint8
    ).reshape(-1, 32)
    sizes = np.bincount(assigned(tokens, P, 64), minlength=64)
    mean = 2**14 / 64
    assert float(np.sum((sizes - mean) ** 2) / mean) < 127
    assert sizes.max() <= bin_size(2**14, 64)
