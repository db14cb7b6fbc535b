"""Which runs a match has, who receives in each, and with which counts."""

import pytest

from tacita_protocol.session.runs import Run, runs_of
from tacita_protocol.statements.vocabulary import ResultTo, Role

TABLE: dict[ResultTo, tuple[Run, ...]] = {
    ResultTo.REQUESTER: (Run(0, Role.REQUESTER, receiver_count=64, sender_count=128),),
    ResultTo.OWNER: (Run(0, Role.RESPONDER, receiver_count=128, sender_count=64),),
    ResultTo.BOTH: (
        Run(0, Role.RESPONDER, receiver_count=128, sender_count=64),
        Run(1, Role.REQUESTER, receiver_count=64, sender_count=128),
    ),
}


@pytest.mark.parametrize("result_to", ResultTo)
def test_the_runs_follow_from_who_learns(result_to: ResultTo) -> None:
    assert runs_of(result_to, requester_count=64, responder_count=128) == TABLE[result_to]


@pytest.mark.parametrize("result_to", ResultTo)
def test_receiver_and_sender_are_the_two_sides(result_to: ResultTo) -> None:
    for run in runs_of(result_to, requester_count=64, responder_count=128):
        assert {run.receiver, run.sender} == set(Role)
