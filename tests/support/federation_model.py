"""The rules of the federation in short: who is told what, who learns what, and what is charged to whom.

No cryptography, no network, no time: partners, their lists of values, who confirmed whom, agreements.
`Federation.foresee` says what must come of a request; `federation_deeds`, what may come of it instead when something
happens on the way. The promise "the federation agrees with its model" compares the real thing with this.

    asker  --- request --->  broker: its policy      denied, or granted
                             owner:  its own answer  refused, or accepted
                             the runs                completed: only then does anybody learn
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

SIZES = (64, 91, 128, 182, 256)
"""Sizes to which sets are padded: powers of the square root of two, from 64."""

COUNTS_ARE_ROUNDED_TO = 10
COUNTS_PER_EPOCH = 4
"""How often one partner may be told how many it has in common with one edition of a list."""


class Kind(StrEnum):
    BANK = "bank"
    NGO = "ngo"


def lawful_purpose(asker: Kind, owner: Kind) -> str | None:
    """What the federation's matrix lets one kind of partner ask another for. None: nothing."""
    return {
        (Kind.BANK, Kind.NGO): "payment-screening",
        (Kind.NGO, Kind.BANK): "victim-protection",
        (Kind.NGO, Kind.NGO): "victim-protection",
    }.get((asker, owner))


@dataclass(frozen=True)
class Order:
    """A request: the asker's list against the owner's."""

    asker: str
    owner: str
    mode: str
    result_to: str
    purpose: str


@dataclass(frozen=True)
class Agreement:
    """What two partners signed. `silent`: also results that go to the owner. `number` counts them up."""

    number: int
    partners: frozenset[str]
    units: int
    silent: bool


class End(StrEnum):
    """How a request can end."""

    NOT_ORDERED = "not ordered"
    """The asker's own node says no. Nothing leaves it."""
    UNHEARD = "unheard"
    """It never reached the broker, so the log says nothing about it."""
    DENIED = "denied"
    REFUSED = "refused"
    ABORTED = "aborted"
    COMPLETED = "completed"


@dataclass(frozen=True)
class Ending:
    """How a request ends when nothing happens on the way.

    Attributes:
        codes: why: of the node's answer, the denial, or the refusal; in order.
        learned: by partner, the hits or the rounded number. Who is not in it learns nothing.
        charged: by partner, the units that count against the agreement at its node: its list was tested.
    """

    end: End
    codes: tuple[str, ...] = ()
    learned: dict[str, frozenset[str] | int] = field(default_factory=dict)
    charged: dict[str, int] = field(default_factory=dict)
    agreement: Agreement | None = None


@dataclass
class Partner:
    """One partner.

    Attributes:
        card: counts its cards; keys that were replaced make another one.
        values: the list, as its node holds it.
        published: the list as others may ask about it; None when it is not offered.
        edition: counts the published editions.
        unpublished: the list changed since the last edition.
        withdrew: it was withdrawn once.
        confirmed: the card of each partner whose fingerprint was compared here.
        heard: the partners of whose revocation its node knows. It reads of them when one is revoked, or when another
            partner ends an agreement with it; a newcomer has not heard of those who went before it came.
    """

    name: str
    kind: Kind
    card: int = 1
    values: frozenset[str] = frozenset()
    published: frozenset[str] | None = None
    edition: int = 0
    unpublished: bool = False
    withdrew: bool = False
    confirmed: dict[str, int] = field(default_factory=dict)
    revoked: bool = False
    heard: frozenset[str] = frozenset()


class Federation:
    """All partners, their agreements, and what was charged so far."""

    def __init__(self) -> None:
        self.partners: dict[str, Partner] = {}
        self.agreements: list[Agreement] = []
        self.charged: Counter[tuple[str, Agreement]] = Counter()
        self.counts_granted: Counter[tuple[str, str, int]] = Counter()
        self._signed = 0

    def enrol(self, name: str, kind: Kind) -> None:
        self.partners[name] = Partner(name, kind)

    def confirm(self, who: str, whom: str) -> str:
        """Somebody compares a fingerprint. A changed card ends what was agreed under the one before."""
        partner, other = self.partners[who], self.partners[whom]
        if other.revoked:
            return "partner-revoked" if whom in partner.heard else "no-such-partner"
        if partner.confirmed.get(whom) not in (None, other.card):
            self._end(frozenset({who, whom}))
        partner.confirmed[whom] = other.card
        return ""

    def distrust(self, who: str, whom: str) -> str:
        """Takes a confirmation back."""
        return "" if self.partners[who].confirmed.pop(whom, None) is not None else "not-confirmed"

    def agree(self, proposer: str, signer: str, *, units: int, silent: bool) -> str:
        """One proposes, the other signs. A partner signs with partners that it confirmed and that were not revoked."""
        for one, other in ((proposer, signer), (signer, proposer)):
            if not self.trusts(one, other):
                return "partner-unconfirmed"
        self._signed += 1
        self.agreements.append(Agreement(self._signed, frozenset({proposer, signer}), units, silent))
        return ""

    def trusts(self, who: str, whom: str) -> bool:
        """Whether `who` confirmed the card that `whom` has now."""
        return self.partners[who].confirmed.get(whom) == self.partners[whom].card and not self.partners[whom].revoked

    def add(self, who: str, values: frozenset[str]) -> None:
        partner = self.partners[who]
        partner.unpublished = partner.unpublished or not values <= partner.values
        partner.values |= values

    def publish(self, who: str) -> str:
        """Offers the list as it is; a new edition if it is not the one that is offered."""
        partner = self.partners[who]
        if not partner.values:
            return "no-such-dataset"
        if partner.published is None or partner.unpublished:
            partner.edition += 1
        partner.published, partner.unpublished = partner.values, False
        return ""

    def withdraw(self, who: str) -> str:
        partner = self.partners[who]
        if not partner.values:
            return "no-such-dataset"
        if partner.published is None and not partner.withdrew:
            return "not-published"
        partner.published, partner.withdrew = None, True  # to withdraw again changes nothing, and is no error
        return ""

    def end_agreement(self, agreement: Agreement, by: str) -> None:
        """Either party revokes it; both know."""
        self.agreements = [known for known in self.agreements if known != agreement]
        self._hear(agreement.partners - {by})

    def revoke(self, who: str) -> None:
        """The broker revokes a partner: nobody confirms it, agrees with it, asks it, or answers it any more."""
        self.partners[who].revoked = True
        self._hear(self.partners.keys())

    def rotate(self, who: str) -> None:
        """New keys: what was offered is withdrawn, what was agreed has ended, and others must compare again."""
        partner = self.partners[who]
        partner.card += 1
        partner.published = None
        self.agreements = [known for known in self.agreements if who not in known.partners]

    def settle(self, order: Order, ending: Ending, *, granted: bool) -> None:
        """A request has ended like this: what that changes."""
        if granted and order.mode == "cardinality":
            self.counts_granted[self._edition_asked(order)] += 1
        if ending.agreement is not None:
            for name, units in ending.charged.items():
                self.charged[name, ending.agreement] += units

    def foresee(self, order: Order) -> Ending:
        """What comes of a request when nothing happens on the way. Nothing is changed."""
        asker, owner = self.partners[order.asker], self.partners[order.owner]
        # 1. The asker's node: what it can see for itself.
        if order.mode == "cardinality" and order.result_to != "requester":
            return Ending(End.NOT_ORDERED, ("not-supported",))  # a number is never for the owner
        if owner.name in asker.heard:
            return Ending(End.NOT_ORDERED, ("partner-revoked",))
        if owner.name not in asker.confirmed:
            return Ending(End.NOT_ORDERED, ("partner-not-confirmed",))
        if not asker.values:
            return Ending(End.NOT_ORDERED, ("no-such-dataset",))
        if asker.revoked:
            return Ending(End.NOT_ORDERED, ("signature",))  # the broker does not know it any more
        if owner.published is None or not self.trusts(asker.name, owner.name):
            return Ending(End.NOT_ORDERED, ("no-such-dataset",))  # an offer under keys that nobody compared is none
        agreement = self.covering(order)
        charges = self._charges(order, asker, owner)
        # 2. Whoever's list is tested decides, and counts. Here the asker, if the owner is to learn something.
        if order.result_to != "requester" and (
            agreement is None or not self._has_left(order.asker, agreement, charges[order.asker])
        ):
            return Ending(End.NOT_ORDERED, ("own-policy",))
        # 3. The broker: the federation's matrix, and what the agreement says of one request. It does not add them up.
        denials = tuple(self._denials(order, agreement, charges))
        if denials:
            return Ending(End.DENIED, denials)
        # 4. The owner's own answer.
        if not self.trusts(owner.name, asker.name):
            return Ending(End.REFUSED, ("partner-not-confirmed",))
        if agreement is None:
            return Ending(End.REFUSED, ("no-agreement",))
        if order.result_to != "owner" and not self._has_left(order.owner, agreement, charges[order.owner]):
            return Ending(End.REFUSED, ("cap-reached",))
        # 5. The runs.
        common = asker.values & owner.published
        learned: dict[str, frozenset[str] | int] = {}
        if order.mode == "cardinality":
            learned[order.asker] = (
                (len(common) + COUNTS_ARE_ROUNDED_TO // 2) // COUNTS_ARE_ROUNDED_TO * COUNTS_ARE_ROUNDED_TO
            )
        else:
            learned = dict.fromkeys(receivers(order), common)
        return Ending(End.COMPLETED, (), learned, charges, agreement)

    def _denials(self, order: Order, agreement: Agreement | None, charges: dict[str, int]) -> Iterator[str]:
        if agreement is not None and charges.get(order.owner, 0) > agreement.units:
            yield "agreement-cap"
        if order.mode == "cardinality" and self.counts_granted[self._edition_asked(order)] >= COUNTS_PER_EPOCH:
            yield "cardinality-cap"
        if order.purpose != lawful_purpose(self.partners[order.asker].kind, self.partners[order.owner].kind):
            yield "purpose-not-allowed"

    def covering(self, order: Order) -> Agreement | None:
        """The newest agreement of the two that allows the request."""
        asker, owner = self.partners[order.asker], self.partners[order.owner]
        if order.purpose != lawful_purpose(asker.kind, owner.kind):
            return None
        between = [known for known in self.agreements if known.partners == {order.asker, order.owner}]
        allowing = [known for known in between if known.silent or order.result_to == "requester"]
        return max(allowing, key=lambda known: known.number, default=None)

    def _charges(self, order: Order, asker: Partner, owner: Partner) -> dict[str, int]:
        """Whoever's list is tested is charged for as many elements as the other side could test."""
        charges = {}
        if order.result_to in ("requester", "both"):
            charges[order.owner] = padded(len(asker.values))
        if order.result_to in ("owner", "both"):
            charges[order.asker] = padded(len(owner.published or ()))
        return charges

    def _has_left(self, who: str, agreement: Agreement, units: int) -> bool:
        return self.charged[who, agreement] + units <= agreement.units

    def _edition_asked(self, order: Order) -> tuple[str, str, int]:
        return order.asker, order.owner, self.partners[order.owner].edition

    def _hear(self, who: Iterable[str]) -> None:
        revoked = frozenset(name for name, partner in self.partners.items() if partner.revoked)
        for name in who:
            if name not in revoked:  # to whom the broker says nothing more
                self.partners[name].heard = revoked

    def _end(self, partners: frozenset[str]) -> None:
        self.agreements = [known for known in self.agreements if known.partners != partners]


def receivers(order: Order) -> tuple[str, ...]:
    """Who learns."""
    return {
        "requester": (order.asker,),
        "owner": (order.owner,),
        "both": (order.asker, order.owner),
    }[order.result_to]


def padded(size: int) -> int:
    """What others see of a list's size."""
    return next(bound for bound in SIZES if size <= bound)
