"""openmined-psi in one thread, as its documentation shows it: `python -m bench.peers.openmined_psi ASKED HELD`.

The files have one hexadecimal element a line. Both parties' work is measured, messages through protobuf, without our
padding, binding and checks; reading the files is not, and 64 elements are matched before to warm up.
"""

import sys
from pathlib import Path

import private_set_intersection.python as openmined

from bench.peers.measured import print_measured

WARM_UP = 64


def match(asked: list[str], held: list[str]) -> int:
    """Both parties' work; returns how many elements they share."""
    server = openmined.server.CreateWithNewKey(reveal_intersection=True)
    client = openmined.client.CreateWithNewKey(reveal_intersection=True)
    setup = server.CreateSetupMessage(1e-9, len(asked), held, openmined.DataStructure.RAW)
    response = server.ProcessRequest(client.CreateRequest(asked))
    return len(client.GetIntersection(setup, response))


if __name__ == "__main__":
    ours, theirs = (Path(name).read_text(encoding="ascii").split() for name in sys.argv[1:3])
    match(ours[:WARM_UP], theirs[:WARM_UP])
    print_measured(lambda: match(ours, theirs))
