"""Hash partitions: how a run over more elements than an engine takes at once is cut into parts.

Which part a token belongs to follows from the token and the session, so both sides put a common token into the same
part. Every part of a side is filled up to one size, which follows from its padded count and the number of parts; the
peer sees nothing else. A part that would need more than that ends the match before anything is sent: its chance is
below 2^-40 for a whole run, and a new match has a new session id.
"""

from functools import lru_cache

from tacita_protocol.errors import LimitExceeded, PeerViolation
from tacita_protocol.psi.capacity import Capacity
from tacita_protocol.statements.vocabulary import MAX_PARTITIONS, Mode

_TAIL_BITS = 40
"""A run fails with a probability below 2^-40."""

_SCALE = 2**256
"""The likeliest number of tokens in a bin weighs this much. What weighs less than 1 is left out."""


@lru_cache(maxsize=256)
def bin_size(count: int, partitions: int) -> int:
    """Elements in each of `partitions` bins that take in `count` random tokens: the smallest number that one bin
    exceeds with a probability below 2^-40 / (2 partitions). Both sides have so many bins.

    In integers, because both sides must get the same number on any machine. The weights of the binomial distribution
    (`count` trials, chance 1/partitions) are computed from the likeliest value outwards, by

        weight(k + 1) / weight(k) = (count - k) / ((k + 1) (partitions - 1))

    with 256 bits, so that rounding matters only where a tail comes within a part in 2^200 of the bound.
    """
    if count < 1 or partitions < 1:
        raise ValueError("counts of elements and partitions are positive")
    if partitions == 1:
        return count
    likeliest = (count + 1) // partitions
    above = []  # weights of `likeliest` and of what follows it
    weight, k = _SCALE, likeliest
    while weight:
        above.append(weight)
        weight = weight * (count - k) // ((k + 1) * (partitions - 1))
        k += 1
    total = sum(above)
    weight, k = _SCALE, likeliest
    while weight and k:
        weight = weight * k * (partitions - 1) // (count - k + 1)
        k -= 1
        total += weight
    size, tail = likeliest + len(above) - 1, 0
    while (tail + above[-1]) * partitions << (_TAIL_BITS + 1) < total:
        tail += above.pop()
        size -= 1
    return size


def partitions_for(engine: Capacity, mode: Mode, *, requester_count: int, responder_count: int) -> int:
    """Into how many partitions the runs of a match are cut: the smallest power of two whose bins the engine takes.

    An engine, or what `psi.engines.CAPACITIES` says of one.

    Raises:
        LimitExceeded: more elements than the engine takes in this mode.
    """
    larger = max(requester_count, responder_count)
    most = MAX_PARTITIONS if mode in engine.partitionable else 1
    partitions = 1
    while partitions <= most:
        if bin_size(larger, partitions) <= engine.max_elements:
            return partitions
        partitions *= 2
    raise LimitExceeded("more elements than the engine takes in this mode")


def check_partitions(
    engine: Capacity, mode: Mode, partitions: int, *, requester_count: int, responder_count: int
) -> None:
    """The number of partitions in the peer's acceptance is the one that follows from the counts.

    Raises:
        PeerViolation: it is not.
        LimitExceeded: more elements than the engine takes in this mode.
    """
    if partitions != partitions_for(engine, mode, requester_count=requester_count, responder_count=responder_count):
        raise PeerViolation("not the number of partitions that the counts demand", field="partitions")
