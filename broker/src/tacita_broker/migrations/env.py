"""Alembic's entry: one synchronous connection to the URL that `upgrade` passes."""

from alembic import context
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from tacita_broker import postgresql
from tacita_broker.storage import Base, is_sqlite


def _run() -> None:
    address = context.config.attributes["url"]
    engine = create_engine(address, poolclass=NullPool, hide_parameters=True)
    if not is_sqlite(address):
        postgresql.hide_values(engine)
    else:
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
    with engine.connect() as connection:
        if not is_sqlite(address):
            postgresql.lock_schema(connection)
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transactional_ddl=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


def _on_connect(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes before data only, so a table would stay half done
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # persistent, and cheaper to set before there are tables
    cursor.close()


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


_run()
