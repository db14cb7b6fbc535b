"""What every process that reads foreign policies does first. It imports little: such processes start often."""

import ctypes
import os
import resource
import signal
import sys

MAX_ADDRESS_SPACE = 4 << 30
"""Bytes; a policy that asks for more ends its process."""

_PR_SET_PDEATHSIG = 1


def confine(parent: int) -> None:
    """Die with the parent, leave Ctrl-C to it, take bounded memory."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(0)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE, MAX_ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
