"""What can go wrong with data that somebody else made.

The tree; catch at the level at which you can do something::

    ProtocolError
     +- MalformedMessage        not in the format that the specification demands; `field` says where
     |   +- UnsupportedVersion  a version, type or enum value that this software does not know
     +- LimitExceeded           larger, deeper or more than a named limit
     +- SignatureInvalid        a signature, MAC or token that does not verify; `reason` is a stable code
     +- DecryptionFailed        wrong key, wrong context or changed ciphertext (deliberately not told apart)
     +- InvalidIdentifier       text that is no identifier of its kind; `reason` is a stable code
     +- ProofInvalid            a log proof, checkpoint or quorum that does not hold
     +- PeerViolation           well-formed data that the peer was not entitled to send; `field` says where
     +- EngineFailure           a matching engine could not finish

Calling things in the wrong order, or with values of our own that make no sense, is a programming error and raises
`RuntimeError` or `ValueError` instead. No message carries an identifier, a token, a hash of one, or a secret.
"""


class ProtocolError(Exception):
    """Base of everything that this package raises because of foreign data."""


class MalformedMessage(ProtocolError):
    """Data does not have the demanded form. `field` is the dotted name of the offending field, where one is known."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message if field is None else f"{field}: {message}")
        self.field = field


class UnsupportedVersion(MalformedMessage):
    """A version, type or enum value that this software does not know; it refuses rather than guesses."""


class LimitExceeded(ProtocolError):
    """Something a peer controls is larger than the named limit."""


class SignatureInvalid(ProtocolError):
    """A signature, MAC or token does not verify. `reason` is a short stable code, the message a sentence."""

    def __init__(self, message: str, *, reason: str = "signature") -> None:
        super().__init__(message)
        self.reason = reason


class DecryptionFailed(ProtocolError):
    """An AEAD or HPKE ciphertext does not open under this key and context."""


class InvalidIdentifier(ProtocolError):
    """Text that is no identifier of its kind. `reason` is a `RejectionReason`; the message never shows the text."""

    # The default lets the error cross a process boundary: unpickling passes the message only, then restores the rest.
    def __init__(self, message: str, *, reason: str = "invalid") -> None:
        super().__init__(message)
        self.reason = reason


class ProofInvalid(ProtocolError):
    """An inclusion or consistency proof, a checkpoint, or a witness quorum does not hold."""


class PeerViolation(ProtocolError):
    """The peer sent something well-formed that it was not entitled to send at this point, or with this content."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message if field is None else f"{field}: {message}")
        self.field = field


class EngineFailure(ProtocolError):
    """A matching engine could not finish, for a reason that is neither the peer's message format nor its content."""
