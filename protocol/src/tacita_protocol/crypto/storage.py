"""Encryption at rest: AES-256-GCM for each record, bound to the place where it is stored.

    record           = version u8 = 1 | nonce (12, random) | ciphertext and tag
    associated data  = u32 length | table | u32 length | row | u64 version of the row

A record copied to another row or table, or an older version put back, does not open. Each table has its own key,
derived from the master key, so that random nonces stay far from their bound (2**32 records under one key).
"""

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tacita_protocol.crypto.digest import hkdf_sha256, hmac_sha256
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.errors import DecryptionFailed

STORAGE_KEY_SIZE = 32

_FORMAT = b"\1"
_NONCE_SIZE = 12
_RECORD_DOMAIN = b"tacita/storage/record/v1\0"
_LOOKUP_DOMAIN = b"tacita/storage/lookup/v1\0"


class StorageCipher:
    """Encrypts records under a master key of 32 bytes that lives off the disk."""

    def __init__(self, key: bytes) -> None:
        if len(key) != STORAGE_KEY_SIZE:
            raise ValueError(f"a storage key has {STORAGE_KEY_SIZE} bytes")
        self._key = bytes(key)
        self._ciphers: dict[str, AESGCM] = {}
        self._lookup_keys: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return "StorageCipher(<secret>)"

    def __reduce__(self) -> tuple[type["StorageCipher"], tuple[bytes]]:
        """For worker processes of our own: the key alone, from which they derive the others."""
        return StorageCipher, (self._key,)

    def encrypt(self, plaintext: bytes, *, table: str, row: str, version: int = 1) -> bytes:
        """A record for this place.

        Args:
            plaintext: what to hide; its length shows.
            table: one of a fixed set of names of ours (each costs a cached key).
            row: the primary key.
            version: number of this state of the row, where old states must not come back.
        """
        nonce = random_bytes(_NONCE_SIZE)
        return _FORMAT + nonce + self._cipher(table).encrypt(nonce, plaintext, _place(table, row, version))

    def decrypt(self, record: bytes, *, table: str, row: str, version: int = 1) -> bytes:
        """The plaintext of a record that `encrypt` made for this place.

        Raises:
            DecryptionFailed: another key, place or version, or changed bytes.
        """
        nonce, ciphertext = record[1 : 1 + _NONCE_SIZE], record[1 + _NONCE_SIZE :]
        if record[:1] != _FORMAT or len(nonce) != _NONCE_SIZE:
            raise DecryptionFailed("not an encrypted record of a known version")
        try:
            return self._cipher(table).decrypt(nonce, ciphertext, _place(table, row, version))
        except InvalidTag as error:
            raise DecryptionFailed("the record does not open under this key at this place") from error

    def lookup(self, value: bytes, *, purpose: str) -> bytes:
        """A keyed digest (32 bytes) for finding an encrypted value again; unlinkable between purposes."""
        key = self._lookup_keys.get(purpose)
        if key is None:
            key = self._lookup_keys[purpose] = hkdf_sha256(self._key, _LOOKUP_DOMAIN + purpose.encode())
        return hmac_sha256(key, value)

    def _cipher(self, table: str) -> AESGCM:
        cipher = self._ciphers.get(table)
        if cipher is None:
            cipher = self._ciphers[table] = AESGCM(hkdf_sha256(self._key, _RECORD_DOMAIN + table.encode()))
        return cipher


def _place(table: str, row: str, version: int) -> bytes:
    table_bytes, row_bytes = table.encode(), row.encode()
    return b"".join(
        (
            struct.pack(">I", len(table_bytes)),
            table_bytes,
            struct.pack(">I", len(row_bytes)),
            row_bytes,
            struct.pack(">Q", version),
        )
    )
