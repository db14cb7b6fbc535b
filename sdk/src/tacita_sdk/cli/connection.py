"""Which node a command talks to, and with which token: options, else the environment."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pydantic import ValidationError

    from tacita_sdk.node import Node

DEFAULT_NODE_URL = "http://127.0.0.1:8441"
MAX_TOKEN_BYTES = 4_096

NodeUrl = Annotated[
    str, typer.Option("--node", envvar="TACITA_NODE", help="Address of the node's local API.", show_default=True)
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="TACITA_TOKEN_FILE",
        help="File with the token that `tacita-node token` printed; else TACITA_TOKEN holds the token itself.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


def connect(url: str, token_file: Path | None) -> "Node":
    """A client for the node; an address or token that is none is a usage error that says what one looks like."""
    from tacita_sdk.node import Node

    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter(f"an address begins with http://, for example {DEFAULT_NODE_URL}", param_hint="--node")
    if token_file is not None:
        with token_file.open("rb") as file:
            token = file.read(MAX_TOKEN_BYTES).decode("ascii", errors="replace").strip()
    else:
        token = os.environ.get("TACITA_TOKEN", "").strip()
    if not token:
        raise typer.BadParameter(
            "no token: give --token-file, or set TACITA_TOKEN to what `tacita-node token DIR` printed.",
            param_hint="--token-file",
        )
    if not all("!" <= character <= "~" for character in token):
        raise typer.BadParameter(
            "this is not a token: it holds a space, a line break or a letter beyond ASCII.", param_hint="--token-file"
        )
    return Node(url, token=token)


def not_well_formed(error: "ValidationError", **options: str) -> typer.BadParameter:
    """A usage error that names the options whose values do not fit, and no value.

    Args:
        error: what building the body to send raised.
        options: the option of each field that is not called like its option.
    """
    fields = [str(item["loc"][0]).rstrip("_") for item in error.errors()]
    named = dict.fromkeys(options.get(field, "--" + field.replace("_", "-")) for field in fields)
    return typer.BadParameter(f"not well formed: {', '.join(named)}")
