"""The `ecdh` engine: ECDH private set intersection over P-256 (openmined-psi), computed in chunks.

Semi-honest: it holds against a peer that follows the protocol and looks at everything it receives. What is checked
here keeps a deviating peer to well-formed messages of the agreed size, so that a receiver gets one answer for each
element it is charged for; it does not prove that the sender used one key and its true set.

    receiver                                     sender
    1 bind, pad, shuffle, blind    request  ->   1 bind, pad, blind
    2                           <- setup           the setup: sorted, so that its order tells nothing
    3                           <- response      2 check the request, blind it again, in its order
    4 check both, unblind the response (or blind the setup, if it is the smaller one), settle
    5 look each point up in the setup

Cardinality differs in one thing: the sender sorts the response as a whole, so that the receiver, which shuffled its
request, counts common points and cannot tell which they are. That holds against a receiver that keeps to its role. One
that blinds each element with a key of its own recognises the answers and learns *which* elements match, so whoever
decides about a match must treat it as an intersection.

Before `Settled`: every message, every check of one, and all work on points, whose amount follows from the counts. After
it: the look-up only, which is what depends on common elements. (A setup that is not blinded is not checked to be on the
curve, only looked up: a point that is not on it equals none of ours.)

Each message is a concatenation of compressed points. Chunks are cut by position and computed under one key per run. All
that touches every element, hashing included, happens inside tasks: the thread that drives the engine only moves bytes.

Exactness: tokens are 32 bytes of SHA-256, the setup is the whole set (no filter), so a wrong hit needs a collision.
"""

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacita_protocol.crypto.random_arrays import random_permutation
from tacita_protocol.errors import EngineFailure, LimitExceeded, MalformedMessage, PeerViolation
from tacita_protocol.identifiers.token import Tokens, bind_tokens, check_tokens
from tacita_protocol.psi import openmined
from tacita_protocol.psi.engine import (
    Action,
    Compute,
    Found,
    Mode,
    Receive,
    RunParameters,
    Security,
    Send,
    Settled,
    Task,
)
from tacita_protocol.psi.openmined import POINT_SIZE, PointRejected
from tacita_protocol.psi.padding import pad_tokens
from tacita_protocol.psi.rows import Rows, contained, distinct, group_equal, sort_rows, strictly_ascending

MAX_ELEMENTS = 2**20
"""Elements of one side in one partition, after padding. Larger sets are cut into hash partitions."""

MAX_TASK_ELEMENTS = 2048
"""Elements of one blinding task, a quarter of a second: short enough to share cores evenly and to stop soon."""

_DUMMY = -1


class EcdhEngine:
    """ECDH over P-256. See the module's docstring."""

    name = "ecdh"
    version = "1"
    security = Security.SEMI_HONEST
    modes = frozenset({Mode.INTERSECTION, Mode.CARDINALITY})
    partitionable = frozenset({Mode.INTERSECTION})  # counts of parts would say more than the count
    max_elements = MAX_ELEMENTS

    def max_message_bytes(self, p: RunParameters) -> int:
        """Bytes of the longest message of either side."""
        return POINT_SIZE * max(p.receiver_count, p.sender_count)

    def work(self, p: RunParameters, *, receiver: bool) -> int:
        """Points that one side multiplies: both blind each of their own, and one more for each of step 2 or 4."""
        if receiver:
            return p.receiver_count + min(p.receiver_count, p.sender_count)
        return p.sender_count + p.receiver_count

    def receive(self, tokens: Tokens, p: RunParameters) -> Generator[Action, Any, Found]:
        """The receiver's side.

        Raises:
            LimitExceeded: more elements than agreed, or than this engine can take.
            MalformedMessage, PeerViolation: the sender's messages are not what the protocol allows.
        """
        self._check_limits(tokens, p)
        key, padded, groups, group_of_row = yield from _one(_prepare, tokens, p.receiver_count)
        request = b"".join((yield _blinding(key, padded, p)))
        _check_own(request, p.receiver_count)
        yield Send(request, final=True, partition=p.partition)

        setup: bytes = yield Receive(POINT_SIZE * p.sender_count, partition=p.partition)
        response: bytes = yield Receive(POINT_SIZE * p.receiver_count, partition=p.partition)
        yield from _one(_check_answer, request, setup, response, p)

        # Both sets must come under the same keys: ours comes off the response or onto the setup, whichever is less.
        if p.receiver_count <= p.sender_count:
            response = b"".join((yield _reblinding("response", openmined.inverse(key), response, p)))
            _check_own(response, p.receiver_count)
        else:
            setup = b"".join((yield _reblinding("setup", key, setup, p)))
            _check_own(setup, p.sender_count)
        del padded, request  # a run of many partitions holds each of them here
        yield Settled()

        if p.mode is Mode.CARDINALITY:
            found: Found = yield from _one(_count, response, setup)
        else:
            found = yield from _one(_hits, response, setup, groups, group_of_row)
        return found

    def send(self, tokens: Tokens, p: RunParameters) -> Generator[Action, Any, int]:
        """The sender's side: returns the request's length, all of which the receiver could evaluate.

        The number is agreed (`p.receiver_count`) and enforced here: the driver can charge it before the setup leaves.

        Raises:
            LimitExceeded: more elements than agreed, or than this engine can take.
            MalformedMessage, PeerViolation: the receiver's message is not what the protocol allows.
        """
        self._check_limits(tokens, p)
        key, padded, _, _ = yield from _one(_prepare, tokens, p.sender_count)
        chunks = yield _blinding(key, padded, p)
        setup: bytes = yield from _one(_merge, tuple(chunks))
        _check_own(setup, p.sender_count)
        yield Send(setup, partition=p.partition)

        request: bytes = yield Receive(POINT_SIZE * p.receiver_count, partition=p.partition)
        yield from _one(_check_request, request, setup, p.receiver_count)
        response = b"".join((yield _reblinding("request", key, request, p)))
        if p.mode is Mode.CARDINALITY:
            response = yield from _one(_merge, (response,))
        _check_own(response, p.receiver_count)
        yield Send(response, final=True, partition=p.partition)
        return p.receiver_count

    def _check_limits(self, tokens: Tokens, p: RunParameters) -> None:
        check_tokens(tokens)
        if p.mode not in self.modes:
            raise ValueError("the ecdh engine has no such mode")
        if max(p.receiver_count, p.sender_count) > self.max_elements:
            raise LimitExceeded(f"the ecdh engine takes at most {self.max_elements} elements of each side at once")


# What the generators are made of.


def _check_own(points: bytes, count: int) -> None:
    if len(points) != count * POINT_SIZE:
        raise EngineFailure("the library returned another number of points than it was given")


def _one(function: Callable[..., Any], *arguments: Any) -> Generator[Action, Any, Any]:
    """One task instead of many."""
    (result,) = yield Compute((Task(function, arguments),))
    return result


def _blinding(key: bytes, padded: Tokens, p: RunParameters) -> Compute:
    return Compute(
        tuple(
            Task(_bind_and_blind, (key, padded[start:end], p.session_id, p.run, p.partition), elements=end - start)
            for start, end in _bounds(len(padded), p.chunks)
        )
    )


def _reblinding(field: str, key: bytes, points: bytes, p: RunParameters) -> Compute:
    return Compute(
        tuple(
            Task(_blind_again, (field, key, points[start * POINT_SIZE : end * POINT_SIZE]), elements=end - start)
            for start, end in _bounds(len(points) // POINT_SIZE, p.chunks)
        )
    )


def _bounds(count: int, chunks: int) -> list[tuple[int, int]]:
    """`range(count)` in runs of nearly equal length, none empty, each of at most `MAX_TASK_ELEMENTS`.

    Their number is a multiple of the tasks that run at once, so that none runs alone at the end.
    """
    rounds = -(-count // (MAX_TASK_ELEMENTS * chunks))
    parts = min(rounds * chunks, count)
    return [(count * i // parts, count * (i + 1) // parts) for i in range(parts)]


# Tasks. Each runs in any process; arguments and results are small arrays and bytes.


def _prepare(tokens: Tokens, count: int) -> tuple[bytes, Tokens, NDArray[np.int64], NDArray[np.int64]]:
    """A fresh key, drawn where the library is loaded; distinct tokens, padded to `count` and shuffled; the group of
    each position (or `_DUMMY`) and of each row."""
    representatives, group_of_row = group_equal(tokens)
    padded = pad_tokens(tokens[representatives], count)
    groups = np.full(count, _DUMMY, dtype=np.int64)
    groups[: len(representatives)] = np.arange(len(representatives))
    order = random_permutation(count)
    return openmined.new_key(), padded[order], groups[order], group_of_row


def _bind_and_blind(key: bytes, tokens: Tokens, session_id: bytes, run: int, partition: int) -> bytes:
    bound = bind_tokens(tokens, session_id=session_id, run=run, partition=partition)
    text = bound.tobytes().hex()
    width = 2 * bound.shape[1]
    try:
        return openmined.blinded(key, [text[start : start + width] for start in range(0, len(text), width)])
    except RuntimeError:  # what the library raises; its text could quote an element
        raise EngineFailure("the library could not blind our own elements") from None


def _merge(chunks: tuple[bytes, ...]) -> bytes:
    """Points sorted as a whole: chunks one after the other would show which elements were neighbours."""
    return sort_rows(_rows(b"".join(chunks))).tobytes()


def _check_request(request: bytes, setup: bytes, count: int) -> None:
    points = _points(request, count, "request")
    _check_unrelated("request", points, _rows(setup))


def _check_answer(request: bytes, setup: bytes, response: bytes, p: RunParameters) -> None:
    setup_points = _points(setup, p.sender_count, "setup")
    _check_ascending("setup", setup_points)
    _check_unrelated("setup", setup_points, _rows(request))
    response_points = _points(response, p.receiver_count, "response")
    if p.mode is Mode.CARDINALITY:
        _check_ascending("response", response_points)
    _check_unrelated("response", response_points, setup_points, _rows(request))


def _points(data: bytes, count: int, field: str) -> Rows:
    """Exactly `count` compressed points. The identity has no such form, so it cannot pass."""
    if len(data) != count * POINT_SIZE:
        raise MalformedMessage("not the agreed number of points", field=field)
    rows = _rows(data)
    if not np.all((rows[:, 0] == 2) | (rows[:, 0] == 3)):
        raise MalformedMessage("not all rows are compressed points", field=field)
    return rows


def _check_ascending(field: str, points: Rows) -> None:
    if not strictly_ascending(points):
        raise PeerViolation("points are not in strictly ascending order", field=field)


def _check_unrelated(field: str, points: Rows, *others: Rows) -> None:
    """No point twice, none of another message, and no negative of one: an honest peer repeats none but with negligible
    probability. A repeated request would be counted short, a reflected one answers with our own points."""
    if not distinct(np.concatenate((points, *others))[:, 1:]):
        raise PeerViolation("points are repeated or reflected", field=field)


def _blind_again(field: str, key: bytes, points: bytes) -> bytes:
    try:
        return openmined.blinded_again(key, points)
    except PointRejected:
        raise MalformedMessage("a point is not on the curve", field=field) from None


def _hits(response: bytes, setup: bytes, groups: NDArray[np.int64], group_of_row: NDArray[np.int64]) -> Found:
    """The receiver's tokens whose point is in the setup, both under the same keys."""
    hit_groups = groups[contained(_rows(response), _rows(setup))]
    hit_groups = hit_groups[hit_groups != _DUMMY]
    return Found(len(hit_groups), np.flatnonzero(np.isin(group_of_row, hit_groups)).astype(np.int64))


def _count(response: bytes, setup: bytes) -> Found:
    """How many points are in both. They are distinct, and a dummy's is in none but with negligible probability."""
    return Found(int(np.count_nonzero(contained(_rows(response), _rows(setup)))), None)


def _rows(data: bytes) -> Rows:
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, POINT_SIZE)
