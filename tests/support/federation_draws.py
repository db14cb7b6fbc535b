"""What a state machine of the federation chooses from."""

from hypothesis import strategies as st

from tests.support.federation_deeds import Deed
from tests.support.federation_model import End, Federation, Kind, Order, lawful_purpose
from tests.support.federation_play import Disturbance

BANK, NGO, NEWCOMER = "the bank", "the ngo", "the newcomer"
KINDS = {BANK: Kind.BANK, NGO: Kind.NGO, NEWCOMER: Kind.NGO}

BLOCKS = {
    "one": (0, 1),
    "two": (1, 3),
    "three": (3, 6),
    "six": (6, 12),
    "twelve": (12, 24),
    "forty-five": (24, 69),
    "thirty": (69, 99),
}
"""Ranges of numbers. Every list is made up of these: most are short, some change the size to which it is padded."""

FORMS = (
    ("intersection", "requester"),
    ("intersection", "owner"),
    ("intersection", "both"),
    ("cardinality", "requester"),
    ("cardinality", "both"),
)
MESSAGES: dict[End, dict[str, tuple[str, ...]]] = {
    End.DENIED: {"asker": ("request",)},
    End.REFUSED: {"asker": ("request",), "owner": ("refusal",)},
    End.COMPLETED: {
        "asker": ("request", "open", "frame-0", "frame-1", "receipt"),
        "owner": ("acceptance", "frame-0", "frame-1", "frame-2", "receipt"),
    },
}
"""What is sent in a match that ends like this, by its sender."""

FRAMES = ("frame-0", "frame-1")
"""What both sides send in every match."""

blocks = st.sets(st.sampled_from(list(BLOCKS)), min_size=1, max_size=3)
units = st.sampled_from([26_000, 26_000, 200, 100])


def numbers(chosen: set[str]) -> frozenset[str]:
    """The phone numbers of some blocks."""
    return frozenset(f"+4474001200{number:02}" for block in chosen for number in range(*BLOCKS[block]))


def orders(model: Federation, *, likely: bool) -> st.SearchStrategy[Order]:
    """With `likely`, requests that complete, or if none would, that leave the asker's node; else any request.

    Unless they complete, whatever may come of one is as likely as anything else: most would end for the same reason.
    """
    by_ending: dict[tuple[End, tuple[str, ...]], list[Order]] = {}
    for order in every_order(model):
        ending = model.foresee(order)
        if not likely or ending.end is not End.NOT_ORDERED:
            by_ending.setdefault((ending.end, ending.codes), []).append(order)
    if completing := by_ending.get((End.COMPLETED, ())) if likely else None:
        return st.sampled_from(completing)
    return st.sampled_from(sorted(by_ending)).flatmap(lambda ending: st.sampled_from(by_ending[ending]))


def every_order(model: Federation) -> list[Order]:
    """Requests of everybody to everybody."""
    return [
        Order(asker, owner, mode, result_to, purpose)
        for asker in model.partners
        for owner in model.partners
        if asker != owner
        for mode, result_to in FORMS
        for purpose in (lawful_purpose(KINDS[asker], KINDS[owner]) or "", "sector-warning")
    ]


def completing(model: Federation) -> list[Order]:
    """The requests that would complete."""
    return [order for order in every_order(model) if model.foresee(order).end is End.COMPLETED]


def disturbed(model: Federation, *deeds: Deed) -> st.SearchStrategy[tuple[Order, Disturbance]]:
    """A request that leaves the asker's node, and one of these deeds at a message that will be sent."""

    def disturbances(order: Order) -> list[tuple[Order, Disturbance]]:
        return [
            (order, Disturbance(deed, sender, message, after))
            for deed in deeds
            for sender, messages in MESSAGES[model.foresee(order).end].items()
            for message in messages
            for after in (False, True)
        ]

    return orders(model, likely=True).flatmap(lambda order: st.sampled_from(disturbances(order)))


tamperings = st.sampled_from(
    [Disturbance(Deed.TAMPER, sender, frame, after=False) for sender in ("asker", "owner") for frame in FRAMES]
)
