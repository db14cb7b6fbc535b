"""The version of the installed node."""

from functools import cache
from importlib.metadata import version as installed


@cache
def version() -> str:
    """As the distribution says."""
    return installed("tacita-node")
