"""The fast library reads every number as the reference does: the second half of the regions."""

from importlib.metadata import version

from tacita_protocol.identifiers.numbering_plan import COMPARED, FAST, reader, reader_by
from tests.support.phone_parity import differences
from tests.support.phone_spellings import REGIONS

EACH = 410
"""Texts of a region; both halves together are more than 100,000."""


def test_the_compared_versions_are_the_installed_ones_and_the_fast_one_reads() -> None:
    assert {name: version(name) for name in COMPARED} == COMPARED
    assert reader() is reader_by(FAST)


def test_no_number_is_read_differently() -> None:
    compared, valid, different = differences(REGIONS[1::2], each=EACH, seed=2)
    assert compared >= 50_000
    assert valid > compared // 4
    assert different == []
