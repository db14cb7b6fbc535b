"""The local API of a record's provenance: which line of which source it is, and how that source was read.

A record is named as hits name it, by source and line. What the line says is not shown: the hits do that.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from sqlalchemy import select

from tacita_node.access.openapi import problems
from tacita_node.data.tables import DatasetRow, RecordRow, RejectRow, SourceRow
from tacita_node.problems import ProblemError
from tacita_node.services import services_of
from tacita_sdk.node_api import MAX_LINE, HexId, Provenance

router = APIRouter(prefix="/v1", tags=["data"])


@router.get("/records/{source}/{line}", responses=problems(404))
async def provenance(
    request: Request, source: Annotated[HexId, Path()], line: Annotated[int, Path(ge=1, le=MAX_LINE)]
) -> Provenance:
    """Where one line of an imported source stands: the record that it became, or why it became none."""
    async with services_of(request).database.read() as session:
        row = await session.get(SourceRow, source)
        if row is None or row.staged:
            raise ProblemError(404, "no-such-source", "This node has imported no such source.")
        dataset = await session.get_one(DatasetRow, row.dataset)
        record = await session.scalar(select(RecordRow.id).where(RecordRow.source == source, RecordRow.line == line))
        reject = await session.get(RejectRow, (source, line))
    if record is None and reject is None:
        raise ProblemError(
            404,
            "no-such-record",
            "This line of the source is no record of its own: it is blank, beyond the end, or repeats an earlier one.",
        )
    return Provenance(
        source=source,
        line=line,
        dataset=row.dataset,
        kind=dataset.kind,
        imported=row.imported,
        rejected=None if reject is None else reject.reason,
        column=row.column + 1,
        delimiter=row.delimiter,
        region=row.region,
        extractor=row.extractor,
        rows=row.rows,
    )
