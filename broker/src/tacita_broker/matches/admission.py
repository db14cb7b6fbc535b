"""Taking a MatchRequest: what must hold before the broker promises to log it.

A request that does not hold leaves no trace. One that holds is promised, stored, and will have two entries in the log,
whatever is decided about it.
"""

from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.agreements.service import AgreementService
from tacita_broker.catalogue.service import CatalogueService
from tacita_broker.config import Settings
from tacita_broker.log.service import LogService
from tacita_broker.matches.tables import MatchRow, cardinality_key
from tacita_broker.partners.service import KnownPartner, PartnerService, require_in_force
from tacita_broker.problems import conflict, not_found, refused, too_many
from tacita_broker.storage import Database
from tacita_protocol.api import MatchState, PromiseBody
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.match import MatchRequest, Promise
from tacita_protocol.statements.statement import Signed, sign_statement, verify_statement
from tacita_protocol.statements.vocabulary import Mode


class Admission:
    """Checks requests and promises to log them."""

    def __init__(
        self,
        database: Database,
        partners: PartnerService,
        catalogue: CatalogueService,
        agreements: AgreementService,
        log: LogService,
        settings: Settings,
        key: SigningKey,
        clock: Callable[[], int],
    ) -> None:
        self._database = database
        self._partners = partners
        self._catalogue = catalogue
        self._agreements = agreements
        self._log = log
        self._settings = settings
        self._key = key
        self._clock = clock

    async def receive(self, caller: KnownPartner, envelope: str) -> tuple[PromiseBody, bool]:
        """The promise, and whether the request is new (the same bytes again get the same promise).

        Raises `ProtocolError` for a request that is malformed or not signed by the caller, `ProblemError` for one that
        does not fit: 404 for a dataset that does not exist or that the caller may not discover, 409 for another request
        with the same match id or while there is no trust file, 422 for contents, 429 for too many open matches.
        """
        request = verify_statement(MatchRequest, envelope, caller.key)
        if request.body.requester != caller.partner:
            raise refused("requester", "The request names another requester than its sender.")
        asked = request.body
        offered = await self._catalogue.offered(caller.card, asked.responder, asked.dataset, asked.epoch)
        async with self._database.write() as session:
            await require_in_force(session, caller)
            known = await session.get(MatchRow, request.body.match)
            if known is not None:
                if known.request != request.envelope:
                    raise conflict("match-exists", "Another request has this match id.")
                return PromiseBody(promise=known.promise), False
            self._log.require_trust()
            await self._check(session, caller, request.body, offered)
            now = self._clock()
            promise = sign_statement(
                Promise(match=request.body.match, request=request.digest, broker=self._settings.broker, issued=now),
                self._key,
            )
            session.add(
                MatchRow(
                    match=request.body.match,
                    requester=caller.partner,
                    responder=request.body.responder,
                    state=MatchState.REQUESTED.value,
                    received=now,
                    units=0,
                    cardinality_of=_cardinality_of(request.body),
                    request=request.envelope,
                    promise=promise.envelope,
                )
            )
        return PromiseBody(promise=promise.envelope), True

    async def _check(
        self, session: AsyncSession, caller: KnownPartner, request: MatchRequest, card: Signed[DatasetCard] | None
    ) -> None:
        self._check_times(request)
        if card is None or not await self._catalogue.still_offered_in(session, card.body):
            raise not_found()
        if (request.kind, request.normaliser) != (card.body.kind, card.body.normaliser):
            raise refused("normaliser", "Kind and normaliser version must be those of the dataset's card.")
        if request.agreement is not None:
            cited = await self._agreements.cited_in(session, request.agreement, request.requester, request.responder)
            if cited is None:
                raise refused("agreement", "The request cites an agreement that the two partners have not deposited.")
        unfinished = select(func.count()).where(
            MatchRow.requester == caller.partner, MatchRow.state != MatchState.CLOSED.value
        )
        if (await session.execute(unfinished)).scalar_one() >= self._settings.open_matches_per_partner:
            raise too_many("too-many-matches", "This partner has too many matches that are not closed.")

    def _check_times(self, request: MatchRequest) -> None:
        now, skew = self._clock(), self._settings.clock_skew_seconds
        if request.issued > now + skew or request.expires <= now:
            raise refused("request-time", "The request is not valid at this time; compare the clocks.")
        if request.expires - request.issued > self._settings.request_seconds:
            raise refused("request-time", f"A request is valid for at most {self._settings.request_seconds} seconds.")


def _cardinality_of(request: MatchRequest) -> str | None:
    return cardinality_key(request.dataset, request.epoch) if request.mode is Mode.CARDINALITY else None
