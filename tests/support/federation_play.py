"""What the partners of a real federation do, and what can be seen of it afterwards: the words of the model."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

import httpx2

from tacita_node.data.imports import ImportOrder
from tacita_node.data.service import Publication
from tacita_node.matching.journal import MatchJournal
from tacita_node.matching.tables import MatchRow
from tacita_node.problems import ProblemError
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import PartnerKind, Sensitivity
from tacita_sdk.errors import BrokerProblem
from tacita_sdk.node_api import AgreementDraft, MatchOrder, MatchSummary, TermDraft
from tests.support.federation_deeds import Deed
from tests.support.federation_model import End, Order
from tests.support.federation_world import Trap, World, eventually
from tests.support.match_federation import Intercept, Member, Send
from tests.support.match_steps import find

BASIS = "gdpr-6-1-f"
OVER = ("closed", "denied", "refused", "aborted")
_ENDS = {
    "denied": End.DENIED,
    "refused": End.REFUSED,
    "aborted": End.ABORTED,
    "incomplete": End.ABORTED,
    "completed": End.COMPLETED,
}


@dataclass(frozen=True)
class Seen:
    """One side of a match that is over: what its node shows, and what it charged."""

    summary: MatchSummary
    hits: frozenset[str] | None
    units: int

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(reason.code for reason in self.summary.reasons)


@dataclass(frozen=True)
class Outcome:
    """How a request ended in the real federation.

    Attributes:
        code: of the node's own answer, when nothing was ordered.
        sides: by role, `asker` and `owner`; whoever never heard of the match is not in it.
        entries: of the match in the log.
        disturbed: the deed was done.
    """

    end: End
    code: str = ""
    sides: dict[str, Seen] | None = None
    entries: int = 0
    granted: bool = False
    disturbed: bool = False


@dataclass(frozen=True)
class Disturbance:
    """A deed, done while a message of a match is on its way from one side, before or `after` it has arrived."""

    deed: Deed
    sender: str
    message: str
    after: bool

    @property
    def crashed(self) -> str | None:
        """The role whose node crashes."""
        other = "owner" if self.sender == "asker" else "asker"
        return {Deed.RESTART_SENDER: self.sender, Deed.RESTART_OTHER: other}.get(self.deed)


async def told(call: Awaitable[object]) -> str:
    """The code with which a node, or the broker, says no; empty when it did as it was asked."""
    try:
        await call
    except (ProblemError, BrokerProblem) as problem:
        return problem.code
    return ""


@dataclass(frozen=True)
class Play:
    """One run in a world. Every partner's list is called `name`."""

    world: World
    name: str

    async def add(self, member: Member, values: frozenset[str]) -> None:
        """Imports values."""
        data = ("value\n" + "\n".join(sorted(values)) + "\n").encode()
        await member.running.datasets.import_source(data, ImportOrder(self.name, Kind.PHONE, "value", "GB", None))

    async def publish(self, member: Member) -> str:
        publication = Publication(Sensitivity.ORDINARY, (PartnerKind.BANK, PartnerKind.NGO), ())
        return await told(member.running.datasets.publish(self.name, publication))

    async def withdraw(self, member: Member) -> str:
        """Withdraws the list, and waits until the broker has heard of it."""
        code = await told(member.running.revocations.withdraw(self.name))
        if not code:
            await member.running.delivery.run()
        return code

    async def agree(
        self, proposer: Member, signer: Member, purposes: dict[str, str], *, units: int, silent: bool
    ) -> tuple[str, str]:
        """One proposes and the other signs: the code of a no, and the agreement's id.

        `purposes`: by partner, for what the other one may ask about its list.
        """
        names = {proposer.identity.partner: proposer, signer.identity.partner: signer}
        terms = tuple(
            TermDraft(
                owner=owner,
                dataset=self.name,
                kind="phone",
                modes=("intersection", "cardinality"),
                result_to=("requester", "owner", "both") if silent else ("requester",),
                purposes=(purposes[owner],),
                legal_bases=(BASIS,),
            )
            for owner in names
        )
        draft = AgreementDraft(
            with_=signer.identity.partner, terms=terms, units=units, approved_by=("a",), their_approvers=("b",)
        )
        try:
            agreement = (await proposer.running.agreements.propose(draft)).body.agreement
        except ProblemError as problem:
            return problem.code, ""
        await eventually(lambda: self._known(signer, agreement, "received"), "the proposal arrives")
        code = await told(signer.running.agreements.sign(agreement))
        if not code:
            await eventually(lambda: self._known(proposer, agreement, "signed"), "the signature arrives")
        return code, agreement

    async def end_agreement(self, by: Member, other: Member, agreement: str) -> None:
        """Revokes an agreement, and waits until the other side has heard of it."""
        await by.running.revocations.revoke_agreement(agreement)
        await eventually(lambda: self._known(other, agreement, "revoked"), "the revocation arrives")

    async def revoke(self, member: Member, others: list[Member]) -> None:
        """The broker's administrator revokes a partner; waits until the others have heard of it."""
        partner = member.identity.partner
        await self.world.broker.revocations.revoke_partner(partner, "keys-stolen", self.world.broker.keys.signing)

        async def heard() -> bool:
            return all([await other.running.agreements.partners.is_revoked(partner) for other in others])

        await eventually(heard, "the revocation arrives")

    async def charged(self, member: Member, digest: str) -> int:
        """The units that count against an agreement at one side."""
        services = member.running
        return await MatchJournal(services.database, services.custody, services.clock).charged(digest, days=30)

    async def request(
        self, order: Order, asker: Member, owner: Member, disturbance: Disturbance | None, agreement: str | None
    ) -> Outcome:
        """Orders a match, disturbs it, and waits until it is over for all who heard of it."""
        asked = MatchOrder(
            dataset=self.name,
            with_=f"{owner.identity.partner}/{self.name}",
            mode=order.mode,
            result_to=order.result_to,
            purpose=order.purpose,
            basis=BASIS,
            case="2026-114",
            sensitivity="ordinary",
        )
        trap = None if disturbance is None else self._set(disturbance, asker, owner)
        try:
            match = (await asker.matches.order(asked)).match
            if disturbance is not None and trap is not None:
                await self._disturb(disturbance, trap, match, asker, owner, agreement)
            await eventually(lambda: self._over(match, asker, owner), "the match is over")
        except (ProblemError, BrokerProblem) as problem:
            return Outcome(End.NOT_ORDERED, problem.code)
        finally:
            asker.line.on = owner.line.on = None
        return await self._outcome(match, asker, owner, disturbed=trap is not None and trap.sprung.is_set())

    # --- a match, and what is done to it ------------------------------------------------------------------------------

    def _set(self, disturbance: Disturbance, asker: Member, owner: Member) -> Trap:
        sender, receiver = (asker, owner) if disturbance.sender == "asker" else (owner, asker)
        trap = Trap(lambda request: _carries(request, disturbance.message), disturbance.after)
        if disturbance.deed is Deed.TAMPER:
            receiver.line.on = _tampering(trap, disturbance.message.removeprefix("frame-"))
        else:
            sender.line.on = trap
        return trap

    async def _disturb(
        self,
        disturbance: Disturbance,
        trap: Trap,
        match: str,
        asker: Member,
        owner: Member,
        agreement: str | None,
    ) -> None:
        sprung = asyncio.create_task(trap.sprung.wait())
        over = asyncio.create_task(eventually(lambda: self._over(match, asker, owner), "the match is over"))
        await asyncio.wait({sprung, over}, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (sprung, over):
            waiting.cancel()
        await asyncio.gather(sprung, over, return_exceptions=True)
        if not trap.sprung.is_set():
            return
        sender, other = (asker, owner) if disturbance.sender == "asker" else (owner, asker)
        match disturbance.deed:
            case Deed.RESTART_BROKER:
                await self.world.restart_broker()
            case Deed.RESTART_SENDER:
                await self.world.restart(sender)
            case Deed.RESTART_OTHER:
                await self.world.restart(other)
            case Deed.CANCEL_SENDER:
                await told(sender.matches.cancel(match))
            case Deed.CANCEL_OTHER:
                await told(other.matches.cancel(match))
            case Deed.REVOKE if agreement is not None:
                await self.end_agreement(sender, other, agreement)
            case _:
                pass
        trap.released.set()

    async def _over(self, match: str, asker: Member, owner: Member) -> bool:
        mine = await find(asker, match)  # first, since it is the last to know
        if mine is None or not (mine.closed or mine.state in OVER):
            return False
        state, _ = await self.world.logged(match)
        if state is None:
            return mine.state in OVER
        if state != "closed" or not mine.closed:
            return False
        theirs = await find(owner, match)
        return mine.outcome == "denied" if theirs is None else theirs.closed

    async def _outcome(self, match: str, asker: Member, owner: Member, *, disturbed: bool) -> Outcome:
        state, entries = await self.world.logged(match)
        sides = {}
        for role, member in (("asker", asker), ("owner", owner)):
            row = await find(member, match)
            if row is not None:
                sides[role] = await self._seen(member, row)
        mine = sides["asker"].summary
        end = End.UNHEARD if state is None else _ENDS[mine.outcome or ""]
        return Outcome(end, "", sides, entries, await self.world.granted(match), disturbed)

    async def _seen(self, member: Member, row: MatchRow) -> Seen:
        summary, hits = await member.matches.match(row.match), None
        if await told(member.matches.hits(row.match)) != "not-released":
            hits = frozenset(hit.value for hit in (await member.matches.hits(row.match)).hits)
        return Seen(summary, hits, row.units)

    async def _known(self, member: Member, agreement: str, state: str) -> bool:
        return (agreement, state) in {
            (known.body.agreement, known.state) for known in await member.running.agreements.agreements()
        }


def _carries(request: httpx2.Request, message: str) -> bool:
    path = request.url.path
    if message == "request":
        return (request.method, path) == ("POST", "/v1/matches")
    if message.startswith("frame-"):
        return request.method == "PUT" and "/frames/" in path and path.endswith("/" + message.removeprefix("frame-"))
    return request.method == "POST" and path.startswith("/v1/matches/") and path.endswith("/" + message)


def _tampering(trap: Trap, number: str) -> Intercept:
    """Changes one bit of one frame on its way to this side."""

    async def on(request: httpx2.Request, send: Send) -> httpx2.Response:
        response = await send()
        path = request.url.path
        frame = request.method == "GET" and "/frames/" in path and path.endswith("/" + number)
        if not frame or response.status_code != 200:
            return response
        trap.sprung.set()
        *body, last = await response.aread()
        return httpx2.Response(200, headers=response.headers, stream=httpx2.ByteStream(bytes([*body, last ^ 1])))

    return on
