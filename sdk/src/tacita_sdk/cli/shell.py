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
    context: typer.Context,
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="bash, zsh or fish.", show_default=False)],
) -> None:
    """Print the script that completes this program. For bash, in ~/.bashrc: eval "$(tacita completion bash)"."""
    from typer.completion import shell_complete

    program = context.find_root().command
    name = program.name or ""
    variable = f"_{name.replace('-', '_').upper()}_COMPLETE"  # as typer reads it
    raise typer.Exit(shell_complete(program, {}, name, variable, f"source_{shell}"))
