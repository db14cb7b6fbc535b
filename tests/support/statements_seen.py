"""Doing something in the middle of what a database is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine


@contextmanager
def each_statement(act: Callable[[], object]) -> Iterator[None]:
    """Calls `act` before each statement, whatever it is."""

    def before(*_: Any) -> None:
        act()

    event.listen(Engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", before)


@contextmanager
def before_statement(number: int, act: Callable[[], object]) -> Iterator[None]:
    """Calls `act` before the statement of that number, from 0, if there are so many."""
    seen = 0

    def before() -> None:
        nonlocal seen
        seen += 1
        if seen == number + 1:
            act()

    with each_statement(before):
        yield
