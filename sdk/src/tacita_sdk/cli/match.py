"""`tacita match`: start a match, follow it, read its hits."""

import csv
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tacita_sdk.cli.connection import DEFAULT_NODE_URL, AsJson, NodeUrl, TokenFile, connect

if TYPE_CHECKING:
    from tacita_sdk.node_api import MatchSummary

app = typer.Typer(help="Match an own dataset against a partner's, privately.", no_args_is_help=True)

COLUMNS = ("match", "role", "peer", "dataset", "state", "outcome", "hits")
MatchId = Annotated[str, typer.Argument(help="Match id.")]


@app.command(
    epilog="Example: tacita match run --dataset accounts --with harbour-hotels/agencies "
    "--purpose payment-screening --basis gdpr-6-1-f --case 2026-114"
)
def run(
    dataset: Annotated[str, typer.Option(help="Own dataset.")],
    with_: Annotated[str, typer.Option("--with", help="PARTNER/DATASET to match against.")],
    purpose: Annotated[str, typer.Option(help="Why: a purpose code of the policy.")],
    basis: Annotated[str, typer.Option(help="Legal basis code of the policy.")],
    case: Annotated[str, typer.Option(help="Your case reference; it leaves only as a keyed digest.")],
    mode: Annotated[str, typer.Option(help="intersection.")] = "intersection",
    wait: Annotated[float, typer.Option(help="Seconds to wait for the end.")] = 3_600.0,
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Match, and wait for the released result. Exit code 1 when it was denied, refused or aborted."""
    from pydantic import ValidationError

    from tacita_sdk.cli.output import EXIT_REFUSED

    with connect(node_url, token_file) as node:
        try:
            match = node.match(dataset=dataset, with_=with_, purpose=purpose, basis=basis, case=case, mode=mode)
        except ValidationError as error:
            fields = ", ".join("--" + str(item["loc"][0]).rstrip("_") for item in error.errors())
            raise typer.BadParameter(f"not well formed: {fields}") from error
        seen: list[str] = []

        def progress(summary: "MatchSummary") -> None:
            if not seen or seen[-1] != summary.state:
                seen.append(summary.state)
                typer.echo(summary.state, err=True)

        summary = match.wait(timeout=wait, progress=progress).summary
    _show(summary, as_json=as_json)
    if summary.state != "closed":
        raise typer.Exit(EXIT_REFUSED)


@app.command("list", epilog="Example: tacita match list")
def list_(node_url: NodeUrl = DEFAULT_NODE_URL, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """List every match this node took part in, newest first."""
    from tacita_sdk.cli.output import show_rows

    with connect(node_url, token_file) as node:
        rows = node.matches()
    show_rows(rows, as_json=as_json, columns=COLUMNS, empty="No match yet.")


@app.command("show", epilog="Example: tacita match show 7c55…")
def show_(
    match: MatchId, node_url: NodeUrl = DEFAULT_NODE_URL, token_file: TokenFile = None, as_json: AsJson = False
) -> None:
    """Show how a match stands, and why if it was denied or refused."""
    with connect(node_url, token_file) as node:
        _show(node.match_summary(match), as_json=as_json)


@app.command(epilog="Example: tacita match hits 7c55… --csv > hits.csv")
def hits(
    match: MatchId,
    as_csv: Annotated[bool, typer.Option("--csv", help="Answer as CSV.")] = False,
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the released hits: own records, by source line. The notice goes to standard error with --csv."""
    from tacita_sdk.cli.output import show

    with connect(node_url, token_file) as node:
        body = node.hits(match)
    if as_csv:
        typer.echo(body.notice, err=True)
        writer = csv.writer(sys.stdout)
        writer.writerow(("source", "line", "value"))
        writer.writerows((hit.source, hit.line, _harmless(hit.value)) for hit in body.hits)
        return
    lines = [body.notice, *(f"  line {hit.line} of {hit.source}: {hit.value}" for hit in body.hits)]
    show(body, as_json=as_json, lines=lines if body.hits else [*lines, "  No hit."])


def _harmless(value: str) -> str:
    """A spreadsheet runs cells that begin so as formulas (CSV injection); a quote keeps them text."""
    return (
        f"'{value}"
        if value[:1] in {"=", "@", "\t", "\r"} or (value[:1] in {"+", "-"} and not _is_number(value))
        else value
    )


def _is_number(value: str) -> bool:
    return all(character.isdigit() or character in " ()+-./" for character in value)


def _show(summary: "MatchSummary", *, as_json: bool) -> None:
    from tacita_sdk.cli.output import show

    lines = [
        f"{summary.match} as {summary.role} with {summary.peer}, {summary.dataset} ({summary.kind}): {summary.state}",
        *(f"  {reason.message}" for reason in summary.reasons),
    ]
    if summary.hits is not None:
        lines.append(f"  {summary.hits} hits: tacita match hits {summary.match}")
    show(summary, as_json=as_json, lines=lines)
