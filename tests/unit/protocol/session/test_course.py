"""The order of runs and partitions: what may come next in one direction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.session.course import Course

Step = tuple[int, int, bool]
"""Run, partition, final."""


def course(*steps: Step, runs: int = 2, partitions: int = 3, inside: bool = False) -> Course:
    """A course after these steps; `inside`: the last one's message goes on."""
    own, other = Course(runs=runs, partitions=partitions), ended(runs, partitions)
    for number, (run, partition, final) in enumerate(steps, start=1):
        assert own.fault(run, partition, final=final, other=other) is None
        own.note(partition, final=final, inside=inside and number == len(steps))
    return own


def ended(runs: int, partitions: int) -> Course:
    """An opposite direction that holds nothing up."""
    other = Course(runs=runs, partitions=partitions)
    for _ in range(runs):
        other.note(partitions - 1, final=True, inside=False)
    return other


# What passed before, what comes next, and the field that is at fault.
TABLE: dict[str, tuple[tuple[Step, ...], Step, str | None]] = {
    "the first message": ((), (0, 0, False), None),
    "a first run that is not the first": ((), (1, 0, False), "run"),
    "a partition left out at the start": ((), (0, 1, False), "partition"),
    "another message of the same partition": (((0, 0, False),), (0, 0, False), None),
    "the next partition": (((0, 0, False),), (0, 1, False), None),
    "a partition left out": (((0, 0, False),), (0, 2, False), "partition"),
    "a partition going back": (((0, 0, False), (0, 1, False)), (0, 0, False), "partition"),
    "a partition too many": (((0, 0, False), (0, 1, False), (0, 2, False)), (0, 3, False), "partition"),
    "an end before the last partition": (((0, 0, False),), (0, 1, True), "final"),
    "an end in the last partition": (((0, 0, False), (0, 1, False)), (0, 2, True), None),
    "the next run before the end": (((0, 0, False), (0, 1, False), (0, 2, False)), (1, 0, False), "run"),
    "the next run": (((0, 0, False), (0, 1, False), (0, 2, True)), (1, 0, False), None),
    "the same run after its end": (((0, 0, False), (0, 1, False), (0, 2, True)), (0, 2, False), "run"),
    "the next run in its middle": (((0, 0, False), (0, 1, False), (0, 2, True)), (1, 2, False), "partition"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "step", "fault"), TABLE.values(), ids=TABLE.keys())
def test_what_may_follow(before: tuple[Step, ...], step: Step, fault: str | None) -> None:
    run, partition, final = step
    assert course(*before).fault(run, partition, final=final, other=ended(2, 3)) == fault


def test_a_message_stays_in_its_partition() -> None:
    begun = course((0, 0, False), inside=True)
    assert begun.fault(0, 0, final=False, other=ended(2, 3)) is None
    assert begun.fault(0, 1, final=False, other=ended(2, 3)) == "partition"


def test_a_run_waits_for_the_other_direction() -> None:
    own = course((0, 0, True), partitions=1)
    behind, level = Course(runs=2, partitions=1), course((0, 0, True), partitions=1)
    assert own.fault(1, 0, final=False, other=behind) == "run"
    assert own.fault(1, 0, final=False, other=level) is None


def test_nothing_follows_the_last_run() -> None:
    own = course((0, 0, True), (1, 0, True), partitions=1)
    assert own.ended
    assert own.fault(2, 0, final=False, other=own) == "run"
    assert own.fault(1, 0, final=False, other=own) == "run"


@given(
    runs=st.integers(1, 2),
    partitions=st.sampled_from([1, 2, 4]),
    tries=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.booleans(), st.booleans()), max_size=40),
)
def test_whatever_passes_is_in_order_and_ends_in_the_last_partition(
    runs: int, partitions: int, tries: list[tuple[int, int, bool, bool]]
) -> None:
    own, other = Course(runs=runs, partitions=partitions), ended(runs, partitions)
    passed = []
    for run, partition, final, inside in tries:
        if own.fault(run, partition, final=final, other=other) is None:
            own.note(partition, final=final, inside=inside and not final)
            passed.append((run, partition, final))
    places = [(run, partition) for run, partition, _ in passed]
    assert places == sorted(places)
    assert all(run < runs and partition < partitions for run, partition in places)
    assert all(partition == partitions - 1 for _, partition, final in passed if final)
    assert own.ended is (sum(final for *_, final in passed) == runs)
