"""Wallet addresses: checksums notice every slip of the pen, and the examples of the standards hold."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.address_codes import BITCOIN_ALPHABET, eip55, segwit
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normalise

EIP_55 = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]
"""The test cases of EIP-55."""

BIP_350_INVALID = [
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",  # Bech32 instead of Bech32m
    "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",  # Bech32m instead of Bech32
    "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",  # a character that Bech32 lacks
    "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",  # witness version 17
    "bc1pw5dgrnzv",  # one byte
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",  # 41 bytes
    "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",  # 16 bytes in version 0
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",  # more than four bits left over
    "bc1gmk9yu",  # nothing
]
"""The invalid addresses of BIP 350 that are meant for Bitcoin's main network, mixed case apart."""


@pytest.mark.parametrize("address", EIP_55)
def test_eip_55_holds_in_every_case_of_letters(address: str) -> None:
    assert eip55(address[2:].lower()) == address
    for spelling in (address, address.lower(), "0x" + address[2:].upper()):
        assert normalise(Kind.WALLET, spelling) == address


@pytest.mark.parametrize("address", BIP_350_INVALID)
def test_what_bip_350_calls_invalid_is_rejected(address: str) -> None:
    assert segwit(address.lower(), "bc") is None
    with pytest.raises(InvalidIdentifier):
        normalise(Kind.WALLET, address)


@settings(deadline=None)
@given(
    st.sampled_from(
        [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
            "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
        ]
    ),
    st.integers(0, 41),
    st.sampled_from(BITCOIN_ALPHABET),
)
def test_every_single_wrong_character_is_noticed(address: str, position: int, wrong: str) -> None:
    position %= len(address)
    text = address[:position] + wrong + address[position + 1 :]
    if text == address:
        return
    with pytest.raises(InvalidIdentifier):
        normalise(Kind.WALLET, text)
