"""Tokenisers: from canonical identifiers to tokens, and from the tokens that matched back to identifiers.

Most kinds make one token of an identifier, and a token that matched is a hit. Others make many: what is compared is
then not the identifier but some of its features, and only enough of them together are a hit. Engines see neither
kinds nor identifiers: they match rows of tokens, and the tokeniser of the kind says what the rows mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normaliser_version
from tacita_protocol.identifiers.token import Tokens, check_tokens, tokenise

Owners = NDArray[np.int64]
"""To which identifier each row of tokens belongs, shape `(n,)`, ascending: an identifier's rows lie side by side."""


@dataclass(frozen=True)
class TokenSet:
    """Tokens and their owners.

    Attributes:
        tokens: shape `(n, 32)` uint8.
        owners: shape `(n,)` int64, ascending: for each row the index of its identifier.
    """

    tokens: Tokens
    owners: Owners

    def __post_init__(self) -> None:
        check_tokens(self.tokens)
        if self.owners.dtype != np.int64 or self.owners.shape != (len(self.tokens),):
            raise ValueError("owners are an int64 array with one number for each token")
        if np.any(self.owners[1:] < self.owners[:-1]):
            raise ValueError("the tokens of one identifier lie side by side")


class Tokeniser(Protocol):
    """What one kind does between identifiers and tokens."""

    @property
    def kind(self) -> Kind:
        """The kind of its identifiers."""

    @property
    def version(self) -> str:
        """Name and version of its rules, as `phone/1`: two partners with different ones do not match at all."""

    def tokenise(self, canonicals: Sequence[str]) -> TokenSet:
        """The tokens of canonical identifiers, in their order; each has at least one.

        Which rows an identifier gets, and in which order, follows from the identifier alone: `resolve` counts on it.
        """

    def resolve(self, owners: Owners, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The owners that are hit when `rows` matched, ascending and unique.

        Args:
            owners: of all rows, in the order of `tokenise`: either its indices or other numbers that ascend with them,
                such as record ids.
            rows: row numbers of the tokens that matched, ascending and unique.
        """


class SingleTokeniser:
    """One token an identifier: a token that matched is a hit."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    @property
    def version(self) -> str:
        """Name and version of the kind's normaliser."""
        return normaliser_version(self.kind)

    def tokenise(self, canonicals: Sequence[str]) -> TokenSet:
        """One token for each canonical identifier."""
        return TokenSet(tokenise(self.kind, canonicals), np.arange(len(canonicals), dtype=np.int64))

    def resolve(self, owners: Owners, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The owners of the rows."""
        return np.unique(owners[rows])


def tokeniser_of(kind: Kind) -> Tokeniser:
    """The tokeniser of a kind."""
    return SingleTokeniser(kind)
