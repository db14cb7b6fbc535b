"""What partners of a federation do at random: the rules of the state machine."""

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.support.federation_deeds import Deed, Step
from tests.support.federation_draws import (
    BANK,
    KINDS,
    NEWCOMER,
    NGO,
    blocks,
    completing,
    disturbed,
    numbers,
    orders,
    tamperings,
    units,
)
from tests.support.federation_model import Agreement, Order, lawful_purpose
from tests.support.federation_play import Disturbance, told
from tests.support.federation_run import FederationRun

partners = st.runner().flatmap(lambda machine: st.sampled_from(machine.active))
pairs = st.runner().flatmap(lambda machine: st.sampled_from(machine.active_pairs))
likely = st.runner().flatmap(lambda machine: orders(machine.model, likely=True))
tampered = st.runner().flatmap(lambda machine: st.sampled_from(completing(machine.model)))
unlikely = st.runner().flatmap(lambda machine: orders(machine.model, likely=False))


def with_deed(*deeds: Deed) -> st.SearchStrategy[tuple[Order, Disturbance]]:
    """A request and one of these deeds."""
    return st.runner().flatmap(lambda machine: disturbed(machine.model, *deeds))


class FederationMachine(FederationRun):
    """Two partners who were enrolled before, later perhaps a third; every step is compared with the model."""

    @initialize(
        ticket=st.integers(0, 1 << 16),
        acquainted=st.sampled_from([True, True, True, False]),
        theirs=blocks,
        ours=blocks,
        units=units,
    )
    def begin(self, ticket: int, acquainted: bool, theirs: set[str], ours: set[str], units: int) -> None:
        assume(ticket)  # Hypothesis begins with the simplest run of all, in which nothing happens
        for name in (BANK, NGO):
            self.join(name, fresh=False)
        if acquainted:
            self.acquaint(ours, theirs, units)

    def acquaint(self, ours: set[str], theirs: set[str], units: int) -> None:
        """The bank and the NGO offer their lists, confirm each other and agree."""
        for name, added in ((BANK, ours), (NGO, theirs)):
            self.add(name, added)
            self.publish(name)
        self.confirm((BANK, NGO))
        self.confirm((NGO, BANK))
        self.agree((BANK, NGO), units, silent=True)

    @precondition(lambda self: NEWCOMER not in self.members)
    @rule(added=blocks)
    def enrol(self, added: set[str]) -> None:
        self.join(NEWCOMER, fresh=True)
        self.done(Step.ENROL)
        self.add(NEWCOMER, added)
        self.publish(NEWCOMER)
        for pair in ((NEWCOMER, NGO), (NGO, NEWCOMER)):
            if pair[0] in self.active:
                self.confirm(pair)

    @rule(pair=pairs)
    def confirm(self, pair: tuple[str, str]) -> None:
        who, whom = (self.members[name] for name in pair)
        confirming = who.running.agreements.partners.confirm(whom.identity.partner, whom.identity.fingerprint)
        self.same(self.now(told(confirming)), self.model.confirm(*pair))
        self.done(Step.CONFIRM)

    @precondition(lambda self: self.requests >= 1)
    @rule(pair=pairs)
    def distrust(self, pair: tuple[str, str]) -> None:
        who, whom = (self.members[name] for name in pair)
        distrusting = who.running.agreements.partners.distrust(whom.identity.partner)
        with self.ending(Step.DISTRUST):
            self.same(self.now(told(distrusting)), self.model.distrust(*pair))

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
        code, agreement = self.now(
            self.play.agree(self.members[one], self.members[other], purposes, units=units, silent=silent)
        )
        self.same(code, self.model.agree(one, other, units=units, silent=silent))
        if not code:
            self.done(Step.AGREE)
            known = self.now(self.members[one].running.agreements.agreement(agreement))
            self.agreements[self.model.agreements[-1]] = (agreement, known.digest)

    @rule(who=partners, added=blocks)
    def add(self, who: str, added: set[str]) -> None:
        fresh = numbers(added) - self.model.partners[who].values
        if fresh:
            self.now(self.play.add(self.members[who], fresh))
            self.model.add(who, fresh)
            self.done(Step.ADD)

    @rule(who=partners)
    def publish(self, who: str) -> None:
        self.same(self.now(self.play.publish(self.members[who])), self.model.publish(who))
        self.done(Step.PUBLISH)

    @precondition(lambda self: self.requests >= 1)
    @rule(who=partners)
    def withdraw(self, who: str) -> None:
        with self.ending(Step.WITHDRAW):
            self.same(self.now(self.play.withdraw(self.members[who])), self.model.withdraw(who))

    @precondition(FederationRun.can_ask)
    @rule(order=likely)
    def request(self, order: Order) -> None:
        self.compare_request(order, None)

    @rule(order=unlikely)
    def request_anything(self, order: Order) -> None:
        self.compare_request(order, None)

    @precondition(FederationRun.can_ask)
    @rule(drawn=with_deed(Deed.LOSE, Deed.RESTART_BROKER))
    def request_and_lose(self, drawn: tuple[Order, Disturbance]) -> None:
        self.compare_request(*drawn)

    @precondition(FederationRun.can_ask)
    @rule(drawn=with_deed(Deed.RESTART_SENDER, Deed.RESTART_OTHER))
    def request_and_crash(self, drawn: tuple[Order, Disturbance]) -> None:
        self.compare_request(*drawn)

    @precondition(FederationRun.can_ask)
    @rule(drawn=with_deed(Deed.CANCEL_SENDER, Deed.CANCEL_OTHER))
    def request_and_cancel(self, drawn: tuple[Order, Disturbance]) -> None:
        self.compare_request(*drawn)

    @precondition(FederationRun.can_complete)
    @rule(order=tampered, disturbance=tamperings)
    def request_and_tamper(self, order: Order, disturbance: Disturbance) -> None:
        self.compare_request(order, disturbance)

    @precondition(FederationRun.can_complete)
    @rule(drawn=with_deed(Deed.REVOKE))
    def request_and_revoke(self, drawn: tuple[Order, Disturbance]) -> None:
        self.compare_request(*drawn)

    @precondition(lambda self: self.requests >= 1 and bool(self.model.agreements))
    @rule(data=st.data())
    def end_agreement(self, data: st.DataObject) -> None:
        agreement = data.draw(st.sampled_from(self.model.agreements))
        by, other = data.draw(st.permutations(sorted(agreement.partners)))
        if by in self.active and other in self.active:
            self.end_agreement_of(agreement, by=by)

    def end_agreement_of(self, agreement: Agreement, *, by: str) -> None:
        """One of its partners revokes an agreement."""
        (other,) = agreement.partners - {by}
        ending = self.play.end_agreement(self.members[by], self.members[other], self.agreements[agreement][0])
        with self.ending(Step.END_AGREEMENT):
            self.now(ending)
            self.model.end_agreement(agreement, by)

    @precondition(lambda self: self.requests >= 3 and len(self.active) == len(self.members))
    @rule(who=partners)
    def revoke(self, who: str) -> None:
        others = [self.members[name] for name in self.active if name != who]
        with self.ending(Step.REVOKE):
            self.now(self.play.revoke(self.members[who], others))
            self.model.revoke(who)

    @precondition(lambda self: self.requests >= 1)
    @rule(who=partners)
    def rotate(self, who: str) -> None:
        with self.ending(Step.ROTATE):
            self.now(self.world.rotate(self.members[who]))
            self.model.rotate(who)

    @precondition(lambda self: self.requests >= 1)
    @rule(who=partners)
    def restart(self, who: str) -> None:
        self.now(self.world.restart(self.members[who]))
        self.done(Step.RESTART)

    @precondition(lambda self: self.requests >= 1)
    @rule()
    def restart_broker(self) -> None:
        self.now(self.world.restart_broker())
        self.done(Step.RESTART_BROKER)
