"""Source files on their way into a node, and what becomes of them."""

from typing import Literal

from pydantic import Field

from tacita_sdk.node_api.base import MAX_LIST, Code, Country, HexDigest, HexId, NodeModel, Slug
from tacita_sdk.node_api.data import RejectedLine

Delimiter = Literal["comma", "semicolon", "tab"]
MAX_PREVIEWED = 10


class UploadOrder(NodeModel):
    """`POST /v1/uploads`: the SHA-256 and the size, in bytes, of a file that will be sent in pieces."""

    digest: HexDigest
    bytes: int = Field(ge=0, le=2**53 - 1)


class UploadState(NodeModel):
    """`POST /v1/uploads`, `PUT /v1/uploads/{upload}/pieces/{number}`: `here` of the file's `pieces` have arrived.

    The next one has number `here`; all but the last have `piece_bytes` bytes.
    """

    upload: HexDigest
    piece_bytes: int = Field(ge=1)
    pieces: int = Field(ge=0)
    here: int = Field(ge=0)


class ImportReport(NodeModel):
    """`POST /v1/datasets/{name}/imports`: accepted + duplicates + rejected = rows.

    Attributes:
        outcome: `imported`; `unchanged` (this file was imported before in the same way: nothing was done, the counts
            are that import's); `dry-run`; `nothing-valid` (every line was rejected: nothing was stored).
        source: null when nothing was stored.
        column: number of the column that was read, from 1.
        rejects_preview: the first rejected lines, as many as were asked for; the node keeps at most `rejects_kept`.
    """

    outcome: Literal["imported", "unchanged", "dry-run", "nothing-valid"]
    dataset: Slug
    kind: Code
    source: HexId | None
    column: int = Field(ge=1)
    delimiter: Delimiter
    rows: int
    accepted: int
    duplicates: int
    rejected: int
    rejects_kept: int
    rejects_preview: tuple[RejectedLine, ...]


class ImportState(NodeModel):
    """An import that still runs: how far it is. The same order, sent again, asks once more.

    `source` is the id of the source that it will make; with it in the order, an import that is cancelled meanwhile is
    not begun anew. `bytes_read` of `bytes` have been read, `rows` normalised, `rows_stored` of them stored.
    """

    source: HexId
    bytes: int
    bytes_read: int
    rows: int
    rows_stored: int


class ImportUnderWay(ImportState):
    """One of `GET /v1/imports`. `waiting` for another import to end, `running`, or `cancelling`: being taken back."""

    dataset: Slug
    kind: Code
    dry_run: bool
    state: Literal["waiting", "running", "cancelling"]


class ImportsUnderWay(NodeModel):
    """`GET /v1/imports`, in the order in which they came: no more than may run and wait at once."""

    imports: tuple[ImportUnderWay, ...]


class ImportCancelled(NodeModel):
    """`POST /v1/imports/{source}/cancel`: nothing of this import is there any more."""

    source: HexId
    dataset: Slug
    dry_run: bool


class PreviewedLine(NodeModel):
    """One field of the file, and its canonical form or the reason why it has none."""

    line: int
    text: str
    canonical: str | None
    reason: Code | None


class Preview(NodeModel):
    """`POST /v1/previews`: how a file would be read. What was not stated is guessed, null where nothing fits.

    `valid` of the first `tried` fields of the column (a number from 1, and its heading) are valid.
    """

    headings: tuple[str, ...]
    delimiter: Delimiter
    column: int | None
    heading: str | None
    kind: Code | None
    region: Country | None
    tried: int
    valid: int
    lines: tuple[PreviewedLine, ...] = Field(max_length=max(MAX_LIST, MAX_PREVIEWED))
