"""The public suffix list is part of what domain/1 means."""

from importlib.metadata import requires
from pathlib import Path

import pytest
from publicsuffixlist import PSLFILE

from tacita_protocol.identifiers.domain import RULES, read_suffixes
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normaliser_version

LIST = Path(PSLFILE).read_bytes()


def test_the_installed_list_is_the_one_of_the_version() -> None:
    assert normaliser_version(Kind.DOMAIN) == RULES
    assert read_suffixes(LIST).privatesuffix("www.example.co.uk") == "example.co.uk"


@pytest.mark.parametrize("other", [b"", LIST + b"\nexample", LIST.replace(b"co.uk", b"go.uk")], ids=len)
def test_any_other_list_is_refused_rather_than_cut_names_differently(other: bytes) -> None:
    with pytest.raises(RuntimeError, match="domain/1"):
        read_suffixes(other)


def test_the_wheel_that_carries_the_list_is_pinned() -> None:
    wanted = [one for one in requires("tacita-protocol") or [] if one.startswith("publicsuffixlist")]
    assert wanted == ["publicsuffixlist==1.1.2.20261023"]
