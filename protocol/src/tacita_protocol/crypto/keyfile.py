"""The secrets of a service in one file, sealed under a passphrase: scrypt (RFC 7914), then ChaCha20-Poly1305.

The file is canonical JSON; everything except `sealed` is authenticated as associated data:

    {"format": "tacita/key-file/v1", "kdf": "scrypt", "n": 32768, "nonce": b64u, "p": 1, "r": 8, "salt": b64u,
     "sealed": b64u(ChaCha20-Poly1305(JCS {name: b64u}))}
"""

from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.encoding import b64u, from_b64u
from tacita_protocol.crypto.jcs import JSONValue, canonical_json, parse_json
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.errors import DecryptionFailed, LimitExceeded, MalformedMessage, UnsupportedVersion

MAX_KEY_FILE_BYTES = 1 << 16
"""Bytes of a key file."""

SCRYPT_N: Final = 1 << 15
"""Cost of a new key file: 32 MiB and about 0.1 s."""

MAX_SCRYPT_N: Final = 1 << 18
"""Largest cost that is read: 256 MiB. A file must not be able to exhaust the host before its passphrase is checked."""

_FORMAT = "tacita/key-file/v1"
_R = 8
_P = 1
_SALT_SIZE = 16
_NONCE_SIZE = 12
_HEADER_NAMES = {"format", "kdf", "n", "nonce", "p", "r", "salt"}


def seal_key_file(secrets: Mapping[str, bytes], passphrase: bytes) -> bytes:
    """The contents of a key file with these named secrets.

    Raises:
        ValueError: the passphrase is empty, or the secrets do not fit.
    """
    if not passphrase:
        raise ValueError("a key file needs a passphrase")
    salt, nonce = random_bytes(_SALT_SIZE), random_bytes(_NONCE_SIZE)
    header: dict[str, JSONValue] = {
        "format": _FORMAT,
        "kdf": "scrypt",
        "n": SCRYPT_N,
        "nonce": b64u(nonce),
        "p": _P,
        "r": _R,
        "salt": b64u(salt),
    }
    plaintext = canonical_json({name: b64u(secret) for name, secret in secrets.items()})
    cipher = _cipher(passphrase, salt, SCRYPT_N)
    data = canonical_json({**header, "sealed": b64u(cipher.encrypt(nonce, plaintext, canonical_json(header)))})
    if len(data) > MAX_KEY_FILE_BYTES:
        raise ValueError(f"a key file has at most {MAX_KEY_FILE_BYTES} bytes")
    return data


def open_key_file(data: bytes, passphrase: bytes) -> dict[str, bytes]:
    """The named secrets of a key file.

    Raises:
        MalformedMessage, UnsupportedVersion, LimitExceeded: not a key file that this software reads.
        DecryptionFailed: a wrong passphrase or a changed file.
    """
    header = parse_json(data, max_bytes=MAX_KEY_FILE_BYTES, max_depth=1)
    if not isinstance(header, dict):
        raise MalformedMessage("not a key file", field="key file")
    sealed_text = header.pop("sealed", None)
    if header.get("format") != _FORMAT:
        raise UnsupportedVersion("not a key file of a known version", field="format")
    match header:
        case {"kdf": "scrypt", "n": int(n), "r": 8, "p": 1, "salt": str(salt_text), "nonce": str(nonce_text)} if (
            header.keys() == _HEADER_NAMES and isinstance(sealed_text, str)
        ):
            pass
        case _:
            raise MalformedMessage("unknown parameters", field="key file")
    # Before the work: only powers of two at or above what we write, and not more than a modest host can do.
    if n < SCRYPT_N or n & (n - 1):
        raise MalformedMessage("not an accepted scrypt cost", field="n")
    if n > MAX_SCRYPT_N:
        raise LimitExceeded(f"the scrypt cost of a key file is at most {MAX_SCRYPT_N}")
    salt = from_b64u(salt_text, length=_SALT_SIZE, field="salt")
    nonce = from_b64u(nonce_text, length=_NONCE_SIZE, field="nonce")
    sealed = from_b64u(sealed_text, field="sealed")
    try:
        plaintext = _cipher(passphrase, salt, n).decrypt(nonce, sealed, canonical_json(header))
    except InvalidTag as error:
        raise DecryptionFailed("wrong passphrase, or the key file was changed") from error
    secrets = parse_json(plaintext, max_bytes=MAX_KEY_FILE_BYTES, max_depth=1)
    if not isinstance(secrets, dict):
        raise MalformedMessage("not a map of secrets", field="sealed")
    return {name: from_b64u(value, field="secret") for name, value in secrets.items()}


def hash_local_token(token: str) -> str:
    """What is stored of a local API token (256 random bits, so a plain SHA-256 in hexadecimal suffices)."""
    return digest_of(token.encode())


def _cipher(passphrase: bytes, salt: bytes, n: int) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(Scrypt(salt=salt, length=32, n=n, r=_R, p=_P).derive(passphrase))
