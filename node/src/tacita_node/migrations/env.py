"""Runs migrations on the connection that `tacita_node.storage.migrate` hands over."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True, transaction_per_migration=True, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
