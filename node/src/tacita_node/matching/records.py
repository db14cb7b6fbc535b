"""The audit records of this node's matches: who asked what for which purpose, and which entries of the log say so.

Nothing of what was found is in them, and of a silent match both sides' records say the same.
"""

from sqlalchemy import and_, or_, select

from tacita_node.matching.export import exported
from tacita_node.matching.tables import MatchRow
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.statement import claims, unverified
from tacita_protocol.statements.vocabulary import Role
from tacita_protocol.tlog.proof import LogProof
from tacita_sdk.audit_export import AuditRecord, AuditRecordDetail


async def audit_records(services: NodeServices, limit: int, *, after: tuple[int, str] | None) -> list[AuditRecord]:
    """The records of the newest matches, newest first: those that come after the one of that start and id."""
    query = select(MatchRow).order_by(MatchRow.started.desc(), MatchRow.match).limit(limit)
    if after is not None:
        started, match = after
        query = query.where(or_(MatchRow.started < started, and_(MatchRow.started == started, MatchRow.match > match)))
    async with services.database.read() as session:
        return [_record(row) for row in await session.scalars(query)]


async def audit_record(services: NodeServices, match: str) -> AuditRecordDetail:
    """One record with every signed statement under it. Raises `ProblemError` 404."""
    async with services.database.read() as session:
        row = await session.get(MatchRow, match)
    if row is None:
        raise ProblemError(404, "no-such-match", "This node knows no such match.")
    return AuditRecordDetail(record=_record(row), statements=exported(row))


def _record(row: MatchRow) -> AuditRecord:
    asked = unverified(MatchRequest, row.request)  # its signature was checked before it was stored
    statements = exported(row)
    decided, closing = statements.decision, statements.closing
    denied = decided is not None and claims(Denial, decided.decision)
    return AuditRecord(
        match=row.match,
        role="requester" if row.role == Role.REQUESTER.value else "responder",
        peer=row.peer,
        dataset=row.dataset,
        kind=row.kind,
        mode=row.mode,
        result_to=row.result_to,
        purpose=asked.purpose,
        basis=asked.legal_basis,
        decision=None if decided is None else "denied" if denied else "granted",
        policy=None if decided is None else _policy(decided.decision, denied=denied),
        outcome=row.outcome,
        opening=None if decided is None else LogProof.parse(decided.logged.proof).index,
        closing=None if closing is None else LogProof.parse(closing.logged.proof).index,
        started=row.started,
        ended=row.ended,
    )


def _policy(decision: str, *, denied: bool) -> str:
    return unverified(Denial, decision).policy if denied else unverified(Grant, decision).policy
