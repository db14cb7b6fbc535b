"""PostgreSQL under a node: its schema, what earlier versions kept in it, and what is accepted as one."""

from contextlib import suppress
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import BigInteger, Integer, create_engine, inspect
from sqlalchemy.engine import URL

import tacita_node.access.tables
import tacita_node.agreements.tables
import tacita_node.data.tables
import tacita_node.lifecycle.tables
import tacita_node.matching.tables
import tacita_node.migrations  # the ones above register their tables
from tacita_node.postgresql import DatabaseRefused, alone
from tacita_node.storage import HEAD, Base, check_new, migrate, place_of
from tests.support.interruption import Interrupted, interrupted_after
from tests.support.postgresql import PostgresServer, rows

SECRET = "hunter2-and-more"


def address(url: str) -> URL:
    """As a node's settings give it."""
    place = place_of(url, Path("node.db"))
    assert isinstance(place, URL)
    return place


@pytest.mark.parametrize(
    ("variable", "url", "mode"),
    [
        ("PGHOST", "postgresql://me@/x", "verify-full"),
        ("PGHOSTADDR", "postgresql://me@localhost/x", "verify-full"),
        ("PGSERVICE", "postgresql://me@/x", "verify-full"),
        ("PGHOST", "postgresql://me@/x?host=/run/postgresql", None),  # the address goes before it
        ("PGHOSTADDR", "postgresql://me@localhost/x?sslmode=disable", "disable"),
    ],
)
def test_the_environment_leads_elsewhere_too(
    url: str, variable: str, mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "db.example")
    assert address(url).query.get("sslmode") == mode


def test_migrations_make_exactly_the_tables(postgresql: PostgresServer) -> None:
    place = address(postgresql.database())
    migrate(place)
    migrate(place)
    engine = create_engine(place)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == HEAD
        columns = [column for name in Base.metadata.tables for column in inspect(connection).get_columns(name)]
        numbers = [column["type"] for column in columns if isinstance(column["type"], Integer)]
        assert len(numbers) > 20
        assert all(isinstance(number, BigInteger) for number in numbers)  # partners send numbers above 2^31
    engine.dispose()


@pytest.mark.parametrize("done", range(1, 60, 20))
def test_a_migration_that_was_interrupted_goes_on(postgresql: PostgresServer, done: int) -> None:
    url = postgresql.database()
    with interrupted_after(done), suppress(Interrupted):
        migrate(address(url))
    migrate(address(url))
    assert rows(url, "SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_what_earlier_versions_kept_is_read_rightly(postgresql: PostgresServer) -> None:
    url = postgresql.database()
    to_revision(address(url), "0001")
    for statement in EARLIER:
        rows(url, statement)
    migrate(address(url))
    tokens = rows(url, "SELECT hash, length(id), roles, issued, expires FROM api_tokens ORDER BY hash")
    assert tokens == [("aa", 16, "auditor", 5, 5 + 90 * 86400), ("bb", 16, "analyst", 6, 6 + 90 * 86400)]
    assert rows(url, "SELECT withdrawn, published, card FROM epochs") == [(5, None, None)]
    assert rows(url, "SELECT agreement FROM agreements") == []
    matches = rows(url, "SELECT match, state, settled, units, mode, partitions FROM matches ORDER BY match")
    assert matches == [("a", "aborted", True, 64, "intersection", None), ("b", "closed", True, 0, "intersection", 1)]


MATCH = (
    "INSERT INTO matches (match, role, peer, peer_card, dataset, own_dataset, own_epoch, sender_count, custody, kind, "
    "state, reasons, units, started, closed, settled, released, request, acceptance) VALUES ('{match}', '{role}', "
    "'haven', '{{}}', 'accounts', 'book', 1, 128, '00', 'account', '{state}', '[]', 64, 1, true, {settled}, false, "
    "'{{}}', {acceptance})"
)
EARLIER = (
    "INSERT INTO api_tokens VALUES ('aa', 'auditor', 5), ('bb', 'analyst', 6)",
    "INSERT INTO datasets VALUES ('accounts', 'account', 1, 1)",
    "INSERT INTO epochs VALUES ('accounts', 1, 1, 'account/1', 4, 64, '00', '{}', 6, 5)",
    "INSERT INTO agreements VALUES ('x', 'haven', 'signed', 'd', '{}', true, 1)",
    MATCH.format(match="a", role="responder", state="matching", settled="false", acceptance="NULL"),
    MATCH.format(match="b", role="requester", state="closed", settled="true", acceptance="'{}'"),
)


def to_revision(place: URL, revision: str) -> None:
    """A database as an earlier version left it."""
    config = Config()
    config.set_main_option("script_location", next(iter(tacita_node.migrations.__path__)))
    config.set_main_option("path_separator", "os")
    engine = alone(place)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"postgresql://me:{SECRET}@/db", "holds a password"),
        (f"postgresql://me@/db?password={SECRET}", "holds a password"),
        ("postgresql://me@/db?options=-c%20synchronous_commit%3Doff", "may not say options"),
        ("sqlite:////elsewhere", "postgresql://user@host/database"),
        ('postgresql://me@/db"\nworkers = 9', "postgresql://user@host/database"),
    ],
)
def test_an_address_says_where_and_as_whom_only(url: str, sentence: str) -> None:
    with pytest.raises(DatabaseRefused, match=sentence) as refused:
        check_new(url)
    assert SECRET not in str(refused.value)


def test_a_server_that_does_not_let_us_in_is_a_sentence(postgresql: PostgresServer) -> None:
    passfile = postgresql.root / "wrong"
    passfile.write_text(f"*:*:*:*:{SECRET}\n")
    passfile.chmod(0o600)
    with pytest.raises(DatabaseRefused, match="does not let this node in") as refused:
        migrate(address(postgresql.url("postgres", passfile=passfile)))
    assert SECRET not in str(refused.value)


def test_a_new_node_takes_no_database_that_is_in_use(postgresql: PostgresServer) -> None:
    used, other, free = (postgresql.database() for _ in range(3))
    migrate(address(used))
    rows(other, "CREATE TABLE customers (id int)")
    with pytest.raises(DatabaseRefused, match="holds a node already"):
        check_new(used)
    with pytest.raises(DatabaseRefused, match="is not a node's"):
        check_new(other)
    check_new(free)
    assert rows(free, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
