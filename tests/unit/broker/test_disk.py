"""Which errors are those of a disk that takes nothing, told from those of a defect or of a disk that lies."""

import errno
import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from tacita_broker.disk import takes_nothing


def of_database(code: int) -> OperationalError:
    """As SQLite's error arrives."""
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = code
    return OperationalError("INSERT", None, error)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES])
def test_a_full_or_read_only_disk_is_waited_for(code: int) -> None:
    assert takes_nothing(OSError(code, "no"))


@pytest.mark.parametrize("error", [OSError(errno.EIO, "no"), OSError("no"), TimeoutError(), ValueError("no")])
def test_nothing_else_is(error: Exception) -> None:
    assert not takes_nothing(error)


@pytest.mark.parametrize(
    "code",
    [sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_READONLY_DIRECTORY, sqlite3.SQLITE_IOERR_WRITE],
)
def test_a_database_without_room_is_waited_for(code: int) -> None:
    assert takes_nothing(of_database(code))


@pytest.mark.parametrize(
    "code",
    [sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CONSTRAINT_UNIQUE],
)
def test_a_database_on_a_disk_that_lies_is_not(code: int) -> None:
    assert not takes_nothing(of_database(code))
