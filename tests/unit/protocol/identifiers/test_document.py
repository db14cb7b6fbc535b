"""docs/identifiers.md says what the code does, where a machine can tell."""

import re
from importlib.metadata import version
from pathlib import Path

from tacita_protocol.identifiers.domestic import SCHEMES
from tacita_protocol.identifiers.kind import Kind, RejectionReason
from tacita_protocol.identifiers.normalise import normaliser_version
from tacita_protocol.identifiers.numbering_plan import COMPARED, FAST, REFERENCE
from tacita_protocol.identifiers.platforms import PLATFORMS
from tacita_protocol.identifiers.registers import REGISTERS

ROOT = Path(__file__).parents[4]
DOCUMENT = (ROOT / "docs" / "identifiers.md").read_text(encoding="utf-8")


def table(head: str) -> list[list[str]]:
    """The cells of the table that begins with this head."""
    lines = DOCUMENT[DOCUMENT.index(head) :].split("\n\n", 1)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def section(kind: str) -> str:
    return DOCUMENT.split(f"\n## {kind}\n", 1)[1].split("\n## ", 1)[0]


def test_every_kind_stands_there_with_its_version() -> None:
    rows = table("| kind | version |")
    assert [f"{kind}/{number}" for kind, number, *_ in rows] == [normaliser_version(kind) for kind in Kind]
    source = ROOT / "protocol" / "src" / "tacita_protocol"
    assert [row[3] for row in rows if not (source / row[3].strip("`")).exists()] == []


def test_every_kind_has_a_section_that_says_what_is_accepted_refused_and_known() -> None:
    for kind in Kind:
        assert {"*Accepted*", "*Refused*", "*Limits*"} <= set(re.findall(r"^\*\w+\*", section(kind), re.MULTILINE))


def test_every_reason_is_explained() -> None:
    assert [row[0].strip("`") for row in table("| reason | says |")] == [reason.value for reason in RejectionReason]


def test_versions_of_pinned_libraries_are_the_installed_ones() -> None:
    for name, number in {**COMPARED, "publicsuffixlist": version("publicsuffixlist")}.items():
        assert f"{name} {number}" in DOCUMENT
    assert {name: version(name) for name in (REFERENCE, FAST)} == COMPARED


def test_schemes_registers_and_platforms_are_counted_and_named() -> None:
    assert {row[0]: row[1].strip("`") for row in table("| country | scheme |")} == {
        country: scheme.name for country, scheme in SCHEMES.items()
    }
    assert f"{len(REGISTERS)} registers of {len({one.country for one in REGISTERS})} countries" in DOCUMENT
    named = re.search(r"Platforms: ([^.]*)\.", section("handle").replace("\n", " "))
    assert named is not None
    assert re.findall(r"[a-z]+", re.sub(r"\(.*?\)", "", named[1])) == sorted({one.name for one in PLATFORMS.values()})
