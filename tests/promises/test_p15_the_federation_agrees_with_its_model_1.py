"""Promise 15: a state machine of the federation agrees with its model (share 1 of 4; `support/federation_machine`)."""

import pytest

from tests.support.federation_machine import share


@pytest.mark.timeout(900)
def test_share_one() -> None:
    share(1)
