"""What a process that runs for months does not load."""

import sys
from importlib import import_module


def import_without(library: str, *unneeded: str) -> None:
    """Imports a library as it is where these others are not installed: it would keep them for what a server never does.

    Nothing happens once the library is loaded; what was left out can still be imported by whoever needs it.
    """
    hidden = [name for name in unneeded if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # by which the import system knows that there is none
    try:
        import_module(library)
    finally:
        for name in hidden:
            del sys.modules[name]
