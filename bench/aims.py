"""What the figures must reach, for people who look at a plot. No test and no exit code depends on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Aim:
    """A bound of a figure's value, or of its ratio to a peer."""

    of: Literal["value", "ratio"]
    must_be: Literal["at most", "at least"]
    bound: float


AIMS: Mapping[str, Aim] = {
    "ecdh.2^16": Aim("ratio", "at most", 0.55),
    "ecdh.2^16.pool-efficiency": Aim("value", "at least", 90),
    "path.ecdh.2^16": Aim("ratio", "at most", 1.15),
    "import.phones": Aim("value", "at most", 60),
    "memory.node": Aim("value", "at most", 1_000),
    "policy.decide": Aim("value", "at most", 2),
    "log.append": Aim("value", "at least", 2_000),
    "log.p99": Aim("value", "at most", 300),
    "log.verify": Aim("value", "at least", 20_000),
    "broker.matches": Aim("value", "at least", 100),
    "broker.relay": Aim("value", "at least", 150),
    "cli.help": Aim("value", "at most", 0.4),
    "start.broker": Aim("value", "at most", 1.5),
}
"""Figure -> aim. Figures without one are drawn without a line."""
