"""Deciding about a promised request: policy, grant or denial, opening entry. Everything unforeseen is a denial."""

import json
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.agreements.service import AgreementService
from tacita_broker.catalogue.service import CatalogueService
from tacita_broker.config import Settings
from tacita_broker.log.store import queue_entry
from tacita_broker.matches.tables import MatchRow, cardinality_key, opening_reference
from tacita_broker.matches.terms import Terms, terms_of
from tacita_broker.partners.service import PartnerService
from tacita_broker.storage import Database
from tacita_policies.decision import Decision, DecisionPoint, Entrypoint
from tacita_policies.facts import match_input
from tacita_policies.questions import History, MatchInput
from tacita_protocol.api import MatchState
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.logged import opening_items
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.statement import Signed, sign_statement
from tacita_protocol.tlog.entry import build_match_entry

HISTORY_SECONDS = 30 * 24 * 3600
"""The window of a policy's history."""

_GONE = Reason(code="not-available", message="The partner or its dataset is no longer available.")


class DecisionMaker:
    """Turns a request into a signed decision and its opening entry, in one transaction."""

    def __init__(
        self,
        database: Database,
        partners: PartnerService,
        catalogue: CatalogueService,
        agreements: AgreementService,
        point: DecisionPoint,
        settings: Settings,
        key: SigningKey,
        clock: Callable[[], int],
    ) -> None:
        self._database = database
        self._partners = partners
        self._catalogue = catalogue
        self._agreements = agreements
        self._point = point
        self._settings = settings
        self._key = key
        self._clock = clock

    async def decide(self, match: str) -> None:
        """Decide a match that was promised; nothing happens if it has been decided meanwhile."""
        async with self._database.read() as session:
            row = await session.get(MatchRow, match)
            if row is None or row.decision is not None:
                return
            request = await self._partners.verify_stored(session, row.requester, MatchRequest, row.request)
            card = await self._catalogue.stored_in(session, row.responder, request.body.dataset, request.body.epoch)
            asked = None if card is None else await self._input(session, request, card)
        verdict: Decision | None = None
        if asked is not None:
            verdict = await self._point.decide(Entrypoint.BROKER_MATCH, asked)
        if verdict is None or card is None:
            await self._store(match, request, self._denial(request, (_GONE,)))
        elif not verdict.allow:
            await self._store(match, request, self._denial(request, verdict.reasons))
        elif isinstance(terms := terms_of(request.body, card.body, verdict.obligations), Reason):
            await self._store(match, request, self._denial(request, (terms,)))
        else:
            await self._store(match, request, self._grant(request, card.body, terms), units=terms.units)

    async def _input(
        self, session: AsyncSession, request: Signed[MatchRequest], card: Signed[DatasetCard]
    ) -> MatchInput | None:
        body = request.body
        requester = await self._partners.approved_in(session, body.requester)
        responder = await self._partners.approved_in(session, body.responder)
        if requester is None or responder is None:
            return None
        agreement = None
        if body.agreement is not None:
            agreement = await self._agreements.cited_in(session, body.agreement, body.requester, body.responder)
        now = self._clock()
        earlier = select(func.count(), func.coalesce(func.sum(MatchRow.units), 0)).where(
            MatchRow.requester == body.requester,
            MatchRow.responder == body.responder,
            MatchRow.granted.is_(True),
            MatchRow.received > now - HISTORY_SECONDS,
        )
        matches, units = (await session.execute(earlier)).one()
        answered = select(func.count()).where(
            MatchRow.requester == body.requester,
            MatchRow.responder == body.responder,
            MatchRow.granted.is_(True),
            MatchRow.cardinality_of == cardinality_key(body.dataset, body.epoch),
        )
        counted = (await session.execute(answered)).scalar_one()
        return match_input(
            body,
            requester=requester.card.body,
            responder=responder.card.body,
            dataset=card.body,
            agreement=None if agreement is None else agreement.body,
            history=History(
                matches_30d=_counted(matches), units_30d=_counted(units), cardinality_epoch=_counted(counted)
            ),
            time=now,
        )

    def _grant(self, request: Signed[MatchRequest], card: DatasetCard, terms: Terms) -> Signed[Grant]:
        body = request.body
        now = self._clock()
        finish = now + min(terms.obligations.expires_in, self._settings.match_seconds)
        grant = Grant(
            match=body.match,
            request=request.digest,
            broker=self._settings.broker,
            policy=self._point.digest,
            obligations=terms.obligations,
            engine=terms.engine,
            normaliser=body.normaliser,
            requester_count=body.padded_count,
            responder_count=card.padded_size,
            issued=now,
            start_before=min(now + self._settings.start_seconds, finish),
            finish_before=finish,
        )
        return sign_statement(grant, self._key)

    def _denial(self, request: Signed[MatchRequest], reasons: tuple[Reason, ...]) -> Signed[Denial]:
        denial = Denial(
            match=request.body.match,
            request=request.digest,
            broker=self._settings.broker,
            policy=self._point.digest,
            reasons=reasons,
            issued=self._clock(),
        )
        return sign_statement(denial, self._key)

    async def _store(
        self, match: str, request: Signed[MatchRequest], decision: Signed[Grant] | Signed[Denial], *, units: int = 0
    ) -> None:
        now = self._clock()
        # No regulator holds a key in this version, so there is no sealed record: the digest of random bytes keeps the
        # entry's form, and nobody can tell it from that of a record.
        sealed = digest_of(random_bytes(32))
        built = build_match_entry(opening_items(request, decision), sealed=sealed, time=now, entropy=random_bytes)
        async with self._database.write() as session:
            row = await session.get(MatchRow, match)
            if row is None or row.state != MatchState.REQUESTED.value or row.decision is not None:
                return
            row.granted, row.units = isinstance(decision.body, Grant), units
            row.decision = decision.envelope
            row.opening_disclosures = json.dumps(built.disclosures)
            parties = (row.requester, row.responder)
            await queue_entry(session, opening_reference(match), built.entry, now=now, excluded=parties)


def _counted(value: int) -> int:
    """A count as far as a policy's input can say it."""
    return min(int(value), 2**26)
