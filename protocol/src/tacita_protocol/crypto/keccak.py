"""Keccak-256 as it was submitted to NIST: what Ethereum and Monero hash with. SHA3-256 pads otherwise."""

from Crypto.Hash import keccak


def keccak256(data: bytes) -> bytes:
    """The 32 bytes of Keccak-256 over `data`."""
    return keccak.new(digest_bits=256, data=data).digest()
