"""How a match ends: the outcome, the closing entry, and what the parties are shown of it."""

import json
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.bell import Bell
from tacita_broker.log.service import QUEUED
from tacita_broker.log.store import queue_entry
from tacita_broker.matches.tables import MatchRow, closing_reference
from tacita_broker.partners.service import PartnerService
from tacita_protocol.api import MatchState
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.statements.acceptance import Refusal
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.logged import Outcome, closing_items, outcome_of
from tacita_protocol.statements.receipt import Receipt
from tacita_protocol.statements.statement import Signed, verify_statement
from tacita_protocol.tlog.entry import build_match_entry

CLOSED = "matches-closing"
"""Rung when matches are closing: their frames go."""


class Closing:
    """Closes matches."""

    def __init__(self, partners: PartnerService, broker_key: VerifyKey, clock: Callable[[], int], bell: Bell) -> None:
        self._partners = partners
        self._broker_key = broker_key
        self._clock = clock
        self._bell = bell

    async def close(self, session: AsyncSession, row: MatchRow) -> None:
        """Hand the closing entry to the log, inside the transaction that ends the match."""
        if row.decision is None or row.state in (MatchState.CLOSING.value, MatchState.CLOSED.value):
            raise RuntimeError("only a decided match that is not closing can be closed")
        requester = await self._receipt(session, row.requester, row.requester_receipt)
        responder = await self._receipt(session, row.responder, row.responder_receipt)
        refusal = await self._refusal(session, row)
        decision: Signed[Grant] | Signed[Denial]
        if row.granted is not True:
            decision, outcome = verify_statement(Denial, row.decision, self._broker_key), Outcome.DENIED
        else:
            decision = verify_statement(Grant, row.decision, self._broker_key)
            outcome = outcome_of(
                None if requester is None else requester.body, None if responder is None else responder.body
            )
            if refusal is not None:
                outcome = Outcome.REFUSED
        items = closing_items(
            row.match,
            decision.digest,
            outcome,
            requester_receipt=None if requester is None else requester.digest,
            responder_receipt=None if responder is None else responder.digest,
            refusal=None if refusal is None else refusal.digest,
        )
        now = self._clock()
        # As with openings: no sealed record in this version, the same form of entry.
        built = build_match_entry(items, sealed=digest_of(random_bytes(32)), time=now, entropy=random_bytes)
        row.state = MatchState.CLOSING.value
        row.deadline = None
        row.closing_disclosures = json.dumps(built.disclosures)
        parties = (row.requester, row.responder)
        await queue_entry(session, closing_reference(row.match), built.entry, now=now, excluded=parties)

    def announce(self, match: str) -> None:
        """Wake the log, the keeper, and those who wait for frames of the match."""
        self._bell.ring(QUEUED, CLOSED, f"frames:{match}")

    async def _receipt(self, session: AsyncSession, partner: str, envelope: str | None) -> Signed[Receipt] | None:
        return None if envelope is None else await self._partners.verify_stored(session, partner, Receipt, envelope)

    async def _refusal(self, session: AsyncSession, row: MatchRow) -> Signed[Refusal] | None:
        if row.refusal is None:
            return None
        return await self._partners.verify_stored(session, row.responder, Refusal, row.refusal)
