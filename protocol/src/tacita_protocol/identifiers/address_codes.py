"""How wallet addresses are written: Base58, Base58Check, Bech32 and Bech32m (BIP 173, BIP 350), EIP-55.

Each function returns what an address carries, or None when its checksum does not hold.
"""

from tacita_protocol.crypto.digest import sha256
from tacita_protocol.crypto.keccak import keccak256

BITCOIN_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE_ALPHABET = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"

_CHECKSUM_BYTES = 4
_BECH32_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_CHECKSUM = 6
_BECH32_CONSTANT = 1
_BECH32M_CONSTANT = 0x2BC830A3
_MONERO_BLOCK = 8
_MONERO_BLOCK_CHARACTERS = (0, 2, 3, 5, 6, 7, 9, 10, 11)
"""Characters of a block of that many bytes."""


def base58(text: str, alphabet: str = BITCOIN_ALPHABET) -> bytes | None:
    """The bytes that a Base58 text stands for, its leading zeros kept. No checksum."""
    number = 0
    for character in text:
        digit = alphabet.find(character)
        if digit < 0:
            return None
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base58check(text: str, alphabet: str = BITCOIN_ALPHABET) -> bytes | None:
    """Version and payload of a Base58Check text: what stands before the first 4 bytes of its double SHA-256."""
    decoded = base58(text, alphabet)
    if decoded is None or len(decoded) <= _CHECKSUM_BYTES:
        return None
    payload, checksum = decoded[:-_CHECKSUM_BYTES], decoded[-_CHECKSUM_BYTES:]
    return payload if sha256(sha256(payload))[:_CHECKSUM_BYTES] == checksum else None


def base58check_text(payload: bytes) -> str:
    """The Base58Check text of version and payload, Bitcoin's alphabet: the inverse of `base58check`."""
    checked = payload + sha256(sha256(payload))[:_CHECKSUM_BYTES]
    number, digits = int.from_bytes(checked, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = BITCOIN_ALPHABET[digit] + digits
    return BITCOIN_ALPHABET[0] * (len(checked) - len(checked.lstrip(b"\0"))) + digits


def monero_base58(text: str) -> bytes | None:
    """Network byte and payload of a Monero address, before the first 4 bytes of their Keccak-256.

    Monero writes blocks of 8 bytes as 11 characters each, so that nothing has to be divided.
    """
    decoded = b""
    for start in range(0, len(text), _MONERO_BLOCK_CHARACTERS[_MONERO_BLOCK]):
        block = text[start : start + _MONERO_BLOCK_CHARACTERS[_MONERO_BLOCK]]
        if len(block) not in _MONERO_BLOCK_CHARACTERS or any(c not in BITCOIN_ALPHABET for c in block):
            return None
        number = 0
        for character in block:
            number = number * 58 + BITCOIN_ALPHABET.index(character)
        size = _MONERO_BLOCK_CHARACTERS.index(len(block))
        if number >= 256**size:
            return None
        decoded += number.to_bytes(size, "big")
    payload, checksum = decoded[:-_CHECKSUM_BYTES], decoded[-_CHECKSUM_BYTES:]
    return payload if payload and keccak256(payload)[:_CHECKSUM_BYTES] == checksum else None


def segwit(text: str, prefix: str) -> tuple[int, bytes] | None:
    """Witness version and program of a lower-case segwit address that begins with `prefix` and `1`."""
    digits = [_BECH32_ALPHABET.find(character) for character in text[len(prefix) + 1 :]]
    if len(text) > 90 or len(digits) <= _BECH32_CHECKSUM or min(digits) < 0:
        return None
    version = digits[0]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    if _bech32_polymod(expanded + digits) != (_BECH32_CONSTANT if version == 0 else _BECH32M_CONSTANT):
        return None
    program = _from_five_bits(digits[1:-_BECH32_CHECKSUM])
    if program is None or version > 16 or not 2 <= len(program) <= 40:
        return None
    return (version, program) if version > 0 or len(program) in {20, 32} else None


def eip55(digits: str) -> str:
    """The address of 40 hexadecimal digits with capitals where the Keccak-256 of the lower-case digits is 8 or more."""
    lower = digits.lower()
    digest = keccak256(lower.encode("ascii")).hex()
    return "0x" + "".join(d.upper() if int(h, 16) >= 8 else d for d, h in zip(lower, digest, strict=False))


def _bech32_polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_GENERATOR):
            if top >> bit & 1:
                checksum ^= generator
    return checksum


def _from_five_bits(digits: list[int]) -> bytes | None:
    """Groups of 5 bits as bytes; the bits left over must be fewer than 5 and zero."""
    number = 0
    for digit in digits:
        number = number << 5 | digit
    left = len(digits) * 5 % 8
    if left >= 5 or number & ((1 << left) - 1):
        return None
    return (number >> left).to_bytes(len(digits) * 5 // 8, "big")
