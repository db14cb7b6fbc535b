"""How long a message of the peer may be: what the peer could otherwise make this node hold in memory."""

import pytest

from tacita_node.matching.context import longest_message
from tacita_protocol.crypto.keys import SealingKey
from tacita_protocol.psi.ecdh import MAX_ELEMENTS
from tacita_protocol.psi.openmined import POINT_SIZE
from tacita_protocol.psi.partition import bin_size
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.vocabulary import Mode, ResultTo
from tests.support.memory_broker import match_request


def request(**changes: object) -> MatchRequest:
    """A request for 64 elements by `ecdh`, with changes."""
    return match_request(SealingKey.generate(), **{"padded_count": 64, **changes}).body


def test_a_whole_set_may_come_at_once() -> None:
    assert longest_message(request(), responder_count=2**20) == POINT_SIZE * 2**20


@pytest.mark.parametrize("result_to", ResultTo)
def test_of_a_set_in_partitions_no_more_than_one_may_come(result_to: ResultTo) -> None:
    longest = longest_message(request(result_to=result_to), responder_count=2**26)
    assert longest == POINT_SIZE * bin_size(2**26, 128) <= POINT_SIZE * MAX_ELEMENTS


def test_nothing_may_come_of_a_match_that_the_engine_cannot_take() -> None:
    assert longest_message(request(mode=Mode.CARDINALITY), responder_count=2**21) == 0
