"""A run that is played by hand: what chance may leave out, once in each share.

Each side crashes, and each cancels, in a match; then each step that ends something is followed by a request that it
spoils; one asks for more at once than was agreed.
"""

from tests.support.federation_deeds import Deed
from tests.support.federation_draws import BANK, NGO
from tests.support.federation_machine import FederationMachine
from tests.support.federation_model import Order
from tests.support.federation_play import Disturbance

UNITS = 26_000
ASKED = Order(BANK, NGO, "intersection", "requester", "payment-screening")


def play_scene(machine: FederationMachine) -> None:
    """Plays the run, to its audit."""
    for name in (BANK, NGO):
        machine.join(name, fresh=False)
    machine.acquaint(ours={"one", "three"}, theirs={"two", "three"}, units=UNITS)
    machine.request(order=ASKED)
    for deed in (Deed.RESTART_SENDER, Deed.RESTART_OTHER, Deed.CANCEL_SENDER, Deed.CANCEL_OTHER):
        machine.compare_request(ASKED, Disturbance(deed, "asker", "frame-0", after=True))
    machine.budgets()
    machine.withdraw(who=NGO)
    machine.publish(who=NGO)
    machine.distrust(pair=(BANK, NGO))
    machine.confirm(pair=(BANK, NGO))
    machine.end_agreement_of(machine.model.agreements[0], by=BANK)
    machine.agree(pair=(BANK, NGO), units=UNITS, silent=True)
    machine.rotate(who=NGO)
    machine.publish(who=NGO)
    machine.confirm(pair=(BANK, NGO))
    machine.agree(pair=(NGO, BANK), units=UNITS, silent=True)
    machine.request(order=ASKED)
    machine.end_agreement_of(machine.model.agreements[0], by=NGO)
    machine.agree(pair=(BANK, NGO), units=100, silent=True)
    machine.add(who=BANK, added={"forty-five", "thirty", "twelve", "six"})
    machine.request_anything(order=ASKED)  # for 128 units
    machine.revoke(who=NGO)
    machine.budgets()
    machine.teardown()
