"""The version of the installed broker."""

from functools import cache
from importlib.metadata import version as installed


@cache
def version() -> str:
    """As the distribution says."""
    return installed("tacita-broker")
