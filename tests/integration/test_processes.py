"""Real processes that are stopped, doubled, killed, and run out of disk in the middle of matches and imports."""

import resource
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tacita_node.data.custody import CustodyEvent
from tacita_protocol.statements.statement import unverified
from tacita_sdk.errors import NodeProblem, NodeUnreachable
from tacita_sdk.node import Node
from tests.support.identifiers import accounts
from tests.support.match_federation import BANK, NGO
from tests.support.process_federation import BROKER, FOLDERS, WITNESSES, ProcessFederation, free_port, until

STOP_SECONDS = 12.0
"""A stop takes a second; a busy machine gets more, but far less than the 25 s for which requests are held open."""

ROWS = 20_000


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessFederation]:
    """One for all tests: what runs at the end of one is there for the next."""
    federation = ProcessFederation.make(tmp_path_factory.mktemp("processes"))
    try:
        yield federation
    finally:
        federation.kill_all()


def test_everybody_stops_at_once_and_nothing_is_lost(federation: ProcessFederation) -> None:
    federation.start(BROKER, BANK, *WITNESSES)
    with federation.node(BANK) as bank:
        match = order(bank)
        until(lambda: bank.match_summary(match).state == "granted")  # the NGO does not run, so it goes on
        workers = children(federation.running[BANK].pid) + children(federation.running[BROKER].pid)
    assert len(workers) >= 1  # the processes in which they ask their policies
    running = [federation.running[name].pid for name in (BROKER, BANK, *WITNESSES)]
    cores = {resource.prlimit(pid, resource.RLIMIT_CORE) for pid in (*running, *workers)}
    assert cores == {(0, 0)}  # a core would be keys and identifiers in clear, on the disk
    started = time.monotonic()
    codes = federation.stop(BROKER, BANK, *WITNESSES)
    assert time.monotonic() - started < STOP_SECONDS
    assert codes == dict.fromkeys(codes, 0)
    until(lambda: not any(alive(pid) for pid in workers))
    federation.start(BROKER, BANK, NGO, *WITNESSES)
    with federation.node(BANK) as bank, federation.node(NGO) as ngo:
        until(lambda: closed(bank, match) and closed(ngo, match))
        ends = [node.match_summary(match) for node in (bank, ngo)]
        assert [(end.state, end.outcome) for end in ends] == [("aborted", "aborted")] * 2


def test_a_broker_and_a_node_without_room_take_up_everything_again(federation: ProcessFederation) -> None:
    federation.start(BROKER, BANK, NGO, *WITNESSES)
    health = f"{federation.url(BROKER)}/healthz"
    with federation.node(BANK) as bank, federation.node(NGO) as ngo:
        with no_room(federation.running[NGO].pid):
            match = order(bank)
            until(lambda: bank.match_summary(match).state == "granted")
            with no_room(federation.running[BROKER].pid):
                with pytest.raises(NodeProblem) as refused:
                    order(bank)
                assert (refused.value.status, refused.value.code) == (503, "broker-unreachable")
                assert httpx2.get(f"{federation.url(BROKER)}/v1/broker", timeout=30).status_code == 200
            with no_room(federation.running[BANK].pid):
                with pytest.raises(NodeProblem) as refused:
                    order(bank)
                assert (refused.value.status, refused.value.code) == (503, "disk-full")
        until(lambda: httpx2.get(health, timeout=30).status_code == 200)
        until(lambda: closed(bank, match) and closed(ngo, match))
        ends = [node.match_summary(match) for node in (bank, ngo)]
        assert [end.outcome for end in ends] == ["completed"] * 2
    everybody = (BROKER, BANK, NGO, *WITNESSES)
    assert all(federation.running[name].poll() is None for name in everybody)  # nobody was started again


def test_of_two_brokers_that_do_not_see_each_others_lock_one_stops(federation: ProcessFederation) -> None:
    federation.start(BROKER)
    (federation.root / "broker" / "broker.db.lease").unlink()
    second = federation.popen(BROKER, "--port", str(free_port()))
    try:
        code, log = federation.ended(BROKER)
        assert code == 70
        assert "another broker has taken over the log" in log
        assert second.poll() is None
    finally:
        second.terminate()
        second.communicate()
    assert second.returncode == 0


@pytest.mark.parametrize("name", [BROKER, BANK])
def test_on_a_read_only_disk_nobody_starts_and_a_sentence_says_why(federation: ProcessFederation, name: str) -> None:
    if name in federation.running:
        federation.stop(name)
    files = [path for path in (federation.root / FOLDERS[name]).rglob("*") if not path.is_symlink()]
    everything = [*files, federation.root / FOLDERS[name]]
    modes = {path: path.stat().st_mode for path in everything}
    try:
        for path in everything:
            path.chmod(modes[path] & 0o555)
        process = federation.popen(name, override=False)
        _, log = process.communicate(timeout=120)
    finally:
        for path in reversed(everything):
            path.chmod(modes[path])
    assert process.returncode == 1, log
    assert "takes nothing: make room on it" in log.splitlines()[-1]
    federation.start(name)


def test_a_node_killed_in_the_middle_of_a_cancel_has_all_of_the_import_or_nothing(
    federation: ProcessFederation,
) -> None:
    """Wherever it is killed: before, within or after what the cancellation does, or after the import's end."""
    federation.start(BANK)
    file = federation.root / "killed.csv"
    file.write_text("iban\n" + "".join(f"{account}\n" for account in accounts(ROWS)), encoding="utf-8")
    with ThreadPoolExecutor() as together, federation.node(BANK) as bank:
        importing = together.submit(imported, federation, file)
        while not importing.done() and not any(one.rows_stored for one in bank.imports()):
            time.sleep(0.05)
        cancelling = [together.submit(cancelled, federation, one.source) for one in bank.imports()]
        while any(one.state != "cancelling" for one in bank.imports()):
            time.sleep(0.05)
        federation.running[BANK].kill()
        federation.ended(BANK)
        told = [importing.result(), *(one.result() for one in cancelling)]
    federation.start(BANK)
    database = sqlite3.connect(f"file:{federation.root / FOLDERS[BANK] / 'node.db'}?mode=ro", uri=True)
    unfinished = (
        "SELECT (SELECT count(*) FROM sources WHERE staged) + (SELECT count(*) FROM datasets WHERE NOT revision)"
    )
    until(lambda: database.execute(unfinished).fetchone() == (0,))
    kept = database.execute("SELECT count(*) FROM records WHERE dataset = 'killed'").fetchone()[0]
    [named] = database.execute("SELECT count(*) FROM datasets WHERE name = 'killed'").fetchone()
    envelopes = [row[0] for row in database.execute("SELECT envelope FROM custody_events ORDER BY number")]
    database.close()
    events = [event.type for event in map(partial(unverified, CustodyEvent), envelopes)]
    assert (kept, named) in ((0, 0), (ROWS, 1))
    assert ("cancelled" in told) <= (kept == 0)
    assert ("imported" in told) <= (kept == ROWS)
    assert ("import-cancelled" in events) <= (kept == 0)
    with federation.node(BANK) as bank:
        assert (bank.imports(), {one.dataset: one.records for one in bank.datasets()}.get("killed", 0)) == ((), kept)


def imported(federation: ProcessFederation, file: Path) -> str:
    """How an import at the bank ended, as whoever ordered it was told."""
    with federation.node(BANK) as bank, suppress(NodeUnreachable, NodeProblem):
        return bank.import_csv(file, dataset="killed", kind="account").outcome
    return "unknown"


def cancelled(federation: ProcessFederation, source: str) -> str:
    """The same of a cancellation."""
    with federation.node(BANK) as bank, suppress(NodeUnreachable, NodeProblem):
        bank.cancel_import(source)
        return "cancelled"
    return "unknown"


def order(bank: Node) -> str:
    """The bank asks; the match's id."""
    asked = {"purpose": "payment-screening", "basis": "gdpr-6-1-f", "case": "2026-114"}
    return bank.match(dataset="book", with_=f"{NGO}/accounts", **asked).id


def closed(node: Node, match: str) -> bool:
    """Whether the node knows the match and has verified its closing."""
    return any(row.match == match and row.closed for row in node.matches())


@contextmanager
def no_room(pid: int) -> Iterator[None]:
    """During the block this process may write to no file: the kernel refuses it, as it does when a disk is full."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


def children(pid: int) -> list[int]:
    """Processes that this one has started."""
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def alive(pid: int) -> bool:
    """Whether it still works; one without a parent to bury it may stay in the table."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
