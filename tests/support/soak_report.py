"""What `make soak` leaves behind: for each promise which tests ran, how they ended, and the numbers that they told.

A pytest plugin (`-p tests.support.soak_report`). A test tells a number with pytest's own `record_property("kills",
500)`; a name's underscores become spaces. The report is written after each test, so that an interrupted soak leaves
what it has, marked as not finished. `make soak RESUME=1` goes on from there: files of tests that passed whole stand,
with the commit at which they did, and the others begin anew.
"""

import re
import subprocess
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.support.scale import SEED

REPORT = Path(".soak/report.json")
BEFORE = Path(".soak/before.json")
"""What `make soak RESUME=1` goes on from: the report of the soak that was interrupted."""
_PROMISE = re.compile(r"(?:^tests/promises/|::)test(?:_p\d\d)*_p(\d\d)_")
"""A test belongs to the promise in its own name, else to that of its file; a file may hold tests of several."""


class SoakedFile(BaseModel):
    """The tests of one file in a soak. `figures` are in the order in which they were told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    commit: str = ""
    """Of the working tree in which these tests ran."""
    passed: int = 0
    failed: tuple[str, ...] = ()
    """Names of the tests that did not pass, skipped ones among them: nothing is shown by those."""
    seconds: float = 0.0
    figures: dict[str, int | float | str] = Field(default_factory=dict)

    def with_time(self, seconds: float) -> "SoakedFile":
        """The file with so much more time, in which something was set up."""
        return self.model_copy(update={"seconds": round(self.seconds + seconds, 1)})

    def with_test(self, report: pytest.TestReport) -> "SoakedFile":
        """The file with one more test."""
        figures = {name.replace("_", " "): _figure(value) for name, value in report.user_properties}
        return SoakedFile(
            commit=self.commit,
            passed=self.passed + report.passed,
            failed=self.failed if report.passed else (*self.failed, report.nodeid.partition("::")[2]),
            seconds=round(self.seconds + report.duration, 1),
            figures=self.figures | figures,
        )


class SoakReport(BaseModel):
    """A whole soak; `promises` maps a promise's number to its files of tests."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    v: Literal[1] = 1
    commit: str
    """Of the working tree, with `+` when something in it was not committed."""
    begun: datetime
    seconds: float
    """In which tests ran, before an interruption and after it."""
    seed: int
    cpus: int
    finished: bool
    selection: str = ""
    """What was asked for, when it was not everything (`-k`)."""
    promises: dict[int, dict[str, SoakedFile]]

    def held(self, promise: int) -> bool:
        """Whether every test of a promise passed, and there was one."""
        files = self.promises.get(promise, {}).values()
        return any(file.passed for file in files) and not any(file.failed for file in files)

    def earlier(self) -> dict[str, list[int]]:
        """Promises of which something was shown before the soak was interrupted, by the commit at which it was."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for promise, files in self.promises.items():
            for commit in {file.commit for file in files.values()} - {self.commit, ""}:
                found[commit].append(promise)
        return dict(found)


class SoakRecorder:
    """Gathers the reports of a session, of all its workers, and writes them down, after what `before` had shown."""

    def __init__(self, file: Path, selection: str, before: SoakReport | None) -> None:
        self._file = file
        self._selection = selection
        self._begun = datetime.now(UTC).replace(microsecond=0) if before is None else before.begun
        self._since = time.monotonic() - (0 if before is None else before.seconds)
        self._commit = _commit()
        self._promises: defaultdict[int, dict[str, SoakedFile]] = defaultdict(dict)
        self._stands: set[tuple[int, str]] = set()
        if before is not None:
            self._go_on_from(before)

    def _go_on_from(self, before: SoakReport) -> None:
        for promise, files in before.promises.items():
            for name, soaked in files.items():
                if soaked.passed and not soaked.failed:
                    self._stands.add((promise, name))
                    commit = soaked.commit or before.commit
                    self._promises[promise][name] = soaked.model_copy(update={"commit": commit})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test's call counts, and its set-up or its end when that fails."""
        place = _place(report.nodeid)
        if place is None:
            return
        promise, name = place
        files = self._promises[promise]
        if place in self._stands:  # it was interrupted in its middle, and begins anew
            self._stands.remove(place)
            del files[name]
        file = files.get(name, SoakedFile(commit=self._commit))
        if report.when != "call" and report.passed:
            files[name] = file.with_time(report.duration)
            return
        files[name] = file.with_test(report)
        self._write(finished=False)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """The soak is over; whether it ran to its end."""
        self._write(finished=exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where the report is."""
        terminalreporter.write_line(f"The soak's report is {self._file}; `make readme REPORT={self._file}` keeps it.")

    def _write(self, *, finished: bool) -> None:
        report = SoakReport(
            commit=self._commit,
            begun=self._begun,
            seconds=round(time.monotonic() - self._since, 1),
            seed=SEED,
            cpus=cpu_count() or 1,
            finished=finished,
            selection=self._selection,
            promises=dict(sorted(self._promises.items())),
        )
        self._file.parent.mkdir(exist_ok=True)
        temporary = self._file.with_suffix(".new")
        temporary.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
        temporary.replace(self._file)


def pytest_configure(config: pytest.Config) -> None:
    """pytest's hook: one recorder, in the process that hears of every worker's tests."""
    before = _interrupted()
    if before is not None and before.seed != SEED:
        raise pytest.UsageError(
            f"the soak that was interrupted had the seed {before.seed}: make soak SEED={before.seed}"
        )
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SoakRecorder(REPORT, config.option.keyword, before))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """pytest's hook: files of which every test passed before the interruption are left out."""
    before = _interrupted()
    if before is None:
        return
    tests = Counter(_place(item.nodeid) for item in items)

    def stands(item: pytest.Item) -> bool:
        place = _place(item.nodeid)
        file = None if place is None else before.promises.get(place[0], {}).get(place[1])
        return file is not None and not file.failed and file.passed == tests[place]

    left_out = [item for item in items if stands(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not stands(item)]


def _interrupted() -> SoakReport | None:
    return SoakReport.model_validate_json(BEFORE.read_bytes()) if BEFORE.exists() else None


def _place(test: str) -> tuple[int, str] | None:
    """The promise and the file of a test's id; None for what belongs to no promise."""
    named = _PROMISE.findall(test.partition("[")[0])
    return (int(named[-1]), Path(test.partition("::")[0]).name) if named else None


def _figure(value: object) -> int | float | str:
    return value if isinstance(value, int | float) else str(value)


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + ("+" if git("status", "--porcelain") else "")
