"""A run of an engine as a driver uses it: in one piece, or in as many hash partitions as were agreed.

Partitions follow one another, each with messages and keys of its own. The receiver takes every one up to its `Settled`
and holds it there; when all are, the whole run is settled, and only then does it look what was found. Until then it
keeps what it needs to look (with `ecdh` some 50 bytes for each of its elements and 33 for each of the sender's).
"""

from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacita_protocol.errors import EngineFailure, LimitExceeded
from tacita_protocol.identifiers.token import Tokens
from tacita_protocol.psi.assignment import assignment
from tacita_protocol.psi.engine import Action, Compute, Engine, Found, RunParameters, Send, Settled, Task
from tacita_protocol.psi.partition import bin_size
from tacita_protocol.psi.rows import group_equal


def receive(engine: Engine, tokens: Tokens, p: RunParameters, partitions: int) -> Generator[Action, Any, Found]:
    """The receiver's side of a run. Yields `Settled` once, after everything that the peer has to say.

    Args:
        engine: which engine was granted.
        tokens: this side's, shape `(n, 32)`.
        p: the run, with the counts of the whole; `partition` is 0.
        partitions: how many were agreed.

    Raises:
        LimitExceeded: more elements than agreed, or than the engine can take.
        EngineFailure: a partition overflows.
        ProtocolError: the sender's messages are not what the protocol allows.
    """
    if partitions == 1:
        return (yield from engine.receive(tokens, p))
    parts = yield from _cut(engine, tokens, p, partitions, p.receiver_count)
    with ExitStack() as held:
        sides = [
            held.enter_context(closing(engine.receive(parts.distinct[own], _parameters(p, k, partitions))))
            for k, own in enumerate(parts.rows)
        ]
        for k, side in enumerate(sides):
            yield from _until_settled(side, last=k == partitions - 1)
        yield Settled()
        hit, count = np.zeros(len(parts.distinct), dtype=np.bool_), 0
        for own, side in zip(parts.rows, sides, strict=True):
            found: Found = yield from side
            count += found.count
            if found.rows is not None:
                hit[own[found.rows]] = True
    return Found(count, np.flatnonzero(hit[parts.group_of_row]).astype(np.int64))


def send(engine: Engine, tokens: Tokens, p: RunParameters, partitions: int) -> Generator[Action, Any, int]:
    """The sender's side of a run: returns how many elements the receiver could evaluate, over all partitions.

    Arguments and errors as for `receive`, with the roles exchanged.
    """
    if partitions == 1:
        return (yield from engine.send(tokens, p))
    parts = yield from _cut(engine, tokens, p, partitions, p.sender_count)
    evaluated = 0
    for k, own in enumerate(parts.rows):
        with closing(engine.send(parts.distinct[own], _parameters(p, k, partitions))) as side:
            evaluated += yield from _to_the_end(side, last=k == partitions - 1)
    return evaluated


def work(engine: Engine, p: RunParameters, partitions: int, *, receiver: bool) -> int:
    """The sum of `Task.elements` over one side of a run: what its progress is measured against."""
    return partitions * engine.work(_parameters(p, 0, partitions), receiver=receiver)


def longest_message(engine: Engine, p: RunParameters, partitions: int) -> int:
    """Bytes of the longest message that either side sends: one of a single partition, so no peer needs more at once."""
    return engine.max_message_bytes(_parameters(p, 0, partitions))


@dataclass(frozen=True)
class _Parts:
    distinct: Tokens
    group_of_row: NDArray[np.int64]
    """For each of the side's tokens its row in `distinct`."""
    rows: list[NDArray[np.int64]]
    """For each partition the rows of `distinct` in it."""


def _cut(
    engine: Engine, tokens: Tokens, p: RunParameters, partitions: int, count: int
) -> Generator[Action, Any, _Parts]:
    """This side's tokens by partition, each of which fits. Nothing was sent when one does not."""
    if p.mode not in engine.partitionable or p.partition != 0:
        raise ValueError("this run is not one to cut into partitions")
    [(representatives, group_of_row)] = yield Compute((Task(group_equal, (tokens,)),))
    if len(representatives) > count:
        raise LimitExceeded("more distinct tokens than the agreed count")
    distinct = tokens[representatives]
    assigned = yield Compute(assignment(distinct, p, partitions))
    partition_of_row = np.concatenate((np.empty(0, dtype=np.uint16), *assigned))
    order = np.argsort(partition_of_row, kind="stable")
    ends = np.cumsum(np.bincount(partition_of_row, minlength=partitions))
    rows = np.split(order, ends[:-1])
    if max(len(own) for own in rows) > bin_size(count, partitions):
        raise EngineFailure("a hash partition overflows; a new match would cut in another way")
    return _Parts(distinct, group_of_row, rows)


def _parameters(p: RunParameters, partition: int, partitions: int) -> RunParameters:
    return replace(
        p,
        partition=partition,
        receiver_count=bin_size(p.receiver_count, partitions),
        sender_count=bin_size(p.sender_count, partitions),
    )


def _until_settled(side: Generator[Action, Any, Found], *, last: bool) -> Generator[Action, Any, None]:
    action = next(side)
    while not isinstance(action, Settled):
        action = side.send((yield _of_run(action, last=last)))


def _to_the_end(side: Generator[Action, Any, int], *, last: bool) -> Generator[Action, Any, int]:
    answer: Any = None
    while True:
        try:
            action = side.send(answer)
        except StopIteration as stop:
            evaluated: int = stop.value
            return evaluated
        answer = yield _of_run(action, last=last)


def _of_run(action: Action, *, last: bool) -> Action:
    """A partition's last message is the run's last in the last partition only."""
    return replace(action, final=action.final and last) if isinstance(action, Send) else action
