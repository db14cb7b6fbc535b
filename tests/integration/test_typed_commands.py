"""The three programs and the documents' Python, at one real federation: each does what is said of it."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
import pytest

from tests.support.campaign.forked_programs import ForkedPrograms
from tests.support.command_schemas import FOLDER, PROGRAMS, file_of
from tests.support.federation import RunningPair, running_pair, until
from tests.support.identifiers import accounts
from tests.support.typed_commands import SHARED, Typist, running_match, type_everything

ROOT = Path(__file__).parents[2]
COMMANDS = [f"{program} {words}" for program, (_, outputs) in PROGRAMS.items() for words in outputs]
NEEDS_A_HELD_PARTNER = "tacita match cancel"
NEEDS_HELD_WORKERS = ("tacita data imports", "tacita data cancel")
SNIPPETS = [
    (path, "\n".join(blocks))
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if (blocks := re.findall(r"^```python\n(.*?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL))
]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPair]:
    root = tmp_path_factory.mktemp("federation")
    with ForkedPrograms() as programs, running_pair(root, programs=programs) as running:
        yield running


@pytest.fixture(scope="module")
def typed(pair: RunningPair) -> Typist:
    return type_everything(pair)


def fits(command: str, answer: object) -> None:
    """Raises unless the answer is what the committed schema says."""
    schema = json.loads((FOLDER / file_of(command)).read_text(encoding="utf-8"))
    jsonschema_rs.validator_for(schema).validate(answer)


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {NEEDS_A_HELD_PARTNER, *NEEDS_HELD_WORKERS}))
def test_an_answer_fits_the_committed_schema(typed: Typist, command: str) -> None:
    fits(command, typed.answers[command])


def test_an_answer_that_does_not_fit_is_noticed(typed: Typist) -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        fits("tacita match run", typed.answers["tacita match run"] | {"more": 1})


def test_ctrl_c_leaves_the_match_running_and_says_how_to_go_on(pair: RunningPair, typed: Typist) -> None:
    partner = pair.federation.process_ids["ngo"]
    os.kill(partner, signal.SIGSTOP)
    try:
        match = running_match(pair)
        # What a shell starts in the background ignores Ctrl-C, and so would all that these tests start there.
        command = ["env", "--default-signal=INT", str(Path(sys.executable).parent / "tacita"), "match", "wait", match]
        following = subprocess.Popen(
            command, env={**os.environ, **typed.environment}, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert following.stderr is not None
        assert following.stderr.readline().strip() in ("requested", "granted")
        following.send_signal(signal.SIGINT)
        answer, said = following.communicate(timeout=60)
        assert (following.returncode, answer) == (130, "")
        assert f"`tacita match wait {match}` follows it again, `tacita match cancel {match}` ends it." in said
        cancelled = typed("tacita", "match cancel", match)
    finally:
        os.kill(partner, signal.SIGCONT)
    fits(NEEDS_A_HELD_PARTNER, cancelled)
    assert cancelled["state"] == "aborted"
    assert typed("tacita", "match wait", match, code=1)["state"] == "aborted"


def test_ctrl_c_leaves_the_import_running_and_says_how_to_end_it(pair: RunningPair, typed: Typist) -> None:
    """Its workers are held, so that it is still being read when it is cancelled."""
    file = pair.root / "held.csv"
    file.write_text("value\n" + "".join(f"{value}\n" for value in accounts(3)), encoding="utf-8")
    pair.bank.import_csv(file, dataset="held", kind="account", dry_run=True)  # idle workers may have been ended
    workers = workers_of(pair.federation.process_ids["bank"])
    assert workers
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        command = ["env", "--default-signal=INT", str(Path(sys.executable).parent / "tacita"), "data", "import"]
        following = subprocess.Popen(
            [*command, str(file), "--dataset", "held", "--kind", "account"],
            env={**os.environ, **typed.environment},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        until(lambda: bool(pair.bank.imports()))
        following.send_signal(signal.SIGINT)
        answer, said = following.communicate(timeout=60)
        assert (following.returncode, answer) == (130, "")
        [running] = typed("tacita", "data imports")
        fits("tacita data imports", [running])
        # It may have been stopped before it heard the import's id; then it says where to find it.
        assert "`tacita data imports`" in said or f"`tacita data cancel {running['source']}` ends it" in said
        cancelled = typed("tacita", "data cancel", running["source"])
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
    fits("tacita data cancel", cancelled)
    assert (typed("tacita", "data imports"), "held" in {one.dataset for one in pair.bank.datasets()}) == ([], False)


def workers_of(process: int) -> list[int]:
    """The processes in which a node's tasks are worked at."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    children = [Path("/proc", child) for task in tasks for child in (task / "children").read_text().split()]
    return [int(child.name) for child in children if b"spawn_main" in (child / "cmdline").read_bytes()]


@pytest.mark.parametrize(("document", "code"), SNIPPETS, ids=[path.name for path, _ in SNIPPETS])
def test_the_python_of_a_document_runs(pair: RunningPair, typed: Typist, document: Path, code: str) -> None:
    """With the names of this federation in the place of the document's."""
    del typed  # what it typed is what the document's code finds
    bank = pair.members[0]
    for name, ours in (("http://127.0.0.1:8441", bank.url), ("harbour-ngo", "ngo")):
        code = code.replace(name, ours)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(document), "exec"), {"token": bank.token})
    if document.name == "sdk.md":
        assert f"{SHARED} hits" in printed.getvalue()
        assert "404 no-such-match" in printed.getvalue()


def test_there_is_python_in_the_documents() -> None:
    assert "sdk.md" in {path.name for path, _ in SNIPPETS}
