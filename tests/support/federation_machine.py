"""Plays at random with a real federation, and compares every step with its model."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tacita_node.matching.export import audit_export
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.rotation import KeyRotation
from tacita_protocol.statements.statement import unverified
from tacita_protocol.statements.vocabulary import PartnerKind
from tacita_sdk.audit_export import AuditExport
from tacita_sdk.verify import open_log, verify_audit
from tests.support.federation_draws import (
    BANK,
    KINDS,
    NEWCOMER,
    NGO,
    blocks,
    disturbances,
    numbers,
    orders,
    tamperings,
    units,
)
from tests.support.federation_model import (
    Agreement,
    Deed,
    End,
    Ending,
    Federation,
    Kind,
    Order,
    lawful_purpose,
    may_end,
)
from tests.support.federation_play import Disturbance, Outcome, Play, told
from tests.support.federation_world import World, eventually
from tests.support.match_federation import Member
from tests.support.scale import runs

R = TypeVar("R")

RUNS = runs(test=48, soak=2_000)
SHARES = 4
RUNS_OF_A_WORLD = 20
"""In how many runs one broker and its log are used, before another federation takes their place."""
STEPS = 12
RUNS_OF_A_PARTNER = 8
"""In how many runs a partner takes part, before another one takes its place."""

partners = st.runner().flatmap(lambda machine: st.sampled_from(machine.active))
pairs = st.runner().flatmap(lambda machine: st.sampled_from(machine.active_pairs))
likely = st.runner().flatmap(lambda machine: orders(machine.model, likely=True))
unlikely = st.runner().flatmap(lambda machine: orders(machine.model, likely=False))


class FederationMachine(RuleBasedStateMachine):
    """One run: two partners who were enrolled before, later perhaps a third."""

    world: ClassVar[World]
    endings: ClassVar[Counter[str]]
    pool: ClassVar[dict[Kind, list[tuple[Member, int]]]]
    runs: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        cls = type(self)
        cls.runs += 1
        self.model = Federation()
        self.members: dict[str, Member] = {}
        self.ages: dict[str, int] = {}
        self.agreements: dict[Agreement, tuple[str, str]] = {}
        self.matches: set[str] = set()
        self.checkpoints: list[bytes] = []
        self.play = Play(self.world, f"list-{cls.runs}")
        self.requests = 0
        self.sound = True
        """The last step came to its end."""

    # --- who can do something -----------------------------------------------------------------------------------------

    @property
    def active(self) -> list[str]:
        return [name for name, partner in self.model.partners.items() if not partner.revoked]

    @property
    def active_pairs(self) -> list[tuple[str, str]]:
        return [(one, other) for one in self.active for other in self.model.partners if one != other]

    # --- rules --------------------------------------------------------------------------------------------------------

    @initialize(acquainted=st.sampled_from([True, True, True, False]), theirs=blocks, ours=blocks, units=units)
    def begin(self, acquainted: bool, theirs: set[str], ours: set[str], units: int) -> None:
        for name in (BANK, NGO):
            self._join(name, fresh=False)
        if acquainted:
            for name, added in ((BANK, ours), (NGO, theirs)):
                self.add(name, added)
                self.publish(name)
            self.confirm((BANK, NGO))
            self.confirm((NGO, BANK))
            self.agree((BANK, NGO), units, silent=True)

    @precondition(lambda self: NEWCOMER not in self.members)
    @rule(added=blocks)
    def enrol(self, added: set[str]) -> None:
        self._join(NEWCOMER, fresh=True)
        self.add(NEWCOMER, added)
        self.publish(NEWCOMER)
        for pair in ((NEWCOMER, NGO), (NGO, NEWCOMER)):
            if pair[0] in self.active:
                self.confirm(pair)

    @rule(pair=pairs)
    def confirm(self, pair: tuple[str, str]) -> None:
        who, whom = (self.members[name] for name in pair)
        confirming = who.running.agreements.partners.confirm(whom.identity.partner, whom.identity.fingerprint)
        self._same(self._now(told(confirming)), self.model.confirm(*pair))

    @precondition(lambda self: self.requests >= 1)
    @rule(pair=pairs)
    def distrust(self, pair: tuple[str, str]) -> None:
        who, whom = (self.members[name] for name in pair)
        distrusting = who.running.agreements.partners.distrust(whom.identity.partner)
        self._same(self._now(told(distrusting)), self.model.distrust(*pair))

    @rule(pair=pairs, units=units, silent=st.sampled_from([True, True, False]))
    def agree(self, pair: tuple[str, str], units: int, silent: bool) -> None:
        one, other = pair
        for who, whom in (pair, pair[::-1]):
            confirmed = self.model.partners[who].confirmed.get(whom)
            if confirmed not in (None, self.model.partners[whom].card) or self.model.partners[whom].revoked:
                return  # a proposal that names a replaced card, or goes to nobody, never arrives
        self.world.pass_a_second()
        purposes = {
            self.members[owner].identity.partner: lawful_purpose(KINDS[asker], KINDS[owner]) or ""
            for owner, asker in (pair, pair[::-1])
        }
        code, agreement = self._now(
            self.play.agree(self.members[one], self.members[other], purposes, units=units, silent=silent)
        )
        self._same(code, self.model.agree(one, other, units=units, silent=silent))
        if not code:
            known = self._now(self.members[one].running.agreements.agreement(agreement))
            self.agreements[self.model.agreements[-1]] = (agreement, known.digest)

    @rule(who=partners, added=blocks)
    def add(self, who: str, added: set[str]) -> None:
        fresh = numbers(added) - self.model.partners[who].values
        if fresh:
            self._now(self.play.add(self.members[who], fresh))
            self.model.add(who, fresh)

    @rule(who=partners)
    def publish(self, who: str) -> None:
        self._same(self._now(self.play.publish(self.members[who])), self.model.publish(who))

    @precondition(lambda self: self.requests >= 1)
    @rule(who=partners)
    def withdraw(self, who: str) -> None:
        self._same(self._now(self.play.withdraw(self.members[who])), self.model.withdraw(who))

    @rule(order=likely)
    def request(self, order: Order) -> None:
        self._request(order, None)

    @rule(order=unlikely)
    def request_anything(self, order: Order) -> None:
        self._request(order, None)

    @rule(order=likely, disturbance=disturbances(Deed.LOSE, Deed.RESTART_BROKER))
    def request_and_lose(self, order: Order, disturbance: Disturbance) -> None:
        self._request(order, disturbance)

    @rule(order=likely, disturbance=disturbances(Deed.RESTART_SENDER, Deed.RESTART_OTHER))
    def request_and_crash(self, order: Order, disturbance: Disturbance) -> None:
        self._request(order, disturbance)

    @rule(order=likely, disturbance=disturbances(Deed.CANCEL_SENDER, Deed.CANCEL_OTHER))
    def request_and_cancel(self, order: Order, disturbance: Disturbance) -> None:
        self._request(order, disturbance)

    @rule(order=likely, disturbance=tamperings)
    def request_and_tamper(self, order: Order, disturbance: Disturbance) -> None:
        self._request(order, disturbance)

    @rule(order=likely, disturbance=disturbances(Deed.REVOKE))
    def request_and_revoke(self, order: Order, disturbance: Disturbance) -> None:
        self._request(order, disturbance)

    @precondition(lambda self: self.requests >= 1 and bool(self.model.agreements))
    @rule(data=st.data())
    def end_agreement(self, data: st.DataObject) -> None:
        agreement = data.draw(st.sampled_from(self.model.agreements))
        by, other = data.draw(st.permutations(sorted(agreement.partners)))
        if by in self.active and other in self.active:
            self._now(self.play.end_agreement(self.members[by], self.members[other], self.agreements[agreement][0]))
            self.model.end_agreement(agreement)

    @precondition(lambda self: self.requests >= 3 and len(self.active) == len(self.members))
    @rule(who=partners)
    def revoke(self, who: str) -> None:
        others = [self.members[name] for name in self.active if name != who]
        self._now(self.play.revoke(self.members[who], others))
        self.model.revoke(who)

    @precondition(lambda self: self.requests >= 1)
    @rule(who=partners)
    def rotate(self, who: str) -> None:
        self._now(self.world.rotate(self.members[who]))
        self.model.rotate(who)

    @precondition(lambda self: self.requests >= 1)
    @rule(who=partners)
    def restart(self, who: str) -> None:
        self._now(self.world.restart(self.members[who]))

    @precondition(lambda self: self.requests >= 1)
    @rule()
    def restart_broker(self) -> None:
        self._now(self.world.restart_broker())

    # --- comparing ----------------------------------------------------------------------------------------------------

    def _request(self, order: Order, disturbance: Disturbance | None) -> None:
        expected = self.model.foresee(order)
        covering = self.model.covering(order)
        if disturbance is not None and disturbance.deed is Deed.REVOKE and covering is None:
            disturbance = None
        asker, owner = self.members[order.asker], self.members[order.owner]
        agreement = None if covering is None else self.agreements[covering][0]
        seen = self._now(self.play.request(order, asker, owner, disturbance, agreement))
        if seen.end is End.NOT_ORDERED:
            self._same((seen.end, seen.code), (expected.end, expected.code))
            self.endings[f"not ordered: {seen.code}"] += 1
            return
        assert seen.sides is not None
        self.requests += 1
        if disturbance is not None and seen.disturbed:
            allowed = may_end(expected.end, disturbance.deed, disturbance.message)
            assert seen.end in allowed, f"{seen.end} after {disturbance}, not one of {allowed}: {seen}"
            self.endings[f"{seen.end} though {disturbance.deed}"] += 1
        else:
            self._same(seen.end, expected.end)
            self.endings[
                f"{seen.end} {order.mode} {order.result_to}" if not expected.code else f"{seen.end}: {expected.code}"
            ] += 1
        self._compare(order, expected, seen, disturbance if seen.disturbed else None)
        if disturbance is not None and disturbance.deed is Deed.REVOKE and seen.disturbed and covering is not None:
            self.model.end_agreement(covering)

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
            shown, units = side.summary, expected.charged.get(name, 0)
            self.matches.add(shown.match)
            if seen.end is not End.UNHEARD:
                assert (shown.closed, shown.outcome) == (True, seen.sides["asker"].summary.outcome)
            lost = "result-lost" in side.codes  # it was in the memory of a node that crashed
            if lost:
                assert name in expected.learned, side
                assert disturbance is not None, side
                assert disturbance.crashed == role, side
                self.endings["result lost"] += 1
            if seen.end is End.COMPLETED and not lost:
                learned = expected.learned.get(name)
                hits = frozenset() if isinstance(learned, int) else learned
                number = learned if isinstance(learned, int) or learned is None else len(learned)
                assert (side.hits, shown.hits) == (hits, number), (role, side, learned)
            else:
                assert (side.hits, shown.hits) == (None, None), (role, side)
            if seen.end is End.COMPLETED:
                assert side.units == units
            elif seen.end is End.ABORTED:
                assert side.units in (0, units)
            else:
                assert side.units == 0
            if disturbance is None:
                codes = (expected.code,) if expected.code else ()
                assert side.codes == codes, (role, side)
            charged[name] = side.units
        agreement = self.model.covering(order)
        self.model.settle(order, Ending(seen.end, charged=charged, agreement=agreement), granted=seen.granted)

    @invariant()
    def budgets(self) -> None:
        """Between steps: what was charged is what the model says, so it never shrinks, and never exceeds a cap."""
        self._now(self._check())
        self.sound = True

    async def _check(self) -> None:
        self.checkpoints.append(self.world.broker.log.sequencer.head.note.encode())
        for agreement, (_, digest) in self.agreements.items():
            for name in agreement.partners:
                units = await self.play.charged(self.members[name], digest)
                assert units == self.model.charged[name, agreement] <= agreement.units

    def teardown(self) -> None:
        """The audit of what this run did, over the whole log; then the partners are ready for another run."""
        sound = self.sound
        if sound:
            self._now(self._audit())
        for name, member in self.members.items():
            if not sound or self.model.partners[name].revoked or self.ages[name] >= RUNS_OF_A_PARTNER:
                self._now(member.stop())
            else:
                self._now(self._forget_confirmations(member))
                self.pool[KINDS[name]].append((member, self.ages[name]))

    async def _audit(self) -> None:
        exports = []
        for member in self.members.values():
            exports.append(self._of_this_run(await audit_export(member.running)))
        await eventually(self.world.everything_is_logged, "the log is complete")
        log = open_log(str(self.world.root / "broker" / "log"))
        await asyncio.to_thread(verify_audit, self.world.trust, log, exports, self.checkpoints)

    def _of_this_run(self, export: AuditExport) -> AuditExport:
        """Without what the partner did in runs before: their partners may have replaced keys since, or are gone."""
        own = {member.identity.partner for member in self.members.values()}
        kept = tuple(match for match in export.matches if match.match in self.matches)
        return export.model_copy(
            update={
                "matches": kept,
                "left_out": len(export.matches) - len(kept),
                "cards": tuple(card for card in export.cards if unverified(PartnerCard, card).partner in own),
                "rotations": tuple(made for made in export.rotations if unverified(KeyRotation, made).partner in own),
            }
        )

    async def _forget_confirmations(self, member: Member) -> None:
        for other in self.members.values():
            await told(member.running.agreements.partners.distrust(other.identity.partner))

    def _join(self, name: str, *, fresh: bool) -> None:
        kind = KINDS[name]
        self.model.enrol(name, kind)
        if fresh or not self.pool[kind]:
            self.members[name], age = self._now(self.world.new_partner(PartnerKind(kind.value))), 0
        else:
            self.members[name], age = self.pool[kind].pop(0)
        self.ages[name] = age + 1

    def _now(self, work: Coroutine[Any, Any, R]) -> R:
        self.sound = False
        return self.world.run(work)

    def _same(self, seen: object, expected: object) -> None:
        assert seen == expected, f"the federation says {seen!r}, the model {expected!r}"


def play(number: int, *, runs: int, phases: tuple[Phase, ...] = (Phase.generate, Phase.shrink)) -> Counter[str]:
    """Plays `runs` runs, other ones for each `number`, in a world of their own; how often each ending was seen."""
    endings: Counter[str] = Counter()
    pool: dict[Kind, list[tuple[Member, int]]] = {kind: [] for kind in Kind}
    with World() as world:
        namespace = {"world": world, "endings": endings, "pool": pool, "runs": 0}
        machine = seed(number)(type("Federation", (FederationMachine,), namespace))
        chosen = settings(
            max_examples=runs, stateful_step_count=STEPS, phases=phases, suppress_health_check=list(HealthCheck)
        )
        try:
            run_state_machine_as_test(machine, settings=chosen)
        finally:
            for waiting in pool.values():
                for member, _ in waiting:
                    world.run(member.stop())
    return endings


def share(number: int) -> Counter[str]:
    """One of `SHARES` equal shares of the promise's runs, and what must be seen in each of them."""
    endings: Counter[str] = Counter()
    left, world = RUNS // SHARES, 0
    while left > 0:
        now = min(left, RUNS_OF_A_WORLD)
        endings += play(number + SHARES * world, runs=now)
        left, world = left - now, world + 1
    for end in (End.NOT_ORDERED, End.DENIED, End.REFUSED, End.ABORTED, End.COMPLETED):
        assert any(seen.startswith(end) for seen in endings), (end, endings)
    assert any(" though " in seen for seen in endings), endings
    return endings
