import hashlib

from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.crypto.digest import constant_time_equal, digest_of, hkdf_sha256, hmac_sha256, sha256


@given(st.lists(st.binary()))
def test_sha256_is_over_the_concatenation(parts: list[bytes]) -> None:
    assert sha256(*parts) == hashlib.sha256(b"".join(parts)).digest()


def test_digest_of_is_lower_case_hex() -> None:
    # FIPS 180-2 appendix B.1
    assert digest_of(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_hmac_of_rfc4231_case_2() -> None:
    assert hmac_sha256(b"Jefe", b"what do ya want for nothing?").hex() == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_hkdf_of_rfc5869_case_3() -> None:
    assert hkdf_sha256(b"\x0b" * 22, b"", 42).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


def test_constant_time_equal() -> None:
    assert constant_time_equal(b"same", b"same")
    assert not constant_time_equal(b"same", b"sane")
    assert not constant_time_equal(b"same", b"sam")
