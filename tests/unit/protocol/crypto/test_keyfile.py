import hashlib
import json
from typing import Any

import pytest

from tacita_protocol.crypto.keyfile import MAX_SCRYPT_N, hash_local_token, open_key_file, seal_key_file
from tacita_protocol.errors import DecryptionFailed, LimitExceeded, MalformedMessage, ProtocolError, UnsupportedVersion

SECRETS = {"signing": bytes(32), "sealing": bytes(range(96))}
FILE = seal_key_file(SECRETS, b"correct horse")


def changed(**members: Any) -> bytes:
    document = {**json.loads(FILE), **members}
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


def test_round_trip() -> None:
    assert open_key_file(FILE, b"correct horse") == SECRETS


def test_nothing_of_the_secrets_shows() -> None:
    assert b"signing" not in FILE
    assert seal_key_file(SECRETS, b"correct horse") != FILE


def test_wrong_passphrase() -> None:
    with pytest.raises(DecryptionFailed):
        open_key_file(FILE, b"correct horse\n")


def test_an_empty_passphrase_is_none() -> None:
    with pytest.raises(ValueError, match="passphrase"):
        seal_key_file(SECRETS, b"")


# Each must fail before any scrypt runs, or at the tag.
HOSTILE: dict[str, tuple[bytes, type[ProtocolError]]] = {
    "another version": (changed(format="tacita/key-file/v2"), UnsupportedVersion),
    "4 GiB of memory": (changed(n=1 << 22), LimitExceeded),
    "just over the bound": (changed(n=MAX_SCRYPT_N * 2), LimitExceeded),
    "weakened": (changed(n=2), MalformedMessage),
    "not a power of two": (changed(n=(1 << 15) + 1), MalformedMessage),
    "n as text": (changed(n="32768"), MalformedMessage),
    "n as boolean": (changed(n=True), MalformedMessage),
    "another r": (changed(r=1 << 20), MalformedMessage),
    "another p": (changed(p=1 << 20), MalformedMessage),
    "another function": (changed(kdf="md5"), MalformedMessage),
    "unknown member": (changed(extra=1), MalformedMessage),
    "no salt": (changed(salt=None), MalformedMessage),
    "short salt": (changed(salt="AAAA"), MalformedMessage),
    "no ciphertext": (changed(sealed=None), MalformedMessage),
    "empty ciphertext": (changed(sealed=""), DecryptionFailed),
    "array": (b"[]", MalformedMessage),
    "empty": (b"", MalformedMessage),
    "too large": (b" " * (1 << 16) + FILE, LimitExceeded),
    "nonce swapped": (changed(nonce="AAAAAAAAAAAAAAAA"), DecryptionFailed),
}


@pytest.mark.parametrize(("data", "error"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files(data: bytes, error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        open_key_file(data, b"correct horse")


def test_a_local_token_is_kept_as_its_hash() -> None:
    assert hash_local_token("token") == hashlib.sha256(b"token").hexdigest()
