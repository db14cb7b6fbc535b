"""Alembic's entry: one synchronous connection to the URL that `upgrade` passes."""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tacita_broker.storage import Base


def _run() -> None:
    engine = create_engine(context.config.attributes["url"], poolclass=NullPool, hide_parameters=True)
    with engine.connect() as connection:
        # Persistent, and cheaper to set before there are tables.
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.commit()
        context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


_run()
