"""Real spellings of phone numbers, each beside what it must become."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind, RejectionReason
from tacita_protocol.identifiers.normalise import normalise

ACCEPTED = [
    # text, region, E.164
    ("+44 20 7946 0018", None, "+442079460018"),
    ("+442079460018", None, "+442079460018"),
    ("+44 20 7946 0018", "DE", "+442079460018"),  # an international form wins over the region
    ("(+44) 20 7946 0018", None, "+442079460018"),
    ("+44 (0)20 7946 0018", None, "+442079460018"),
    ("+44.20.7946.0018", None, "+442079460018"),
    ("tel:+44-20-7946-0018", None, "+442079460018"),
    ("020 7946 0018", "GB", "+442079460018"),
    ("(020) 7946-0018", "gb", "+442079460018"),
    ("  020 7946 0018 \n", "GB", "+442079460018"),
    ("442079460018", "GB", "+442079460018"),  # a spreadsheet dropped the plus; too long for a national number
    ("0044 20 7946 0018", "DE", "+442079460018"),
    ("011 44 20 7946 0018", "US", "+442079460018"),
    ("\u202a+44\u00a020\u20117946\u20110018\u202c", None, "+442079460018"),  # copied from a chat program
    ("＋４４　２０　７９４６　００１８", None, "+442079460018"),
    ("٠٢٠٧٩٤٦٠٠١٨", "GB", "+442079460018"),
    ("०२०७९४६००१८", "GB", "+442079460018"),
    ("٠٥٠ ١٢٣ ٤٥٦٧", "AE", "+971501234567"),
    ("+971 50 123 4567", None, "+971501234567"),
    ("030/1234567", "DE", "+49301234567"),
    ("+49 (0) 30 / 1234 567", None, "+49301234567"),
    ("2025550123", "US", "+12025550123"),
    ("1 (202) 555-0123", "US", "+12025550123"),
    ("8 (912) 345-67-89", "RU", "+79123456789"),
    ("011 15 2345-6789", "AR", "+5491123456789"),  # the mobile 15 of the national form is the 9 of the other
    ("+54 9 11 2345 6789", None, "+5491123456789"),
    ("06 1234 5678", "IT", "+390612345678"),  # Italy keeps its zero
    ("+39 06 1234 5678", None, "+390612345678"),
    ("0912 345 678", "VN", "+84912345678"),
    ("0801 234 5678", "NG", "+2348012345678"),
    ("01712-345678", "BD", "+8801712345678"),
    ("+800 1234 5678", None, "+80012345678"),
]

REJECTED = [
    # text, region, reason
    ("", "GB", RejectionReason.EMPTY),
    (" \u200b ", "GB", RejectionReason.EMPTY),
    ("0" * 65, "GB", RejectionReason.TOO_LONG),
    ("020 7946 0018", None, RejectionReason.NEEDS_REGION),
    ("0044 20 7946 0018", None, RejectionReason.NEEDS_REGION),  # 00 is not the way out of every country
    ("020 7946 0018", "UK", RejectionReason.UNKNOWN_COUNTRY),
    ("020 7946 0018", "", RejectionReason.UNKNOWN_COUNTRY),
    ("+999 123456789", None, RejectionReason.UNKNOWN_COUNTRY),
    ("n/a", "GB", RejectionReason.NOT_A_NUMBER),
    ("call 020 7946 0018", "GB", RejectionReason.NOT_A_NUMBER),
    ("1-800-FLOWERS", "US", RejectionReason.NOT_A_NUMBER),
    ("4.47911E+11", "GB", RejectionReason.NOT_A_NUMBER),
    ("447911123456.0", "GB", RejectionReason.NOT_A_NUMBER),
    ("++442079460018", None, RejectionReason.NOT_A_NUMBER),
    ("+44+2079460018", None, RejectionReason.NOT_A_NUMBER),
    ("02079460018²", "GB", RejectionReason.NOT_A_NUMBER),  # a footnote mark is no digit
    ("020 7946\n0018", "GB", RejectionReason.NOT_PLAIN_TEXT),
    ("\ud800020 7946 0018", "GB", RejectionReason.NOT_A_NUMBER),
    ("020 7946 001", "GB", RejectionReason.INVALID),
    ("0000000000", "GB", RejectionReason.INVALID),
    ("112", "DE", RejectionReason.INVALID),
    ("+44 20 7946 0018 ext. 3", None, RejectionReason.EXTENSION),
    ("+442079460018x3", None, RejectionReason.EXTENSION),
    ("+44 20 7946 0018 #3", None, RejectionReason.EXTENSION),
    ("+44 20 7946 0018;ext=3", None, RejectionReason.EXTENSION),
    ("020 7946 0018, 020 7946 0019", "GB", RejectionReason.AMBIGUOUS),
    ("020 7946 0018/9", "GB", RejectionReason.AMBIGUOUS),
    ("\u202e8100 6497 020", "GB", RejectionReason.AMBIGUOUS),  # people see 020 7946 0018
    ("020 tel: 7946 0018", "GB", RejectionReason.NOT_A_NUMBER),
    ("49577078", "DE", RejectionReason.AMBIGUOUS),  # +49 577078 or +49 49577078
    ("390645303", "IT", RejectionReason.AMBIGUOUS),
]


@pytest.mark.parametrize(("text", "region", "expected"), ACCEPTED)
def test_a_real_spelling_becomes_its_e164_number(text: str, region: str | None, expected: str) -> None:
    assert normalise(Kind.PHONE, text, region) == expected


@pytest.mark.parametrize(("text", "region", "reason"), REJECTED)
def test_what_is_no_single_subscriber_number_is_rejected_with_its_reason(
    text: str, region: str | None, reason: RejectionReason
) -> None:
    with pytest.raises(InvalidIdentifier) as caught:
        normalise(Kind.PHONE, text, region)
    assert caught.value.reason == reason
    assert not text.strip() or text not in str(caught.value)


@settings(deadline=None)
@given(st.text(max_size=80), st.sampled_from([None, "GB", "DE", "US"]))
def test_any_text_is_either_e164_or_rejected(text: str, region: str | None) -> None:
    try:
        canonical = normalise(Kind.PHONE, text, region)
    except InvalidIdentifier:
        return
    assert normalise(Kind.PHONE, canonical) == canonical
    assert canonical.isascii()
    assert 3 <= len(canonical) <= 16


@settings(deadline=None)
@given(st.integers(0, 9999), st.sampled_from(["020 7946 {}", "+44 (0)20-7946-{}", "4420 7946 {}"]))
def test_all_spellings_of_a_number_meet(line: int, spelling: str) -> None:
    assert normalise(Kind.PHONE, spelling.format(f"{line:04}"), "GB") == f"+44207946{line:04}"
