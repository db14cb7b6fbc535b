"""What holds for every kind and every text."""

import pickle
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind, RejectionReason
from tacita_protocol.identifiers.normalise import normalise
from tests.support.spellings import Row, rows_of

ROWS = [row for kind in Kind for row in rows_of(kind)]
ACCEPTED = [row for row in ROWS if row.accepted]
REGIONS = st.sampled_from([None, "GB", "DE", "US", "FR", "IN", "CZ", "NZ", "CA", "ZZ", "", "\u00e9"])
SCRIPTS = (0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0xFF10)  # zeros: Arabic-Indic, Persian, Devanagari, Bengali, Thai, wide
STRAY = ("", "-", ":", "@", ".", "\u0661", "\u017f", "\u0130", "\u0131", "\u212a")
"""Among them letters whose other case is an ASCII letter: long s, the dotted and the dotless i, the Kelvin sign."""
INVISIBLE = "\u200b\u200e\u200f\u2060\ufeff\u00ad"


def check(kind: Kind, text: str, region: str | None) -> None:
    """Either a canonical form that stays as it is, or a rejection that does not show the text."""
    try:
        canonical = normalise(kind, text, region)
    except InvalidIdentifier as error:
        rejection = error
    else:
        assert canonical
        assert normalise(kind, canonical) == canonical
        assert normalise(kind, canonical, region or None) == canonical
        return
    assert rejection.reason in set(RejectionReason)
    assert rejection.__suppress_context__ or rejection.__context__ is None
    assert len(text) < 4 or text not in str(rejection)


@pytest.mark.parametrize("kind", Kind)
@settings(deadline=None, max_examples=150)
@given(text=st.text(max_size=300), region=REGIONS)
def test_any_text_has_one_canonical_form_or_a_reason(kind: Kind, text: str, region: str | None) -> None:
    check(kind, text, region)


@settings(deadline=None, max_examples=600)
@given(row=st.sampled_from(ROWS), kind=st.sampled_from(Kind), region=REGIONS, seed=st.integers(0, 2**32))
def test_a_spelling_with_errors_has_one_canonical_form_or_a_reason(
    row: Row, kind: Kind, region: str | None, seed: int
) -> None:
    rng = random.Random(seed)
    characters = list(row.spelling)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(characters) + 1)
        characters[at : at + rng.randrange(3)] = rng.choice(ROWS).spelling[:1] + rng.choice(
            ["", "-", ":", "@", "\u0661", "."]
        )
    text = "".join(characters)
    check(row.kind, text, row.region)
    check(kind, text, region)


@pytest.mark.parametrize("kind", Kind)
def test_repetition_of_any_length_ends_soon(kind: Kind) -> None:
    """What a regular expression could try in very many ways; a hang here would stop an import."""
    for unit in ("a", "1", ".", "a.", "@", "a@", ":", "x:", "xn--", "[.]", "-1", " ", "\u0301", "(", "/"):
        for size in (60, 120, 250, 2_000, 300_000):
            check(kind, (unit * size)[:size], "DE")
            check(kind, (unit * size)[: size - 1] + "!", None)


def _wide(text: str, rng: random.Random) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and rng.random() < 0.5 else c for c in text)


def _other_digits(text: str, rng: random.Random) -> str:
    zero = rng.choice(SCRIPTS)
    return "".join(chr(zero + int(c)) if c in "0123456789" else c for c in text)


def _with_invisible_marks(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(INVISIBLE) + text[at:]


def _with_space_around(text: str, rng: random.Random) -> str:
    return rng.choice([" ", "\t", "\u00a0", "\u202a"]) + text + rng.choice([" ", "\u3000", "\u202c"])


def _other_case(text: str, rng: random.Random) -> str:
    return "".join(c.upper() if rng.random() < 0.5 else c for c in text)


def _spaced(text: str, rng: random.Random) -> str:
    width = rng.randrange(2, 6)
    return " ".join(text[i : i + width] for i in range(0, len(text), width))


EVERYWHERE = (_wide, _other_digits, _with_invisible_marks, _with_space_around)
VARIANTS: dict[Kind, tuple[Callable[[str, random.Random], str], ...]] = {
    Kind.PHONE: (*EVERYWHERE, _spaced),
    Kind.ACCOUNT: (*EVERYWHERE, _other_case),
    Kind.EMAIL: (*EVERYWHERE, _other_case),
    Kind.COMPANY: (*EVERYWHERE, _other_case),
    Kind.DOMAIN: (*EVERYWHERE, _other_case),
    Kind.HANDLE: (*EVERYWHERE, _other_case),
    Kind.WALLET: (*EVERYWHERE, _spaced),
    Kind.FILE: (*EVERYWHERE, _other_case, _spaced),
}


@settings(deadline=None, max_examples=600)
@given(row=st.sampled_from(ACCEPTED), seed=st.integers(0, 2**32))
def test_variants_of_characters_meet_in_one_canonical_form(row: Row, seed: int) -> None:
    rng = random.Random(seed)
    text = row.expected
    for variant in rng.sample(VARIANTS[row.kind], rng.randrange(1, 3)):
        text = variant(text, rng)
    assert normalise(row.kind, text) == row.expected


@pytest.mark.parametrize("kind", Kind)
def test_line_breaks_around_a_text_are_no_part_of_it(kind: Kind) -> None:
    expected = next(row for row in ACCEPTED if row.kind == kind).expected
    assert normalise(kind, f"\r\n{expected}\n") == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.WALLET, "da\u017fh:XwnLY9Tf7Zsef8gMGL2fhWA9ZmMjt4KPwg"),
        (Kind.EMAIL, "ma\u0131lto:anna@example.org"),
        (Kind.DOMAIN, "http\u017f://example.com"),
        (Kind.HANDLE, "\u212aik:some_name"),
        (Kind.COMPANY, "HRB 12345\u0130 Berlin"),
        (Kind.ACCOUNT, "\u0131BAN DE89370400440532013000"),
    ],
)
def test_a_letter_that_another_case_makes_ascii_is_not_taken_for_it(kind: Kind, text: str) -> None:
    with pytest.raises(InvalidIdentifier):
        normalise(kind, text)


@pytest.mark.parametrize("kind", Kind)
def test_a_lone_surrogate_is_refused_like_any_other_sign(kind: Kind) -> None:
    check(kind, "\ud800", None)
    check(kind, "a\udfff@example.org", "GB")


@pytest.mark.parametrize("reason", RejectionReason)
def test_a_rejection_survives_the_way_back_from_a_worker_process(reason: RejectionReason) -> None:
    row = next(row for row in ROWS if row.expected == f"!{reason}")
    with pytest.raises(InvalidIdentifier) as caught:
        normalise(row.kind, row.spelling, row.region)
    returned = pickle.loads(pickle.dumps(caught.value))
    assert (returned.reason, str(returned)) == (reason, str(caught.value))
