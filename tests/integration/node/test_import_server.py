"""An import of several transactions on PostgreSQL: every row is there once, and nothing of it is staged any more."""

import asyncio
from pathlib import Path

from tacita_node.storage import migrate, place_of
from tests.support import import_memory
from tests.support.postgresql import PostgresServer, rows


def test_a_file_of_twenty_thousand_rows_is_imported_on_a_server(postgresql: PostgresServer, tmp_path: Path) -> None:
    url = postgresql.copy_of("node", lambda made: migrate(place_of(made, tmp_path)))
    asyncio.run(import_memory.main(tmp_path, 3_000, 20_000, url))
    sources = rows(url, "SELECT rows, accepted, duplicates, staged FROM sources ORDER BY rows")
    assert sources == [(3_000, 3_000, 0, False), (20_000, 17_000, 3_000, False)]
    assert rows(url, "SELECT count(*), count(DISTINCT lookup) FROM records") == [(20_000, 20_000)]
    assert rows(url, "SELECT revision FROM datasets") == [(2,)]
    assert rows(url, "SELECT count(*) FROM custody_events") == [(2,)]
