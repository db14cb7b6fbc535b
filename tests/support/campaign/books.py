"""What broker and nodes have written down, read from their databases while they run or after they have ended."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tacita_protocol.api import LoggedClosing, parse_body
from tacita_protocol.tlog.entry import open_match_entry
from tacita_sdk.node import FINAL_STATES
from tests.support.campaign.parties import BANK, BROKER, NGO, Parties


@dataclass(frozen=True)
class NodeMatch:
    """A match in a node's journal."""

    role: str
    state: str
    outcome: str | None
    closed: bool
    released: bool
    promised: bool = False
    """Whether the broker's promise to log it is kept here."""


@dataclass(frozen=True)
class BrokerBook:
    """The broker's matches (id -> outcome in the closing entry, None while it runs) and the log's entries by name."""

    outcomes: dict[str, str | None]
    positions: dict[str, int | None]
    checkpoints: tuple[bytes, ...]


def node_matches(parties: Parties, name: str) -> dict[str, NodeMatch]:
    """All matches of a node."""
    with _opened(parties.root / name / "node.db") as database:
        rows = database.execute(
            "select match, role, state, outcome, closed, released, promise is not null from matches"
        )
        return {
            match: NodeMatch(role, state, outcome, bool(closed), bool(released), bool(promised))
            for match, role, state, outcome, closed, released, promised in rows
        }


def broker_book(parties: Parties) -> BrokerBook:
    """All that the broker knows of matches and log."""
    with _opened(parties.root / BROKER / "broker.db") as database:
        outcomes = {
            match: _outcome(closing) for match, closing in database.execute("select match, closing from matches")
        }
        positions = dict(database.execute("select reference, position from log_entries").fetchall())
        checkpoints = tuple(note.encode() for (note,) in database.execute("select note from log_checkpoints"))
        return BrokerBook(outcomes, positions, checkpoints)


def all_ended(parties: Parties) -> bool:
    """Whether every match has ended everywhere: closed, or given up by its node before it ever reached the broker."""
    with _opened(parties.root / BROKER / "broker.db") as database:
        if database.execute("select 1 from matches where state != 'closed' limit 1").fetchone():
            return False
        known = {match for (match,) in database.execute("select match from matches")}
    for name in (BANK, NGO):
        for match, row in node_matches(parties, name).items():
            if not row.closed and (match in known or row.state not in FINAL_STATES):
                return False
    return True


def _outcome(closing: str | None) -> str | None:
    if closing is None:
        return None
    logged = parse_body(LoggedClosing, closing.encode()).logged
    return open_match_entry(logged.entry_bytes(), logged.disclosures).items["outcome"]


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=60)
    try:
        yield database
    finally:
        database.close()
