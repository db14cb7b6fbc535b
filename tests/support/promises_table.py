"""README's table of promises: `tests/promises/promises.toml` and the last kept soak (`docs/soak-report.json`) in one.

python -m tests.support.promises_table                     write the table into README.md
python -m tests.support.promises_table --check             exit 1 when README.md says something else
python -m tests.support.promises_table --report FILE       keep FILE as the last soak first
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tests.support.soak_report import SoakReport

README = Path("README.md")
PROMISES = Path("tests/promises/promises.toml")
KEPT_REPORT = Path("docs/soak-report.json")
BEGIN = "<!-- promises: `make readme` writes what stands between these two lines -->"
END = "<!-- end of promises -->"
_NAMED_TEST = re.compile(r"`(tests/[^`]*)`")


class TableRefused(Exception):
    """The table cannot be made; the message says why."""


class Promise(BaseModel):
    """One promise and what is shown of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int = Field(ge=1)
    text: str = Field(min_length=1)
    state: Literal["shown", "in part", "later"]
    evidence: str = ""


def read_promises(text: str) -> tuple[Promise, ...]:
    """The promises of a `promises.toml`. Raises `TableRefused` when they do not count from 1 or one names no test."""
    promises = tuple(Promise.model_validate(item) for item in tomllib.loads(text)["promise"])
    if [promise.number for promise in promises] != list(range(1, len(promises) + 1)):
        raise TableRefused("the promises are not numbered from 1 on, without a gap")
    for promise in promises:
        if (promise.state == "later") == bool(_NAMED_TEST.search(promise.evidence)):
            raise TableRefused(f"promise {promise.number}: name tests for what is shown, and none for what comes later")
    return promises


def named_tests(promises: Sequence[Promise]) -> list[str]:
    """Every file and folder of tests that is named as evidence."""
    return [name for promise in promises for name in _NAMED_TEST.findall(promise.evidence)]


def table(promises: Sequence[Promise], soak: SoakReport | None) -> str:
    """The table as Markdown, with a sentence about the last soak under it."""
    lines = ["| | promise | where it stands | in the last soak |", "|---|---|---|---|"]
    for promise in promises:
        evidence = " ".join(promise.evidence.split())
        stands = f"{promise.state}: {evidence}" if evidence else promise.state
        cells = (str(promise.number), promise.text, stands, "" if soak is None else _soaked(promise.number, soak))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines += ["", _about(soak)]
    return "\n".join(lines)


def with_table(readme: str, made: str) -> str:
    """README with the table between its two marks. Raises `TableRefused` without them."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise TableRefused("README.md lacks the two lines between which the table of promises stands")
    return f"{before}{begin}\n\n{made}\n\n{end}{after}"


def read_report(file: Path) -> SoakReport:
    """A soak's report. Raises `TableRefused` for one of a soak that did not run to its end."""
    report = SoakReport.model_validate_json(file.read_bytes())
    if not report.finished:
        raise TableRefused(f"the soak of {file} did not run to its end")
    return report


def _soaked(promise: int, soak: SoakReport) -> str:
    files = soak.promises.get(promise)
    if not files:
        return ""
    if not soak.held(promise):
        failed = [f"`{name}::{test}`" for name, file in files.items() for test in file.failed]
        return f"**NOT HELD**: {', '.join(failed)}"
    passed = sum(file.passed for file in files.values())
    held = f"held in {passed} test{'s' if passed > 1 else ''}"
    figures = [f"{_shown(value)} {name}" for file in files.values() for name, value in file.figures.items()]
    return ": ".join([held, *([", ".join(figures)] if figures else [])])


def _about(soak: SoakReport | None) -> str:
    if soak is None:
        return "No soak has been kept yet."
    return (
        f"The last soak that was kept ran on {soak.begun:%d %B %Y} for {soak.seconds / 60:.0f} minutes on {soak.cpus} "
        f"processors, with seed {soak.seed}, at commit {soak.commit.rstrip('+')}"
        f"{' with changes that were not committed' if soak.commit.endswith('+') else ''}"
        f"{f'; of the tests, those that `{soak.selection}` selects' if soak.selection else ''}."
        + "".join(
            f" It was interrupted: what it says of {_counted(promises)} was shown at commit {commit}."
            for commit, promises in sorted(soak.earlier().items())
        )
    )


def _counted(promises: Sequence[int]) -> str:
    *most, last = map(str, promises)
    return f"promises {', '.join(most)} and {last}" if most else f"promise {last}"


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def main(arguments: Sequence[str]) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(description="Write README's table of promises.")
    parser.add_argument("--check", action="store_true", help="only say whether README.md is up to date")
    parser.add_argument("--report", type=Path, help="a soak's report to keep")
    options = parser.parse_args(arguments)
    try:
        if options.report is not None:
            read_report(options.report)
            KEPT_REPORT.write_bytes(options.report.read_bytes())
        promises = read_promises(PROMISES.read_text(encoding="utf-8"))
        missing = [name for name in named_tests(promises) if not Path(name).exists()]
        if missing:
            raise TableRefused(f"{PROMISES} names what does not exist: {', '.join(missing)}")
        readme = README.read_text(encoding="utf-8")
        soak = read_report(KEPT_REPORT) if KEPT_REPORT.exists() else None
        wanted = with_table(readme, table(promises, soak))
    except TableRefused as refused:
        print(f"promises: {refused}", file=sys.stderr)
        return 1
    if readme == wanted:
        return 0
    if options.check:
        print("promises: README.md's table is out of date: run `make readme`", file=sys.stderr)
        return 1
    README.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
