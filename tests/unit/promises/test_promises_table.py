"""README's table of promises is made from what is known, and from nothing else."""

from datetime import UTC, datetime

import pytest

from tests.support.promises_table import BEGIN, END, TableRefused, named_tests, read_promises, table, with_table
from tests.support.soak_report import SoakedFile, SoakReport

PROMISES = """
[[promise]]
number = 1
text = "It is"
state = "in part"
evidence = '''
`tests/promises/test_p01_it_holds.py`
(a|b)'''

[[promise]]
number = 2
text = "It will hold"
state = "later"
"""


def soak(*failed: str, commit: str = "abc", selection: str = "") -> SoakReport:
    file = SoakedFile(passed=1, failed=failed, seconds=1.0, figures={"kills": 1500, "lost": 0})
    return SoakReport(
        commit=commit,
        begun=datetime(2026, 5, 24, tzinfo=UTC),
        seconds=600,
        seed=7,
        cpus=2,
        finished=True,
        selection=selection,
        promises={1: {"test_p01_it_holds.py": file}},
    )


def test_a_row_says_promise_state_evidence_and_what_the_last_soak_showed() -> None:
    lines = table(read_promises(PROMISES), soak()).splitlines()
    assert lines[2:4] == [
        "| 1 | It is | in part: `tests/promises/test_p01_it_holds.py` (a\\|b) | held in 1 test: 1,500 kills, 0 lost |",
        "| 2 | It will hold | later |  |",
    ]
    assert lines[-1] == (
        "The last soak that was kept ran on 24 May 2026 for 10 minutes on 2 processors, with seed 7, at commit abc."
    )


def test_a_promise_that_a_soak_broke_is_said_loudly() -> None:
    made = table(read_promises(PROMISES), soak("test_it", commit="abc+"))
    assert "| **NOT HELD**: `test_p01_it_holds.py::test_it` |" in made
    assert made.endswith("at commit abc with changes that were not committed.")


def test_a_soak_of_some_tests_says_of_which() -> None:
    made = table(read_promises(PROMISES), soak(selection="p01 or p02"))
    assert made.endswith("at commit abc; of the tests, those that `p01 or p02` selects.")


def test_without_a_soak_it_says_so() -> None:
    assert table(read_promises(PROMISES), None).endswith("No soak has been kept yet.")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (("number = 2", "number = 3"), "without a gap"),
        (("`tests/promises/test_p01_it_holds.py`", ""), "promise 1: name tests"),
        (('state = "later"', 'state = "shown"'), None),
        (('"in part"', '"later"'), "promise 1: name tests"),
    ],
)
def test_promises_that_cannot_be_right_are_refused(changed: tuple[str, str], why: str | None) -> None:
    with pytest.raises(TableRefused, match=why or "promise 2"):
        read_promises(PROMISES.replace(*changed))


def test_the_tests_that_are_named_can_be_looked_for() -> None:
    assert named_tests(read_promises(PROMISES)) == ["tests/promises/test_p01_it_holds.py"]


def test_only_what_stands_between_the_marks_is_written() -> None:
    assert with_table(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\n\nnew\n\n{END}\nb"
    with pytest.raises(TableRefused, match="lacks"):
        with_table("a\nb", "new")
