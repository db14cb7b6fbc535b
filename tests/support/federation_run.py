"""One run of the state machine: its partners, and how what was seen is compared with the model, and audited."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

from hypothesis.stateful import RuleBasedStateMachine, invariant

from tacita_node.matching.export import audit_export
from tacita_protocol.statements.vocabulary import PartnerKind
from tacita_sdk.verify import open_log, verify_audit
from tests.support.federation_deeds import Deed, Step, crash_of, in_vain, may_end
from tests.support.federation_draws import KINDS, completing, every_order
from tests.support.federation_model import Agreement, End, Ending, Federation, Kind, Order
from tests.support.federation_play import Disturbance, Outcome, Play, Seen
from tests.support.federation_world import World, eventually
from tests.support.match_federation import Member

R = TypeVar("R")

RUNS_OF_A_PARTNER = 8
"""In how many runs a partner takes part, before another one takes its place."""
AUDITED = "audited"
"""What is counted beside the endings: runs that came to their end and were audited."""


class FederationRun(RuleBasedStateMachine):
    """A federation and its model, side by side. Partners come from a pool, and go back to it."""

    world: ClassVar[World]
    played: ClassVar[Counter[str]]
    pool: ClassVar[dict[Kind, list[tuple[Member, int]]]]
    numbers: ClassVar[Iterator[int]]
    """Of the runs in this world: a partner's list in one run is none that it had in another."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Federation()
        self.members: dict[str, Member] = {}
        self.ages: dict[str, int] = {}
        self.agreements: dict[Agreement, tuple[str, str]] = {}
        self.checkpoints: list[bytes] = []
        self.play = Play(self.world, f"list-{next(self.numbers)}")
        self.requests = 0
        self.sound = False
        """The last step came to its end."""

    @property
    def active(self) -> list[str]:
        """Who can do something."""
        return [name for name, partner in self.model.partners.items() if not partner.revoked]

    @property
    def active_pairs(self) -> list[tuple[str, str]]:
        """Who can do something with whom."""
        return [(one, other) for one in self.active for other in self.model.partners if one != other]

    def can_ask(self) -> bool:
        """Somebody can request something that leaves its node."""
        return any(self.model.foresee(order).end is not End.NOT_ORDERED for order in every_order(self.model))

    def can_complete(self) -> bool:
        """Somebody can request something that completes."""
        return bool(completing(self.model))

    def done(self, what: Step | Deed | str) -> None:
        """Counts what was played."""
        self.played[what] += 1

    @contextmanager
    def ending(self, step: Step) -> Iterator[None]:
        """Around a step: what would have completed before and does not any more is then asked in vain."""
        before = completing(self.model)
        yield
        self.done(step)
        spoilt = [order for order in before if self.model.foresee(order).end is not End.COMPLETED]
        if spoilt:
            self.compare_request(spoilt[self.requests % len(spoilt)], None)
            self.done(in_vain(step))

    def join(self, name: str, *, fresh: bool) -> None:
        """A partner takes part from now on: a `fresh` one, or one that was in runs before."""
        kind = KINDS[name]
        self.model.enrol(name, kind)
        if fresh or not self.pool[kind]:
            self.members[name], age = self.now(self.world.new_partner(PartnerKind(kind.value))), 0
        else:
            self.members[name], age = self.pool[kind].pop(0)
        self.ages[name] = age + 1

    def now(self, work: Coroutine[Any, Any, R]) -> R:
        """Lets the federation do this."""
        self.sound = False
        return self.world.run(work)

    # --- comparing ----------------------------------------------------------------------------------------------------

    def same(self, seen: object, expected: object) -> None:
        assert seen == expected, f"the federation says {seen!r}, the model {expected!r}"

    def compare_request(self, order: Order, disturbance: Disturbance | None) -> None:
        """Somebody asks, something may happen on the way, and it ends as the model says."""
        expected = self.model.foresee(order)
        covering = self.model.covering(order)
        if disturbance is not None and disturbance.deed is Deed.REVOKE and covering is None:
            disturbance = None
        asker, owner = self.members[order.asker], self.members[order.owner]
        agreement = None if covering is None else self.agreements[covering][0]
        self.world.pass_a_second()  # a node counts a withdrawal in the second of the match's beginning as one during it
        seen = self.now(self.play.request(order, asker, owner, disturbance, agreement))
        if seen.end is End.NOT_ORDERED:
            self.same((seen.end, (seen.code,)), (expected.end, expected.codes))
            self.played[f"not ordered: {seen.code}"] += 1
            return
        self.requests += 1
        if disturbance is not None and seen.disturbed:
            allowed = may_end(expected.end, disturbance.deed, disturbance.message)
            assert seen.end in allowed, f"{seen.end} after {disturbance}, not one of {allowed}: {seen}"
            self.played[f"{seen.end} though {disturbance.deed}"] += 1
            self.done(disturbance.deed)
            if disturbance.crashed is not None:
                self.done(crash_of(disturbance.crashed))
        else:
            self.same(seen.end, expected.end)
            why = ", ".join(expected.codes)
            self.played[f"{seen.end}: {why}" if why else f"{seen.end} {order.mode} {order.result_to}"] += 1
        self._compare(order, expected, seen, disturbance if seen.disturbed else None)
        if disturbance is not None and disturbance.deed is Deed.REVOKE and seen.disturbed and covering is not None:
            self.model.end_agreement(covering, order.asker if disturbance.sender == "asker" else order.owner)

    def _compare(self, order: Order, expected: Ending, seen: Outcome, disturbance: Disturbance | None) -> None:
        """Nobody learns, or is charged, anything else than the model says; both sides and the log agree."""
        assert seen.sides is not None
        assert seen.entries == (0 if seen.end is End.UNHEARD else 2)
        charged = {}
        for role, name in (("asker", order.asker), ("owner", order.owner)):
            side = seen.sides.get(role)
            if side is None:
                assert seen.end in (End.DENIED, End.UNHEARD)
                continue
            if seen.end is not End.UNHEARD:
                assert (side.summary.closed, side.summary.outcome) == (True, seen.sides["asker"].summary.outcome)
            self._compare_side(role, name, side, expected, seen.end, disturbance)
            charged[name] = side.units
        agreement = self.model.covering(order)
        self.model.settle(order, Ending(seen.end, charged=charged, agreement=agreement), granted=seen.granted)

    def _compare_side(
        self, role: str, name: str, side: Seen, expected: Ending, end: End, disturbance: Disturbance | None
    ) -> None:
        shown, units = side.summary, expected.charged.get(name, 0)
        lost = "result-lost" in side.codes  # it was in the memory of a node that crashed
        if lost:
            assert name in expected.learned, side
            assert disturbance is not None, side
            assert disturbance.crashed == role, side
            self.played["result lost"] += 1
        if end is End.COMPLETED and not lost:
            learned = expected.learned.get(name)
            hits = frozenset() if isinstance(learned, int) else learned
            number = learned if isinstance(learned, int) or learned is None else len(learned)
            assert (side.hits, shown.hits) == (hits, number), (role, side, learned)
        else:
            assert (side.hits, shown.hits) == (None, None), (role, side)
        if end is End.COMPLETED:
            assert side.units == units
        elif end is End.ABORTED:
            assert side.units in (0, units)
        else:
            assert side.units == 0
        if disturbance is None:
            assert side.codes == expected.codes, (role, side)

    @invariant()
    def budgets(self) -> None:
        """Between steps: what was charged is what the model says, so it never shrinks, and never exceeds a cap."""
        self.now(self._check())
        self.sound = True

    async def _check(self) -> None:
        self.checkpoints.append(self.world.broker.log.sequencer.head.note.encode())
        for agreement, (_, digest) in self.agreements.items():
            for name in agreement.partners:
                units = await self.play.charged(self.members[name], digest)
                assert units == self.model.charged[name, agreement] <= agreement.units

    # --- the end of a run ---------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """The audit of all that its partners ever did, over the whole log; then they are ready for another run."""
        sound = self.sound
        if sound:
            self.now(self._audit())
            self.played[AUDITED] += 1
        for name, member in self.members.items():
            if not sound or self.model.partners[name].revoked or self.ages[name] >= RUNS_OF_A_PARTNER:
                self.now(member.stop())
            else:
                self.now(self._forget_confirmations(name))
                self.pool[KINDS[name]].append((member, self.ages[name]))

    async def _audit(self) -> None:
        exports = [await audit_export(member.running) for member in self.members.values()]
        await eventually(self.world.everything_is_logged, "the log is complete")
        log = open_log(str(self.world.root / "broker" / "log"))
        await asyncio.to_thread(verify_audit, self.world.trust, log, exports, self.checkpoints)

    async def _forget_confirmations(self, name: str) -> None:
        partners = self.members[name].running.agreements.partners
        for other in self.model.partners[name].confirmed:
            await partners.distrust(self.members[other].identity.partner)
