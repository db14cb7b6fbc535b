"""Files: the digest of the bytes and its spellings are one canonical form."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers import file
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normalise


@given(st.binary(min_size=1, max_size=1000))
def test_bytes_and_their_digest_meet(content: bytes) -> None:
    assert file.of_bytes(content) == normalise(Kind.FILE, hashlib.sha256(content).hexdigest().upper())


def test_the_empty_file_is_refused() -> None:
    with pytest.raises(InvalidIdentifier):
        file.of_bytes(b"")
