"""Which node a command talks to, and with which token: options, else the environment, else the profile."""

import inspect
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tacita_sdk.cli.profiles import Target
    from tacita_sdk.node import Node

MAX_TOKEN_BYTES = 4_096


def profiles_named(incomplete: str) -> list[str]:
    """The profiles that begin so, for the shell."""
    from tacita_sdk.cli.profiles import ProfileRefused, Profiles, home

    try:
        known = Profiles.load(home(os.environ)).profiles
    except ProfileRefused:  # the command itself says why
        return []
    return [name for name in known if name.startswith(incomplete)]


NodeUrl = Annotated[
    str | None,
    typer.Option("--node", help="Address of the node's local API (or TACITA_NODE, or the profile's).", metavar="URL"),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        help="File with the token that `tacita-node token` printed (or TACITA_TOKEN_FILE; or TACITA_TOKEN is the token;"
        " or the profile's).",
        metavar="FILE",
    ),
]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="Profile that says node and token (or TACITA_PROFILE).",
        metavar="NAME",
        autocompletion=profiles_named,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
Limit = Annotated[int | None, typer.Option(help="Show at most so many; all of them when not given.", min=1)]

_OPTIONS: dict[str, tuple[Any, Any]] = {
    "node_url": (NodeUrl, None),
    "token_file": (TokenFile, None),
    "profile": (ProfileName, None),
    "as_json": (AsJson, False),
}


@dataclass(frozen=True)
class Session:
    """What every command that talks to a node is told: where, as whom, and how to answer."""

    node_url: str | None
    token_file: Path | None
    profile: str | None
    as_json: bool

    def target(self) -> "Target":
        """Which node, and where the token is. Raises `ProfileRefused` or `NoSuchProfile`."""
        from tacita_sdk.cli.profiles import Profiles, choose, home

        profiles = Profiles.load(home(os.environ))
        return choose(profiles, os.environ, node=self.node_url, token_file=self.token_file, profile=self.profile)

    def connect(self) -> "Node":
        """A client for the node; an address or token that is none is a usage error that says what one looks like."""
        from tacita_sdk.node import Node

        target = self.target()
        address = address_of(target.node, plain_http=target.plain_http)
        return Node(address, token=token_of(target), plain_http=target.plain_http)


def on_node(command: Callable[..., None]) -> Callable[..., None]:
    """Makes a function a command that talks to a node: its first argument is the `Session`, its options are added."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    @wraps(command)
    def run(**given: Any) -> None:
        session = Session(**{name: given.pop(name) for name in _OPTIONS})
        command(session, **given)

    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _OPTIONS.items()
    ]
    kept = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    run.__signature__ = inspect.Signature([*kept, *added])  # type: ignore[attr-defined]  # what typer looks at
    return run


def connect(node_url: str | None, token_file: Path | None) -> "Node":
    """A client for the node that options, environment and profile say."""
    return Session(node_url, token_file, None, as_json=False).connect()


def address_of(text: str, *, plain_http: bool) -> str:
    """An address that can be one, and to which the token is safe on its way; else a usage error."""
    from tacita_sdk.errors import AddressRefused
    from tacita_sdk.node_address import require_address

    try:
        return require_address(text, plain_http=plain_http)
    except AddressRefused as refused:
        raise typer.BadParameter(str(refused), param_hint="--node") from refused


def token_of(target: "Target") -> str:
    """The token itself; a usage error when there is none, it is none, or others may read its file."""
    if target.token_file is not None:
        token = read_token(target.token_file)
    else:
        token = os.environ.get("TACITA_TOKEN", "").strip()
    if not token:
        raise typer.BadParameter(
            "no token: give --token-file, set TACITA_TOKEN to what `tacita-node token DIR` printed, or make a profile "
            "for this node with `tacita profile add`.",
            param_hint="--token-file",
        )
    if not all("!" <= character <= "~" for character in token):
        raise typer.BadParameter(
            "this is not a token: it holds a space, a line break or a letter beyond ASCII.", param_hint="--token-file"
        )
    return token


def read_token(file: Path) -> str:
    """The text of a token file, which only its owner may read; a usage error when it cannot be read."""
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise typer.BadParameter(
                    f"others may read {file}, and who has the token is you: run `chmod 600 {file}`.",
                    param_hint="--token-file",
                )
            return opened.read(MAX_TOKEN_BYTES).decode("ascii", errors="replace").strip()
    except OSError as error:
        raise typer.BadParameter(f"cannot read {file}: {error.strerror}.", param_hint="--token-file") from error
