"""The local API of matches."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from tacita_node.access.gate import sees_hits
from tacita_node.access.openapi import BROKER, problems
from tacita_node.matching.export import audit_export
from tacita_node.matching.records import audit_record, audit_records
from tacita_node.matching.service import MatchService
from tacita_node.pages import HITS_A_PAGE, MATCHES_A_PAGE, RECORDS_A_PAGE, After, after_position, after_time
from tacita_node.problems import ProblemError
from tacita_node.services import services_of
from tacita_sdk.audit_export import AuditExport, AuditRecordDetail, AuditRecords
from tacita_sdk.node_api import HexId, Hits, MatchList, MatchOrder, MatchSummary

router = APIRouter(tags=["matches"])

Match = Annotated[HexId, Path()]


@router.post("/v1/matches", status_code=202, responses=problems(404, *BROKER))
async def order(request: Request, order: MatchOrder) -> MatchSummary:
    """Starts a match and answers at once; how it goes is at /v1/matches/{match}."""
    return await _matches(request).order(order)


@router.get("/v1/matches")
async def matches(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MATCHES_A_PAGE)] = MATCHES_A_PAGE,
    after: After = None,
) -> MatchList:
    """The matches, newest first, page by page."""
    found = await _matches(request).matches(limit + 1, after=after_time(after))
    shown = found[:limit]
    following = f"{shown[-1].started}-{shown[-1].match}" if len(found) > limit else None
    return MatchList(matches=tuple(_shown(request, one) for one in shown), next=following)


@router.get("/v1/matches/{match}", responses=problems(404))
async def match(request: Request, match: Match) -> MatchSummary:
    """One match."""
    return _shown(request, await _matches(request).match(match))


@router.post("/v1/matches/{match}/cancel", responses=problems(404, 409))
async def cancel(request: Request, match: Match) -> MatchSummary:
    """Ends a match that runs. Both sides sign that it was aborted; 409 when it is over already."""
    return _shown(request, await _matches(request).cancel(match))


@router.get("/v1/matches/{match}/hits", responses=problems(404, 409))
async def hits(
    request: Request,
    match: Match,
    limit: Annotated[int, Query(ge=1, le=HITS_A_PAGE)] = HITS_A_PAGE,
    after: After = None,
) -> Hits:
    """What the match found, page by page, once its closing is proven to be in the log. For analysts only."""
    return await _matches(request).hits(match, after_position(after), limit)


@router.get("/v1/audit/export")
async def export(request: Request) -> AuditExport:
    """Every signed statement and proof of this node's matches, for an offline verifier."""
    return await audit_export(services_of(request))


@router.get("/v1/audit/records")
async def records(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=RECORDS_A_PAGE)] = RECORDS_A_PAGE,
    after: After = None,
) -> AuditRecords:
    """The audit records of this node's matches, newest first, page by page."""
    found = await audit_records(services_of(request), limit + 1, after=after_time(after))
    shown = found[:limit]
    following = f"{shown[-1].started}-{shown[-1].match}" if len(found) > limit else None
    return AuditRecords(records=tuple(shown), next=following)


@router.get("/v1/audit/records/{match}", responses=problems(404))
async def record(request: Request, match: Match) -> AuditRecordDetail:
    """One audit record, with every signed statement and proof under it."""
    return await audit_record(services_of(request), match)


def _shown(request: Request, match: MatchSummary) -> MatchSummary:
    """The summary, without the number of hits for whom that is not meant: that is what was found."""
    return match if sees_hits(request) else match.model_copy(update={"hits": None})


def _matches(request: Request) -> MatchService:
    matches = services_of(request).matches
    if matches is None:
        raise ProblemError(503, "not-running", "Matches are not running yet, or no longer; try again in a moment.")
    return matches
