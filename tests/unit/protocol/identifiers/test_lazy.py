"""A process loads the tables of the kinds that it reads, and of no others."""

import subprocess
import sys

import pytest

from tacita_protocol.identifiers.kind import Kind

HEAVY = {"phonenumbers", "rphonenumbers", "schwifty", "stdnum", "publicsuffixlist", "email_validator", "Crypto"}
NEEDED = {
    Kind.PHONE: {"rphonenumbers"},
    Kind.ACCOUNT: {"schwifty", "stdnum"},
    Kind.EMAIL: {"email_validator"},
    Kind.COMPANY: {"stdnum"},
    Kind.DOMAIN: {"publicsuffixlist"},
    Kind.HANDLE: set(),
    Kind.WALLET: {"Crypto"},
    Kind.FILE: set(),
}
SCRIPT = """
import sys
import tacita_protocol.session, tacita_protocol.psi.engines
from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.tokeniser import tokeniser_of
for kind in Kind:
    tokeniser_of(kind).version
for kind in sys.argv[1:]:
    try:
        tacita_protocol.identifiers.normalise.normalise(Kind(kind), "+442079460018")
    except InvalidIdentifier:
        pass
print(*{name.partition(".")[0] for name in sys.modules})
"""


def loaded(*kinds: Kind) -> set[str]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *kinds], capture_output=True, text=True, check=True)
    return set(done.stdout.split()) & HEAVY


def test_a_process_that_reads_no_identifiers_loads_none_of_their_libraries() -> None:
    """It may compare the versions of their rules, as a node does that hands out the work."""
    assert loaded() == set()


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_loads_its_own_libraries_only(kind: Kind) -> None:
    assert loaded(kind) == NEEDED[kind]
