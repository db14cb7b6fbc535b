"""`tacita schema` and `tacita completion`: for those who build on the command line."""

from typing import Annotated, Literal

import typer


def schema(
    command: Annotated[list[str], typer.Argument(help="A command, as: match run", show_default=False)],
) -> None:
    """Print the JSON schema of what a command answers with --json."""
    import json

    from tacita_sdk.cli.outputs import OUTPUTS, schema_of

    words = " ".join(command).removeprefix("tacita ")
    if words not in OUTPUTS:
        raise typer.BadParameter(f"no command of this name answers as JSON; there are: {', '.join(OUTPUTS)}.")
    typer.echo(json.dumps(schema_of(OUTPUTS[words], f"tacita {words}"), indent=2))


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="bash, zsh or fish.", show_default=False)],
) -> None:
    """Print the script that completes `tacita` in a shell. For bash, in ~/.bashrc: eval "$(tacita completion bash)"."""
    from typer.completion import shell_complete
    from typer.main import get_command

    from tacita_sdk.cli.main import app  # here, because it imports this module

    raise typer.Exit(shell_complete(get_command(app), {}, "tacita", "_TACITA_COMPLETE", f"source_{shell}"))
