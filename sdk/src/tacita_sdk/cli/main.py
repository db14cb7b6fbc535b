"""`tacita`: what a person types. Answers go to standard output, everything else to standard error."""

import sys
from typing import Annotated

import typer

from tacita_sdk.cli import agreements, audit, data, doctor, match, node, profile, shell, witness
from tacita_sdk.cli.connection import on_node
from tacita_sdk.errors import SdkError

EXIT_CODES = """Exit codes: 0 done · 1 refused, denied or not possible (the sentence says why) · 2 wrong usage ·
3 nothing answers at that address · 4 verification failed · 130 stopped with Ctrl-C."""
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="tacita",
    help="Find what you and a partner both hold without showing each other the rest, and prove it afterwards.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: rich alone would take a quarter of a second
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"tacita {version('tacita-sdk')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Find what you and a partner both hold without showing each other the rest, and prove it afterwards."""


app.add_typer(node.app, name="node")
app.add_typer(data.app, name="data")
app.add_typer(agreements.app, name="agreements")
app.add_typer(match.app, name="match")
app.add_typer(audit.app, name="audit")
app.add_typer(witness.app, name="witness")
app.add_typer(profile.app, name="profile")
app.command(epilog="Example: tacita doctor")(on_node(doctor.doctor))
app.command(epilog="Example: tacita schema match run")(shell.schema)
app.command(epilog="Example: tacita completion bash")(shell.completion)


def main() -> None:
    """Run the command line; a failure is one sentence on standard error and an exit code that means something."""
    try:
        app()
    except (SdkError, OSError) as error:
        from tacita_sdk.cli.output import explain_failure

        sentence, code = explain_failure(error)
        typer.echo(sentence, err=True)
        sys.exit(code)
    except KeyboardInterrupt:
        typer.echo("Stopped; what was started on the node goes on there.", err=True)
        sys.exit(EXIT_INTERRUPTED)
