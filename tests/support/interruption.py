"""A process that ends in the middle of what it does to a database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine


class Interrupted(Exception):
    """Instead of the statement that is not carried out any more."""


@contextmanager
def interrupted_after(done: int) -> Iterator[None]:
    """Lets `done` statements that change something pass, and no further one. What is not committed then is lost."""
    left = done

    def before(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal left
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA", "BEGIN")):
            left -= 1
            if left < 0:
                raise Interrupted

    event.listen(Engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", before)
