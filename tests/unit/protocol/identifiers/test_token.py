"""Tokens: what is hashed, and that a bound token says nothing outside its session."""

import hashlib
import pickle

import numpy as np
import pytest

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind, RejectionReason
from tacita_protocol.identifiers.normalise import normalise, normaliser_version
from tacita_protocol.identifiers.token import bind_tokens, commitment, tokenise

SESSION = bytes(range(32))
PHONES = ["+442079460018", "+49301234567", "+12025550123"]


def test_normaliser_versions_name_the_kind() -> None:
    assert normaliser_version(Kind.PHONE) == "phone/1"
    assert {normaliser_version(kind).partition("/")[0] for kind in Kind} == {kind.value for kind in Kind}


def test_a_token_is_the_hash_of_kind_version_and_canonical_form() -> None:
    expected = hashlib.sha256(b"tacita/token/v1\0phone\0phone/1\0+49301234567").digest()
    tokens = tokenise(Kind.PHONE, PHONES)
    assert tokens.shape == (3, 32)
    assert tokens[1].tobytes() == expected


def test_no_identifiers_make_no_tokens() -> None:
    assert tokenise(Kind.PHONE, []).shape == (0, 32)


def test_the_same_text_of_another_kind_is_another_token() -> None:
    assert not np.array_equal(tokenise(Kind.PHONE, ["x"]), tokenise(Kind.ACCOUNT, ["x"]))


def test_a_bound_token_is_the_hash_of_session_run_partition_and_token() -> None:
    tokens = tokenise(Kind.PHONE, PHONES)
    bound = bind_tokens(tokens, session_id=SESSION, run=1, partition=2)
    expected = hashlib.sha256(
        b"tacita/session-token/v1" + SESSION + b"\0\0\0\1" + b"\0\0\0\2" + tokens[2].tobytes()
    ).digest()
    assert bound[2].tobytes() == expected


@pytest.mark.parametrize(("session_id", "run", "partition"), [(bytes(32), 0, 0), (SESSION, 1, 0), (SESSION, 0, 1)])
def test_another_session_run_or_partition_gives_other_bound_tokens(session_id: bytes, run: int, partition: int) -> None:
    tokens = tokenise(Kind.PHONE, PHONES)
    first = bind_tokens(tokens, session_id=SESSION, run=0, partition=0)
    assert not np.array_equal(first, bind_tokens(tokens, session_id=session_id, run=run, partition=partition))


def test_a_session_id_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        bind_tokens(tokenise(Kind.PHONE, PHONES), session_id=b"short", run=0, partition=0)


@pytest.mark.parametrize("shape", [(3, 31), (96,), (3, 32, 1)])
def test_arrays_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        bind_tokens(np.zeros(shape, dtype=np.uint8), session_id=SESSION, run=0, partition=0)


def test_a_commitment_depends_on_every_token_their_order_and_the_seed() -> None:
    tokens = tokenise(Kind.PHONE, PHONES)
    changed = tokens.copy()
    changed[2, 31] ^= 1
    roots = [
        commitment(tokens, SESSION),
        commitment(changed, SESSION),
        commitment(tokens[::-1], SESSION),
        commitment(tokens, bytes(32)),
        commitment(tokens[:2], SESSION),
    ]
    assert len(set(roots)) == len(roots)
    assert commitment(tokens.copy(), SESSION) == roots[0]


def test_a_commitment_without_a_whole_seed_is_refused() -> None:
    """A seed that can be guessed would let anybody test tokens against the published root."""
    with pytest.raises(ValueError, match="32 bytes"):
        commitment(tokenise(Kind.PHONE, PHONES), b"")


def test_a_rejection_survives_the_way_back_from_a_worker_process() -> None:
    with pytest.raises(InvalidIdentifier) as caught:
        normalise(Kind.PHONE, "")
    returned = pickle.loads(pickle.dumps(caught.value))
    assert returned.reason == RejectionReason.EMPTY
