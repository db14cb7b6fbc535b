"""The engines of this version, by name."""

from tacita_protocol.errors import MalformedMessage
from tacita_protocol.psi.engine import Engine

ENGINE_NAMES = ("ecdh",)
"""Best first."""


def engine_named(name: str) -> Engine:
    """The engine of this name.

    Raises:
        MalformedMessage: this version has none of that name.
    """
    if name == "ecdh":
        from tacita_protocol.psi.ecdh import EcdhEngine  # on first use: who only names engines loads no library

        return EcdhEngine()
    raise MalformedMessage("no engine of this name", field="engine")
