"""phonenumbers alone in one thread: `python -m bench.peers.phonenumbers_alone NUMBERS` reads and checks every number.

The file has one number a line. One number is read before, which loads the tables; the count is of valid numbers.
"""

import sys
from pathlib import Path

import phonenumbers

from bench.peers.measured import print_measured


def valid(numbers: list[str]) -> int:
    """How many of the numbers can be assigned."""
    return sum(phonenumbers.is_valid_number(phonenumbers.parse(number, "GB")) for number in numbers)


if __name__ == "__main__":
    given = Path(sys.argv[1]).read_text(encoding="ascii").split()
    valid(given[:1])
    print_measured(lambda: valid(given))
