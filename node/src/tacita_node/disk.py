"""Which errors say that the disk takes nothing at the moment: it is full, or may only be read.

Such an error is waited out (ADR 0022): the request is answered 503, a background task or the end of a match is tried
again from what is stored, and nothing was acknowledged.
"""

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
"""Between two attempts while the disk takes nothing; the pause doubles."""

_SYSTEM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES})
_SQLITE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR_WRITE})
_PRIMARY = 0xFF
"""SQLite's extended codes hold the primary one in their lowest byte."""
_POSTGRESQL = frozenset({"53100", "53200"})
"""The server's disk or memory is full: it took the transaction back. Its 58030 is an EIO, a disk that lies."""


def takes_nothing(error: BaseException) -> bool:
    """Whether the error says that nothing can be written now, and that nothing was."""
    if isinstance(error, DBAPIError):
        code = getattr(error.orig, "sqlite_errorcode", 0)
        state = getattr(error.orig, "sqlstate", None)
        return code in _SQLITE or (code & _PRIMARY) in _SQLITE or state in _POSTGRESQL
    return isinstance(error, OSError) and error.errno in _SYSTEM


_AWAY = frozenset({"57P01", "57P02", "57P03"})
"""The server is being ended, has crashed, or is not up yet; class 08 says that of a connection."""


def is_away(error: BaseException) -> bool:
    """Whether the error says that the database's server is not there.

    Whether it has kept what was being committed, nobody knows: whoever asked must ask again.
    """
    state = getattr(error.orig, "sqlstate", "") if isinstance(error, DBAPIError) else ""
    if state is None:  # the driver says it, the server no more
        return isinstance(error, OperationalError)
    return state in _AWAY or state.startswith("08")
