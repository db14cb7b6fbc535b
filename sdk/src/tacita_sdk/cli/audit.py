"""`tacita audit`: export what this node can show, and verify it offline."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacita_sdk.cli.connection import AsJson, Limit, Session, on_node
from tacita_sdk.cli.wording import identifier

if TYPE_CHECKING:
    from tacita_sdk.audit_export import AuditRecordDetail

app = typer.Typer(help="Export the audit trail, and verify it without trusting broker or node.", no_args_is_help=True)

COLUMNS = ("match", "started", "role", "peer", "dataset", "purpose", "decision", "outcome", "opening", "closing")


@app.command(epilog="Example: tacita audit export audit.json")
@on_node
def export(
    session: Session,
    file: Annotated[Path, typer.Argument(help="File to write.", dir_okay=False)],
) -> None:
    """Write all signed statements and proofs of this node's matches to a file. It holds no identifier and no hit.

    It says who asked whom for what: only its owner can read it.
    """
    from tacita_sdk.cli.answers import ExportWritten
    from tacita_sdk.cli.output import show
    from tacita_sdk.cli.private_file import private_file

    with session.connect() as node:
        body = node.audit_export()
    with private_file(file) as opened:
        opened.write(body.model_dump_json(by_alias=True))
    written = ExportWritten(file=str(file), matches=len(body.matches), left_out=body.left_out)
    older = f"; {body.left_out} older ones do not fit into an export" if body.left_out else ""
    matches = "1 match" if written.matches == 1 else f"{written.matches} matches"
    show(written, as_json=session.as_json, lines=[f"{matches} written to {file}{older}"])


@app.command("list", epilog="Example: tacita audit list --limit 20")
@on_node
def list_(session: Session, limit: Limit = None) -> None:
    """List the audit records of this node's matches, newest first: who asked what, for what, and how it ended.

    Opening and closing are the numbers of a match's entries in the log.
    """
    from tacita_sdk.cli.output import show_rows

    with session.connect() as node:
        rows = list(islice(node.iter_audit_records(), limit))
    show_rows(rows, as_json=session.as_json, columns=COLUMNS, empty="No match yet.", times=("started",))


@app.command("show", epilog="Example: tacita audit show 7c55…")
@on_node
def show_(session: Session, match: Annotated[str, typer.Argument(help="Match id.", callback=identifier)]) -> None:
    """Show one audit record, and which signed statements there are under it; with --json the statements themselves.

    Nothing is verified here: that is what `tacita audit verify` is for.
    """
    from tacita_sdk.cli.output import show

    with session.connect() as node:
        body = node.audit_record(match)
    show(body, as_json=session.as_json, lines=lines_of(body))


def lines_of(body: "AuditRecordDetail") -> list[str]:
    """An audit record for a person."""
    from tacita_sdk.cli.output import in_utc

    record, held = body.record, body.statements
    there = [
        name for name in ("request", "acceptance", "refusal", "open", "receipt") if getattr(held, name) is not None
    ]
    entries = [f"{name} is entry {at}" for name, at in (("opening", record.opening), ("closing", record.closing)) if at]
    end = "" if record.ended is None else f" until {in_utc(record.ended)}"
    return [
        f"{record.match} as {record.role} with {record.peer}: {record.mode} of {record.dataset} ({record.kind}), "
        f"result to {record.result_to}",
        f"  for {record.purpose} on {record.basis}; from {in_utc(record.started)}{end}",
        f"  decision: {record.decision or 'none yet'}; outcome: {record.outcome or 'none yet'}",
        f"  policy: {record.policy or '-'}",
        f"  in the log: {' and '.join(entries) or 'nothing yet'}",
        f"  statements here: {', '.join(there)}",
    ]


@app.command(epilog="Example: tacita audit verify audit.json --log ./log --trust trust.policy")
def verify(
    log: Annotated[str, typer.Option(help="The log: a directory, or the broker's address.")],
    trust: Annotated[Path, typer.Option(help="The federation's trust file.", exists=True)],
    exports: Annotated[
        list[Path] | None, typer.Argument(help="Files made by `tacita audit export`.", exists=True)
    ] = None,
    seen: Annotated[
        list[Path] | None,
        typer.Option(
            help="A checkpoint kept from earlier or elsewhere, which the log must still contain. Repeatable.",
            exists=True,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify the log and exported matches step by step. Exit code 4 and the step's number when anything is wrong."""
    from tacita_sdk.cli.answers import ProvedStep, Verified
    from tacita_sdk.cli.output import show
    from tacita_sdk.verify import load_checkpoint, load_export, load_trust, open_log, verify_audit

    steps = verify_audit(
        load_trust(trust),
        open_log(log),
        [load_export(file) for file in exports or []],
        [load_checkpoint(file) for file in seen or []],
    )
    body = Verified(steps=tuple(ProvedStep(step=s.number, name=s.name, proved=s.proved) for s in steps))
    show(body, as_json=as_json, lines=[*(f"{s.number:>2}  {s.name}: {s.proved}" for s in steps), "verified"])
