import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.errors import DecryptionFailed

CIPHER = StorageCipher(bytes(range(32)))
RECORD = CIPHER.encrypt(b"the record", table="hits", row="12", version=3)


@given(st.binary(), st.text(), st.text(), st.integers(0, 2**64 - 1))
def test_round_trip(plaintext: bytes, table: str, row: str, version: int) -> None:
    record = CIPHER.encrypt(plaintext, table=table, row=row, version=version)
    assert CIPHER.decrypt(record, table=table, row=row, version=version) == plaintext


ELSEWHERE = {
    "table": ("rows", "12", 3),
    "row": ("hits", "13", 3),
    "older version": ("hits", "12", 2),
    "boundary between table and row moved": ("hits1", "2", 3),
}


@pytest.mark.parametrize(("table", "row", "version"), ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_a_record_opens_in_its_place_only(table: str, row: str, version: int) -> None:
    with pytest.raises(DecryptionFailed):
        CIPHER.decrypt(RECORD, table=table, row=row, version=version)


@given(st.integers(0, len(RECORD) * 8 - 1))
def test_any_flipped_bit_is_noticed(bit: int) -> None:
    changed = bytearray(RECORD)
    changed[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(DecryptionFailed):
        CIPHER.decrypt(bytes(changed), table="hits", row="12", version=3)


@pytest.mark.parametrize(
    "record",
    [b"", RECORD[:1], RECORD[:12], RECORD[:13], RECORD[:-1], RECORD + b"\0"],
    ids=["empty", "version", "nonce-cut", "nonce-only", "tag-cut", "longer"],
)
def test_other_lengths_do_not_open(record: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        CIPHER.decrypt(record, table="hits", row="12", version=3)


def test_equal_plaintexts_have_different_records() -> None:
    assert CIPHER.encrypt(b"x", table="t", row="r") != CIPHER.encrypt(b"x", table="t", row="r")


def test_lookup_is_keyed_and_separate_for_each_purpose() -> None:
    assert CIPHER.lookup(b"v", purpose="row") == StorageCipher(bytes(range(32))).lookup(b"v", purpose="row")
    assert CIPHER.lookup(b"v", purpose="row") != CIPHER.lookup(b"v", purpose="token")
    assert CIPHER.lookup(b"v", purpose="row") != StorageCipher(bytes(32)).lookup(b"v", purpose="row")


def test_the_key_does_not_show() -> None:
    assert repr(CIPHER) == "StorageCipher(<secret>)"
    with pytest.raises(ValueError, match="32 bytes"):
        StorageCipher(b"short")
