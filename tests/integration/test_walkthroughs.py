"""The demo's story ends as planted, and the walkthroughs work when typed as they stand: real shells, where it ended."""

import io
import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.demo.cast import assembled
from deploy.demo.run import ENVIRONMENT, play
from deploy.demo.sample_data import write_sample_data
from deploy.demo.shell import write_shell
from deploy.demo.tally import Tally
from tests.support.campaign.forked_programs import ForkedPrograms
from tests.support.forked_federation import ForkedFederation
from tests.support.walkthrough import Block, blocks_of, pattern_of, type_blocks

pytestmark = pytest.mark.timeout(1200)  # a federation and a page of commands, on a busy machine

FOLDER = Path(__file__).parents[2] / "docs/walkthroughs"
# A denial's closing is written at a random time, so those who verify the log come before those who are denied.
ORDER = ("own-partner", "ngo", "regulator", "hotel", "bank")
PAGES = [FOLDER / f"{name}.md" for name in ORDER]


@dataclass(frozen=True)
class Demo:
    """What `make demo KEEP=1` leaves running, and how its story went."""

    shell: Path
    told: str
    tally: Tally
    restarted: set[str]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    root = tmp_path_factory.mktemp("demo")
    (root / "data").mkdir()
    told, tally = io.StringIO(), Tally()
    with (
        ForkedPrograms() as programs,
        ForkedFederation(root, ENVIRONMENT, programs=programs) as federation,
        assembled(federation) as cast,
    ):
        before = federation.process_ids
        with redirect_stdout(told):
            play(cast, write_sample_data(root / "data"), tally)
        restarted = {name for name, process in federation.process_ids.items() if process != before[name]}
        parties = {"bank": cast.bank, "hotels": cast.hotel, "ngo": cast.ngo}
        shell = write_shell(federation, {name: party.member for name, party in parties.items()})
        yield Demo(shell, told.getvalue(), tally, restarted)


def test_the_story_ends_as_planted(demo: Demo) -> None:
    assert demo.tally.unexpected == []
    assert demo.tally.as_promised
    summary = demo.tally.summary()
    # The match whose node was killed is one more in the log, unless it had just finished.
    assert summary == {
        "matches": 9,
        "expected_hits": 148,
        "hits": 148,
        "false_hits": 0,
        "missed_hits": 0,
        "denied": 2,
        "refused": 1,
        "log_size": summary["log_size"],
        "verified": True,
    }
    assert demo.restarted == {"albion-bank"}


def test_the_story_is_told_to_its_end(demo: Demo) -> None:
    chapters = [line.split(".")[0] for line in demo.told.splitlines() if line[:1].isdigit()]
    assert chapters == [str(number) for number in range(1, 11)]
    assert demo.told.count("Answer: denied.") == 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_walkthrough_works_as_it_stands(demo: Demo, tmp_path: Path, page: Path) -> None:
    read_in = Block(f". '{demo.shell}'\n", None)
    typed = type_blocks([read_in, *blocks_of(page.read_text("utf-8"))], tmp_path, os.environ)
    assert [problem for one in typed if (problem := one.problem())][:1] == []


def test_every_page_is_on_the_first_one() -> None:
    first = (FOLDER / "index.md").read_text("utf-8")
    assert {*PAGES, FOLDER / "index.md"} == {*FOLDER.iterdir()}
    assert [page.name for page in PAGES if f"({page.name})" not in first] == []


def test_what_was_not_shown_is_noticed(tmp_path: Path) -> None:
    document = "```sh\necho one; echo two\n```\n\n```text\none\n```\n\n```sh\nfalse\n```\n"
    shown, failed = type_blocks(blocks_of(document), tmp_path, os.environ)
    assert "and this came" in (shown.problem() or "")
    assert "failed" in (failed.problem() or "")


@pytest.mark.parametrize(
    ("shown", "fits"),
    [
        ("a … c\n", True),
        ("...\n", True),
        ("a …\n...\n", True),
        ("a b\n", False),
        ("a b c\nd\n", False),
        ("…\n…\n", False),
    ],
)
def test_a_shown_output_fits(shown: str, fits: bool) -> None:
    assert (pattern_of(shown).fullmatch("a b c\n") is not None) is fits


def test_something_shown_belongs_to_a_command() -> None:
    with pytest.raises(ValueError, match="right below"):
        blocks_of("```sh\ntrue\n```\n\nThen comes\n\n```text\nthis\n```\n")
