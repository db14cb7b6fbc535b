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
MESSAGES = {
    "asker": ("request", "open", "frame-0", "frame-1", "receipt"),
    "owner": ("acceptance", "refusal", "frame-0", "frame-1", "frame-2", "receipt"),
}

blocks = st.sets(st.sampled_from(list(BLOCKS)), min_size=1, max_size=3)
units = st.sampled_from([26_000, 26_000, 200, 100])


def numbers(chosen: set[str]) -> frozenset[str]:
    """The phone numbers of some blocks."""
    return frozenset(f"+4474001200{number:02}" for block in chosen for number in range(*BLOCKS[block]))


def orders(model: Federation, *, likely: bool) -> st.SearchStrategy[Order]:
    """Requests of everybody to everybody; with `likely`, of those that will complete, if there are any."""
    every = [
        Order(asker, owner, mode, result_to, purpose)
        for asker in model.partners
        for owner in model.partners
        if asker != owner
        for mode, result_to in FORMS
        for purpose in (lawful_purpose(KINDS[asker], KINDS[owner]) or "", "sector-warning")
    ]
    if likely:
        leaving = [order for order in every if model.foresee(order).end is not End.NOT_ORDERED]
        every = [order for order in leaving if model.foresee(order).end is End.COMPLETED] or leaving or every
    return st.sampled_from(every)


def disturbances(*deeds: Deed) -> st.SearchStrategy[Disturbance]:
    """These deeds, at any message of a match."""
    return st.sampled_from(
        [
            Disturbance(deed, sender, message, after)
            for deed in deeds
            for sender, messages in MESSAGES.items()
            for message in messages
            for after in (False, True)
        ]
    )


tamperings = st.sampled_from(
    [Disturbance(Deed.TAMPER, sender, frame, after=False) for sender in MESSAGES for frame in ("frame-0", "frame-1")]
)
