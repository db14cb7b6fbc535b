"""`tacita witness`: an independent witness of a broker's log."""

from pathlib import Path
from typing import Annotated

import typer

from tacita_sdk.cli.connection import AsJson

app = typer.Typer(help="Run an independent witness of a federation's log.", no_args_is_help=True)


@app.command(
    epilog="Example: tacita witness init ./witness --name regulator-uk --broker https://broker.example --log-vkey VKEY"
)
def init(
    directory: Annotated[Path, typer.Argument(help="Directory to make.")],
    name: Annotated[str, typer.Option(help="Name of the witness, unique in the trust file.")],
    broker: Annotated[str, typer.Option(help="Address of the broker whose log is witnessed.")],
    log_vkey: Annotated[str, typer.Option(help="Verifier key of the log, from the broker's operator.")],
    as_json: AsJson = False,
) -> None:
    """Make a witness with a key of its own, and print the line for the trust file."""
    from tacita_sdk.cli.answers import WitnessMade
    from tacita_sdk.cli.output import show
    from tacita_sdk.witness import init_witness

    line = init_witness(directory, name=name, broker_url=broker, log_vkey=log_vkey)
    _, witness, vkey = line.split()
    show(WitnessMade(name=witness, vkey=vkey, trust_line=line), as_json=as_json, lines=[line])


@app.command(epilog="Example: tacita witness run ./witness")
def run(
    directory: Annotated[Path, typer.Argument(help="Directory made by init.", exists=True, file_okay=False)],
) -> None:
    """Check every new checkpoint of the log for consistency, remember it, and cosign it. Never one that rolls back."""
    import resource

    from tacita_sdk.witness import run_witness

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the key does not get onto the disk by a crash
    run_witness(directory)
