"""Statements that are compiled once in a process of tests, not once for each of its hundreds of databases.

A program has one database and compiles each statement once. A test that makes three databases, and a run of promise 15
that makes two, would spend a quarter of their time on compiling the same statements for each.
"""

from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects.sqlite.base import SQLiteDialect


@cache
def share_compiled_statements() -> None:
    """From now on, engines of SQLite of this process have one cache of compiled statements, with no bound."""
    compiled: dict[Any, Any] = {}

    def shared(connection: Connection) -> None:
        if isinstance(connection.dialect, SQLiteDialect):
            connection.execution_options(compiled_cache=compiled)

    # A statement is kept by its dialect, of which each engine has its own: those of one class are alike here.
    SQLiteDialect.__eq__ = lambda own, other: type(own) is type(other)  # type: ignore[method-assign]
    SQLiteDialect.__hash__ = lambda own: hash(type(own))  # type: ignore[method-assign, assignment]
    event.listen(Engine, "engine_connect", shared)
