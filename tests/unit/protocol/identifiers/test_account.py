"""Real spellings of bank accounts, each beside what it must become."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind, RejectionReason
from tacita_protocol.identifiers.normalise import normalise

GERMAN = "DE89370400440532013000"

ACCEPTED = [
    # text, region, IBAN
    (GERMAN, None, GERMAN),
    ("DE89 3704 0044 0532 0130 00", None, GERMAN),
    (" de89 3704 0044 0532 0130 00 ", None, GERMAN),
    ("IBAN: DE89 3704 0044 0532 0130 00", None, GERMAN),
    ("iban de89 3704 0044 0532 0130 00", None, GERMAN),
    ("DE89-3704-0044-0532-0130-00", None, GERMAN),
    ("DE89.3704.0044.0532.0130.00", None, GERMAN),
    ("DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000", None, GERMAN),
    ("ＤＥ８９　３７０４　００４４　０５３２　０１３０　００", None, GERMAN),
    ("DE٨٩370400440532013000", None, GERMAN),
    ("GB33 BUKB 2020 1555 5555 55", "DE", "GB33BUKB20201555555555"),  # an IBAN names its own country
    ("NL91 ABNA 0417 1643 00", None, "NL91ABNA0417164300"),
    ("fr14 2004 1010 0505 0001 3m02 606", None, "FR1420041010050500013M02606"),
    ("MT84 MALT 0110 0001 2345 MTLC AST0 01S", None, "MT84MALT011000012345MTLCAST001S"),
    ("539-0075470-34", "BE", "BE68539007547034"),
    ("2100 0418 45 0200051332", "es", "ES9121000418450200051332"),
    ("20041 01005 0500013M026 06", "FR", "FR1420041010050500013M02606"),
    ("X 05428 11101 000000123456", "IT", "IT60X0542811101000000123456"),
    ("11222 00001 0123456789030", "MC", "MC5811222000010123456789030"),
    ("8601.11.17947", "NO", "NO9386011117947"),
    ("61 1090 1014 0000 0712 1981 2874", "PL", "PL61109010140000071219812874"),
    ("0002 0123 12345678901 54", "PT", "PT50000201231234567890154"),
    ("U 03225 09800 000000270100", "SM", "SM86U0322509800000000270100"),
    ("19-2000145399/0800", "CZ", "CZ6508000000192000145399"),
    ("000019-2000145399 / 0800", "CZ", "CZ6508000000192000145399"),
    ("2000145399/0800", "CZ", "CZ7908000000002000145399"),
    ("19-8742637541/1200", "SK", "SK3112000000198742637541"),
]

REJECTED = [
    # text, region, reason
    ("", None, RejectionReason.EMPTY),
    ("1" * 65, None, RejectionReason.TOO_LONG),
    ("savings", "DE", RejectionReason.NOT_A_NUMBER),
    ("ДЕ89370400440532013000", None, RejectionReason.NOT_A_NUMBER),  # Cyrillic letters that look like DE
    ("ıBAN DE89370400440532013000", None, RejectionReason.NOT_A_NUMBER),
    ("DE89370400440532013000, NL91ABNA0417164300", None, RejectionReason.NOT_A_NUMBER),
    ("DE89 IBAN DE 3704 0044 0532 0130 00", None, RejectionReason.INVALID),
    ("DE88370400440532013000", None, RejectionReason.CHECKSUM),
    ("DE99370400440000000024", None, RejectionReason.CHECKSUM),  # 99 for 02, 01 for 98, 00 for 97: one remainder,
    ("DE01370400440000000042", None, RejectionReason.CHECKSUM),  # but a second spelling of the same account
    ("DE00370400440000000060", None, RejectionReason.CHECKSUM),
    ("539-0075470-35", "BE", RejectionReason.CHECKSUM),
    ("8601.11.17948", "NO", RejectionReason.CHECKSUM),
    ("19-2000145398/0800", "CZ", RejectionReason.CHECKSUM),
    ("62 1090 1014 0000 0712 1981 2874", "PL", RejectionReason.CHECKSUM),
    ("DE8937040044053201300", None, RejectionReason.INVALID),
    ("DE00", None, RejectionReason.INVALID),
    ("19-2000145399", "CZ", RejectionReason.INVALID),
    ("00000000000", "NO", RejectionReason.INVALID),  # a placeholder would match every other placeholder
    ("ZZ89370400440532013000", None, RejectionReason.UNKNOWN_COUNTRY),
    ("021000021 123456789", "ZA", RejectionReason.UNKNOWN_COUNTRY),
    ("539-0075470-34", None, RejectionReason.NEEDS_REGION),
    ("20-20-15 55555555", "GB", RejectionReason.AMBIGUOUS),  # which bank has this sort code is not in the form
    ("0417164300", "NL", RejectionReason.AMBIGUOUS),
    ("37040044 532013000", "DE", RejectionReason.AMBIGUOUS),
]


@pytest.mark.parametrize(("text", "region", "expected"), ACCEPTED)
def test_a_real_spelling_becomes_its_iban(text: str, region: str | None, expected: str) -> None:
    assert normalise(Kind.ACCOUNT, text, region) == expected


@pytest.mark.parametrize(("text", "region", "reason"), REJECTED)
def test_what_determines_no_iban_is_rejected_with_its_reason(
    text: str, region: str | None, reason: RejectionReason
) -> None:
    with pytest.raises(InvalidIdentifier) as caught:
        normalise(Kind.ACCOUNT, text, region)
    assert caught.value.reason == reason
    assert not text or text not in str(caught.value)


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
