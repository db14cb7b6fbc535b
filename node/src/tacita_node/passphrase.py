"""Where the passphrase of a node's key file comes from: a file, or a person at a terminal."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tacita_node.config import ENV_PREFIX
from tacita_node.terminal import WRONG_USAGE, content_of, fail

PASSPHRASE_VARIABLE = f"{ENV_PREFIX}PASSPHRASE_FILE"
MAX_PASSPHRASE_BYTES = 1024

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        envvar=PASSPHRASE_VARIABLE,
        help="File with the passphrase of keys.sealed; keep it off this disk. Asked for when it is not given.",
    ),
]


def passphrase_from(file: Path | None, *, new: bool = False) -> bytes:
    """The passphrase; ends the command when there is none. A new one that is typed is typed twice."""
    if file is not None:
        passphrase = content_of(file).rstrip(b"\r\n")
    elif sys.stdin.isatty():
        passphrase = str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new)).encode()
    else:
        fail(f"give the passphrase with --passphrase-file or {PASSPHRASE_VARIABLE}", WRONG_USAGE)
    if not passphrase or len(passphrase) > MAX_PASSPHRASE_BYTES:
        fail(f"a passphrase has 1 to {MAX_PASSPHRASE_BYTES} bytes", WRONG_USAGE)
    return passphrase
