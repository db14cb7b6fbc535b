"""Secrets for one recipient: HPKE (RFC 9180) in base mode, hybrid post-quantum.

Suite: ML-KEM-768 + X25519, HKDF-SHA256, ChaCha20-Poly1305. A sealed secret is the encapsulation (1120 bytes) followed
by the ciphertext: 1136 bytes more than the plaintext. It says nothing about who sealed it: sign what it travels in.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from tacita_protocol.crypto.keys import SealingKey, SealingPublicKey
from tacita_protocol.errors import DecryptionFailed

SEALING_OVERHEAD = 1136
"""Bytes that sealing adds."""


def seal(plaintext: bytes, recipient: SealingPublicKey, *, info: bytes) -> bytes:
    """Encrypt to `recipient`; `info` names protocol, purpose and context, and must be the same when unsealing."""
    return _suite().encrypt(plaintext, recipient.hpke, info)


def unseal(sealed: bytes, key: SealingKey, *, info: bytes) -> bytes:
    """Decrypt what `seal` made for this key under this `info`.

    Raises:
        DecryptionFailed: anything else.
    """
    try:
        return _suite().decrypt(sealed, key.hpke, info)
    except (InvalidTag, ValueError) as error:
        raise DecryptionFailed("the sealed secret does not open under this key and context") from error


def _suite() -> Suite:
    return Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
