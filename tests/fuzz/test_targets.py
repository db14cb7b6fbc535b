"""Every target takes its seeds, and small changes of them, without an accident. `make fuzz` goes on from here."""

import random

import pytest

from tests.fuzz.seeds import seeds_of
from tests.fuzz.targets import TARGETS, run

VARIANTS = 60
MUST_ACCEPT = (
    "statement",
    "json",
    "note",
    "checkpoint",
    "proof",
    "entry-bundle",
    "tile",
    "fragments",
    "bearer-token",
    "invitation",
)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_their_neighbours(name: str) -> None:
    chance = random.Random(name)
    for seed in [b"", b"\0", b"{}", *seeds_of(name)]:
        run(TARGETS[name], seed)
        for _ in range(VARIANTS // max(1, len(seeds_of(name)))):
            run(TARGETS[name], changed(seed, chance))


@pytest.mark.parametrize("name", MUST_ACCEPT)
def test_a_seed_is_taken_whole(name: str) -> None:
    """Otherwise a target could refuse everything at its first step and never find anything."""
    for seed in seeds_of(name):
        TARGETS[name](seed)


def changed(data: bytes, chance: random.Random) -> bytes:
    """`data` with one to four bytes flipped, left out, doubled or put in."""
    result = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(result) + 1)
        match chance.randrange(4):
            case 0 if at < len(result):
                result[at] ^= 1 << chance.randrange(8)
            case 1:
                del result[at : at + chance.randint(1, 8)]
            case 2:
                result[at:at] = result[at : at + chance.randint(1, 8)]
            case _:
                result[at:at] = chance.randbytes(chance.randint(1, 3))
    return bytes(result)
