"""What a policy demands of an allowed match, and how two policies' demands combine."""

from functools import reduce
from typing import Annotated, TypeVar

from pydantic import Field

from tacita_protocol.errors import LimitExceeded
from tacita_protocol.statements.statement import Part
from tacita_protocol.statements.vocabulary import MAX_ELEMENTS, Code, Distinct, Mode, ResultTo, RoundTo

MAX_RETENTION_DAYS = 3650
MAX_APPROVALS = 8
MAX_EXPIRES_IN = 72 * 3600
"""Seconds. The longest a policy may leave a grant open: approvals take up to 72 hours."""

E = TypeVar("E", bound=str)


class Obligations(Part):
    """Sets say what remains permitted, numbers bound it; an empty set permits nothing."""

    modes: Annotated[tuple[Mode, ...], Field(max_length=8), Distinct]
    engines: Annotated[tuple[Code, ...], Field(max_length=8), Distinct]
    result_to: Annotated[tuple[ResultTo, ...], Field(max_length=3), Distinct]
    max_elements: Annotated[int, Field(ge=0, le=MAX_ELEMENTS)]
    """Most elements that the receiver may evaluate in this match."""
    suppress_below: Annotated[int, Field(ge=0, le=MAX_ELEMENTS)]
    """Results with fewer hits are shown as none (binds honest software only)."""
    round_to: RoundTo
    """The count of a cardinality is shown rounded to a multiple of this (binds honest software only)."""
    labels: Annotated[tuple[Code, ...], Field(max_length=16), Distinct]
    """Labels that may be disclosed with a hit."""
    approvals: Annotated[tuple[Code, ...], Field(max_length=MAX_APPROVALS), Distinct]
    """People who must have approved, by role."""
    retention_days: Annotated[int, Field(ge=0, le=MAX_RETENTION_DAYS)]
    expires_in: Annotated[int, Field(ge=1, le=MAX_EXPIRES_IN)]
    """Seconds from the decision in which the match must have finished."""


def strictest(first: Obligations, *others: Obligations) -> Obligations:
    """The obligations that satisfy all: what each permits, what any demands. Order follows `first`.

    Raises `LimitExceeded` when all together demand more approvals than obligations can name.
    """
    return reduce(_stricter, others, first)


def _stricter(a: Obligations, b: Obligations) -> Obligations:
    approvals = a.approvals + tuple(role for role in b.approvals if role not in a.approvals)
    if len(approvals) > MAX_APPROVALS:
        raise LimitExceeded("more approvals are demanded than obligations can name")
    return Obligations(
        modes=_both(a.modes, b.modes),
        engines=_both(a.engines, b.engines),
        result_to=_both(a.result_to, b.result_to),
        max_elements=min(a.max_elements, b.max_elements),
        suppress_below=max(a.suppress_below, b.suppress_below),
        round_to=max(a.round_to, b.round_to),
        labels=_both(a.labels, b.labels),
        approvals=approvals,
        retention_days=min(a.retention_days, b.retention_days),
        expires_in=min(a.expires_in, b.expires_in),
    )


def _both(a: tuple[E, ...], b: tuple[E, ...]) -> tuple[E, ...]:
    return tuple(item for item in a if item in b)
