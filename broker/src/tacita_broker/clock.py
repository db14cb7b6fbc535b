"""Where the broker gets the time. Apart, so that the operator's commands load none of the services for it."""

import time


def system_clock() -> int:
    """The host's clock, in whole unix seconds."""
    return int(time.time())
