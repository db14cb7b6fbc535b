"""What an auditor may see of this node's matches: every signed statement and proof, nothing of what was found."""

from sqlalchemy import func, select

from tacita_node.lifecycle.past import rotations_of
from tacita_node.matching.tables import MatchRow
from tacita_node.services import NodeServices
from tacita_protocol.api import LoggedClosing, LoggedDecision, parse_body
from tacita_protocol.statements.vocabulary import Role
from tacita_sdk.audit_export import MAX_EXPORT_MATCHES, AuditExport, ExportedMatch


async def audit_export(services: NodeServices) -> AuditExport:
    """The newest matches, oldest first, with the cards that their statements are signed under."""
    query = select(MatchRow).order_by(MatchRow.started.desc(), MatchRow.match).limit(MAX_EXPORT_MATCHES)
    async with services.database.read() as session:
        rows = list(await session.scalars(query))
        count = await session.scalar(select(func.count()).select_from(MatchRow)) or 0
    rows.reverse()
    identity = services.identity
    theirs, rotations = await rotations_of(services.database, {row.peer for row in rows})
    own = [identity.card.envelope, *(replaced.card.envelope for replaced in identity.past)]
    cards = dict.fromkeys([*own, *(row.peer_card for row in rows), *theirs])
    return AuditExport(
        partner=identity.partner,
        broker=identity.broker.broker,
        broker_key=identity.broker.signing_key,
        cards=tuple(cards),
        rotations=(*(replaced.rotation.envelope for replaced in identity.past), *rotations),
        matches=tuple(exported(row) for row in rows),
        left_out=count - len(rows),
    )


def exported(row: MatchRow) -> ExportedMatch:
    """All signed statements of one match, as they were sent or verified."""
    return ExportedMatch(
        match=row.match,
        role="requester" if row.role == Role.REQUESTER.value else "responder",
        request=row.request,
        decision=None if row.decision is None else parse_body(LoggedDecision, row.decision.encode("utf-8")),
        acceptance=row.acceptance,
        refusal=row.refusal,
        open=row.open,
        receipt=row.receipt,
        closing=None if row.closing is None else parse_body(LoggedClosing, row.closing.encode("utf-8")),
    )
