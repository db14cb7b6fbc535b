"""A run in partitions finds exactly what a run in one piece finds, and shows no more than counts."""

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.crypto.random_arrays import random_tokens
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.errors import EngineFailure, LimitExceeded
from tacita_protocol.identifiers.token import Tokens
from tacita_protocol.psi import matching
from tacita_protocol.psi.assignment import assignment
from tacita_protocol.psi.buckets import padded_count
from tacita_protocol.psi.ecdh import EcdhEngine
from tacita_protocol.psi.engine import (
    Action,
    Compute,
    Found,
    Mode,
    Receive,
    RunParameters,
    Send,
    Settled,
    Task,
    run_locally,
)
from tacita_protocol.psi.partition import bin_size, partitions_for

ENGINE = EcdhEngine()


Steps = Generator[Action, Any, Any]


def inline(tasks: tuple[Task, ...]) -> list[Any]:
    return [task.function(*task.arguments) for task in tasks]


def parameters(receiver: Tokens, sender: Tokens, **changes: Any) -> RunParameters:
    fields: dict[str, Any] = {
        "session_id": random_bytes(32),
        "run": 0,
        "partition": 0,
        "receiver_count": padded_count(len(receiver)),
        "sender_count": padded_count(len(sender)),
        "chunks": 2,
    }
    return RunParameters(**fields | changes)


def matched(receiver: Tokens, sender: Tokens, *, partitions: int) -> Found:
    p = parameters(receiver, sender)
    return run_locally(
        matching.receive(ENGINE, receiver, p, partitions),
        matching.send(ENGINE, sender, p, partitions),
        run_tasks=inline,
    )


def plainly_matched(receiver: Tokens, sender: Tokens) -> list[int]:
    held = {row.tobytes() for row in sender}
    return [i for i, row in enumerate(receiver) if row.tobytes() in held]


def check_exact(receiver: Tokens, sender: Tokens, *, partitions: int) -> None:
    found = matched(receiver, sender, partitions=partitions)
    assert found.rows is not None
    assert found.rows.dtype == np.int64
    assert found.rows.tolist() == plainly_matched(receiver, sender)
    assert found.count == len({receiver[row].tobytes() for row in found.rows})


@settings(max_examples=10, deadline=None)
@given(
    receiver_size=st.integers(0, 120),
    sender_size=st.integers(0, 120),
    universe_size=st.integers(1, 150),
    partitions=st.sampled_from([1, 2, 4, 16]),
    data=st.randoms(use_true_random=False),
)
def test_any_number_of_partitions_finds_the_plain_intersection(
    receiver_size: int, sender_size: int, universe_size: int, partitions: int, data: Any
) -> None:
    """Rows are drawn with repetition: duplicates on both sides are part of the law."""
    universe = random_tokens(universe_size)
    receiver = universe[[data.randrange(universe_size) for _ in range(receiver_size)]].reshape(-1, 32)
    sender = universe[[data.randrange(universe_size) for _ in range(sender_size)]].reshape(-1, 32)
    check_exact(receiver, sender, partitions=partitions)


TOKENS = random_tokens(128)
EDGES: dict[str, tuple[Tokens, Tokens]] = {
    "both empty": (TOKENS[:0], TOKENS[:0]),
    "one against nothing": (TOKENS[:1], TOKENS[:0]),
    "nothing against one": (TOKENS[:0], TOKENS[:1]),
    "one against itself": (TOKENS[:1], TOKENS[:1]),
    "two against one of them": (TOKENS[:2], TOKENS[1:2]),
    "full buckets, equal": (TOKENS[:64], TOKENS[:64]),
    "full buckets, disjoint": (TOKENS[:64], TOKENS[64:]),
    "one over a bucket": (TOKENS[:65], TOKENS[:64]),
    "a subset": (TOKENS[:91], TOKENS[20:40]),
    "a superset": (TOKENS[20:40], TOKENS[:91]),
    "one token many times": (TOKENS[[0] * 70], TOKENS[[0] * 3]),
    "one token many times, not held": (TOKENS[[0] * 70], TOKENS[1:]),
}


@pytest.mark.parametrize("partitions", [1, 8])
@pytest.mark.parametrize("case", EDGES)
def test_edges_are_exact(case: str, partitions: int) -> None:
    receiver, sender = EDGES[case]
    check_exact(receiver, sender, partitions=partitions)


class SmallEngine(EcdhEngine):
    """ecdh for few elements, so that few are cut."""

    max_elements = 100


def test_a_set_larger_than_the_engine_takes_is_matched_in_parts() -> None:
    engine, receiver = SmallEngine(), random_tokens(200)
    sender = np.concatenate((receiver[::3], random_tokens(50)))
    p = parameters(receiver, sender)
    partitions = partitions_for(
        engine, Mode.INTERSECTION, requester_count=p.receiver_count, responder_count=p.sender_count
    )
    assert partitions == 8
    found = run_locally(
        matching.receive(engine, receiver, p, partitions),
        matching.send(engine, sender, p, partitions),
        run_tasks=inline,
    )
    assert found.rows is not None
    assert found.rows.tolist() == list(range(0, 200, 3))
    with pytest.raises(LimitExceeded):
        next(matching.send(engine, sender, p, 1))


# What a driver and a peer see of it.


def watched(steps: Steps, seen: list[Action]) -> Steps:
    answer: Any = None
    while True:
        try:
            action = steps.send(answer)
        except StopIteration as stop:
            return stop.value
        seen.append(action)
        answer = yield action


def both_sides(
    receiver: Tokens, sender: Tokens, p: RunParameters, partitions: int
) -> tuple[list[Action], list[Action], int]:
    """The actions of receiver and sender, and what the sender charges."""
    asked: list[Action] = []
    answered: list[Action] = []
    charged: list[int] = []

    def sending() -> Generator[Action, Any, int]:
        charged.append((yield from watched(matching.send(ENGINE, sender, p, partitions), answered)))
        return charged[0]

    run_locally(watched(matching.receive(ENGINE, receiver, p, partitions), asked), sending(), run_tasks=inline)
    return asked, answered, charged[0]


def shape(action: Action) -> tuple[Any, ...]:
    match action:
        case Compute(tasks):
            return ("compute", len(tasks), sum(task.elements for task in tasks))
        case Send(data, final, partition):
            return ("send", len(data), final, partition)
        case Receive(max_bytes, partition):
            return ("receive", max_bytes, partition)
        case Settled():
            return ("settled",)


@pytest.mark.parametrize(
    ("mode", "partitions"), [(Mode.INTERSECTION, 1), (Mode.INTERSECTION, 4), (Mode.CARDINALITY, 1)]
)
def test_nothing_before_settled_depends_on_the_result(mode: Mode, partitions: int) -> None:
    """Whoever signs its receipt there signs at the same point and after the same work, hit or no hit."""
    p = parameters(TOKENS[:64], TOKENS[:91], mode=mode)
    shapes = set()
    for receiver, sender in ((TOKENS[:64], TOKENS[:91]), (TOKENS[:64], TOKENS[64:]), (TOKENS[:1], TOKENS[1:2])):
        asked, answered, _ = both_sides(receiver, sender, p, partitions)
        settled = asked.index(Settled())
        assert all(isinstance(action, Compute) for action in asked[settled + 1 :])
        shapes.add((*map(shape, asked[:settled]), *map(shape, answered)))
    assert len(shapes) == 1


def test_messages_come_in_the_order_of_partitions_and_the_last_ends_the_run() -> None:
    p = parameters(TOKENS[:64], TOKENS[:64])
    asked, answered, _ = both_sides(TOKENS[:64], TOKENS[:64], p, 4)
    for actions, each in ((asked, 1), (answered, 2)):
        sent = [action for action in actions if isinstance(action, Send)]
        assert [action.partition for action in sent] == sorted(list(range(4)) * each)
        assert [action.final for action in sent] == [False] * (4 * each - 1) + [True]


@pytest.mark.parametrize("partitions", [1, 4])
def test_the_receiver_is_charged_for_all_that_it_could_evaluate(partitions: int) -> None:
    p = parameters(TOKENS[:64], TOKENS)
    *_, charged = both_sides(TOKENS[:64], TOKENS, p, partitions)
    assert charged == partitions * bin_size(64, partitions)


@pytest.mark.parametrize("partitions", [1, 4])
@pytest.mark.parametrize(("receiver", "sender"), [(TOKENS[:64], TOKENS), (TOKENS, TOKENS[:64])])
def test_the_work_of_both_sides_is_known_before(receiver: Tokens, sender: Tokens, partitions: int) -> None:
    p = parameters(receiver, sender)
    asked, answered, _ = both_sides(receiver, sender, p, partitions)
    for actions, is_receiver in ((asked, True), (answered, False)):
        done = sum(task.elements for action in actions if isinstance(action, Compute) for task in action.tasks)
        assert done == matching.work(ENGINE, p, partitions, receiver=is_receiver) > 0


@pytest.mark.parametrize("side", [matching.receive, matching.send])
def test_an_overflowing_partition_ends_the_match_before_anything_is_sent(side: Callable[..., Steps]) -> None:
    p, partitions = parameters(TOKENS[:64], TOKENS[:64]), 8
    many = random_tokens(1000)
    partition = np.concatenate(inline(assignment(many, p, partitions)))
    most = bin_size(64, partitions)
    assert isinstance(first_message(side(ENGINE, many[partition == 0][:most], p, partitions)), Send)
    with pytest.raises(EngineFailure):
        first_message(side(ENGINE, many[partition == 0][: most + 1], p, partitions))


def first_message(steps: Steps) -> Action:
    action = next(steps)
    while isinstance(action, Compute):
        action = steps.send(inline(action.tasks))
    return action


def test_more_tokens_than_agreed_are_refused_though_the_bins_would_take_them() -> None:
    p = parameters(TOKENS[:64], TOKENS[:64])
    for steps in (matching.receive(ENGINE, TOKENS[:65], p, 4), matching.send(ENGINE, TOKENS[:65], p, 4)):
        action = next(steps)
        assert isinstance(action, Compute)
        with pytest.raises(LimitExceeded):
            steps.send(inline(action.tasks))


def test_a_cardinality_is_never_cut() -> None:
    p = parameters(TOKENS, TOKENS, mode=Mode.CARDINALITY)
    for steps in (matching.receive(ENGINE, TOKENS, p, 2), matching.send(ENGINE, TOKENS, p, 2)):
        with pytest.raises(ValueError, match="cut"):
            next(steps)


# Cancellation.


class WatchedEngine(EcdhEngine):
    """Notes how many of its generators were begun and not left."""

    def __init__(self) -> None:
        self.running = 0

    def receive(self, tokens: Tokens, p: RunParameters) -> Generator[Action, Any, Found]:
        return self._noted(super().receive(tokens, p))

    def send(self, tokens: Tokens, p: RunParameters) -> Generator[Action, Any, int]:
        return self._noted(super().send(tokens, p))

    def _noted(self, steps: Steps) -> Steps:
        self.running += 1
        try:
            return (yield from steps)
        finally:
            self.running -= 1


@pytest.mark.parametrize(
    ("mode", "partitions"), [(Mode.INTERSECTION, 1), (Mode.INTERSECTION, 2), (Mode.CARDINALITY, 1)]
)
def test_both_sides_can_be_closed_at_every_action(mode: Mode, partitions: int) -> None:
    p = parameters(TOKENS[:64], TOKENS[:64], mode=mode)
    asked, answered, _ = both_sides(TOKENS[:64], TOKENS[:64], p, partitions)
    for side, actions, messages in (
        (matching.receive, asked, [action.data for action in answered if isinstance(action, Send)]),
        (matching.send, answered, [action.data for action in asked if isinstance(action, Send)]),
    ):
        for closed_at in range(len(actions)):
            engine, incoming = WatchedEngine(), iter(messages)
            answer: Any = None
            steps: Steps = side(engine, TOKENS[:64], p, partitions)
            for _ in range(closed_at + 1):
                match steps.send(answer):
                    case Compute(tasks):
                        answer = inline(tasks)
                    case Receive():
                        answer = next(incoming)
                    case _:
                        answer = None
            steps.close()
            assert engine.running == 0
            with pytest.raises(StopIteration):
                next(steps)
