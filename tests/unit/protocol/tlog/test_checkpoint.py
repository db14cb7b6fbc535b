"""Checkpoint texts: what is read back, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.errors import MalformedMessage
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.merkle import EMPTY_ROOT

# The specification's example.
EXAMPLE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def test_example() -> None:
    checkpoint = Checkpoint.parse(EXAMPLE)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.root.hex() == "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    assert checkpoint.text() == EXAMPLE


@given(size=st.integers(1, 2**53 - 1), root=st.binary(min_size=32, max_size=32))
def test_round_trip(size: int, root: bytes) -> None:
    checkpoint = Checkpoint("log.test", size, root)
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        EXAMPLE[:-1],
        EXAMPLE + "extension\n",
        EXAMPLE + "\n",
        EXAMPLE.replace("example.com/behind-the-sofa", ""),
        EXAMPLE.replace("example", "exam\tple"),
        EXAMPLE.replace("example", "e" * 256),
        EXAMPLE.replace("20852163", "020852163"),
        EXAMPLE.replace("20852163", "+20852163"),
        EXAMPLE.replace("20852163", "-1"),
        EXAMPLE.replace("20852163", "2085_2163"),
        EXAMPLE.replace("20852163", "٢٠٨٥٢١٦٣"),
        EXAMPLE.replace("20852163", str(2**53)),
        EXAMPLE.replace("20852163", "9" * 5000),
        EXAMPLE.replace("20852163", "0"),
        EXAMPLE.replace("=", ""),
        EXAMPLE.replace("2I=", "2J="),
        EXAMPLE.replace("CsUYapGG", ""),
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        Checkpoint.parse(text)


def test_empty_tree_has_its_root() -> None:
    assert Checkpoint.parse(Checkpoint("log.test", 0, EMPTY_ROOT).text()).size == 0
