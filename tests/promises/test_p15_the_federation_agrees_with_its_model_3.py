"""Promise 15: a state machine of the federation agrees with its model (share 3 of 4; `support/federation_share`)."""

import pytest

from tests.support.federation_share import LIMIT_SECONDS, share


@pytest.mark.timeout(LIMIT_SECONDS)
def test_share_three() -> None:
    share(3)
