import copy
import pickle

import pytest

from tacita_protocol.crypto.keys import SealingKey, SealingPublicKey, SigningKey, VerifyKey
from tacita_protocol.errors import MalformedMessage, SignatureInvalid

# RFC 8032 section 7.1, test 2
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def test_rfc8032_example() -> None:
    key = SigningKey.from_seed(SEED)
    assert key.verify_key.raw == PUBLIC
    assert key.sign(b"\x72") == SIGNATURE
    key.verify_key.verify(SIGNATURE, b"\x72")


def test_texts_round_trip() -> None:
    key = SigningKey.generate().verify_key
    assert VerifyKey.from_text(key.text) == key
    assert hash(VerifyKey.from_raw(key.raw)) == hash(key)
    sealing = SealingKey.generate()
    assert SealingPublicKey.from_text(sealing.public_key.text) == sealing.public_key
    assert SealingKey.from_raw(sealing.raw).public_key == sealing.public_key
    assert SigningKey.from_seed(SigningKey.from_seed(SEED).seed).verify_key.raw == PUBLIC


def test_names_of_a_key_are_stable_and_unrelated() -> None:
    key = VerifyKey.from_raw(PUBLIC)
    assert len(bytes.fromhex(key.keyid)) == 16
    groups = key.fingerprint.split("-")
    assert [len(group) for group in groups] == [4] * 16
    assert key.keyid not in "".join(groups)
    assert key.fingerprint != SigningKey.generate().verify_key.fingerprint


TAMPERED = {
    "another message": (SIGNATURE, b"\x73"),
    "empty": (b"", b"\x72"),
    "short": (SIGNATURE[:-1], b"\x72"),
    "long": (SIGNATURE + b"\0", b"\x72"),
    "message moved into the signature": (SIGNATURE + b"\x72", b""),
    "S plus the group order": (
        SIGNATURE[:32] + (int.from_bytes(SIGNATURE[32:], "little") + GROUP_ORDER).to_bytes(32, "little"),
        b"\x72",
    ),
    "R is the neutral element, S is 0": (b"\1" + bytes(63), b"\x72"),
    "zeros": (bytes(64), b"\x72"),
}


@pytest.mark.parametrize(("signature", "message"), TAMPERED.values(), ids=TAMPERED.keys())
def test_no_second_signature(signature: bytes, message: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        VerifyKey.from_raw(PUBLIC).verify(signature, message)


WEAK_KEYS = {
    "neutral element": b"\1" + bytes(31),
    "order 2": b"\xec" + b"\xff" * 30 + b"\x7f",
    "order 4": bytes(32),
    "order 8": bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    "not canonical": b"\xee" + b"\xff" * 30 + b"\x7f",
    "not on the curve": b"\2" + bytes(31),
    "short": PUBLIC[:-1],
    "long": PUBLIC + b"\0",
    "empty": b"",
}


@pytest.mark.parametrize("raw", WEAK_KEYS.values(), ids=WEAK_KEYS.keys())
def test_weak_or_malformed_keys_are_none(raw: bytes) -> None:
    with pytest.raises(MalformedMessage):
        VerifyKey.from_raw(raw)


BAD_SEALING = {
    "short": lambda raw: raw[:-1],
    "long": lambda raw: raw + b"\0",
    "coefficient not reduced": lambda raw: b"\xff" * 3 + raw[3:],
    "X25519 zero": lambda raw: raw[:1184] + bytes(32),
    "X25519 one": lambda raw: raw[:1184] + b"\1" + bytes(31),
}


@pytest.mark.parametrize("change", BAD_SEALING.values(), ids=BAD_SEALING.keys())
def test_malformed_sealing_keys_are_none(change: "object") -> None:
    assert callable(change)
    with pytest.raises(MalformedMessage):
        SealingPublicKey.from_raw(change(SealingKey.generate().public_key.raw))


@pytest.mark.parametrize("key", [SigningKey.from_seed(SEED), SealingKey.from_raw(bytes(range(96)))])
def test_secrets_do_not_leak_by_accident(key: SigningKey | SealingKey) -> None:
    assert repr(key) == f"{type(key).__name__}(<secret>)"
    for smuggle in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            smuggle(key)


def test_secrets_of_another_length_are_refused() -> None:
    with pytest.raises(MalformedMessage):
        SigningKey.from_seed(SEED[:-1])
    with pytest.raises(MalformedMessage):
        SealingKey.from_raw(bytes(95))
