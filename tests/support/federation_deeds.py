"""What partners do between matches, and what may happen while a message of a match is on its way."""

from enum import StrEnum

from tests.support.federation_model import End


class Step(StrEnum):
    """What is done between matches."""

    ENROL = "a partner enrols"
    CONFIRM = "a partner confirms another one"
    AGREE = "two partners agree"
    ADD = "a list grows"
    PUBLISH = "a list is offered"
    RESTART = "a node crashes and starts again between matches"
    RESTART_BROKER = "the broker crashes and starts again between matches"
    WITHDRAW = "a list is withdrawn"
    DISTRUST = "a partner takes a confirmation back"
    END_AGREEMENT = "a partner revokes an agreement"
    REVOKE = "the broker revokes a partner"
    ROTATE = "a partner replaces its keys"


ENDING = (Step.WITHDRAW, Step.DISTRUST, Step.END_AGREEMENT, Step.REVOKE, Step.ROTATE)
"""Steps after which some requests do not complete any more."""


def in_vain(step: Step) -> str:
    """Counts requests that would have completed before a step and do not after it."""
    return f"{step}: a request is in vain"


class Deed(StrEnum):
    """What happens while a message of a match is on its way."""

    LOSE = "the message is lost"
    TAMPER = "the frame is changed"
    RESTART_BROKER = "the broker crashes and starts again"
    RESTART_SENDER = "its sender crashes and starts again"
    RESTART_OTHER = "the other side crashes and starts again"
    CANCEL_SENDER = "its sender cancels"
    CANCEL_OTHER = "the other side cancels"
    REVOKE = "its sender revokes the agreement"


def may_end(expected: End, deed: Deed, message: str) -> frozenset[End]:
    """How a request may end that would have ended as `expected`, when a deed was done while `message` was on its way.

    A lost message is sent again, and a broker forgets nothing, so these change nothing. A changed frame is noticed. A
    node that crashes loses its keys: it aborts, unless its receipt was signed already. A match whose agreement is
    revoked is refused or ends, unless it is over before the nodes look. What the other side was doing at that moment
    nobody can know.
    """
    as_expected = frozenset({expected})
    match deed:
        case Deed.LOSE | Deed.RESTART_BROKER:
            return as_expected
        case Deed.TAMPER:
            return frozenset({End.ABORTED})
        case Deed.RESTART_SENDER | Deed.CANCEL_SENDER if message == "request":
            # The broker may have it already; then it is decided, and the log says so. If not, nobody has heard of it.
            return frozenset({End.UNHEARD, End.DENIED, End.REFUSED, End.ABORTED}) - _decided_otherwise(expected)
        case Deed.RESTART_SENDER | Deed.CANCEL_SENDER:
            return as_expected if message in ("receipt", "refusal") else frozenset({End.ABORTED})
        case Deed.RESTART_OTHER | Deed.CANCEL_OTHER:
            return as_expected | {End.ABORTED}
        case Deed.REVOKE:
            return as_expected | {End.REFUSED, End.UNHEARD, End.ABORTED}


def _decided_otherwise(expected: End) -> frozenset[End]:
    """What no broker or owner says of a request of which `expected` would have come."""
    return frozenset({End.DENIED, End.REFUSED}) - {expected}


def crash_of(role: str) -> str:
    """Counts crashes of the node in this role during a match."""
    return f"the {role}'s node crashes during a match"
