"""Where an auditor reads the log from: a directory, or an address. Nothing that comes from here is believed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import httpx2

from tacita_protocol.tlog.note import MAX_NOTE_BYTES
from tacita_protocol.tlog.tiles import CHECKPOINT_PATH, MAX_ENTRY_BYTES, TILE_WIDTH
from tacita_sdk.errors import ArgumentRefused, SdkError

FILE_MAX_BYTES: Final = max(MAX_NOTE_BYTES, TILE_WIDTH * (2 + MAX_ENTRY_BYTES))
"""The largest file of a log: a full bundle of the longest entries."""

_TIMEOUT_SECONDS: Final = 30.0


class LogUnreadable(SdkError):
    """A file of the log is missing, too large, or cannot be fetched."""


class LogSource(Protocol):
    """Read access to a log in C2SP tlog-tiles layout."""

    def read(self, path: str) -> bytes:
        """The file at `path` below the log's prefix. Raises LogUnreadable."""
        ...

    def stored_paths(self) -> Iterator[str]:
        """All files below `tile/`, also older partial tiles, where the source can list them; else nothing."""
        ...


def open_log(location: str) -> LogSource:
    """The log at a directory or an address.

    A directory holds `checkpoint` and `tile/`, or is a broker's directory with `log/`. An address without a path is a
    broker's, whose log is at `/log`. Raises ArgumentRefused for what cannot be an address.
    """
    if location.startswith(("http://", "https://")):
        return HttpLog(location)
    directory = Path(location)
    if not (directory / CHECKPOINT_PATH).exists() and (directory / "log" / CHECKPOINT_PATH).exists():
        directory = directory / "log"
    return DirectoryLog(directory)


class DirectoryLog:
    """A log in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, path: str) -> bytes:
        """The file at `path`."""
        try:
            with (self._directory / path).open("rb") as file:
                data = file.read(FILE_MAX_BYTES + 1)
        except FileNotFoundError:
            raise LogUnreadable(_missing(path)) from None
        except OSError as error:
            raise LogUnreadable("a file of the log cannot be read") from error
        _require_bounded(len(data))
        return data

    def stored_paths(self) -> Iterator[str]:
        """All files below `tile/`."""
        for path in sorted((self._directory / "tile").rglob("*")):
            if path.is_file():
                yield path.relative_to(self._directory).as_posix()


class HttpLog:
    """A log behind an address."""

    def __init__(self, address: str) -> None:
        try:
            url = httpx2.URL(address)
        except httpx2.InvalidURL:
            raise ArgumentRefused("The log's address is not an address.") from None
        self._prefix = address.rstrip("/") + ("/log" if url.path == "/" else "")
        self._client = httpx2.Client(timeout=_TIMEOUT_SECONDS, headers={"accept-encoding": "identity"})

    def read(self, path: str) -> bytes:
        """The file at `path`."""
        try:
            with self._client.stream("GET", f"{self._prefix}/{path}", follow_redirects=False) as response:
                if response.status_code == 404:
                    raise LogUnreadable(_missing(path))
                if response.status_code != 200 or response.headers.get("content-encoding", "identity") != "identity":
                    raise LogUnreadable("the log's address answers with something else")
                body = bytearray()
                for chunk in response.iter_raw():
                    body += chunk
                    _require_bounded(len(body))
                return bytes(body)
        except httpx2.RequestError as error:
            raise LogUnreadable("the log's address cannot be reached") from error

    def stored_paths(self) -> Iterator[str]:
        """An address lists nothing."""
        yield from ()


def _missing(path: str) -> str:
    if path == CHECKPOINT_PATH:
        return "there is no checkpoint: name the folder, or the address, that holds `checkpoint` and `tile/`"
    return f"{path} is missing"


def _require_bounded(length: int) -> None:
    if length > FILE_MAX_BYTES:
        raise LogUnreadable("a file of the log is larger than any file of a log can be")
