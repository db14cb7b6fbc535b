"""The part of `requirements.lock` that some packages need, with hashes: `lock_of.py requirements.lock tacita-broker`.

The lock names after each package who wants it (`# via`), so the part is what one reaches from the packages that are
asked for. Members of the workspace are not in the lock; their extras are: an image has them all.
"""

import sys
from collections.abc import Iterable
from pathlib import Path


def blocks(lock: str) -> list[str]:
    """The lock's packages, each with its hashes and comments."""
    found: list[list[str]] = []
    for line in lock.splitlines(keepends=True):
        if line[0] in " #":
            found[-1].append(line)
        else:
            found.append([line])
    return ["".join(lines) for lines in found]


def needed(lock: str, wanted: Iterable[str]) -> str:
    """The packages of the lock that are `wanted`, or are there because of one that is needed.

    Raises:
        ValueError: one that is wanted neither is in the lock nor wants anything in it.
    """
    parts = blocks(lock)
    names = {part: part.partition("==")[0].strip() for part in parts}
    reasons = {
        part: {line.strip(" #\n").removeprefix("via ") for line in part.splitlines() if "#" in line} for part in parts
    }
    reached = set(wanted)
    if unknown := reached - set(names.values()) - set().union(*reasons.values()):
        raise ValueError(f"not in the lock: {', '.join(sorted(unknown))}")
    while more := {names[part] for part in parts if reasons[part] & reached} - reached:
        reached |= more
    return "".join(part for part in parts if names[part] in reached)


if __name__ == "__main__":
    sys.stdout.write(needed(Path(sys.argv[1]).read_text(encoding="utf-8"), sys.argv[2:]))
