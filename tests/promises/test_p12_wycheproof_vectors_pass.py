"""Promise 12: Wycheproof passes against our wrappers; where one fixes nonce or salt, against the primitive it calls."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from tacita_protocol.crypto.digest import hkdf_sha256
from tacita_protocol.crypto.keys import SealingKey, SealingPublicKey, VerifyKey
from tacita_protocol.errors import MalformedMessage, ProtocolError

VECTORS = Path(__file__).parents[1] / "vectors" / "wycheproof"

Case = dict[str, Any]


def load(name: str) -> list[tuple[Case, Case]]:
    """Pairs of (group, test) of one file."""
    document = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return [(group, test) for group in document["testGroups"] for test in group["tests"]]


def binary(case: Case, *names: str) -> list[bytes]:
    return [bytes.fromhex(case[name]) for name in names]


@pytest.mark.parametrize(("group", "test"), load("ed25519_test.json"))
def test_ed25519(group: Case, test: Case) -> None:
    message, signature = binary(test, "msg", "sig")
    if test["result"] == "valid":
        VerifyKey.from_raw(bytes.fromhex(group["publicKey"]["pk"])).verify(signature, message)
    else:
        with pytest.raises(ProtocolError):
            VerifyKey.from_raw(bytes.fromhex(group["publicKey"]["pk"])).verify(signature, message)


@pytest.mark.parametrize(
    "test", [test for _, test in load("hkdf_sha256_test.json") if not test["salt"]], ids=lambda test: test["tcId"]
)
def test_hkdf_with_empty_salt(test: Case) -> None:
    secret, info, expected = binary(test, "ikm", "info", "okm")
    if test["result"] == "valid":
        assert hkdf_sha256(secret, info, test["size"]) == expected
    else:
        with pytest.raises(ValueError, match="too large"):
            hkdf_sha256(secret, info, test["size"])


@pytest.mark.parametrize(
    ("cipher", "name"), [(ChaCha20Poly1305, "chacha20_poly1305_test.json"), (AESGCM, "aes_gcm_test.json")]
)
def test_aead_as_frames_and_storage_use_it(cipher: type[ChaCha20Poly1305 | AESGCM], name: str) -> None:
    checked = 0
    for group, test in load(name):
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue  # sizes that neither wrapper can express
        key, nonce, aad, message, ciphertext, tag = binary(test, "key", "iv", "aad", "msg", "ct", "tag")
        if test["result"] == "valid":
            assert cipher(key).encrypt(nonce, message, aad) == ciphertext + tag
            assert cipher(key).decrypt(nonce, ciphertext + tag, aad) == message
        else:
            with pytest.raises(InvalidTag):
                cipher(key).decrypt(nonce, ciphertext + tag, aad)
        checked += 1
    assert checked > 60


def test_x25519_and_that_a_sealing_key_refuses_points_with_a_public_shared_secret() -> None:
    encapsulation_key = SealingKey.from_raw(bytes(range(96))).public_key.raw[:1184]
    refused = 0
    for _, test in load("x25519_test.json"):
        private, public, shared = binary(test, "private", "public", "shared")
        if any(shared):
            assert X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public)) == (
                shared
            )
            SealingPublicKey.from_raw(encapsulation_key + public)
        else:
            refused += 1
            with pytest.raises(MalformedMessage):
                SealingPublicKey.from_raw(encapsulation_key + public)
    assert refused > 20
