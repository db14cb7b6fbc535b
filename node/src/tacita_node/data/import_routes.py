"""The local API of imports: a file arrives in pieces, is looked at, and is imported."""

from typing import Annotated, TypedDict

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from tacita_node.access.openapi import problems
from tacita_node.data.import_jobs import ImportJob
from tacita_node.data.imports import Imported, ImportOrder, ImportProgress
from tacita_node.data.preview import PreviewOrder, PreviewRefused, preview
from tacita_node.data.sources import Delimiter
from tacita_node.data.uploads import Upload
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices, services_of
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.psi.engine import Task
from tacita_sdk.node_api import (
    HexDigest,
    HexId,
    ImportCancelled,
    ImportReport,
    ImportState,
    ImportsUnderWay,
    ImportUnderWay,
    Preview,
    PreviewedLine,
    RejectedLine,
    Slug,
    UploadOrder,
    UploadState,
)

REJECTS_SHOWN = 20
"""Rejected lines in an import's report unless another number is asked for."""

MAX_WAIT_SECONDS = 3_600.0
MAX_PIECES = 2**20
MAX_SHOWN = 2**20

CSV_TYPES = frozenset({"text/csv", "text/tab-separated-values"})
PIECE_TYPE = "application/octet-stream"

router = APIRouter(prefix="/v1", tags=["data"])


class _HowFar(TypedDict):
    source: str
    bytes: int
    bytes_read: int
    rows: int
    rows_stored: int


def _body(description: str, *types: str, required: bool) -> dict[str, object]:
    content = {media: {"schema": {"type": "string"}} for media in sorted(types)}
    return {"requestBody": {"description": description, "required": required, "content": content}}


Column = Annotated[str | None, Query(min_length=1, max_length=300)]
Region = Annotated[str | None, Query(pattern=r"^[A-Z]{2}$")]


@router.post("/uploads")
async def begin_upload(request: Request, order: UploadOrder) -> UploadState:
    """Announces a file that will be sent in pieces, or asks how many of them have arrived."""
    upload = await services_of(request).datasets.uploads.begin(bytes.fromhex(order.digest), order.bytes)
    return _state_of(upload)


@router.put(
    "/uploads/{upload}/pieces/{number}",
    openapi_extra=_body("The piece, as it stands in the file.", PIECE_TYPE, required=True),
    responses=problems(404, 409),
)
async def put_piece(
    request: Request, upload: Annotated[HexDigest, Path()], number: Annotated[int, Path(ge=0, le=MAX_PIECES)]
) -> UploadState:
    """Stores the next piece of an announced file; one that is here already is not stored again."""
    if _media(request) != PIECE_TYPE:
        raise ProblemError(415, "octets-needed", f"Send the piece itself, as {PIECE_TYPE}.")
    return _state_of(await services_of(request).datasets.uploads.put(upload, number, await request.body()))


@router.post(
    "/datasets/{name}/imports",
    openapi_extra=_body(
        "A small file: UTF-8, a header line, one record a line. None where `upload` names a file that has arrived.",
        *CSV_TYPES,
        required=False,
    ),
    response_model=ImportReport,
    responses={**problems(404, 409), 202: {"model": ImportState, "description": "It still runs."}},
)
async def import_source(
    request: Request,
    name: Annotated[Slug, Path()],
    kind: Annotated[Kind, Query()],
    column: Column = None,
    region: Region = None,
    delimiter: Annotated[Delimiter | None, Query()] = None,
    upload: Annotated[HexDigest | None, Query()] = None,
    dry_run: Annotated[bool, Query()] = False,
    source: Annotated[HexId | None, Query(description="of an earlier answer: the import that is waited for")] = None,
    rejects: Annotated[int, Query(ge=0, le=MAX_SHOWN, description="rejected lines to show")] = REJECTS_SHOWN,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="seconds")] = MAX_WAIT_SECONDS,
) -> ImportReport | Response:
    """Imports one column of a CSV file, all of it or nothing. If it still runs, the same order asks again.

    With `source`, from the answer before, an import that was cancelled meanwhile is not begun anew.
    """
    services = services_of(request)
    order = ImportOrder(name, kind, column, region, delimiter, dry_run)
    done = None if source is None else await services.imports.join(source, order, wait=wait)
    if done is None:
        done = await services.imports.run(await _file(request, upload), order, wait=wait)
    if isinstance(done, ImportProgress):
        return JSONResponse(ImportState(**_how_far(done)).model_dump(), 202)
    return _report(order, done, rejects)


@router.get("/imports")
async def imports(request: Request) -> ImportsUnderWay:
    """The imports that run, or wait for another one to end."""
    return ImportsUnderWay(imports=tuple(_under_way(job) for job in services_of(request).imports.under_way()))


@router.post("/imports/{source}/cancel", responses=problems(404, 409))
async def cancel(request: Request, source: Annotated[HexId, Path()]) -> ImportCancelled:
    """Ends an import that has not ended, and answers when nothing of it is left. 409 when it is over already."""
    order = await services_of(request).imports.cancel(source)
    return ImportCancelled(source=source, dataset=order.dataset, dry_run=order.dry_run)


@router.post("/previews", openapi_extra=_body("The beginning of a file, or all of it.", *CSV_TYPES, required=True))
async def preview_source(
    request: Request,
    kind: Annotated[Kind | None, Query()] = None,
    column: Column = None,
    region: Region = None,
    delimiter: Annotated[Delimiter | None, Query()] = None,
    whole: Annotated[bool, Query(description="whether the body is the whole file")] = False,
) -> Preview:
    """Says how a file would be read and what its first lines would become. Nothing is kept. One at a time, else 429."""
    if _media(request) not in CSV_TYPES:
        raise ProblemError(415, "csv-needed", "Send the beginning of the file, as text/csv.")
    services = services_of(request)
    order = PreviewOrder(kind, column, region, delimiter, services.identity.card.body.jurisdictions, whole)
    return await _previewed(services, await request.body(), order)


async def _previewed(services: NodeServices, beginning: bytes, order: PreviewOrder) -> Preview:
    if services.previewing.locked():  # matches use the same workers: of previews, one waits in front of them at most
        raise ProblemError(
            429,
            "preview-under-way",
            "The node looks at another file's beginning, and does so one at a time; ask again in a second.",
            headers={"retry-after": "1"},
        )
    async with services.previewing:
        [seen] = await services.pool.run([Task(preview, (beginning, order, services.settings.limits))])
    if isinstance(seen, PreviewRefused):
        raise ProblemError(422, f"source-{seen.code}", seen.message)
    return Preview(
        headings=seen.headings,
        delimiter=seen.delimiter.value,
        column=None if seen.column is None else seen.column + 1,
        heading=None if seen.column is None else seen.headings[seen.column],
        kind=None if seen.kind is None else seen.kind.value,
        region=seen.region,
        tried=seen.tried,
        valid=seen.valid,
        lines=tuple(
            PreviewedLine(line=line.line, text=line.text, canonical=line.canonical, reason=line.reason)
            for line in seen.lines
        ),
    )


async def _file(request: Request, upload: str | None) -> Upload:
    uploads = services_of(request).datasets.uploads
    if upload is not None:
        file = uploads.find(upload)
        if not file.complete:
            raise ProblemError(409, "upload-incomplete", f"The next piece of this file is number {file.here}.")
        return file
    if _media(request) not in CSV_TYPES:
        raise ProblemError(415, "csv-needed", "Send the file itself, as text/csv.")
    return await uploads.whole(await request.body())


def _how_far(progress: ImportProgress) -> _HowFar:
    return {
        "source": progress.source,
        "bytes": progress.bytes,
        "bytes_read": progress.bytes_read,
        "rows": progress.rows,
        "rows_stored": progress.rows_stored,
    }


def _under_way(job: ImportJob) -> ImportUnderWay:
    order, progress = job.order, job.progress
    return ImportUnderWay(
        dataset=order.dataset,
        kind=order.kind.value,
        dry_run=order.dry_run,
        state="cancelling" if progress.cancellation.asked else "running" if progress.begun else "waiting",
        **_how_far(progress),
    )


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _state_of(upload: Upload) -> UploadState:
    return UploadState(upload=upload.name, piece_bytes=upload.piece_bytes, pieces=upload.pieces, here=upload.here)


def _report(order: ImportOrder, done: Imported, shown: int) -> ImportReport:
    return ImportReport(
        outcome=done.outcome.value,
        dataset=order.dataset,
        kind=order.kind.value,
        source=done.source,
        column=done.layout.column + 1,
        delimiter=done.layout.delimiter.value,
        rows=done.rows,
        accepted=done.accepted,
        duplicates=done.duplicates,
        rejected=done.rejected,
        rejects_kept=len(done.rejects),
        rejects_preview=tuple(RejectedLine(line=line, reason=reason) for line, reason in done.rejects[:shown]),
    )
