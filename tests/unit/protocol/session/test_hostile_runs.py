"""Attacks on the order of runs and partitions by a peer that holds the keys, each named."""

from dataclasses import dataclass

import pytest

from tacita_protocol.crypto.frames import FrameSealer, _Order
from tacita_protocol.errors import DecryptionFailed, LimitExceeded, PeerViolation, ProtocolError
from tacita_protocol.psi.partition import bin_size
from tacita_protocol.session import MessageKind, State
from tacita_protocol.session.channel import Channel
from tacita_protocol.session.fragments import PIECE_BYTES
from tacita_protocol.statements.acceptance import Acceptance
from tacita_protocol.statements.receipt import ReceiptStatus
from tacita_protocol.statements.statement import sign_statement, unverified
from tacita_protocol.statements.vocabulary import Mode, ResultTo, Role
from tests.support.memory_broker import COUNT, NGO, NOW, OBLIGATIONS, POLICY, MemoryBroker
from tests.support.memory_log import key_named
from tests.support.session_pair import SessionPair, receipt_of, take

IN_FOUR_PARTITIONS = 2**21
"""Elements of the responder."""


@dataclass(frozen=True)
class Frame:
    """What the attacker seals."""

    run: int
    partition: int
    final: bool = False
    plaintext: bytes = b"\0data"


WHOLE, IN_PARTS = COUNT, IN_FOUR_PARTITIONS

# Elements of the responder, the frames (the last one is refused), and the field that the refusal names.
TABLE: dict[str, tuple[int, list[Frame], str]] = {
    "another run from the start": (WHOLE, [Frame(1, 0)], "frame.run"),
    "a run before the victim has ended its own": (WHOLE, [Frame(0, 0, final=True), Frame(1, 0)], "frame.run"),
    "a run that is over": (WHOLE, [Frame(0, 0, final=True), Frame(0, 0)], "frame.run"),
    "a run far ahead": (WHOLE, [Frame(0, 0, final=True), Frame(2**32 - 1, 0)], "frame.run"),
    "a partition where there is one": (WHOLE, [Frame(0, 0), Frame(0, 1)], "frame.partition"),
    "another partition from the start": (IN_PARTS, [Frame(0, 1)], "frame.partition"),
    "a partition left out": (IN_PARTS, [Frame(0, 0), Frame(0, 2)], "frame.partition"),
    "a partition going back": (IN_PARTS, [Frame(0, 0), Frame(0, 1), Frame(0, 0)], "frame.partition"),
    "a partition too many": (IN_PARTS, [Frame(0, part) for part in range(5)], "frame.partition"),
    "a partition in the middle of a message": (
        IN_PARTS,
        [Frame(0, 0, plaintext=b"\1" + bytes(PIECE_BYTES)), Frame(0, 1)],
        "frame.partition",
    ),
    "an end in the first partition": (IN_PARTS, [Frame(0, 0, final=True)], "frame.final"),
    "an end in the last partition but one": (
        IN_PARTS,
        [Frame(0, 0), Frame(0, 1), Frame(0, 2, final=True)],
        "frame.final",
    ),
}


def sealed(sealer: FrameSealer, frame: Frame) -> bytes:
    """A frame of a software that knows no order."""
    order = _Order()
    order.note(frame.run, final=False)
    sealer._order = order
    return sealer.seal(frame.plaintext, run=frame.run, partition=frame.partition, final=frame.final)


def both(responder_count: int) -> SessionPair:
    """A confirmed session with a run to either side."""
    broker = MemoryBroker(responder_count=responder_count)
    return SessionPair(broker, request={"result_to": ResultTo.BOTH}).reach(State.CONFIRMED)


@pytest.mark.parametrize("attacker", Role)
@pytest.mark.parametrize(("responder_count", "frames", "field"), TABLE.values(), ids=TABLE.keys())
def test_frames_out_of_order_end_the_session(
    responder_count: int, frames: list[Frame], field: str, attacker: Role
) -> None:
    pair = both(responder_count)
    victim = pair.session_of(Role.RESPONDER if attacker is Role.REQUESTER else Role.REQUESTER)
    channel = pair.session_of(attacker)._channel
    assert isinstance(channel, Channel)
    *accepted, refused = [sealed(channel._sealer, frame) for frame in frames]
    for frame in accepted:
        victim.receive(MessageKind.FRAME, frame, NOW + 30)
    with pytest.raises(PeerViolation) as raised:
        victim.receive(MessageKind.FRAME, refused, NOW + 30)
    assert raised.value.field == field
    assert victim.state is State.ABORTED
    assert receipt_of(victim).body.status is ReceiptStatus.ABORTED


def test_a_third_run_is_refused() -> None:
    pair = both(COUNT)
    for run in pair.requester.runs:
        pair.play(run)
    channel = pair.requester._channel
    assert isinstance(channel, Channel)
    with pytest.raises(PeerViolation) as raised:
        pair.responder.receive(MessageKind.FRAME, sealed(channel._sealer, Frame(2, 0)), NOW + 30)
    assert raised.value.field == "frame.run"


@pytest.mark.parametrize("offset", [4, 8], ids=["of another run", "of another partition"])
def test_a_frame_relabelled_on_the_way_does_not_open(offset: int) -> None:
    """Run and partition are authenticated: a relay cannot move a message."""
    pair = both(IN_FOUR_PARTITIONS)
    pair.requester.send_message(b"setup", run=0, partition=0, final=False)
    frame = bytearray(take(pair.requester, MessageKind.FRAME).data)
    frame[offset] ^= 1
    with pytest.raises(DecryptionFailed):
        pair.responder.receive(MessageKind.FRAME, bytes(frame), NOW + 30)


def test_a_message_of_the_first_run_does_not_count_in_the_second() -> None:
    pair = both(COUNT)
    first, second = pair.requester.runs
    pair.play(first)
    channel = pair.responder._channel
    assert isinstance(channel, Channel)
    with pytest.raises(PeerViolation) as raised:
        pair.requester.receive(MessageKind.FRAME, sealed(channel._sealer, Frame(first.number, 0)), NOW + 30)
    assert raised.value.field == "frame.run"
    assert receipt_of(pair.requester).body.step == "matching"
    assert second.number == 1


@pytest.mark.parametrize(
    ("run", "partition", "ended"),
    [(1, 0, False), (1, 0, True), (0, 1, False), (0, 0, True)],
    ids=["the second run first", "the second run while the peer is in the first", "another partition", "after the end"],
)
def test_an_own_message_out_of_order_is_a_mistake(run: int, partition: int, ended: bool) -> None:
    pair = both(COUNT)
    if ended:
        pair.requester.send_message(b"all", run=0, partition=0, final=True)
    state, queued = pair.requester.state, len(pair.requester._outbox)
    with pytest.raises(RuntimeError, match="order"):
        pair.requester.send_message(b"more", run=run, partition=partition, final=False)
    assert (pair.requester.state, len(pair.requester._outbox)) == (state, queued)


# The number of partitions in an acceptance.

ELEMENTS_IN_PARTS = 4 * bin_size(COUNT, 4)
PARTITIONS: dict[str, tuple[int, dict[str, object], type[ProtocolError], str | None]] = {
    "two where one suffices": (COUNT, {"partitions": 2}, PeerViolation, "partitions"),
    "as many as there can be": (COUNT, {"partitions": 4096}, PeerViolation, "partitions"),
    "one where four are needed": (IN_FOUR_PARTITIONS, {"partitions": 1}, PeerViolation, "partitions"),
    "fewer than needed": (IN_FOUR_PARTITIONS, {"partitions": 2}, PeerViolation, "partitions"),
    "more than needed": (IN_FOUR_PARTITIONS, {"partitions": 8}, PeerViolation, "partitions"),
    "obligations that do not allow the filling": (
        IN_FOUR_PARTITIONS,
        {"obligations": OBLIGATIONS.model_copy(update={"max_elements": ELEMENTS_IN_PARTS - 1})},
        PeerViolation,
        "obligations.max_elements",
    ),
}


@pytest.mark.parametrize(("responder_count", "changes", "error", "field"), PARTITIONS.values(), ids=PARTITIONS.keys())
def test_an_acceptance_that_cuts_otherwise_is_refused(
    responder_count: int, changes: dict[str, object], error: type[ProtocolError], field: str | None
) -> None:
    pair = SessionPair(MemoryBroker(responder_count=responder_count)).reach(State.GRANTED)
    pair.responder.accept(policy=POLICY, obligations=OBLIGATIONS, partitions=pair.partitions, now=NOW + 10)
    honest = unverified(Acceptance, take(pair.responder, MessageKind.ACCEPTANCE).data)
    lie = sign_statement(honest.model_copy(update=changes), key_named(NGO))
    with pytest.raises(error) as raised:
        pair.requester.receive(MessageKind.ACCEPTANCE, lie.envelope.encode(), NOW + 11)
    assert getattr(raised.value, "field", None) == field
    assert pair.requester.state is State.ABORTED
    assert receipt_of(pair.requester).body.step == "granted"


def test_a_count_too_large_to_be_made_whole_is_not_accepted() -> None:
    pair = SessionPair(MemoryBroker(responder_count=IN_FOUR_PARTITIONS), request={"mode": Mode.CARDINALITY})
    pair.reach(State.GRANTED)
    with pytest.raises(LimitExceeded):
        _ = pair.partitions
    for partitions in (1, 4):
        with pytest.raises(ValueError, match="refuse"):
            pair.responder.accept(policy=POLICY, obligations=OBLIGATIONS, partitions=partitions, now=NOW + 10)
    assert pair.responder.state is State.GRANTED


@pytest.mark.parametrize("partitions", [0, 1, 2, 8])
def test_an_own_number_of_partitions_that_does_not_follow_is_a_mistake(partitions: int) -> None:
    pair = SessionPair(MemoryBroker(responder_count=IN_FOUR_PARTITIONS)).reach(State.GRANTED)
    with pytest.raises(ValueError, match="refuse"):
        pair.responder.accept(policy=POLICY, obligations=OBLIGATIONS, partitions=partitions, now=NOW + 10)
    assert pair.responder.state is State.GRANTED
