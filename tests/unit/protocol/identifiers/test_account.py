"""Bank accounts: what no table of single spellings can show."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normalise

GERMAN = "DE89370400440532013000"


def test_no_message_of_a_library_with_the_number_is_chained() -> None:
    with pytest.raises(InvalidIdentifier) as caught:
        normalise(Kind.ACCOUNT, "DE8937040044053201300")
    assert caught.value.__suppress_context__


@settings(deadline=None)
@given(st.text(max_size=80), st.sampled_from([None, "GB", "CZ", "BE"]))
def test_any_text_is_either_an_iban_or_rejected(text: str, region: str | None) -> None:
    try:
        canonical = normalise(Kind.ACCOUNT, text, region)
    except InvalidIdentifier:
        return
    assert normalise(Kind.ACCOUNT, canonical) == canonical


@settings(deadline=None)
@given(st.integers(0, len(GERMAN) - 1), st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_every_single_wrong_character_is_noticed(position: int, wrong: str) -> None:
    text = GERMAN[:position] + wrong + GERMAN[position + 1 :]
    if text == GERMAN:
        return
    with pytest.raises(InvalidIdentifier):
        normalise(Kind.ACCOUNT, text)
