"""What the partners say during a match: acceptance, refusal, open, receipt.

Each statement is checked in the same order: the caller is the party that may say it, its key signed it, it cites what
came before, the state and the time allow it. The same bytes again change nothing; other bytes are refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.config import Limits
from tacita_broker.inbox.service import InboxService
from tacita_broker.matches.closing import Closing
from tacita_broker.matches.tables import MatchRow, visible_to
from tacita_broker.partners.service import KnownPartner, PartnerService
from tacita_broker.problems import ProblemError, conflict, ended, not_found, refused
from tacita_broker.storage import Database
from tacita_protocol.api import InboxEventType, MatchState
from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.statements.acceptance import Acceptance, Open, Refusal
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.receipt import Receipt, ReceiptStatus
from tacita_protocol.statements.statement import Signed, Statement, verify_statement
from tacita_protocol.statements.vocabulary import Role

S = TypeVar("S", bound=Statement)

CLOCK_SLACK_SECONDS = 900
"""By how much a statement's `issued` may differ from now: it may have waited for the connection to come back."""
_RUNNING = frozenset({MatchState.GRANTED, MatchState.ACCEPTED, MatchState.OPEN})
_ENDED = frozenset({MatchState.CLOSING, MatchState.CLOSED})


@dataclass(frozen=True)
class _Scene:
    """A match in a transaction, seen by one of its parties."""

    session: AsyncSession
    row: MatchRow
    role: Role
    grant: Signed[Grant]
    state: MatchState


class Intake:
    """Takes the statements of the two parties."""

    def __init__(
        self,
        database: Database,
        partners: PartnerService,
        inbox: InboxService,
        closing: Closing,
        limits: Limits,
        broker_key: VerifyKey,
        clock: Callable[[], int],
    ) -> None:
        self._database = database
        self._partners = partners
        self._inbox = inbox
        self._closing = closing
        self._limits = limits
        self._broker_key = broker_key
        self._clock = clock

    async def accept(self, caller: KnownPartner, match: str, envelope: str) -> None:
        """The responder's acceptance of a grant, in time for it. Raises `ProtocolError` or `ProblemError`."""
        async with self._database.write() as session:
            scene = await self._scene(session, caller, match, Role.RESPONDER)
            signed = verify_statement(Acceptance, envelope, caller.key)
            body = signed.body
            _cites((body.match, match), (body.responder, caller.partner), (body.grant, scene.grant.digest))
            if _repeated(scene.row.acceptance, signed):
                return
            self._check_state(scene, MatchState.GRANTED)
            self._check_issued(body.issued)
            if self._clock() >= scene.grant.body.start_before:
                raise conflict("too-late", "The grant may not be used any more.")
            scene.row.acceptance = signed.envelope
            scene.row.state = MatchState.ACCEPTED.value
            scene.row.deadline = scene.grant.body.finish_before
            await self._tell(scene, scene.row.requester, InboxEventType.ACCEPTANCE)
        self._inbox.ring(scene.row.requester)

    async def refuse(self, caller: KnownPartner, match: str, envelope: str) -> None:
        """The responder's refusal; the match closes. Raises as `accept`."""
        async with self._database.write() as session:
            scene = await self._scene(session, caller, match, Role.RESPONDER)
            signed = verify_statement(Refusal, envelope, caller.key)
            body = signed.body
            _cites((body.match, match), (body.responder, caller.partner), (body.grant, scene.grant.digest))
            if _repeated(scene.row.refusal, signed):
                return
            self._check_state(scene, MatchState.GRANTED)
            self._check_issued(body.issued)
            scene.row.refusal = signed.envelope
            scene.row.state = MatchState.REFUSED.value
            await self._closing.close(session, scene.row)
            await self._tell(scene, scene.row.requester, InboxEventType.REFUSAL)
        self._inbox.ring(scene.row.requester)
        self._closing.announce(match)

    async def open(self, caller: KnownPartner, match: str, envelope: str) -> None:
        """The requester's opening of an accepted match. Raises as `accept`."""
        async with self._database.write() as session:
            scene = await self._scene(session, caller, match, Role.REQUESTER)
            signed = verify_statement(Open, envelope, caller.key)
            body = signed.body
            acceptance = await self._acceptance(scene)
            _cites((body.match, match), (body.requester, caller.partner), (body.acceptance, acceptance))
            if _repeated(scene.row.open, signed):
                return
            self._check_state(scene, MatchState.ACCEPTED)
            self._check_issued(body.issued)
            scene.row.open = signed.envelope
            scene.row.state = MatchState.OPEN.value
            await self._tell(scene, scene.row.responder, InboxEventType.OPEN)
        self._inbox.ring(scene.row.responder)

    async def receipt(self, caller: KnownPartner, match: str, envelope: str) -> None:
        """One side's receipt; the match closes when both are in. Raises as `accept`."""
        closed = False
        async with self._database.write() as session:
            scene = await self._scene(session, caller, match, None)
            row = scene.row
            signed = verify_statement(Receipt, envelope, caller.key)
            body = signed.body
            _cites((body.match, match), (body.partner, caller.partner), (body.role, scene.role))
            if body.grant is None:
                raise refused("receipt-grant", "A receipt that the broker takes cites the grant.")
            _cites((body.grant, scene.grant.digest), (body.engine, scene.grant.body.engine))
            own = row.requester_receipt if scene.role is Role.REQUESTER else row.responder_receipt
            if _repeated(own, signed):
                return
            if scene.state not in _RUNNING:
                raise _not_now()
            await self._check_chain(scene, body)
            if scene.role is Role.REQUESTER:
                row.requester_receipt = signed.envelope
            else:
                row.responder_receipt = signed.envelope
            peer = row.responder if scene.role is Role.REQUESTER else row.requester
            if body.status is ReceiptStatus.ABORTED:
                grace = self._clock() + self._limits.abort_grace_seconds
                row.deadline = grace if row.deadline is None else min(row.deadline, grace)
                await self._tell(scene, peer, InboxEventType.ABORTED)
            if row.requester_receipt is not None and row.responder_receipt is not None:
                await self._closing.close(session, row)
                closed = True
        self._inbox.ring(peer)
        if closed:
            self._closing.announce(match)

    async def _scene(self, session: AsyncSession, caller: KnownPartner, match: str, only: Role | None) -> _Scene:
        """The match, if the caller is the party that may speak. A denied match does not exist for its responder."""
        row = await session.get(MatchRow, match)
        if row is None or not visible_to(row, caller.partner):
            raise not_found()
        role = Role.REQUESTER if caller.partner == row.requester else Role.RESPONDER
        if only is not None and role is not only:
            raise ProblemError(403, "role", "This is for the other party of the match to say.")
        if row.decision is None or row.granted is not True or row.opening is None:
            raise _not_now()
        if row.received < await self._partners.keys_replaced(session, caller.partner):
            raise conflict("key-replaced", "This match began before its sender replaced its keys.")
        grant = verify_statement(Grant, row.decision, self._broker_key)
        return _Scene(session, row, role, grant, MatchState(row.state))

    async def _acceptance(self, scene: _Scene) -> Digest | None:
        """Digest of the acceptance that is in."""
        if scene.row.acceptance is None:
            return None
        stored = scene.row.acceptance
        return (await self._partners.verify_stored(scene.session, scene.row.responder, Acceptance, stored)).digest

    async def _check_chain(self, scene: _Scene, body: Receipt) -> None:
        """The receipt cites the acceptance and the open that are in.

        One that aborts may lack them, which came after its side had given up, or cite its own that crossed with the
        other side's abort and was not taken.
        """
        opened = None
        if scene.row.open is not None:
            stored = scene.row.open
            opened = (await self._partners.verify_stored(scene.session, scene.row.requester, Open, stored)).digest
        accepted = await self._acceptance(scene)
        if body.status is ReceiptStatus.COMPLETED:
            if scene.state is not MatchState.OPEN:
                raise _not_now()
            _cites((body.acceptance, accepted), (body.open, opened))
        else:
            for cited, known in ((body.acceptance, accepted), (body.open, opened)):
                if cited is not None and known is not None:
                    _cites((cited, known))

    async def _tell(self, scene: _Scene, partner: str, event: InboxEventType) -> None:
        await self._inbox.post(scene.session, partner, event, match=scene.row.match, now=self._clock())

    def _check_issued(self, issued: int) -> None:
        if abs(self._clock() - issued) > CLOCK_SLACK_SECONDS:
            raise refused("statement-time", "The statement was not made now; compare the clocks.")

    @staticmethod
    def _check_state(scene: _Scene, wanted: MatchState) -> None:
        if scene.state in _ENDED:
            raise ended()
        if scene.state is not wanted:
            raise _not_now()
        # Before the opening only an abort can be in, and the other side was told of it: what crosses with it learns the
        # same. Whether a completed receipt is in, nobody learns from here.
        if scene.row.requester_receipt or scene.row.responder_receipt:
            raise ended()


def _cites(*pairs: tuple[object, object]) -> None:
    if any(cited != known for cited, known in pairs):
        raise refused("citation", "The statement does not cite this match, its sender, or what came before it.")


def _repeated(stored: str | None, signed: Signed[S]) -> bool:
    if stored is None:
        return False
    if stored != signed.envelope:
        raise conflict("statement-exists", "Another statement of this kind has been made in this match.")
    return True


def _not_now() -> ProblemError:
    return conflict("state", "The match is not in the state for this.")
