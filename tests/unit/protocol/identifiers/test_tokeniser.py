"""Tokenisers: one identifier, one token or many, and back from the rows that matched."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normaliser_version
from tacita_protocol.identifiers.token import tokenise
from tacita_protocol.identifiers.tokeniser import Tokeniser, TokenSet, tokeniser_of
from tacita_protocol.psi.buckets import padded_count
from tacita_protocol.psi.ecdh import EcdhEngine
from tacita_protocol.psi.engine import RunParameters, Task, run_locally
from tests.support.identifiers import phones
from tests.support.threshold_kind import PAIRS, ROWS, ThresholdTokeniser, pairs_of


def rows_of(*numbers: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(numbers, dtype=np.int64)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_tokeniser_of_its_own_version(kind: Kind) -> None:
    tokeniser = tokeniser_of(kind)
    assert tokeniser.kind == kind
    assert tokeniser.version == normaliser_version(kind)


def test_one_token_an_identifier_is_the_hash_that_it_always_was() -> None:
    made = tokeniser_of(Kind.PHONE).tokenise(phones(5))
    assert np.array_equal(made.tokens, tokenise(Kind.PHONE, phones(5)))
    assert made.owners.tolist() == [0, 1, 2, 3, 4]


def test_no_identifiers_make_an_empty_set() -> None:
    made = tokeniser_of(Kind.PHONE).tokenise([])
    assert made.tokens.shape == (0, 32)
    assert made.owners.shape == (0,)


def test_a_matched_token_is_a_hit_of_its_owner() -> None:
    tokeniser = tokeniser_of(Kind.PHONE)
    assert tokeniser.resolve(rows_of(10, 20, 30), rows_of(0, 2)).tolist() == [10, 30]
    assert tokeniser.resolve(rows_of(10, 20, 30), rows_of()).tolist() == []


@pytest.mark.parametrize(
    ("owners", "dtype"), [([0, 1], np.int64), ([0, 1, 0], np.int64), ([0, 1, 2], np.int32)], ids=str
)
def test_owners_that_do_not_fit_the_tokens_are_refused(owners: list[int], dtype: Any) -> None:
    with pytest.raises(ValueError, match=r"owners|side by side"):
        TokenSet(tokenise(Kind.PHONE, phones(3)), np.array(owners, dtype=dtype))


def test_enough_tokens_of_one_view_of_one_identifier_are_a_hit() -> None:
    owners = ThresholdTokeniser().tokenise(phones(3)).owners * 100
    resolve = ThresholdTokeniser(needed=4).resolve
    first_view, second_view = list(range(PAIRS)), list(range(PAIRS, ROWS))
    cases: list[tuple[list[int], list[int]]] = [
        ([], []),
        (first_view[:3], []),
        (first_view[:4], [0]),
        (first_view[2:] + second_view, [0]),
        (first_view[:3] + second_view[:3], []),  # six tokens, but of two views
        ([*second_view[3:], ROWS, ROWS + 1, ROWS + 2], []),  # six tokens, but of two identifiers
        ([ROWS + row for row in first_view] + [2 * ROWS + row for row in second_view[:4]], [100, 200]),
    ]
    for rows, hit in cases:
        assert resolve(owners, rows_of(*rows)).tolist() == hit


@settings(max_examples=10, deadline=None)
@given(st.sets(st.integers(0, 999_999), max_size=12), st.sets(st.integers(0, 999_999), max_size=12), st.integers(4, 6))
def test_an_engine_finds_the_identifiers_that_are_alike_without_knowing_of_any(
    asked: set[int], held: set[int], needed: int
) -> None:
    """End to end: tokens of both sides through ecdh, and back to the identifiers that a plain comparison finds."""
    tokeniser: Tokeniser = ThresholdTokeniser(needed)
    own = [phones(1, start=number)[0] for number in sorted(asked)]
    others = [phones(1, start=number)[0] for number in sorted(held)]
    made, theirs = tokeniser.tokenise(own), tokeniser.tokenise(others)
    p = RunParameters(
        session_id=random_bytes(32),
        run=0,
        partition=0,
        receiver_count=padded_count(len(made.tokens)),
        sender_count=padded_count(len(theirs.tokens)),
        chunks=1,
    )
    engine = EcdhEngine()
    found = run_locally(engine.receive(made.tokens, p), engine.send(theirs.tokens, p), run_tasks=inline)
    assert found.rows is not None
    assert tokeniser.resolve(made.owners, found.rows).tolist() == plainly_alike(own, others, needed)


def plainly_alike(own: list[str], others: list[str], needed: int) -> list[int]:
    """Indices of own numbers of which `needed` pairs of one view occur, at their place, among the others' pairs."""
    held = {(view, place, pair) for number in others for view, place, pair in placed(number)}
    alike = []
    for index, number in enumerate(own):
        views = [view for view, place, pair in placed(number) if (view, place, pair) in held]
        if any(views.count(view) >= needed for view in set(views)):
            alike.append(index)
    return alike


def placed(number: str) -> list[tuple[int, int, str]]:
    return [(view, place, pair) for view, pairs in enumerate(pairs_of(number)) for place, pair in enumerate(pairs)]


def inline(tasks: tuple[Task, ...]) -> list[Any]:
    return [task.function(*task.arguments) for task in tasks]
