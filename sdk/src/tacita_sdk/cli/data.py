"""`tacita data`: import, look at, publish and withdraw what this node holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacita_sdk.cli.connection import DEFAULT_NODE_URL, AsJson, NodeUrl, TokenFile, connect, not_well_formed

if TYPE_CHECKING:
    from tacita_sdk.node_api import ImportReport

app = typer.Typer(help="Import, list, publish and withdraw this node's own data.", no_args_is_help=True)

Dataset = Annotated[str, typer.Option("--dataset", help="Name of the own dataset.")]


@app.command("import", epilog="Example: tacita data import customers.csv --dataset phones --kind phone --column mobile")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV file with a header line.", exists=True, dir_okay=False)],
    dataset: Dataset,
    kind: Annotated[str, typer.Option(help="phone, account, email, company, domain, handle, wallet or file.")],
    column: Annotated[str | None, typer.Option(help="Header of the column; needed when there are several.")] = None,
    region: Annotated[str | None, typer.Option(help="Country in which national spellings are read, e.g. GB.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="comma, semicolon or tab; found out when not given.")] = None,
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Import one column of a CSV file: all of it or, on any error, none of it."""
    from tacita_sdk.cli.output import show

    with connect(node_url, token_file) as node:
        report = node.import_csv(file, dataset=dataset, kind=kind, column=column, region=region, delimiter=delimiter)
    show(report, as_json=as_json, lines=lines_of_import(report))


def lines_of_import(report: "ImportReport") -> list[str]:
    """An import for a person. The source's id is always said: hits name it instead of the file."""
    lines = [
        f"{report.accepted} of {report.rows} rows imported into {report.dataset} as source {report.source}; "
        f"duplicates: {report.duplicates}, rejected: {report.rejected}.",
        *(f"  line {reject.line}: {reject.reason}" for reject in report.rejects_preview),
    ]
    if report.rejected > len(report.rejects_preview):
        lines.append(f"  all of them: tacita data rejects --dataset {report.dataset} --source {report.source}")
    reasons = {reject.reason for reject in report.rejects_preview}
    if "needs-region" in reasons or (report.accepted == report.duplicates == 0 and "unknown-country" in reasons):
        lines.append("  National spellings need the two-letter code of their country, such as --region GB (not UK).")
    return lines


@app.command("list", epilog="Example: tacita data list")
def list_(node_url: NodeUrl = DEFAULT_NODE_URL, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """List this node's own datasets."""
    from tacita_sdk.cli.output import show_rows

    with connect(node_url, token_file) as node:
        rows = node.datasets()
    columns = ("dataset", "kind", "records", "epoch", "published", "sensitivity")
    show_rows(rows, as_json=as_json, columns=columns, empty="No dataset yet: `tacita data import FILE` makes one.")


@app.command(epilog="Example: tacita data rejects --dataset phones --source 3f…")
def rejects(
    dataset: Dataset,
    source: Annotated[str, typer.Option(help="Source id from the import's report.")],
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show every rejected line of an import, by number and reason."""
    from tacita_sdk.cli.output import show_rows

    with connect(node_url, token_file) as node:
        rows = node.rejects(dataset, source=source).rejects
    show_rows(rows, as_json=as_json, columns=("line", "reason"), empty="No line of this source was rejected.")


@app.command(epilog="Example: tacita data publish --dataset phones --sensitivity ordinary --visible-to ngo")
def publish(
    dataset: Dataset,
    sensitivity: Annotated[str, typer.Option(help="ordinary, financial or possible-victim.")],
    visible_to: Annotated[
        list[str], typer.Option(help="Kind of partner that may discover it, as bank, hotel, ngo; repeat for several.")
    ],
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Publish the present records as a new epoch. Only a signed card leaves: name, kind, padded size, commitment."""
    from pydantic import ValidationError

    from tacita_sdk.cli.output import show
    from tacita_sdk.node_api import PublishOrder

    try:
        order = PublishOrder(sensitivity=sensitivity, discoverable_by=tuple(visible_to))
    except ValidationError as error:
        raise not_well_formed(error, discoverable_by="--visible-to") from error
    with connect(node_url, token_file) as node:
        report = node.publish(dataset, order)
    lines = [f"{report.dataset} is published as epoch {report.epoch}; others see a size of {report.padded_size}."]
    show(report, as_json=as_json, lines=lines)


@app.command(epilog="Example: tacita data withdraw phones --yes")
def withdraw(
    dataset: Annotated[str, typer.Argument(help="Name of the own dataset.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw a dataset: this node answers nothing about it any more. Publishing it again makes a new epoch."""
    from tacita_sdk.cli.output import TO_BE_DELIVERED, show

    if not yes:
        typer.confirm(f"Withdraw {dataset}, so that no partner can ask about it any more?", abort=True, err=True)
    with connect(node_url, token_file) as node:
        body = node.withdraw(dataset)
    lines = [f"{body.dataset} is withdrawn.", *([] if body.delivered else [TO_BE_DELIVERED])]
    show(body, as_json=as_json, lines=lines)


@app.command(epilog="Example: tacita data catalogue")
def catalogue(node_url: NodeUrl = DEFAULT_NODE_URL, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """List other partners' datasets that this node may discover."""
    from tacita_sdk.cli.output import show_rows

    with connect(node_url, token_file) as node:
        rows = node.catalogue()
    columns = ("owner", "dataset", "kind", "epoch", "padded_size", "sensitivity")
    show_rows(rows, as_json=as_json, columns=columns, empty="No partner shows this node a dataset yet.")
