"""What a node kept of its matches before results could go to either side is read rightly afterwards."""

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import tacita_node.migrations
from tacita_node.storage import migrate

COLUMNS = {
    "peer": "haven",
    "peer_card": "{}",
    "dataset": "accounts",
    "own_dataset": "book",
    "own_epoch": 1,
    "sender_count": 128,
    "custody": "00" * 32,
    "kind": "account",
    "state": "closed",
    "reasons": "[]",
    "units": 64,
    "started": 1,
    "closed": True,
    "settled": True,
    "released": False,
    "request": "{}",
}


def test_earlier_matches_were_intersections_for_the_requester(tmp_path: Path) -> None:
    file = tmp_path / "node.db"
    to_revision(file, "0001")
    with sqlite3.connect(file) as database:
        for role, acceptance in (("requester", "{}"), ("responder", None)):
            row = COLUMNS | {"match": role, "role": role, "acceptance": acceptance}
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            database.execute(f"INSERT INTO matches ({names}) VALUES ({marks})", tuple(row.values()))
    migrate(file)
    with sqlite3.connect(file) as database:
        found = database.execute(
            "SELECT role, mode, result_to, partitions, responder_count, units FROM matches ORDER BY role"
        ).fetchall()
    assert found == [
        ("requester", "intersection", "requester", 1, 128, 0),  # an asker is charged nothing here
        ("responder", "intersection", "requester", None, 128, 64),
    ]


def test_what_had_an_earlier_form_has_ended_and_the_data_stays(tmp_path: Path) -> None:
    """Cards, agreements and running matches whose statements this version does not read hold nothing up."""
    file = tmp_path / "node.db"
    to_revision(file, "0001")
    with sqlite3.connect(file) as database:
        database.execute("INSERT INTO datasets VALUES ('accounts', 'account', 1, 1)")
        database.execute("INSERT INTO epochs VALUES ('accounts', 1, 1, 'account/1', 4, 64, '00', '{}', 6, 5)")
        database.execute("INSERT INTO agreements VALUES ('x', 'haven', 'signed', 'd', '{}', 1, 1)")
        for match, state, settled in (("a", "matching", False), ("b", "refused", False), ("c", "closed", True)):
            row = COLUMNS | {"match": match, "role": "responder", "state": state, "settled": settled}
            row |= {"hits_sealed": b"2"}
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            database.execute(f"INSERT INTO matches ({names}) VALUES ({marks})", tuple(row.values()))
    migrate(file)
    with sqlite3.connect(file) as database:
        epochs = database.execute("SELECT withdrawn, published, card, padded_size FROM epochs").fetchall()
        assert epochs == [(5, None, None, 64)]
        assert database.execute("SELECT * FROM agreements").fetchall() == []
        matches = database.execute("SELECT state, settled, units, hits_sealed FROM matches ORDER BY match").fetchall()
    assert matches == [("aborted", 1, 64, None), ("refused", 1, 64, None), ("closed", 1, 64, b"2")]


def to_revision(file: Path, revision: str) -> None:
    """A database as an earlier version left it."""
    config = Config()
    config.set_main_option("script_location", next(iter(tacita_node.migrations.__path__)))
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def test_datasets_without_a_record_go_and_the_others_stay(tmp_path: Path) -> None:
    """An import whose every line was rejected used to make one."""
    file = tmp_path / "node.db"
    to_revision(file, "0004")
    source = "INSERT INTO sources VALUES (?, ?, 'b', 1, 2, ?, 0, ?, 0, 'comma', NULL, 'csv/1', 1)"
    with sqlite3.connect(file) as database:
        for name, revision, accepted in (("empty", 0, 0), ("accounts", 1, 1)):
            database.execute("INSERT INTO datasets VALUES (?, 'account', ?, 1)", (name, revision))
            database.execute(source, (f"of-{name}", name, accepted, 2 - accepted))
            database.execute("INSERT INTO rejects VALUES (?, 3, 'checksum')", (f"of-{name}",))
        database.execute("INSERT INTO records VALUES (7, 'accounts', 'of-accounts', 2, 1, x'00', x'00')")
    migrate(file)
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT name FROM datasets").fetchall() == [("accounts",)]
        assert database.execute("SELECT id, staged, normaliser FROM sources").fetchall() == [("of-accounts", 0, None)]
        assert database.execute("SELECT source FROM rejects").fetchall() == [("of-accounts",)]
        assert database.execute("SELECT id FROM records").fetchall() == [(7,)]


def test_a_running_match_knows_whether_its_own_set_was_withdrawn_before_it_began(tmp_path: Path) -> None:
    file = tmp_path / "node.db"
    to_revision(file, "0005")
    later = COLUMNS | {"responder_count": 128, "mode": "intersection", "result_to": "both", "state": "matching"}
    del later["sender_count"]
    with sqlite3.connect(file) as database:
        database.execute("INSERT INTO datasets VALUES ('book', 'account', 1, 1)")
        database.execute("INSERT INTO epochs VALUES ('book', 1, 1, 'account/1', 4, 64, '00', NULL, NULL, 5, 6)")
        for match, role, started in (
            ("before", "requester", 4),
            ("during", "requester", 6),
            ("after", "requester", 7),
            ("asked", "responder", 7),
        ):
            row = later | {"match": match, "role": role, "started": started}
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            database.execute(f"INSERT INTO matches ({names}) VALUES ({marks})", tuple(row.values()))
    migrate(file)
    with sqlite3.connect(file) as database:
        found = dict(database.execute("SELECT match, own_withdrawn FROM matches").fetchall())
    assert found == {"before": 0, "during": 0, "after": 1, "asked": 0}
