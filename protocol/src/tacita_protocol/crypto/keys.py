"""Key types. Secrets never show in `repr`, and secret keys refuse to be pickled or copied."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn, Self

import nacl.bindings
import nacl.exceptions
import nacl.signing
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey

from tacita_protocol.crypto.digest import sha256
from tacita_protocol.crypto.encoding import b64u, from_b64u
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.errors import MalformedMessage, SignatureInvalid

SIGNATURE_SIZE = 64
VERIFY_KEY_SIZE = 32
SIGNING_SEED_SIZE = 32
SEALING_PUBLIC_KEY_SIZE = 1184 + 32
SEALING_KEY_SIZE = 64 + 32

_MLKEM_PUBLIC_SIZE = 1184
_MLKEM_SEED_SIZE = 64
_X25519_PROBE = bytes(31) + b"\1"  # any scalar does: the library refuses the shared secret 0, which small orders give
_KEYID_DOMAIN = b"tacita/key/v1\0"
_FINGERPRINT_DOMAIN = b"tacita/fingerprint/v1\0"
_FINGERPRINT_GROUP = re.compile("....")


class _Secret:
    """Keeps a secret key out of pickles, copies and therefore out of other processes and files."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(<secret>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is neither pickled nor copied")


@dataclass(frozen=True)
class VerifyKey:
    """An Ed25519 public key (RFC 8032).

    Only a canonical point of the prime-order group is a key: with keys of small order one signature verifies for many
    messages.

    Raises:
        MalformedMessage: other lengths or points.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != VERIFY_KEY_SIZE:
            raise MalformedMessage(f"an Ed25519 key has {VERIFY_KEY_SIZE} bytes", field="key")
        if not nacl.bindings.crypto_core_ed25519_is_valid_point(self.raw):
            raise MalformedMessage("not an Ed25519 point of the prime-order group", field="key")

    @classmethod
    def from_raw(cls, raw: bytes) -> Self:
        """The key with these 32 bytes."""
        return cls(bytes(raw))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The key with this `text`."""
        return cls(from_b64u(text, length=VERIFY_KEY_SIZE, field="key"))

    @property
    def text(self) -> str:
        """The 32 bytes as unpadded base64url."""
        return b64u(self.raw)

    @cached_property
    def keyid(self) -> str:
        """128 bits in hexadecimal that name the key inside envelopes. A hint for look-up; never authority."""
        return sha256(_KEYID_DOMAIN, self.raw).hex()[:32]

    @property
    def fingerprint(self) -> str:
        """All 256 bits in groups of four hexadecimal digits, joined by hyphens, for people to compare out of band."""
        return "-".join(_FINGERPRINT_GROUP.findall(sha256(_FINGERPRINT_DOMAIN, self.raw).hex()))

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check an Ed25519 signature (64 bytes) over `message`.

        Signatures are not malleable: S must be reduced, R must not have small order (libsodium's rules).

        Raises:
            SignatureInvalid: the signature is not this key's over this message.
        """
        if len(signature) != SIGNATURE_SIZE:
            raise SignatureInvalid("an Ed25519 signature has 64 bytes", reason="length")
        try:
            nacl.bindings.crypto_sign_open(signature + message, self.raw)
        except nacl.exceptions.BadSignatureError as error:
            raise SignatureInvalid("the signature does not verify under this key") from error


class SigningKey(_Secret):
    """An Ed25519 secret key (RFC 8032)."""

    __slots__ = ("_key", "_verify_key")

    def __init__(self, key: nacl.signing.SigningKey) -> None:
        self._key = key
        self._verify_key = VerifyKey(bytes(key.verify_key))

    @classmethod
    def generate(cls) -> Self:
        """A fresh random key."""
        return cls.from_seed(random_bytes(SIGNING_SEED_SIZE))

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """The key with this seed (32 bytes)."""
        if len(seed) != SIGNING_SEED_SIZE:
            raise MalformedMessage(f"an Ed25519 seed has {SIGNING_SEED_SIZE} bytes", field="seed")
        return cls(nacl.signing.SigningKey(bytes(seed)))

    @property
    def seed(self) -> bytes:
        """The secret itself, 32 bytes; only for sealing into a key file."""
        return bytes(self._key)

    @property
    def verify_key(self) -> VerifyKey:
        """The public half."""
        return self._verify_key

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature over `message`, 64 bytes, deterministic."""
        return self._key.sign(message).signature


@dataclass(frozen=True)
class SealingPublicKey:
    """A hybrid HPKE public key: ML-KEM-768 encapsulation key (1184 bytes), then X25519 (32 bytes).

    Raises:
        MalformedMessage: another length, an encapsulation key that FIPS 203 section 7.2 refuses, or an X25519 point of
            small order, which would make that half's shared secret public.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != SEALING_PUBLIC_KEY_SIZE:
            raise MalformedMessage(f"a sealing key has {SEALING_PUBLIC_KEY_SIZE} bytes", field="key")
        x25519 = X25519PublicKey.from_public_bytes(self.raw[_MLKEM_PUBLIC_SIZE:])
        try:
            X25519PrivateKey.from_private_bytes(_X25519_PROBE).exchange(x25519)
            self.hpke  # noqa: B018 - parses, and keeps the parsed key
        except ValueError as error:
            raise MalformedMessage("not an ML-KEM-768 and an X25519 public key", field="key") from error

    @classmethod
    def from_raw(cls, raw: bytes) -> Self:
        """The key with these 1216 bytes."""
        return cls(bytes(raw))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The key with this `text`."""
        return cls(from_b64u(text, length=SEALING_PUBLIC_KEY_SIZE, field="key"))

    @property
    def text(self) -> str:
        """The 1216 bytes as unpadded base64url."""
        return b64u(self.raw)

    @cached_property
    def hpke(self) -> MLKEM768X25519PublicKey:
        """The library's key object, for `sealing` only."""
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(self.raw[:_MLKEM_PUBLIC_SIZE]),
            X25519PublicKey.from_public_bytes(self.raw[_MLKEM_PUBLIC_SIZE:]),
        )


class SealingKey(_Secret):
    """A hybrid HPKE secret key. The library has no serialiser for it: we keep the ML-KEM seed and the X25519 scalar."""

    __slots__ = ("_hpke", "_public_key", "_raw")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != SEALING_KEY_SIZE:
            raise MalformedMessage(f"a sealing secret has {SEALING_KEY_SIZE} bytes", field="key")
        mlkem = MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED_SIZE])
        x25519 = X25519PrivateKey.from_private_bytes(raw[_MLKEM_SEED_SIZE:])
        self._raw = bytes(raw)
        self._hpke = MLKEM768X25519PrivateKey(mlkem, x25519)
        self._public_key = SealingPublicKey(
            mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        )

    @classmethod
    def generate(cls) -> Self:
        """A fresh random key."""
        return cls(random_bytes(SEALING_KEY_SIZE))

    @classmethod
    def from_raw(cls, raw: bytes) -> Self:
        """The key with these 96 bytes: ML-KEM seed (64), then X25519 scalar (32)."""
        return cls(raw)

    @property
    def raw(self) -> bytes:
        """The secret itself, 96 bytes; only for sealing into a key file."""
        return self._raw

    @property
    def public_key(self) -> SealingPublicKey:
        """The public half."""
        return self._public_key

    @property
    def hpke(self) -> MLKEM768X25519PrivateKey:
        """The library's key object, for `sealing` only."""
        return self._hpke
