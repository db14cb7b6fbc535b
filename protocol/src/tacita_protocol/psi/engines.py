"""The engines by name: which of them this version runs, what each can serve, and how much each takes at once.

Only `engine_named` loads an engine's library; who merely negotiates needs none, and no arrays either.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tacita_protocol.errors import MalformedMessage
from tacita_protocol.psi.capacity import Capacity
from tacita_protocol.statements.vocabulary import MAX_ELEMENTS, Mode, ResultTo

if TYPE_CHECKING:
    from tacita_protocol.psi.engine import Engine

ENGINE_NAMES = ("ecdh",)
"""What this version runs, best first."""

_TO_ANY_SIDE = frozenset(product((Mode.INTERSECTION,), ResultTo))

SERVES: Final[Mapping[str, frozenset[tuple[Mode, ResultTo]]]] = MappingProxyType(
    {
        "vole": _TO_ANY_SIDE,
        "ecdh": _TO_ANY_SIDE | {(Mode.CARDINALITY, ResultTo.REQUESTER)},
        "oprf": frozenset({(Mode.INTERSECTION, ResultTo.REQUESTER)}),
    }
)
"""What each engine of the protocol can serve, whether or not this version runs it: partners may run others."""


@dataclass(frozen=True)
class _Known:
    """The capacity of an engine that this version may not have."""

    max_elements: int
    partitionable: frozenset[Mode]


CAPACITIES: Final[Mapping[str, Capacity]] = MappingProxyType(
    {
        "vole": _Known(2**20, frozenset({Mode.INTERSECTION})),
        "ecdh": _Known(2**20, frozenset({Mode.INTERSECTION})),
        "oprf": _Known(MAX_ELEMENTS, frozenset()),
    }
)
"""How much each engine of `SERVES` takes at once: who grants one that it does not run knows by this what a receiver
could evaluate."""


def serves(engine: str, mode: Mode, result_to: ResultTo) -> bool:
    """Whether this engine can serve a match of this mode with this receiver; False for an unknown engine."""
    return (mode, result_to) in SERVES.get(engine, frozenset())


def negotiate(
    requested: Collection[str],
    *,
    offered: Collection[str],
    permitted: Collection[str],
    mode: Mode,
    result_to: ResultTo,
) -> str | None:
    """The engine of a match, or None if there is none: the requester's first that fits.

    `requested` is in the requester's order of preference, `offered` is on the dataset's card, and `permitted` in the
    obligations of everybody who decided so far. The broker chooses by this, and both sides check its choice by this.
    """
    return next(
        (
            engine
            for engine in requested
            if engine in offered and engine in permitted and serves(engine, mode, result_to)
        ),
        None,
    )


def engine_named(name: str) -> "Engine":
    """The engine of this name.

    Raises:
        MalformedMessage: this version has none of that name.
    """
    if name == "ecdh":
        from tacita_protocol.psi.ecdh import EcdhEngine  # on first use: who only names engines loads no library

        return EcdhEngine()
    raise MalformedMessage("no engine of this name", field="engine")
