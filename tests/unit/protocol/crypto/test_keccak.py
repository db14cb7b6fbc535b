"""Keccak-256 is the original, not SHA3-256: two published values."""

import pytest

from tacita_protocol.crypto.keccak import keccak256


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
    ],
)
def test_a_known_value(data: bytes, digest: str) -> None:
    assert keccak256(data).hex() == digest
