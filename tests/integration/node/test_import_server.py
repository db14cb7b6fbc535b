"""An import of several transactions on PostgreSQL: every row is there once, or none, and none is staged any more."""

import asyncio
from pathlib import Path

from tacita_node.storage import migrate, place_of
from tests.support import import_memory
from tests.support.cancelled_imports import cancel_at_every_statement, small_transactions
from tests.support.postgresql import PostgresServer, rows


def test_a_file_of_twenty_thousand_rows_is_imported_on_a_server(postgresql: PostgresServer, tmp_path: Path) -> None:
    url = postgresql.copy_of("node", lambda made: migrate(place_of(made, tmp_path)))
    asyncio.run(import_memory.main(tmp_path, 3_000, 20_000, url))
    sources = rows(url, "SELECT rows, accepted, duplicates, staged FROM sources ORDER BY rows")
    assert sources == [(3_000, 3_000, 0, False), (20_000, 17_000, 3_000, False)]
    assert rows(url, "SELECT count(*), count(DISTINCT lookup) FROM records") == [(20_000, 20_000)]
    assert rows(url, "SELECT revision FROM datasets") == [(2,)]
    assert rows(url, "SELECT count(*) FROM custody_events") == [(2,)]


def test_a_cancel_at_any_statement_comes_wholly_before_the_last_transaction_or_too_late(
    postgresql: PostgresServer, tmp_path: Path
) -> None:
    """At every third statement, which is one in each transaction of more than two."""
    url = postgresql.copy_of("node", lambda made: migrate(place_of(made, tmp_path)))
    with small_transactions():
        asyncio.run(cancel_at_every_statement(tmp_path / "node", url, apart=3))
