"""What costs a process much and tests nothing, made cheap for tests that run several services in one process.

The key files are real ones, sealed and opened with real scrypt; only its cost is the least there is. What lives before
is kept out of garbage collections, which then come rarely.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from tacita_protocol.crypto import keyfile

LEAST_SCRYPT_N = 2
OBJECTS_BETWEEN_COLLECTIONS = 50_000


@contextmanager
def cheap_key_files() -> Iterator[None]:
    """In the block, key files are written at the least cost, and files of that cost are read."""
    with mock.patch.object(keyfile, "SCRYPT_N", LEAST_SCRYPT_N):
        yield


@contextmanager
def rare_collections() -> Iterator[None]:
    """In the block, garbage is collected rarely, and only what was made in it.

    What lived before it is left alone afterwards too: to search all that a process of tests has loaded takes seconds.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
