"""Finds canaries: identifiers, their tokens and their hashes, in whatever spelling or encoding, in any bytes.

A search for tens of thousands of needles in tens of megabytes: candidates by their first eight bytes in one vectorised
pass, each then compared whole.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.token import tokenise

PREFIX_BYTES = 8
HASHES = ("sha256", "sha1", "md5", "sha512", "blake2b")


@dataclass(frozen=True)
class Canaries:
    """Every form in which the given identifiers could be recognised, indexed by the first eight bytes."""

    needles: dict[bytes, tuple[bytes, ...]]

    @classmethod
    def of(cls, kind: Kind, canonicals: Sequence[str], spellings: Iterable[str] = ()) -> "Canaries":
        """All encodings of the canonical forms, of other spellings of them, and of their tokens and hashes."""
        forms: set[bytes] = set()
        for text in (*canonicals, *spellings):
            plain = text.encode()
            forms.update(_encodings(plain), _encodings(plain.lstrip(b"+")), _encodings(text.encode("utf-16-le")))
            for name in HASHES:
                forms.update(_encodings(hashlib.new(name, plain).digest()))
        for token in tokenise(kind, canonicals):
            forms.update(_encodings(token.tobytes()), _encodings(hashlib.sha256(token.tobytes()).digest()))
        indexed: dict[bytes, list[bytes]] = {}
        for form in forms:
            if len(form) >= PREFIX_BYTES:
                indexed.setdefault(form[:PREFIX_BYTES], []).append(form)
        return cls({prefix: tuple(found) for prefix, found in indexed.items()})

    def found_in(self, haystack: bytes) -> list[int]:
        """Offsets at which one of the forms stands. (Offsets, so that a failing test prints no identifier.)"""
        if len(haystack) < PREFIX_BYTES:
            return []
        data = np.frombuffer(haystack, dtype=np.uint8)
        windows = np.ndarray((len(haystack) - PREFIX_BYTES + 1,), dtype="<u8", buffer=data, strides=(1,))
        prefixes = np.frombuffer(b"".join(sorted(self.needles)), dtype="<u8")
        candidates = np.flatnonzero(np.isin(windows, prefixes))
        return [
            int(offset)
            for offset in candidates
            if any(haystack.startswith(form, offset) for form in self.needles[haystack[offset : offset + PREFIX_BYTES]])
        ]


def _encodings(data: bytes) -> set[bytes]:
    return {
        data,
        data.hex().encode(),
        data.hex().upper().encode(),
        base64.b64encode(data).rstrip(b"="),
        base64.urlsafe_b64encode(data).rstrip(b"="),
    }
