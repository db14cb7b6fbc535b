"""Who learns what, in which order: a match is one run of its engine, or two when both sides learn."""

from dataclasses import dataclass

from tacita_protocol.psi.partition import bin_size
from tacita_protocol.statements.vocabulary import ResultTo, Role


@dataclass(frozen=True)
class Run:
    """One run of the engine under a grant.

    Attributes:
        number: from 0, in the order in which the runs happen.
        receiver: the side that learns; the other side's set is tested, and its budget is charged.
        receiver_count, sender_count: elements of each side after padding.
    """

    number: int
    receiver: Role
    receiver_count: int
    sender_count: int

    @property
    def sender(self) -> Role:
        """The side whose set is tested."""
        return Role.RESPONDER if self.receiver is Role.REQUESTER else Role.REQUESTER


def runs_of(result_to: ResultTo, *, requester_count: int, responder_count: int) -> tuple[Run, ...]:
    """The runs of a match, in their order. With `both` the requester, who asked, receives last.

    Args:
        result_to: as requested and granted.
        requester_count, responder_count: elements of each side after padding, as granted.
    """
    counts = {Role.REQUESTER: requester_count, Role.RESPONDER: responder_count}
    receivers = {
        ResultTo.REQUESTER: (Role.REQUESTER,),
        ResultTo.OWNER: (Role.RESPONDER,),
        ResultTo.BOTH: (Role.RESPONDER, Role.REQUESTER),
    }[result_to]
    return tuple(
        Run(number, receiver, counts[receiver], requester_count + responder_count - counts[receiver])
        for number, receiver in enumerate(receivers)
    )


def evaluated(run: Run, partitions: int) -> int:
    """Elements of which the receiver could learn whether the sender has them: what the run is charged with.

    With partitions these are more than its padded count, since every partition is filled up.
    """
    return partitions * bin_size(run.receiver_count, partitions)
