"""Reading CSV files: what is read, and what is refused by name."""

import contextlib
import csv
import io
import itertools
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_node.config import Limits
from tacita_node.data.sources import Delimiter, SourceLine, SourceRefused, layout_of, read_lines, rows_of
from tacita_protocol.identifiers.kind import Kind


def read(
    data: bytes | str,
    *,
    column: str | None = None,
    delimiter: Delimiter | None = None,
    region: str | None = None,
    limits: Limits | None = None,
) -> list[SourceLine]:
    encoded = data.encode() if isinstance(data, str) else data
    return read_pieces([encoded], column=column, delimiter=delimiter, region=region, limits=limits)


def read_pieces(
    pieces: list[bytes],
    *,
    column: str | None = None,
    delimiter: Delimiter | None = None,
    region: str | None = None,
    limits: Limits | None = None,
) -> list[SourceLine]:
    chosen = limits or Limits()
    layout = layout_of(
        lambda: pieces, kind=Kind.PHONE, column=column, region=region, delimiter=delimiter, limits=chosen
    )
    return list(read_lines(lambda: pieces, layout, chosen))


def texts(lines: list[SourceLine]) -> list[tuple[int, str]]:
    return [(line.number, line.text) for line in lines]


@pytest.mark.parametrize(
    ("data", "column", "expected"),
    [
        ("phone\n1\n2\n", None, [(2, "1"), (3, "2")]),
        ("\ufeffphone\n1\n", None, [(2, "1")]),
        ("phone\r\n1\r\n2", None, [(2, "1"), (3, "2")]),
        ("phone\r1\r2", None, [(2, "1"), (3, "2")]),
        ("name,phone\nx,1\ny,2\n", "phone", [(2, "1"), (3, "2")]),
        ("name;phone\nx;1\n", " PHONE ", [(2, "1")]),
        ("name\tphone\nx\t1\n", "phone", [(2, "1")]),
        ('"name, first";phone\nx;1\n', "phone", [(2, "1")]),
        ('name,phone\n"two\nlines",1\nz,2\n', "phone", [(2, "1"), (4, "2")]),
        ('name,phone\n"say ""x""",1\n', "name", [(2, 'say "x"')]),
        ("phone\n1\n\n2\n\n", None, [(2, "1"), (4, "2")]),
        ("name,phone\nx,\n", "phone", [(2, "")]),
        ("phone\n 1 \n", None, [(2, " 1 ")]),
        ("Téléphone;nom\n1;x\n", "TÉLÉPHONE", [(2, "1")]),
    ],
)
def test_reads_the_column(data: str, column: str | None, expected: list[tuple[int, str]]) -> None:
    assert texts(read(data, column=column)) == expected


def test_a_piece_of_short_lines_is_not_split_all_at_once() -> None:
    piece = b"phone\n" + b"1\n" * 2**20
    tracemalloc.start()
    try:
        lines = rows_of(lambda: [piece], Delimiter.COMMA, Limits())
        assert [next(lines) for _ in range(3)] == [(1, ["phone"]), (2, ["1"]), (3, ["1"])]
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("before", ["", "phone\n", "phone\n1\n"])
def test_blank_lines_are_counted_as_rows_are(before: str, end: str) -> None:
    """They are no rows, so that nothing else would end a file of a thousand million of them."""
    with pytest.raises(SourceRefused) as refused:
        read(before + end * 21 + "2", limits=Limits(import_rows=20))
    assert refused.value.code == "too-many-rows"
    assert [line.text for line in read("phone\n" + end * 20 + "2", limits=Limits(import_rows=20))] == ["2"]


@pytest.mark.parametrize(
    ("data", "column", "code", "line"),
    [
        (b"", None, "empty", None),
        (b"\n\n", None, "empty", None),
        (b"phone\n", None, "empty", None),
        (b"\xff\xfep\0h\0", None, "not-utf8", 1),
        (b"phone\n1\n\xe9\n", None, "not-utf8", 3),
        (b"PK\x03\x04\0\0\n", None, "not-text", 1),
        (b"phone\n1\n2\0\n", None, "not-text", 3),
        (b"name,phone\nx,1\n", None, "column-needed", None),
        (b"name,phone\nx,1\n", "iban", "column-missing", None),
        (b"phone\n1\n", "iban", "column-missing", None),
        (b"phone,Phone\n1,2\n", "phone", "column-repeated", None),
        (b"name,phone\nx,1\ny\n", "phone", "uneven-row", 3),
        (b"name,phone\nx,1,2\n", "phone", "uneven-row", 2),
        (b"phone\n1,2\n", None, "uneven-row", 2),
        (b'phone\n"1\n2\n', None, "bad-quoting", 2),
        (b'phone\n1\n"2"3\n', None, "bad-quoting", 3),
        (b"a,b;c\n1,2;3\n", None, "delimiter-unclear", None),
        (b"+447911123456\n+447911123457\n", None, "header-missing", 1),
        (b"x,+447911123456\ny,+447911123457\n", "+447911123456", "header-missing", 1),
    ],
)
def test_refuses_by_name(data: bytes, column: str | None, code: str, line: int | None) -> None:
    with pytest.raises(SourceRefused) as refused:
        read(data, column=column)
    assert (refused.value.code, refused.value.line) == (code, line)
    assert "447911" not in str(refused.value)


def test_a_stated_delimiter_counts() -> None:
    assert texts(read("a,b;phone\n1,2;3\n", column="phone", delimiter=Delimiter.SEMICOLON)) == [(2, "3")]


LIMITS = Limits(import_rows=3, import_columns=3, import_field_characters=10, import_row_characters=50)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("phone\n1\n2\n3\n4\n", "too-many-rows"),
        ("phone,a,b,c\n1,2,3,4\n", "too-many-columns"),
        ("phone\n" + "1" * 11 + "\n", "field-too-long"),
        ("phone,a\n1," + "x" * 11 + "\n", "field-too-long"),
        ("phone,a\n" + "," * 60 + "\n", "row-too-long"),
        ("phone,a\n" + ',"\n"' * 15 + "\n", "row-too-long"),
        ("," * 60, "row-too-long"),
    ],
)
def test_limits_refuse(data: str, code: str) -> None:
    with pytest.raises(SourceRefused) as refused:
        read(data, column="phone", limits=LIMITS)
    assert refused.value.code == code


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(SourceRefused):
        read(b"phone\n" + data)


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20), min_size=1, max_size=20)
)
def test_what_a_csv_writer_wrote_is_read_back(values: list[str]) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["name", "phone"])
    writer.writerows(["x", value] for value in values)
    assert [line.text for line in read(out.getvalue(), column="phone")] == values


PLACES = st.lists(st.integers(0, 400), max_size=8)
ALPHABET = [
    b"phone",
    b"\xef\xbb\xbf",
    b"1",
    b",",
    b";",
    b'"',
    b"\n",
    b"\r",
    b"\r\n",
    b"\xc3\xa9",
    b"\xc3",
    b"\0",
    b"x" * 11,
]
TEXTS = st.lists(st.sampled_from(ALPHABET), max_size=40).map(b"".join)
SMALL = Limits(import_rows=6, import_columns=3, import_row_characters=20, import_field_characters=10)


def outcome(pieces: list[bytes], limits: Limits) -> list[tuple[int, str]] | tuple[str, int | None]:
    """What was read, or how it was refused and after what."""
    try:
        return texts(read_pieces(pieces, limits=limits))
    except SourceRefused as refused:
        return refused.code, refused.line


@given(st.one_of(TEXTS, st.binary(max_size=300)), PLACES, st.sampled_from([SMALL, Limits()]))
def test_borders_of_pieces_change_nothing(data: bytes, places: list[int], limits: Limits) -> None:
    whole = b"phone\n" + data
    borders = sorted({0, len(whole), *(place for place in places if place < len(whole))})
    pieces = [whole[start:end] for start, end in itertools.pairwise(borders)]
    expected = outcome([whole], limits)
    assert outcome(pieces, limits) == expected
    assert outcome([bytes([byte]) for byte in whole], limits) == expected


def test_a_line_without_end_is_not_held() -> None:
    """Nine pieces are taken of an endless line of which eight may be: the reader asks for no more."""
    taken = []

    def endless() -> Iterator[bytes]:
        for number in itertools.count():
            taken.append(number)
            yield b"x" * 10

    with pytest.raises(SourceRefused) as refused:
        next(rows_of(endless, Delimiter.COMMA, SMALL))
    assert refused.value.code == "row-too-long"
    assert len(taken) == 9
