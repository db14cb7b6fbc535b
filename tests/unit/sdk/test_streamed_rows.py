"""Rows that are printed as they come: the same answer as when all were there, and no more of them in memory."""

import json
from collections.abc import Iterator

import pytest

from tacita_sdk.cli.output import stream_rows
from tacita_sdk.node_api import RejectedLine

ROWS = [RejectedLine(line=line, reason=reason) for line, reason in [(2, "invalid"), (1_000_000, "needs-region")]]


def printed(rows: list[RejectedLine], capsys: pytest.CaptureFixture[str], *, as_json: bool) -> str:
    stream_rows(iter(rows), as_json=as_json, columns={"line": 10, "reason": 0}, empty="None.")
    return capsys.readouterr().out


@pytest.mark.parametrize("count", [0, 1, 2])
def test_json_is_one_array(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(ROWS[:count], capsys, as_json=True) == json.dumps([one.model_dump() for one in ROWS[:count]]) + "\n"


def test_a_person_reads_columns(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(ROWS, capsys, as_json=False).splitlines()
    assert lines == ["line        reason", "2           invalid", "1000000     needs-region"]
    assert printed([], capsys, as_json=False) == "None.\n"


def test_a_row_is_printed_before_the_next_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    def rows() -> Iterator[RejectedLine]:
        yield ROWS[0]
        assert "invalid" in capsys.readouterr().out
        yield ROWS[1]

    stream_rows(rows(), as_json=True, columns={"line": 10, "reason": 0}, empty="None.")
    assert "needs-region" in capsys.readouterr().out
