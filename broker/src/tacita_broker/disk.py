"""Which errors say that the disk takes nothing at the moment: it is full, or may only be read.

Such an error is waited out (ADR 0022): the request is answered 503, a background loop tries again, and nothing was
acknowledged. A sync that failed is another matter: nobody knows then what the disk holds, and the process ends.
"""

import errno
import sqlite3
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import DBAPIError, OperationalError

from tacita_broker.observability import events

_SYSTEM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES})
_SQLITE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR_WRITE})
_PRIMARY = 0xFF
"""SQLite's extended codes hold the primary one in their lowest byte."""
_POSTGRESQL = frozenset({"53100", "53200"})
"""The server's disk or memory is full: it took the transaction back. Its 58030 is an EIO, a disk that lies."""


class SyncFailed(OSError):
    """What was written may not be on the disk, and asking again would not tell. No errno: it is never waited out."""


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


class Patient:
    """A loop each of whose steps begins from what is stored. `part` is its name in the log."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._logged: str | None = None
        """The error that holds the loop up: logged once, not at every step that fails like this."""

    async def done(self, step: Callable[[], Awaitable[None]]) -> bool:
        """Does one step. False, and logged, when the disk takes nothing. Raises every other error of the step."""
        try:
            await step()
        except (OSError, DBAPIError) as error:
            if not takes_nothing(error):
                raise
            if (name := type(error).__name__) != self._logged:
                events().error("disk.takes-nothing", part=self._part, error=name)
            self._logged = name
            return False
        self._logged = None
        return True
