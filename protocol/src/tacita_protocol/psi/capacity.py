"""How much an engine takes at once: all that counting and granting need to know of one, without arrays."""

from typing import Protocol

from tacita_protocol.statements.vocabulary import Mode


class Capacity(Protocol):
    """How much an engine takes at once: part of what its name stands for, since the partitions follow from it."""

    @property
    def partitionable(self) -> frozenset[Mode]:
        """The modes in which a run may be cut into partitions: a number for each must not say too much."""

    @property
    def max_elements(self) -> int:
        """Most elements of one side in one partition, after padding."""
