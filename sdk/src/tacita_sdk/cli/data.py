"""`tacita data`: import, look at, publish and withdraw what this node holds."""

from typing import TYPE_CHECKING, Annotated

import typer

from tacita_sdk.cli import importing
from tacita_sdk.cli.asking import sure
from tacita_sdk.cli.connection import Session, on_node
from tacita_sdk.cli.wording import identifier, not_well_formed, slug
from tacita_sdk.cli.words import PARTNER_KINDS, SENSITIVITIES, one_of

if TYPE_CHECKING:
    from tacita_sdk.node_api import ImportCancelled

app = typer.Typer(help="Import, list, publish and withdraw this node's own data.", no_args_is_help=True)

Dataset = Annotated[str, typer.Option("--dataset", help="Name of the own dataset.", callback=slug)]


app.command("import", epilog=importing.EXAMPLE)(on_node(importing.import_))


@app.command(epilog="Example: tacita data imports")
@on_node
def imports(session: Session) -> None:
    """List the imports that run at the node, or wait there for another one to end."""
    from tacita_sdk.cli.output import show_rows

    with session.connect() as node:
        rows = node.imports()
    columns = ("source", "dataset", "kind", "state", "rows", "rows_stored", "dry_run")
    show_rows(rows, as_json=session.as_json, columns=columns, empty="No import runs.")


@app.command(epilog="Example: tacita data cancel 3f2a…")
@on_node
def cancel(
    session: Session,
    source: Annotated[str, typer.Argument(help="Id of an import, from `tacita data imports`.", callback=identifier)],
) -> None:
    """Cancel an import that has not ended: nothing of it is stored. Exit code 1 when it is over already."""
    from tacita_sdk.cli.output import show

    with session.connect() as node:
        body = node.cancel_import(source)
    show(body, as_json=session.as_json, lines=[sentence_of_cancelling(body)])


@app.command("list", epilog="Example: tacita data list")
@on_node
def list_(session: Session) -> None:
    """List this node's own datasets."""
    from tacita_sdk.cli.output import show_rows

    with session.connect() as node:
        rows = node.datasets()
    columns = ("dataset", "kind", "records", "epoch", "published", "sensitivity")
    show_rows(
        rows, as_json=session.as_json, columns=columns, empty="No dataset yet: `tacita data import FILE` makes one."
    )


@app.command(epilog="Example: tacita data rejects --dataset phones --source 3f…")
@on_node
def rejects(
    session: Session,
    dataset: Dataset,
    source: Annotated[str, typer.Option(help="Source id from the import's report.", callback=identifier)],
) -> None:
    """Show every rejected line of an import, by number and reason."""
    from tacita_sdk.cli.output import stream_rows

    with session.connect() as node:
        stream_rows(
            node.iter_rejects(dataset, source=source),
            as_json=session.as_json,
            columns={"line": 10, "reason": 0},
            empty="No line of this source was rejected.",
        )


@app.command(epilog="Example: tacita data provenance 3f2a…:17")
@on_node
def provenance(
    session: Session,
    record: Annotated[str, typer.Argument(help="SOURCE:LINE, as the hits of a match name an own record.")],
) -> None:
    """Show where a record came from: which dataset, when it was imported, and how its source was read."""
    from tacita_sdk.cli.output import in_utc, show

    source, _, line = record.partition(":")
    if not (line.isascii() and line.isdigit() and 0 < len(line) < 16 and int(line)):
        raise typer.BadParameter("give SOURCE:LINE, as the hits of a match name an own record.", param_hint="RECORD")
    with session.connect() as node:
        body = node.provenance(identifier(source), int(line))
    region = "" if body.region is None else f", national spellings as in {body.region}"
    lines = [
        f"line {body.line} of source {body.source}, {body.rows} rows, column {body.column}",
        f"  imported into {body.dataset} ({body.kind}) at {in_utc(body.imported)}",
        f"  read by {body.extractor}, divided by {body.delimiter}{region}",
        "  a record of this dataset" if body.rejected is None else f"  rejected, and no record: {body.rejected}",
    ]
    show(body, as_json=session.as_json, lines=lines)


@app.command(epilog="Example: tacita data publish --dataset phones --sensitivity ordinary --visible-to ngo")
@on_node
def publish(
    session: Session,
    dataset: Dataset,
    sensitivity: Annotated[str, one_of(SENSITIVITIES, "ordinary, financial or possible-victim.")],
    visible_to: Annotated[
        list[str],
        one_of(PARTNER_KINDS, "Kind of partner that may discover it, as bank, hotel, ngo; repeat for several."),
    ],
) -> None:
    """Publish the present records as a new epoch. Only a signed card leaves: name, kind, padded size, commitment."""
    from pydantic import ValidationError

    from tacita_sdk.cli.output import show
    from tacita_sdk.node_api import PublishOrder

    try:
        order = PublishOrder(sensitivity=sensitivity, discoverable_by=tuple(visible_to))
    except ValidationError as error:
        raise not_well_formed(error) from error
    with session.connect() as node:
        report = node.publish(dataset, order)
    lines = [f"{report.dataset} is published as epoch {report.epoch}; others see a size of {report.padded_size}."]
    show(report, as_json=session.as_json, lines=lines)


@app.command(epilog="Example: tacita data withdraw phones --yes")
@on_node
def withdraw(
    session: Session,
    dataset: Annotated[str, typer.Argument(help="Name of the own dataset.", callback=slug)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Withdraw a dataset: this node answers nothing about it any more. Publishing it again makes a new epoch."""
    from tacita_sdk.cli.output import TO_BE_DELIVERED, show

    sure(f"Withdraw {dataset}, so that no partner can ask about it any more?", yes=yes)
    with session.connect() as node:
        body = node.withdraw(dataset)
    lines = [f"{body.dataset} is withdrawn.", *([] if body.delivered else [TO_BE_DELIVERED])]
    show(body, as_json=session.as_json, lines=lines)


@app.command(epilog="Example: tacita data catalogue")
@on_node
def catalogue(session: Session) -> None:
    """List other partners' datasets that this node may discover."""
    from tacita_sdk.cli.output import show_rows

    with session.connect() as node:
        rows = node.catalogue()
    columns = ("owner", "dataset", "kind", "epoch", "padded_size", "sensitivity")
    show_rows(rows, as_json=session.as_json, columns=columns, empty="No partner shows this node a dataset yet.")


def sentence_of_cancelling(body: "ImportCancelled") -> str:
    """A cancelled import for a person."""
    if body.dry_run:
        return f"Import {body.source} is cancelled; as a dry run it would have stored nothing."
    return f"Import {body.source} is cancelled: nothing of it is in {body.dataset}, and the file is not kept."
