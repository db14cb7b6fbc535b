"""How far one direction of a session has come: through which runs, and in the run through which partitions."""


class Course:
    """The rules, the same for sealing and opening:

    1. Runs follow in the order of their numbers. A run begins when both directions have ended the one before.
    2. In a run the partitions follow in the order of their numbers, none left out; a message lies in one of them.
    3. A direction ends its run with its last message in the last partition.
    """

    def __init__(self, *, runs: int, partitions: int) -> None:
        self.run = 0
        """The run that goes on or comes next; all before have ended."""
        self._runs = runs
        self._partitions = partitions
        self._partition: int | None = None  # of the message before in this run
        self._inside = False  # the message before goes on

    @property
    def ended(self) -> bool:
        """Whether all runs have ended in this direction."""
        return self.run == self._runs

    def fault(self, run: int, partition: int, *, final: bool, other: "Course") -> str | None:
        """The field by which a frame breaks the rules, if it is the next one of this direction; None if it keeps them.

        `other` is the course of the opposite direction.
        """
        if self.ended or run != self.run or other.run < run:
            return "run"
        if partition not in self._next_partitions():
            return "partition"
        if final and partition != self._partitions - 1:
            return "final"
        return None

    def note(self, partition: int, *, final: bool, inside: bool) -> None:
        """A frame without fault has passed; `inside`: its message goes on."""
        self._partition, self._inside = partition, inside
        if final:
            self.run, self._partition = self.run + 1, None

    def _next_partitions(self) -> range:
        if self._partition is None:
            return range(1)
        last = self._partition if self._inside else min(self._partition + 1, self._partitions - 1)
        return range(self._partition, last + 1)
