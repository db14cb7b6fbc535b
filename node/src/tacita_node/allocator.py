"""What the C library does with memory that a match or an import gives back.

A node works for seconds and rests for hours. glibc gives each thread a heap of its own, and after the first large block
that is freed it takes the following ones from these heaps, which then stay as large as they ever were.
"""

import ctypes

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # mallopt(3)
_LARGE = 2**18
"""Bytes from which a block is the kernel's: mapped for itself, and gone when it is freed."""


def return_large_blocks() -> None:
    """From here on large blocks go back to the kernel as they are freed, and threads share one heap: Python's own lock
    lets hardly two of them allocate at once. To be called before threads start; does nothing without glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_ARENA_MAX, 1)
