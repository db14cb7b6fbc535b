"""Wallet addresses: in the form that carries a checksum, so that a slip of the pen is noticed.

An address is the same on every network that uses it: `0x...` on all that are built like Ethereum, `3...` on Bitcoin and
Litecoin, which has written the same scripts as `M...` since 2017. The canonical form is the address, without the name
of a network.
"""

import re
from collections.abc import Mapping

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.address_codes import (
    RIPPLE_ALPHABET,
    base58,
    base58check,
    base58check_text,
    eip55,
    monero_base58,
    segwit,
)
from tacita_protocol.identifiers.kind import RejectionReason
from tacita_protocol.identifiers.spelling import plain_spelling, refuse_look_alikes

MAX_LENGTH = 256
"""Characters of an address as written. The longest, Monero's integrated one, has 106."""

_SCHEMES = {
    "bitcoin": "bitcoin",
    "btc": "bitcoin",
    "litecoin": "litecoin",
    "ltc": "litecoin",
    "dogecoin": "dogecoin",
    "doge": "dogecoin",
    "dash": "dash",
    "zcash": "zcash",
    "ethereum": "ethereum",
    "eth": "ethereum",
    "tron": "tron",
    "trx": "tron",
    "ripple": "ripple",
    "xrp": "ripple",
    "monero": "monero",
    "xmr": "monero",
}
_SCHEME = re.compile(rf"({'|'.join(_SCHEMES)})\s*:\s*", re.IGNORECASE | re.ASCII)
_SPELLING = re.compile(r"[A-Za-z0-9]+")
_ETHEREUM = re.compile(r"(0x)?([0-9a-f]{40})", re.IGNORECASE | re.ASCII)

_SCRIPT, _LITECOIN_SCRIPT = b"\x05", b"\x32"
_BASE58_VERSIONS: Mapping[bytes, frozenset[str]] = {
    b"\x00": frozenset({"bitcoin"}),
    _SCRIPT: frozenset({"bitcoin", "litecoin"}),
    b"\x30": frozenset({"litecoin"}),
    _LITECOIN_SCRIPT: frozenset({"litecoin"}),
    b"\x1e": frozenset({"dogecoin"}),
    b"\x16": frozenset({"dogecoin"}),
    b"\x4c": frozenset({"dash"}),
    b"\x10": frozenset({"dash"}),
    b"\x41": frozenset({"tron"}),
    b"\x1c\xb8": frozenset({"zcash"}),
    b"\x1c\xbd": frozenset({"zcash"}),
}
_HASH_BYTES = 20
_SEGWIT = {"bc": "bitcoin", "ltc": "litecoin"}
_TEST_SEGWIT = ("tb1", "bcrt1", "tltc1", "rltc1")
_MONERO_LENGTHS = {95, 106}
_MONERO_NETWORKS = frozenset({18, 19, 42})  # standard, integrated (names a payment too), subaddress
_KEY_BYTES = 32


def normalise(text: str, region: str | None) -> str:  # noqa: ARG001 - one signature for all kinds
    """The address with its checksum verified: EIP-55 capitals for `0x...`, lower case for Bech32, else as it is.

    Args:
        text: one address, bare or after the name of its currency and a colon; groups may be separated by spaces.
        region: not used.

    Raises:
        InvalidIdentifier: with one `RejectionReason`.
    """
    plain = plain_spelling(text, max_length=MAX_LENGTH)
    named = _SCHEME.match(plain)
    address = plain[named.end() :] if named else plain
    if "?" in address or "@" in address:
        raise InvalidIdentifier("a payment request: import its address", reason=RejectionReason.UNSUPPORTED)
    if re.search(r"[,;|]", address):
        raise InvalidIdentifier("may be more than one address", reason=RejectionReason.AMBIGUOUS)
    compact = address.replace(" ", "")
    refuse_look_alikes(compact)
    if not _SPELLING.fullmatch(compact):
        raise InvalidIdentifier("not written as a wallet address", reason=RejectionReason.NOT_OF_THE_KIND)
    canonical, networks = _read(compact)
    if named and _SCHEMES[named.group(1).lower()] not in networks:
        raise InvalidIdentifier("an address of another currency than stated", reason=RejectionReason.INVALID)
    return canonical


def _read(text: str) -> tuple[str, frozenset[str]]:
    """The canonical form, and the networks that have such addresses."""
    if ethereum := _ETHEREUM.fullmatch(text):
        return _ethereum(ethereum.group(1), ethereum.group(2)), frozenset({"ethereum"})
    if text[:2].lower() == "0x":
        raise InvalidIdentifier("such an address has 40 hexadecimal digits", reason=RejectionReason.INVALID)
    for prefix, network in _SEGWIT.items():
        if text.lower().startswith(f"{prefix}1"):
            return _segwit(text, prefix), frozenset({network})
    if text.lower().startswith(_TEST_SEGWIT):
        raise InvalidIdentifier("an address of a network for tests", reason=RejectionReason.UNSUPPORTED)
    if len(text) in _MONERO_LENGTHS and text[0] in "48":
        return _monero(text), frozenset({"monero"})
    if text[0] == "r":
        return _base58(text, base58check(text, RIPPLE_ALPHABET), {b"\x00": frozenset({"ripple"})})
    return _base58(text, base58check(text), _BASE58_VERSIONS)


def _ethereum(prefix: str | None, digits: str) -> str:
    canonical = eip55(digits)
    mixed = digits not in {digits.lower(), digits.upper()}
    if mixed and canonical[2:] != digits:
        raise InvalidIdentifier("capitals do not fit the digits (EIP-55)", reason=RejectionReason.CHECKSUM)
    if prefix is None and not mixed:
        raise InvalidIdentifier("40 hexadecimal digits may be anything: write 0x", reason=RejectionReason.AMBIGUOUS)
    if not digits.strip("0"):
        raise _placeholder()
    return canonical


def _segwit(text: str, prefix: str) -> str:
    if text not in {text.lower(), text.upper()}:
        raise InvalidIdentifier("capitals and small letters mixed (BIP 173)", reason=RejectionReason.INVALID)
    found = segwit(text.lower(), prefix)
    if found is None:
        raise InvalidIdentifier("checksum is wrong", reason=RejectionReason.CHECKSUM)
    if not any(found[1]):
        raise _placeholder()
    return text.lower()


def _monero(text: str) -> str:
    payload = monero_base58(text)
    if payload is None:
        raise InvalidIdentifier("checksum is wrong", reason=RejectionReason.CHECKSUM)
    if payload[0] not in _MONERO_NETWORKS:
        raise InvalidIdentifier("an address of a network for tests", reason=RejectionReason.UNSUPPORTED)
    return text


def _base58(text: str, payload: bytes | None, versions: Mapping[bytes, frozenset[str]]) -> tuple[str, frozenset[str]]:
    if payload is None:
        raise _no_checksum(text)
    version, digest = payload[:-_HASH_BYTES], payload[-_HASH_BYTES:]
    if len(payload) <= _HASH_BYTES or version not in versions:
        raise InvalidIdentifier(
            "a network or a form that this version does not know", reason=RejectionReason.UNSUPPORTED
        )
    if not any(digest):
        raise _placeholder()
    canonical = base58check_text(_SCRIPT + digest) if version == _LITECOIN_SCRIPT else text
    return canonical, versions[version]


def _no_checksum(text: str) -> InvalidIdentifier:
    decoded = base58(text)
    if decoded is None or len(decoded) < _HASH_BYTES:
        return InvalidIdentifier("not written as a wallet address", reason=RejectionReason.NOT_OF_THE_KIND)
    if len(decoded) == _KEY_BYTES:
        return InvalidIdentifier("an address without a checksum (Solana)", reason=RejectionReason.UNSUPPORTED)
    return InvalidIdentifier("checksum is wrong", reason=RejectionReason.CHECKSUM)


def _placeholder() -> InvalidIdentifier:
    return InvalidIdentifier("a placeholder: nobody has this address", reason=RejectionReason.INVALID)
