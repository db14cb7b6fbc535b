"""What an auditor may see of this node's matches: every signed statement and proof, nothing of what was found."""

from sqlalchemy import select

from tacita_node.matching.tables import MatchRow
from tacita_node.services import NodeServices
from tacita_protocol.api import LoggedClosing, LoggedDecision, parse_body
from tacita_protocol.statements.vocabulary import Role
from tacita_protocol.tlog.entry import LoggedEntry
from tacita_sdk.node_api import (
    MAX_EXPORT_MATCHES,
    AuditExport,
    ExportedClosing,
    ExportedDecision,
    ExportedLogEntry,
    ExportedMatch,
    ReceiptPair,
)


async def audit_export(services: NodeServices) -> AuditExport:
    """The newest matches, oldest first, with the cards that their statements are signed under."""
    query = select(MatchRow).order_by(MatchRow.started.desc(), MatchRow.match).limit(MAX_EXPORT_MATCHES)
    async with services.database.read() as session:
        rows = list(await session.scalars(query))
    rows.reverse()
    identity = services.identity
    cards = dict.fromkeys([identity.card.envelope, *(row.peer_card for row in rows)])
    return AuditExport(
        partner=identity.partner,
        broker=identity.broker.broker,
        broker_key=identity.broker.signing_key,
        cards=tuple(cards),
        matches=tuple(_exported(row) for row in rows),
    )


def _exported(row: MatchRow) -> ExportedMatch:
    return ExportedMatch(
        match=row.match,
        role="requester" if row.role == Role.REQUESTER.value else "responder",
        request=row.request,
        decision=_decision(row.decision),
        acceptance=row.acceptance,
        refusal=row.refusal,
        open=row.open,
        receipt=row.receipt,
        closing=_closing(row.closing),
    )


def _decision(text: str | None) -> ExportedDecision | None:
    if text is None:
        return None
    logged = parse_body(LoggedDecision, text.encode("utf-8"))
    return ExportedDecision(decision=logged.decision, logged=_entry(logged.logged))


def _closing(text: str | None) -> ExportedClosing | None:
    if text is None:
        return None
    logged = parse_body(LoggedClosing, text.encode("utf-8"))
    return ExportedClosing(
        logged=_entry(logged.logged),
        receipts=ReceiptPair(requester=logged.receipts.requester, responder=logged.receipts.responder),
        refusal=logged.refusal,
    )


def _entry(logged: LoggedEntry) -> ExportedLogEntry:
    return ExportedLogEntry(entry=logged.entry, disclosures=logged.disclosures, proof=logged.proof)
