"""Promise 12: HPKE. The working group's vector of our very suite (ML-KEM-768 + X25519), and one of RFC 9180's.

The library encapsulates with its own randomness, so what a vector can show is opening: a secret key gives the published
public key, and the published ciphertext opens under it. Vectors carry associated data, which our profile leaves empty;
the library takes them through the function that its own vector tests use.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from tacita_protocol.crypto.keys import SealingKey
from tacita_protocol.crypto.sealing import _suite

VECTOR: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "hpke" / "mlkem768-x25519.json").read_bytes()
)[0]
FIRST = VECTOR["encryptions"][0]
"""The one message of the vector that a single-shot interface reaches; the others have later sequence numbers."""


def binary(name: str) -> bytes:
    return bytes.fromhex(VECTOR[name])


def sealing_key() -> SealingKey:
    """The key of the vector: its 32-byte seed expands to both halves (SHAKE256)."""
    return SealingKey.from_raw(hashlib.shake_256(binary("skRm")).digest(96))


def opened(ciphertext: bytes, *, info: bytes, aad: bytes) -> bytes:
    plain: bytes = openssl.hpke._decrypt_with_aad(_suite(), binary("enc") + ciphertext, sealing_key().hpke, info, aad)
    return plain


def test_the_vector_is_of_our_suite() -> None:
    assert (VECTOR["mode"], VECTOR["kem_id"], VECTOR["kdf_id"], VECTOR["aead_id"]) == (0, 0x647A, 1, 3)


def test_the_secret_key_gives_the_published_public_key() -> None:
    assert sealing_key().public_key.raw == binary("pkRm")


def test_the_published_ciphertext_opens() -> None:
    ciphertext, aad = bytes.fromhex(FIRST["ct"]), bytes.fromhex(FIRST["aad"])
    assert opened(ciphertext, info=binary("info"), aad=aad) == bytes.fromhex(FIRST["pt"])


@pytest.mark.parametrize("changed", ["ciphertext", "info", "aad"])
def test_nothing_else_opens(changed: str) -> None:
    parts = {"ciphertext": bytes.fromhex(FIRST["ct"]), "info": binary("info"), "aad": bytes.fromhex(FIRST["aad"])}
    parts[changed] = bytes([parts[changed][0] ^ 1]) + parts[changed][1:]
    with pytest.raises(InvalidTag):
        opened(parts["ciphertext"], info=parts["info"], aad=parts["aad"])


def test_rfc9180_a_2_1_base_mode_with_x25519_and_chacha20_poly1305() -> None:
    secret = X25519PrivateKey.from_private_bytes(
        bytes.fromhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb")
    )
    encapsulated = bytes.fromhex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a")
    ciphertext = bytes.fromhex(
        "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
    )
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    info, aad = b"Ode on a Grecian Urn", b"Count-0"
    plain = openssl.hpke._decrypt_with_aad(suite, encapsulated + ciphertext, secret, info, aad)
    assert plain == b"Beauty is truth, truth beauty"
