"""Types a document's commands into a real shell, and compares what is shown below them with what came.

A ```sh block is typed as it stands. A ```text block right below it is all that comes then on standard output: in it
`…` stands for what differs each time (an id, a time), and a line `...` for lines that are left out.
"""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """Lines that a reader types, and what is shown below them, if anything."""

    commands: str
    shown: str | None


@dataclass(frozen=True)
class Typed:
    """What came of a block: its output, its errors, and whether its last command was reached and did not fail."""

    block: Block
    printed: str
    errors: str
    done: bool

    def problem(self) -> str | None:
        """What is not as the document says, or None."""
        if not self.done:
            return f"a command of this block failed:\n{self.block.commands}\n{self.printed}\n{self.errors}"
        if self.block.shown is None or pattern_of(self.block.shown).fullmatch(self.printed):
            return None
        return f"this is shown:\n{self.block.shown}\nand this came:\n{self.printed}\n{self.errors}"


def blocks_of(document: str) -> list[Block]:
    """The blocks in their order. Raises `ValueError` for something shown that no command precedes."""
    blocks: list[Block] = []
    end = 0
    for fence in FENCE.finditer(document):
        if fence[1] == "sh":
            blocks.append(Block(fence[2], None))
        elif not blocks or blocks[-1].shown is not None or document[end : fence.start()].strip():
            raise ValueError("a shown output must stand right below its commands")
        else:
            blocks[-1] = Block(blocks[-1].commands, fence[2])
        end = fence.end()
    return blocks


def pattern_of(shown: str) -> re.Pattern[str]:
    """What output fits a shown one."""
    lines = (
        r"(?:.*\n)*?" if line == "..." else ".+?".join(map(re.escape, line.split("…"))) + r"\n"
        for line in shown.splitlines()
    )
    return re.compile("".join(lines))


def type_blocks(blocks: list[Block], folder: Path, environment: Mapping[str, str]) -> list[Typed]:
    """Types them into one shell in a new folder, which ends, with what it started, at the first that fails."""
    desk, record = folder / "desk", folder / "record"
    desk.mkdir()
    record.mkdir()
    script = record / "typed.sh"
    script.write_text(
        "set -e\n"
        + "".join(
            f"exec >'{record}/{number}.out' 2>'{record}/{number}.err'\n{block.commands}: > '{record}/{number}.done'\n"
            for number, block in enumerate(blocks)
        ),
        encoding="utf-8",
    )
    shell = subprocess.Popen(
        ["bash", str(script)], cwd=desk, env=dict(environment), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        shell.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
    return [
        Typed(
            block,
            printed=_read(record / f"{number}.out"),
            errors=_read(record / f"{number}.err"),
            done=(record / f"{number}.done").exists(),
        )
        for number, block in enumerate(blocks)
    ]


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""
