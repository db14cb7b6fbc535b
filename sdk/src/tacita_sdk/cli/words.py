"""Options whose values come from a closed set: checked before anybody is asked, and completed by the shell.

What was typed is never repeated: people mistake options, and what they typed may be an identifier.
"""

from collections.abc import Sequence
from typing import Any, Final

import typer

# As in `tacita_protocol`, which help does not load; a test compares them.
MODES: Final = ("intersection", "cardinality")
RECEIVERS: Final = ("requester", "owner", "both")
SENSITIVITIES: Final = ("ordinary", "financial", "possible-victim")
KINDS: Final = ("phone", "account", "email", "company", "domain", "handle", "wallet", "file")
DELIMITERS: Final = ("comma", "semicolon", "tab")
PARTNER_KINDS: Final = (
    "bank",
    "payment-provider",
    "hotel",
    "employer",
    "platform",
    "ngo",
    "regulator",
    "law-enforcement",
    "association",
)


def one_of(words: Sequence[str], help: str, **more: Any) -> Any:  # noqa: A002 - as typer calls it
    """An option that takes one of these words, or several times one of them."""

    def check(given: Any) -> Any:
        for word in [given] if isinstance(given, str) else given or ():
            if word not in words:
                raise typer.BadParameter(f"it is one of: {', '.join(words)}.")
        return given

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return typer.Option(help=help, callback=check, autocompletion=complete, **more)
