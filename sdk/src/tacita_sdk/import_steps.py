"""Bringing a file into a node, as calls for somebody else to carry out: blocking or not, the steps are the same.

1. Announce the file by SHA-256 and size; the node says which of its pieces it has already.
2. Send the pieces that are missing, one after the other. A piece that was sent twice is stored once, so that each may
   be repeated; a node that was started anew meanwhile has forgotten the file and is sent it again.
3. Order the import, and repeat the order until it has ended. It goes on while nobody asks, and the same order joins it.
   The first order does not wait: its answer names the import, which can be cancelled by that id from then on.
"""

import hashlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal
from urllib.parse import quote

from pydantic import RootModel

from tacita_sdk.errors import NodeProblem
from tacita_sdk.node_api import ImportReport, ImportState, Preview, UploadOrder, UploadState
from tacita_sdk.node_calls import REQUEST_TIMEOUT_SECONDS, Call

PREVIEW_BYTES = 64 * 2**10
"""How much of a file is shown to the node for a preview."""

POLL_SECONDS = 1.0
PIECE_TIMEOUT_SECONDS = 300.0
RESTARTS = 3
"""How often a node may forget an upload before this gives up."""

REJECTS_SHOWN = 20

Steps = Generator[Call[Any], Any, ImportReport]


class _Answer(RootModel[ImportReport | ImportState]):
    """How an import ended, or how far it is."""


@dataclass(frozen=True)
class ImportProgress:
    """How far an import is: `done` of `total` bytes sent or read, or rows stored; `rows` are those read so far.

    `source` is the import's id, by which it can be cancelled; None before the node has said that it began.
    """

    phase: Literal["sending", "reading", "storing"]
    done: int
    total: int
    rows: int = 0
    source: str | None = None


@dataclass(frozen=True)
class CsvImport:
    """What to read out of which file, into which dataset. `rejects` is how many rejected lines the report shows."""

    file: Path
    dataset: str
    kind: str
    column: str | None
    region: str | None
    delimiter: str | None
    dry_run: bool
    rejects: int
    on_progress: Callable[[ImportProgress], None] | None

    def steps(self) -> Steps:
        """Yields calls, is given their answers, or the `NodeProblem` that they ended in, and returns the report."""
        with self.file.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            order = UploadOrder(digest=digest, bytes=file.tell())
            for restart in range(RESTARTS):
                try:
                    return (yield from self._once(file, order))
                except NodeProblem as problem:
                    if problem.code != "no-such-upload" or restart + 1 == RESTARTS:
                        raise
        raise RuntimeError("the last attempt returns or raises")

    def _once(self, file: BinaryIO, order: UploadOrder) -> Steps:
        state: UploadState = yield Call(
            UploadState, "POST", "/v1/uploads", content=order.model_dump_json().encode(), idempotent=True
        )
        while state.here < state.pieces:
            at = state.here * state.piece_bytes
            self._tell(ImportProgress("sending", at, order.bytes))
            file.seek(at)
            state = yield Call(
                UploadState,
                "PUT",
                f"/v1/uploads/{state.upload}/pieces/{state.here}",
                content=file.read(state.piece_bytes),
                content_type="application/octet-stream",
                timeout=PIECE_TIMEOUT_SECONDS,
                idempotent=True,
            )
        source: str | None = None
        self._tell(ImportProgress("reading", 0, order.bytes))
        while True:
            answer: _Answer = yield self._order(state.upload, source)
            if isinstance(answer.root, ImportReport):
                return answer.root
            source = answer.root.source
            self._tell(_progress(answer.root))

    def _order(self, upload: str, source: str | None) -> Call[_Answer]:
        given = {"column": self.column, "region": self.region and self.region.upper(), "delimiter": self.delimiter}
        given |= {"source": source}
        wait = 0.0 if source is None else POLL_SECONDS
        params = {"kind": self.kind, "upload": upload, "wait": str(wait), "rejects": str(self.rejects)}
        params |= {name: value for name, value in given.items() if value is not None}
        return Call(
            _Answer,
            "POST",
            f"/v1/datasets/{quote(self.dataset, safe='')}/imports",
            params | ({"dry_run": "true"} if self.dry_run else {}),
            timeout=POLL_SECONDS + REQUEST_TIMEOUT_SECONDS,
            idempotent=True,
        )

    def _tell(self, progress: ImportProgress) -> None:
        if self.on_progress is not None:
            self.on_progress(progress)


def preview_csv(
    file: Path, *, kind: str | None, column: str | None, region: str | None, delimiter: str | None
) -> Call[Preview]:
    """The call that shows a node the beginning of a file."""
    with file.open("rb") as opened:
        beginning = opened.read(PREVIEW_BYTES + 1)
    given = {"kind": kind, "column": column, "region": region and region.upper(), "delimiter": delimiter}
    params = {name: value for name, value in given.items() if value is not None}
    whole = {"whole": "true"} if len(beginning) <= PREVIEW_BYTES else {}
    return Call(Preview, "POST", "/v1/previews", params | whole, beginning[:PREVIEW_BYTES], "text/csv", idempotent=True)


def _progress(state: ImportState) -> ImportProgress:
    if state.rows_stored or state.bytes_read >= state.bytes:
        return ImportProgress("storing", state.rows_stored, state.rows, state.rows, state.source)
    return ImportProgress("reading", state.bytes_read, state.bytes, state.rows, state.source)
