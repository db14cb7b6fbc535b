"""After a match's last statement of this side: deliver it, wait for the closing, verify it, release the hits.

Works on what the database holds, so it goes on after a restart as if nothing had happened. The rule of the federation
sits in `_close`: no hit is shown before the closing entry, with this side's receipt in it, is proven to be in the
witnessed log.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import structlog

from tacita_node.causes import Causes, facts_of
from tacita_node.matching.context import context_of, peer_key_of
from tacita_node.matching.endings import BAD_CLOSING
from tacita_node.matching.job import Signals
from tacita_node.matching.journal import MatchJournal, encode_reasons
from tacita_node.matching.orders import REQUEST_VALID_SECONDS
from tacita_node.matching.recovery import aborted_receipt
from tacita_node.matching.results import ResultStore
from tacita_node.matching.tables import MatchRow
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_protocol.api import LoggedClosing, LoggedDecision, MatchView, parse_body
from tacita_protocol.crypto.jcs import canonical_json
from tacita_protocol.errors import PeerViolation, ProtocolError
from tacita_protocol.session import State
from tacita_protocol.session.closing import MatchFacts, verify_closing
from tacita_protocol.statements.acceptance import Refusal
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.receipt import Receipt
from tacita_protocol.statements.statement import Signed, Statement, claims, verify_statement
from tacita_protocol.statements.vocabulary import Role
from tacita_sdk.broker import BrokerClient, Step
from tacita_sdk.errors import BrokerProblem, SdkError

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
ARRIVAL_SECONDS = REQUEST_VALID_SECONDS + 120
"""How long after its beginning a match that the broker does not know may still turn up there: a request can be under
way while this node restarts, and a broker takes none that has expired."""

PATIENCE_SECONDS = 7 * 86_400
"""How long after its beginning a match's closing is waited for. A broker that never closes has broken its promise."""

CLOSING = "closing"
"""What `Causes` calls the wait for it."""

NO_REASONS, REFUSED = encode_reasons([]), encode_reasons([BAD_CLOSING])

S = TypeVar("S", bound=Statement)

_log = structlog.get_logger(__name__)


class MatchClosing:
    """The end of one match, from the database row of a match whose job has ended."""

    def __init__(
        self, match: str, *, services: NodeServices, journal: MatchJournal, results: ResultStore, signals: Signals
    ) -> None:
        self._match = match
        self._services = services
        self._journal = journal
        self._results = results
        self._signals = signals
        self._causes = Causes()

    async def run(self) -> None:
        """Returns once the closing is verified and written down, or will not come. Cancel it at any time."""
        pause = FIRST_PAUSE_SECONDS
        delivered = False
        while True:
            self._signals.news.clear()
            row = await self._row()
            try:
                delivered = delivered or await deliver(row, self._services.broker, self._causes)
                self._signals.delivered.set()
                view = await self._services.broker.match(self._match)
                if view.closing is not None:
                    await self._close(row, view, view.closing)
                    return
                if view.decision is not None and await self._owe_receipt(row, view):
                    delivered = False
                    continue
                self._causes.over(CLOSING)
            except BrokerProblem as problem:
                if problem.status == 404 and problem.proven and self._services.clock() > row.started + ARRIVAL_SECONDS:
                    await self._give_up(row, "unknown-at-broker")
                    return
                self._delayed(problem)
            except (ProblemError, SdkError) as error:
                self._delayed(error)
            except ProtocolError as error:
                # A broker that shows a false closing will not be believed later either, but proofs can be late.
                self._tell(_log.error, "closing-refused", error)
                if row.reasons == NO_REASONS:
                    await self._journal.keep(self._match, reasons=REFUSED)
            if self._services.clock() > row.started + PATIENCE_SECONDS:
                await self._give_up(row, "never-closed")
                return
            await _sleep_unless(self._signals.news, pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _delayed(self, error: ProblemError | SdkError) -> None:
        self._tell(_log.warning, "closing-delayed", error)

    def _tell(self, log: Callable[..., object], event: str, error: Exception) -> None:
        self._causes.tell(CLOSING, log, event, match=self._match, **facts_of(error))

    async def _row(self) -> MatchRow:
        row = await self._journal.find(self._match)
        if row is None:
            raise RuntimeError("a match that closes is in the journal")
        return row

    async def _owe_receipt(self, row: MatchRow, view: MatchView) -> bool:
        """Signs the aborted receipt of a match that this side gave up before it was granted."""
        if row.state != State.ABORTED.value or row.receipt is not None:
            return False
        if self._services.identity.replaced_since(row.started):
            return False  # the broker takes nothing about this match under the present key
        decision, row.decision = self._decision(row, view)
        receipt = None if isinstance(decision.body, Denial) else aborted_receipt(row, self._services)
        if receipt is None:
            return False
        await self._journal.keep(self._match, decision=row.decision, receipt=receipt.envelope)
        return True

    async def _close(self, row: MatchRow, view: MatchView, closing: LoggedClosing) -> None:
        context = context_of(self._services, row)
        data = canonical_json(closing.model_dump(mode="json"))
        # 1. Which decision this closing must cite.
        decision, kept = self._decision(row, view)
        # 2. What this side knows of the match.
        responded = row.role == Role.RESPONDER.value
        facts = MatchFacts(
            match=row.match,
            role=Role(row.role),
            decision=decision.digest,
            start_before=None if isinstance(decision.body, Denial) else decision.body.start_before,
            refusal=None if row.refusal is None else self._verified(Refusal, row, row.refusal, own=responded),
            receipt=None if row.receipt is None else self._verified(Receipt, row, row.receipt, own=True),
        )
        # 3. The closing holds, in itself and in the log. Only then anything is released.
        verified = verify_closing(data, context=context, facts=facts, now=self._services.clock())
        # 4. What was found is kept by now, or never will be.
        await self._signals.looked.wait()
        row = await self._row()
        release = verified.may_release and row.hits_sealed is not None
        if not release:
            await self._results.discard(row.match)
        if row.reasons == REFUSED:
            await self._journal.keep(row.match, reasons=NO_REASONS)
        await self._journal.close(
            row.match,
            outcome=verified.outcome.value,
            closing=data.decode("utf-8"),
            released=release,
            decision=kept,
        )

    def _decision(self, row: MatchRow, view: MatchView) -> tuple[Signed[Grant] | Signed[Denial], str]:
        """The decision and its JSON as it is kept. A match may have ended here before it came."""
        if row.decision is not None:
            logged, kept = parse_body(LoggedDecision, row.decision.encode("utf-8")), row.decision
        elif view.decision is not None:
            logged, kept = view.decision, canonical_json(view.decision.model_dump(mode="json")).decode("utf-8")
        else:
            raise PeerViolation("a match was closed without a decision", field="decision")
        request = self._verified(MatchRequest, row, row.request, own=row.role == Role.REQUESTER.value)
        key = self._services.identity.broker.key
        decision: Signed[Grant] | Signed[Denial]
        if claims(Denial, logged.decision):
            decision = verify_statement(Denial, logged.decision, key)
        else:
            decision = verify_statement(Grant, logged.decision, key)
        if (decision.body.match, decision.body.request) != (row.match, request.digest):
            raise PeerViolation("the decision is about another request", field="request")
        return decision, kept

    def _verified(self, cls: type[S], row: MatchRow, envelope: str, *, own: bool) -> Signed[S]:
        """A statement of this match: an own one, or one of the peer."""
        if own:
            return self._services.identity.verify_own(cls, envelope)
        return verify_statement(cls, envelope, peer_key_of(row))

    async def _give_up(self, row: MatchRow, code: str) -> None:
        _log.error("closing-never-came", match=self._match, code=code)
        await self._results.discard(row.match)
        await self._journal.settle(row.match)


async def deliver(row: MatchRow, broker: BrokerClient, causes: Causes) -> bool:
    """Hands over what this side said last in a match. The broker takes the same bytes twice.

    False when the broker does not want it. Raises what the broker client raises when it cannot take it now.
    """
    taken = True
    for step, envelope in _last_words(row):
        try:
            await broker.send_statement(row.match, step, envelope)
            causes.over(step)
            taken = True
        except BrokerProblem as problem:
            if problem.status >= 500 or problem.status in (401, 429):
                raise
            # Too late for the broker, or nothing that it wants. It is offered again; the closing says what counted.
            causes.tell(step, _log.warning, "statement-not-taken", match=row.match, step=step, **facts_of(problem))
            taken = False
    return taken


def _last_words(row: MatchRow) -> list[tuple[Step, str]]:
    """The last statement of this side. Before the receipt of an abort comes what it cites, in case that never left."""
    asked = row.role == Role.REQUESTER.value
    if not asked and row.refusal is not None:
        return [("refusal", row.refusal)]
    cited: tuple[Step, str | None] = ("open", row.open) if asked else ("acceptance", row.acceptance)
    steps: list[tuple[Step, str | None]] = [("receipt", row.receipt)]
    if row.state == State.ABORTED.value:
        steps.insert(0, cited)
    return [(step, envelope) for step, envelope in steps if envelope is not None]


async def _sleep_unless(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
