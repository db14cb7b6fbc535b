"""One line of standard input: for what others on the machine should not see.

An argument stands in the process list, which every user of the machine may read, and in the shell's history.
"""

import sys

MAX_BYTES = 4096


def one_line() -> str:
    """The one line of standard input, without the spaces around it. Raises `ValueError` for anything else."""
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError("standard input is not UTF-8.") from None
    if not text or len(text.splitlines()) > 1 or len(data) > MAX_BYTES:
        raise ValueError(f"standard input must hold it in one line of up to {MAX_BYTES} bytes.")
    return text
