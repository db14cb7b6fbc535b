"""The matches as the routes need them."""

from tacita_broker.bell import Bell
from tacita_broker.matches.admission import Admission
from tacita_broker.matches.intake import Intake
from tacita_broker.matches.keeper import REQUESTED
from tacita_broker.matches.tables import MatchRow, visible_to
from tacita_broker.partners.service import KnownPartner
from tacita_broker.problems import not_found
from tacita_broker.storage import Database
from tacita_protocol.api import LoggedClosing, LoggedDecision, MatchState, MatchView, PromiseBody


class MatchService:
    """Requests, views, and what the parties say (`intake`)."""

    def __init__(self, database: Database, admission: Admission, intake: Intake, bell: Bell) -> None:
        self._database = database
        self._admission = admission
        self.intake = intake
        self._bell = bell

    async def request(self, caller: KnownPartner, envelope: str) -> tuple[PromiseBody, bool]:
        """Take a MatchRequest; the promise, and whether it is new. Raises as `Admission.receive`."""
        promise, new = await self._admission.receive(caller, envelope)
        self._bell.ring(REQUESTED)
        return promise, new

    async def view(self, match: str, partner: str) -> MatchView:
        """What a party may see of its match. Raises a 404 problem for everybody else."""
        row = await self._row(match, partner)
        return MatchView(
            match=row.match,
            state=MatchState(row.state),
            requester=row.requester,
            responder=row.responder,
            request=row.request,
            decision=None if row.opening is None else LoggedDecision.model_validate_json(row.opening),
            acceptance=row.acceptance,
            refusal=row.refusal,
            open=row.open,
            closing=None if row.closing is None else LoggedClosing.model_validate_json(row.closing),
        )

    async def require_party(self, match: str, partner: str) -> None:
        """Raises a 404 problem unless the partner may see the match."""
        await self._row(match, partner)

    async def _row(self, match: str, partner: str) -> MatchRow:
        async with self._database.read() as session:
            row = await session.get(MatchRow, match)
        if row is None or not visible_to(row, partner):
            raise not_found()
        return row
