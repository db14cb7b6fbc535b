"""`tacita audit`: export what this node can show, and verify it offline."""

from pathlib import Path
from typing import Annotated

import typer

from tacita_sdk.cli.connection import DEFAULT_NODE_URL, AsJson, NodeUrl, TokenFile, connect

app = typer.Typer(help="Export the audit trail, and verify it without trusting broker or node.", no_args_is_help=True)


@app.command(epilog="Example: tacita audit export audit.json")
def export(
    file: Annotated[Path, typer.Argument(help="File to write.", dir_okay=False)],
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
) -> None:
    """Write all signed statements and proofs of this node's matches to a file. It holds no identifier and no hit."""
    with connect(node_url, token_file) as node:
        body = node.audit_export()
    file.write_text(body.model_dump_json(by_alias=True), encoding="utf-8")
    typer.echo(f"{len(body.matches)} matches written to {file}")


@app.command(epilog="Example: tacita audit verify audit.json --log ./log --trust trust.policy")
def verify(
    log: Annotated[str, typer.Option(help="The log: a directory, or the broker's address.")],
    trust: Annotated[Path, typer.Option(help="The federation's trust file.", exists=True)],
    exports: Annotated[list[Path] | None, typer.Argument(help="Files made by `tacita audit export`.")] = None,
    seen: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint kept from earlier or elsewhere, which the log must still contain. Repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify the log and exported matches step by step. Exit code 4 and the step's number when anything is wrong."""
    import json

    from tacita_sdk.verify import load_checkpoint, load_export, load_trust, open_log, verify_audit

    steps = verify_audit(
        load_trust(trust),
        open_log(log),
        [load_export(file) for file in exports or []],
        [load_checkpoint(file) for file in seen or []],
    )
    if as_json:
        typer.echo(
            json.dumps(
                {"verified": True, "steps": [{"step": s.number, "name": s.name, "proved": s.proved} for s in steps]}
            )
        )
        return
    for step in steps:
        typer.echo(f"{step.number:>2}  {step.name}: {step.proved}")
    typer.echo("verified")
