"""`tacita node`: the node this profile talks to."""

import typer

from tacita_sdk.cli.connection import Session, on_node

app = typer.Typer(help="The node itself.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The node itself."""


@app.command(epilog="Example: tacita node status")
@on_node
def status(session: Session) -> None:
    """Show who this node is and what it still needs before it can match."""
    from tacita_sdk.cli.output import show

    with session.connect() as node:
        body = node.status()
    lines = [
        f"{body.partner} ({body.kind}), {body.name}",
        f"fingerprint  {body.fingerprint}",
        f"broker       {body.broker} at {body.broker_url}",
        f"witness key  {body.witness_vkey}",
        "approved by the broker"
        if body.approved
        else "not approved, revoked, or the broker does not answer: ask its operator, who compares fingerprints",
        "trust file installed" if body.trust else "no trust file yet: run `tacita-node trust DIR FILE`",
    ]
    show(body, as_json=session.as_json, lines=lines)
