"""The ecdh engine is exact, needs no luck with chunks or processes, and shows sizes only."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import private_set_intersection.python as library
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.crypto.random_arrays import random_permutation, random_tokens
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.errors import EngineFailure, LimitExceeded
from tacita_protocol.identifiers.token import Tokens
from tacita_protocol.psi import openmined
from tacita_protocol.psi.buckets import padded_count
from tacita_protocol.psi.ecdh import MAX_ELEMENTS, EcdhEngine
from tacita_protocol.psi.engine import Action, Compute, Mode, Receive, RunParameters, Send, Task, run_locally

ENGINE = EcdhEngine()


def inline(tasks: tuple[Task, ...]) -> list[Any]:
    return [task.function(*task.arguments) for task in tasks]


def parameters(receiver: Tokens, sender: Tokens, *, chunks: int = 2, mode: Mode = Mode.INTERSECTION) -> RunParameters:
    return RunParameters(
        session_id=random_bytes(32),
        run=0,
        partition=0,
        receiver_count=padded_count(len(receiver)),
        sender_count=padded_count(len(sender)),
        chunks=chunks,
        mode=mode,
    )


def matched(
    receiver: Tokens, sender: Tokens, *, chunks: int = 2, run_tasks: Callable[[tuple[Task, ...]], list[Any]] = inline
) -> list[int]:
    p = parameters(receiver, sender, chunks=chunks)
    found = run_locally(ENGINE.receive(receiver, p), ENGINE.send(sender, p), run_tasks=run_tasks)
    assert found.rows is not None
    assert found.rows.dtype == np.int64
    assert found.count == len({receiver[row].tobytes() for row in found.rows})
    return [int(row) for row in found.rows]


def counted(receiver: Tokens, sender: Tokens, *, chunks: int = 2) -> int:
    p = parameters(receiver, sender, chunks=chunks, mode=Mode.CARDINALITY)
    found = run_locally(ENGINE.receive(receiver, p), ENGINE.send(sender, p), run_tasks=inline)
    assert found.rows is None
    return found.count


def plainly_matched(receiver: Tokens, sender: Tokens) -> list[int]:
    held = {row.tobytes() for row in sender}
    return [i for i, row in enumerate(receiver) if row.tobytes() in held]


@settings(max_examples=12, deadline=None)
@given(
    receiver_size=st.integers(0, 500),
    sender_size=st.integers(0, 500),
    universe_size=st.integers(1, 600),
    chunks=st.integers(1, 7),
    data=st.randoms(use_true_random=False),
)
def test_matching_equals_the_plain_intersection(
    receiver_size: int, sender_size: int, universe_size: int, chunks: int, data: Any
) -> None:
    """Rows are drawn with repetition: duplicates on both sides are part of the law."""
    universe = random_tokens(universe_size)
    receiver = universe[[data.randrange(universe_size) for _ in range(receiver_size)]].reshape(-1, 32)
    sender = universe[[data.randrange(universe_size) for _ in range(sender_size)]].reshape(-1, 32)
    assert matched(receiver, sender, chunks=chunks) == plainly_matched(receiver, sender)
    assert counted(receiver, sender, chunks=chunks) == len(
        {row.tobytes() for row in receiver} & {row.tobytes() for row in sender}
    )


@pytest.mark.parametrize(
    ("receiver_size", "sender_size", "common"),
    [(0, 0, 0), (0, 5, 0), (5, 0, 0), (1, 1, 1), (64, 64, 64), (65, 64, 64), (64, 91, 1)],
)
def test_edges_of_buckets(receiver_size: int, sender_size: int, common: int) -> None:
    shared = random_tokens(common)
    receiver = np.concatenate((random_tokens(receiver_size - common), shared))
    sender = np.concatenate((shared, random_tokens(sender_size - common)))
    assert matched(receiver, sender) == list(range(receiver_size - common, receiver_size))
    assert counted(receiver, sender) == common


def test_tokens_that_differ_in_one_bit_do_not_match() -> None:
    receiver = random_tokens(64)
    sender = receiver.copy()
    sender[:, -1] ^= 1
    sender[7] = receiver[7]
    assert matched(receiver, sender) == [7]


def test_matching_in_spawned_processes_is_exact_too() -> None:
    """More elements than one task takes, so that chunks are cut and joined in other processes."""
    receiver = random_tokens(900)
    sender = np.concatenate((random_tokens(400), receiver[::3]))[random_permutation(700)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:

        def in_pool(tasks: tuple[Task, ...]) -> list[Any]:
            return [future.result() for future in [pool.submit(task.function, *task.arguments) for task in tasks]]

        assert matched(receiver, sender, run_tasks=in_pool) == list(range(0, 900, 3))


def test_many_tasks_are_cut_and_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tacita_protocol.psi.ecdh.MAX_TASK_ELEMENTS", 10)
    receiver = random_tokens(150)
    assert matched(receiver, receiver[40:60], chunks=3) == list(range(40, 60))


def test_a_counted_answer_comes_in_an_order_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorted over all tasks: its order says nothing about the request's, whose order only the receiver knows."""
    monkeypatch.setattr("tacita_protocol.psi.ecdh.MAX_TASK_ELEMENTS", 10)
    tokens = random_tokens(64)
    for mode in Mode:
        p = parameters(tokens, tokens, mode=mode)
        receiver, sender = ENGINE.receive(tokens, p), ENGINE.send(tokens, p)
        messages = [until_message(receiver), until_message(sender)]
        assert isinstance(until_message(sender), Receive)
        messages.append(until_message(sender, sent(messages[0])))
        response = [sent(messages[2])[i : i + 33] for i in range(0, 33 * 64, 33)]
        assert (response == sorted(response)) is (mode is Mode.CARDINALITY)


def until_message(steps: Any, answer: Any = None) -> Action:
    action: Action = steps.send(answer)
    while isinstance(action, Compute):
        action = steps.send(inline(action.tasks))
    return action


def sent(action: Action) -> bytes:
    assert isinstance(action, Send)
    return action.data


def test_another_session_id_matches_nothing() -> None:
    """Two transcripts cannot be joined: the same token is another element in another session."""
    tokens = random_tokens(64)
    receiver = ENGINE.receive(tokens, parameters(tokens, tokens))
    sender = ENGINE.send(tokens, parameters(tokens, tokens))
    assert run_locally(receiver, sender, run_tasks=inline).count == 0


def test_the_peer_sees_padded_sizes_only() -> None:
    few, more = random_tokens(3), random_tokens(60)
    p = parameters(few, more)
    sizes = []
    for steps in (ENGINE.receive(few, p), ENGINE.send(more, p)):
        sizes.append(len(sent(until_message(steps))))
    assert sizes == [33 * 64, 33 * 64]


def test_two_runs_over_one_set_share_no_bytes() -> None:
    """Fresh keys: a peer cannot tell that a set is the one of yesterday."""
    tokens = random_tokens(64)
    p = parameters(tokens, tokens)
    setups = []
    for _ in range(2):
        setup = sent(until_message(ENGINE.send(tokens, p)))
        setups.append({setup[i : i + 33] for i in range(0, len(setup), 33)})
    assert setups[0].isdisjoint(setups[1])


def test_the_sender_charges_the_length_of_the_request() -> None:
    tokens = random_tokens(70)
    p = parameters(tokens, tokens)
    receiver, sender = ENGINE.receive(tokens, p), ENGINE.send(tokens, p)
    charged = []

    def reporting() -> Any:
        charged.append((yield from sender))
        return charged[0]

    run_locally(receiver, reporting(), run_tasks=inline)
    assert charged == [91]


def test_each_sides_last_message_is_marked_as_final_and_fits_the_limit() -> None:
    tokens = random_tokens(70)
    p = parameters(tokens, random_tokens(10))
    finals: dict[str, list[bool]] = {"receiver": [], "sender": []}

    def watched(side: str, steps: Any) -> Any:
        answer = None
        while True:
            try:
                action = steps.send(answer)
            except StopIteration as stop:
                return stop.value
            if isinstance(action, Send):
                finals[side].append(action.final)
                assert len(action.data) <= ENGINE.max_message_bytes(p)
            if isinstance(action, Receive):
                assert action.max_bytes <= ENGINE.max_message_bytes(p)
            answer = yield action

    run_locally(
        watched("receiver", ENGINE.receive(tokens, p)),
        watched("sender", ENGINE.send(random_tokens(10), p)),
        run_tasks=inline,
    )
    assert finals == {"receiver": [True], "sender": [False, True]}


def test_unblinding_finds_what_the_library_finds() -> None:
    """Its own last step is the oracle for ours, which takes the key off with the inverse scalar."""
    elements = [row.tobytes().hex() for row in random_tokens(40)]
    server = library.server.CreateWithNewKey(reveal_intersection=True)
    key = openmined.new_key()
    setup = server.CreateSetupMessage(1e-9, 30, elements[10:], library.DataStructure.RAW)
    client = library.client.CreateFromKey(key, reveal_intersection=True)
    response = server.ProcessRequest(client.CreateRequest(elements[:20]))
    points = openmined.blinded_again(openmined.inverse(key), b"".join(response.encrypted_elements))
    held = set(setup.raw.encrypted_elements)
    found = [i for i in range(20) if points[33 * i : 33 * (i + 1)] in held]
    assert found == sorted(client.GetIntersection(setup, response)) == list(range(10, 20))


def test_a_failure_of_the_library_names_no_element() -> None:
    p = parameters(random_tokens(64), random_tokens(64))
    steps = ENGINE.send(random_tokens(64), p)
    (prepare,) = compute(next(steps)).tasks
    task = compute(steps.send(inline((prepare,)))).tasks[0]
    _key, *rest = task.arguments
    with pytest.raises(EngineFailure) as caught:
        task.function(bytes(32), *rest)  # zero is no key
    assert caught.value.__suppress_context__


def test_nothing_secret_is_in_the_text_of_an_action() -> None:
    tokens = random_tokens(64)
    p = parameters(tokens, tokens)
    shown = f"{next(ENGINE.send(tokens, p))} {p} {Send(tokens.tobytes())}"
    assert "function" in shown
    assert not any(text in shown for text in ("session_id", "arguments", "data", "array"))


def compute(action: Action) -> Compute:
    assert isinstance(action, Compute)
    return action


def test_more_tokens_than_agreed_are_refused() -> None:
    p = parameters(random_tokens(64), random_tokens(64))
    for steps in (ENGINE.receive(random_tokens(65), p), ENGINE.send(random_tokens(65), p)):
        (task,) = compute(next(steps)).tasks
        with pytest.raises(LimitExceeded):
            task.function(*task.arguments)


def test_more_elements_than_the_engine_takes_are_refused() -> None:
    p = RunParameters(random_bytes(32), 0, 0, receiver_count=64, sender_count=MAX_ELEMENTS + 1, chunks=2)
    for steps in (ENGINE.receive(random_tokens(1), p), ENGINE.send(random_tokens(1), p)):
        with pytest.raises(LimitExceeded):
            next(steps)


def test_a_mode_that_the_engine_does_not_know_is_a_mistake() -> None:
    class IntersectionOnly(EcdhEngine):
        modes = frozenset({Mode.INTERSECTION})

    p = parameters(random_tokens(1), random_tokens(1), mode=Mode.CARDINALITY)
    for steps in (IntersectionOnly().receive(random_tokens(1), p), IntersectionOnly().send(random_tokens(1), p)):
        with pytest.raises(ValueError, match="mode"):
            next(steps)


def test_blinding_yields_the_points_of_the_librarys_own_setup() -> None:
    key = openmined.new_key()
    elements = [row.tobytes().hex() for row in random_tokens(70)]
    server = library.server.CreateFromKey(key, reveal_intersection=True)
    setup = server.CreateSetupMessage(1e-9, len(elements), elements, library.DataStructure.RAW)
    ours = openmined.blinded(key, elements)
    width = openmined.POINT_SIZE
    assert sorted(ours[i : i + width] for i in range(0, len(ours), width)) == list(setup.raw.encrypted_elements)
