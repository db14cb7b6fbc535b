"""Memory of finished work goes back to the kernel."""

import subprocess
import sys

# glibc raises its threshold with the first block that is freed, so the second one would come from the heap.
PROGRAM = """
import ctypes
from tacita_node.allocator import return_large_blocks
class Counts(ctypes.Structure):  # mallinfo2(3)
    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", *"abcdef")]
counts = ctypes.CDLL(None).mallinfo2
counts.restype = Counts
return_large_blocks()
first = bytes(2**24)
del first
before = counts().hblks
second = bytes(2**23)
print(counts().hblks - before)
del second
print(counts().hblks - before)
"""


def test_a_large_block_is_mapped_for_itself_also_after_another() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0"]
