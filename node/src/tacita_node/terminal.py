"""What the commands of `tacita-node` share: their options, how they read settings, speak and fail."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from tacita_node.config import NodeDirectory

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tacita_node.config import Settings

FAILED = 1
"""Exit code when a command could not do its work."""
WRONG_USAGE = 2
"""Exit code, typer's as well, when an option is missing or does not fit, and nothing was done."""
UNREACHABLE = 3
"""Exit code when nothing answers at the broker's address."""

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The node's directory.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def settings_of(node: NodeDirectory) -> "Settings":
    """The node's settings; ends the command when there are none."""
    from tomllib import TOMLDecodeError

    from pydantic import ValidationError

    from tacita_node.config import Settings

    try:
        return Settings.load(node)
    except FileNotFoundError:
        fail(f"{node.root} holds no node: run `tacita-node init` first")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "config.toml"
        fail(f"the settings are not acceptable: {where}: {first['msg']}")
    except (TOMLDecodeError, UnicodeDecodeError) as error:
        fail(f"{node.config} is not TOML, so correct it: {error}")


def content_of(file: Path) -> bytes:
    """What a file holds that was named; ends the command when it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", WRONG_USAGE)


def tell(as_json: bool, facts: "BaseModel", text: str) -> None:
    """Prints the result: for programs, or for people."""
    typer.echo(facts.model_dump_json() if as_json else text)


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Ends the command with a sentence on standard error."""
    typer.echo(f"tacita-node: {message}", err=True)
    raise typer.Exit(code)
