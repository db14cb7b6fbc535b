import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.crypto.keys import SealingKey
from tacita_protocol.crypto.sealing import SEALING_OVERHEAD, seal, unseal
from tacita_protocol.errors import DecryptionFailed

KEY = SealingKey.from_raw(bytes(range(96)))
SEALED = seal(b"session secret", KEY.public_key, info=b"s1/match/requester")


def test_round_trip() -> None:
    assert unseal(SEALED, KEY, info=b"s1/match/requester") == b"session secret"
    assert len(SEALED) == len(b"session secret") + SEALING_OVERHEAD


def test_two_sealings_differ() -> None:
    assert seal(b"x", KEY.public_key, info=b"i") != seal(b"x", KEY.public_key, info=b"i")


def test_another_context_or_key_does_not_open() -> None:
    with pytest.raises(DecryptionFailed):
        unseal(SEALED, KEY, info=b"s1/match/responder")
    with pytest.raises(DecryptionFailed):
        unseal(SEALED, SealingKey.generate(), info=b"s1/match/requester")


@given(st.integers(0, len(SEALED) * 8 - 1))
def test_any_flipped_bit_is_noticed(bit: int) -> None:
    changed = bytearray(SEALED)
    changed[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(DecryptionFailed):
        unseal(bytes(changed), KEY, info=b"s1/match/requester")


@pytest.mark.parametrize("sealed", [b"", SEALED[:-1], SEALED[:1120], SEALED + b"\0", bytes(3000)])
def test_other_lengths_do_not_open(sealed: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        unseal(sealed, KEY, info=b"s1/match/requester")
