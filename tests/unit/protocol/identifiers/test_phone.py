"""Phone numbers: what no table of single spellings can show."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind, RejectionReason
from tacita_protocol.identifiers.normalise import normalise
from tacita_protocol.identifiers.numbering_plan import FAST, REFERENCE, reader_by
from tacita_protocol.identifiers.phone import normalise_by


@settings(deadline=None)
@given(st.text("+0123456789 -()", max_size=20), st.sampled_from([None, "GB", "DE", "US", "MX"]))
def test_any_digits_are_either_e164_or_rejected(text: str, region: str | None) -> None:
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


@settings(deadline=None)
@given(
    st.integers(0, 99_999_999), st.sampled_from(["+52 1 55{}", "0052155{}", "04455{}", "04555{}", "01 55{}", "55{}"])
)
def test_mexican_numbers_meet_with_and_without_the_prefixes_of_old(line: int, spelling: str) -> None:
    try:
        expected = normalise(Kind.PHONE, f"+5255{line:08}")
    except InvalidIdentifier:
        return
    assert normalise(Kind.PHONE, spelling.format(f"{line:08}"), "MX") == expected


@pytest.mark.parametrize("name", [REFERENCE, FAST])
@pytest.mark.parametrize("region", ["", "UK", "gb ", "GBR"])
def test_a_region_that_does_not_exist_is_refused_by_either_library(name: str, region: str) -> None:
    with pytest.raises(InvalidIdentifier) as caught:
        normalise_by(reader_by(name), "020 7946 0018", region)
    assert caught.value.reason == RejectionReason.UNKNOWN_COUNTRY
