"""What can go wrong for a user of this package, split by what the user can do about it.

    SdkError
    ├── BrokerUnreachable      try again later: no usable answer came from the broker
    ├── BrokerProblem          the broker answered no: `status`, `code`, `detail` say why
    ├── ArgumentRefused        give something else: what was given does not fit, and nobody was asked
    │   └── AddressRefused     name another address: the token would not be safe on its way to this one
    ├── NodeUnreachable        start the node, or check its address
    ├── NodeProblem            the node answered no: `status`, `code`, `detail` say why
    ├── ResponseUntrusted      the answer is not provably the other side's, or not in the agreed form: do not go on
    ├── WaitExpired            what was waited for goes on: ask again later
    └── VerificationFailed     the evidence does not hold: `step` and `name` say where, `reason` why

No message carries an identifier, a token or a hash of one.
"""

from typing import Self

from tacita_protocol.errors import ProtocolError

PROBLEM_MAX_BYTES = 16 * 1024
"""A longer problem document is not read: it counts as an answer without a reason."""


class SdkError(Exception):
    """Base of every error this package raises on purpose."""


class _Problem(SdkError):
    """An answer of 400 and above.

    `status` is the HTTP status, `code` the last part of the problem's type (`urn:tacita:problem:<code>`, RFC 9457),
    `detail` a plain sentence.
    """

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail

    @classmethod
    def from_response(cls, status: int, body: bytes) -> Self:
        """Reads a problem document; anything else becomes code `unknown` and a sentence of our own. Raises nothing."""
        # Here, not above: the command line needs these classes before it knows whether it will need the protocol.
        from tacita_protocol.api import Problem, parse_body

        try:
            problem = parse_body(Problem, body, max_bytes=PROBLEM_MAX_BYTES)
        except ProtocolError:
            return cls(status, "unknown", f"Refused with HTTP status {status}, without a reason that can be read.")
        return cls(status, problem.code, problem.detail)


class BrokerUnreachable(SdkError):
    """The broker could not be reached, or only something in front of it answered."""


class CertificateRefused(BrokerUnreachable):
    """Something answered at the broker's address, with a certificate that no trusted authority vouches for."""


class BrokerProblem(_Problem):
    """The broker refused a request.

    An error may come unsigned (a broker cannot sign what it cannot read, and something in front of it may answer in its
    stead): `proven` tells whether the broker signed this one.
    """

    proven: bool = False


class ArgumentRefused(SdkError):
    """What was given does not fit. Nobody was asked, and nothing was made."""


class AddressRefused(ArgumentRefused):
    """What was given is no address of a node, or the token would not be safe on its way there; nothing was sent."""


class NodeUnreachable(SdkError):
    """The local node could not be reached, or broke off; `sent` says that it may have got the request all the same."""

    sent: bool = False


class NodeProblem(_Problem):
    """The local node refused a request; `retry_after` is in seconds, None unless it said when to come back."""

    retry_after: int | None = None


class ResponseUntrusted(SdkError):
    """An answer lacked a valid signature, was too large, or was not in the agreed form."""


class WaitExpired(SdkError):
    """The time to wait is over; what was waited for goes on."""


class VerificationFailed(SdkError):
    """A numbered step of an offline verification failed: `step`, its `name`, and the `reason` as a plain sentence."""

    def __init__(self, step: int, name: str, reason: str) -> None:
        super().__init__(f"Step {step} ({name}) failed: {reason}")
        self.step = step
        self.name = name
        self.reason = reason
