"""Lists that may be long are answered in pages: at most so many, and where the next page begins.

A cursor names the last one shown, not a position: what is added or taken away between two pages moves nothing.
"""

from typing import Annotated

from fastapi import Query

from tacita_node.problems import ProblemError
from tacita_sdk.node_api import Cursor

MATCHES_A_PAGE = 1_000
AGREEMENTS_A_PAGE = 100
DATASETS_A_PAGE = 1_000
RECORDS_A_PAGE = 500
HITS_A_PAGE = 10_000
REJECTS_A_PAGE = 10_000

After = Annotated[Cursor | None, Query(description="`next` of the page before")]


def after_time(cursor: str | None) -> tuple[int, str] | None:
    """The (time, id) that a cursor of a list by time names. Raises a 422 problem."""
    if cursor is None:
        return None
    time, _, name = cursor.partition("-")
    if not (time.isdigit() and len(time) < 16 and name):
        raise no_cursor()
    return int(time), name


def after_position(cursor: str | None) -> int:
    """The position that a cursor of a list that never changes names. Raises a 422 problem."""
    if cursor is None:
        return 0
    if not (cursor.isdigit() and len(cursor) < 16):
        raise no_cursor()
    return int(cursor)


def after_name(cursor: str | None) -> tuple[str, str]:
    """The (owner, name) that a cursor of a list by name names. Raises a 422 problem."""
    owner, slash, name = (cursor or "/").partition("/")
    if not slash or "/" in name:
        raise no_cursor()
    return owner, name


def no_cursor() -> ProblemError:
    """What was given as a cursor is none of this list."""
    return ProblemError(
        422, "no-cursor", "This is not where a page of this list begins: take `next` of the page before."
    )
