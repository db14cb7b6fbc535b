"""`tacita match`: start a match, follow it, read its hits."""

import csv
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tacita_sdk.cli.connection import DEFAULT_NODE_URL, AsJson, NodeUrl, TokenFile, connect, not_well_formed

if TYPE_CHECKING:
    from tacita_sdk.node_api import MatchSummary

app = typer.Typer(help="Match an own dataset against a partner's, privately.", no_args_is_help=True)

COLUMNS = ("match", "role", "peer", "dataset", "mode", "result_to", "state", "outcome", "hits")
SEMI_HONEST = "a partner that does not keep to the protocol could learn which ones (the engine `ecdh` is semi-honest)"
MatchId = Annotated[str, typer.Argument(help="Match id.")]


@app.command(
    epilog="Example: tacita match run --dataset accounts --with harbour-hotels/agencies "
    "--purpose payment-screening --basis gdpr-6-1-f --case 2026-114\n\n"
    "Only how many: the same with --mode cardinality. "
    "A silent hit, of which the partner alone learns: the same with --result-to owner."
)
def run(
    dataset: Annotated[str, typer.Option(help="Own dataset.")],
    with_: Annotated[str, typer.Option("--with", help="PARTNER/DATASET to match against.")],
    purpose: Annotated[str, typer.Option(help="Why: a purpose code of the policy.")],
    basis: Annotated[str, typer.Option(help="Legal basis code of the policy.")],
    case: Annotated[str, typer.Option(help="Your case reference; it leaves only as a keyed digest.")],
    mode: Annotated[
        str, typer.Option(help="intersection (which ones) or cardinality (only how many, rounded).")
    ] = "intersection",
    result_to: Annotated[
        str, typer.Option(help="Who learns: requester (you), owner (a silent hit: the partner alone) or both.")
    ] = "requester",
    sensitivity: Annotated[
        str | None,
        typer.Option(help="ordinary, financial or possible-victim: of the own dataset, unless it was published."),
    ] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the end.")] = 3_600.0,
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Match, and wait for the released result. Exit code 1 when it was denied, refused or aborted.

    Ctrl-C stops waiting; the match goes on. `tacita match cancel` ends it.
    """
    from pydantic import ValidationError

    from tacita_sdk.cli.output import EXIT_REFUSED
    from tacita_sdk.cli.progress import ProgressLine

    with connect(node_url, token_file) as node:
        try:
            match = node.match(
                dataset=dataset,
                with_=with_,
                purpose=purpose,
                basis=basis,
                case=case,
                mode=mode,
                result_to=result_to,
                sensitivity=sensitivity,
            )
        except ValidationError as error:
            raise not_well_formed(error) from error
        line = ProgressLine(sys.stderr)
        try:
            summary = match.wait(timeout=wait, on_progress=line.show).summary
        finally:
            line.end()
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


@app.command(epilog="Example: tacita match cancel 7c55…")
def cancel(
    match: MatchId, node_url: NodeUrl = DEFAULT_NODE_URL, token_file: TokenFile = None, as_json: AsJson = False
) -> None:
    """End a match that runs; both sides sign that it was aborted."""
    with connect(node_url, token_file) as node:
        _show(node.cancel_match(match), as_json=as_json)


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
        summary = node.match_summary(match)
    if as_csv:
        typer.echo(body.notice, err=True)
        writer = csv.writer(sys.stdout)
        writer.writerow(("source", "line", "value"))
        writer.writerows((hit.source, hit.line, _harmless(hit.value)) for hit in body.hits)
        return
    lines = [body.notice, *(f"  line {hit.line} of {hit.source}: {hit.value}" for hit in body.hits)]
    if not body.hits:
        lines.append("  No hit." if summary.mode == "intersection" else f"  {_found(summary)}")
    show(body, as_json=as_json, lines=lines)


def _harmless(value: str) -> str:
    """A spreadsheet runs cells that begin so as formulas (CSV injection); a quote keeps them text."""
    return (
        f"'{value}"
        if value[:1] in {"=", "@", "\t", "\r"} or (value[:1] in {"+", "-"} and not _is_number(value))
        else value
    )


def _is_number(value: str) -> bool:
    return all(character.isdigit() or character in " ()+-./" for character in value)


def lines_of(summary: "MatchSummary") -> list[str]:
    """A match for a person: how it stands, who learns what, why it ended if it did, and what was found."""
    lines = [
        f"{summary.match} as {summary.role} with {summary.peer}, {summary.dataset} ({summary.kind}): {summary.state}",
        f"  {_who_learns(summary)}",
        *(f"  {reason.message}" for reason in summary.reasons),
    ]
    if summary.hits is not None:
        lines.append(f"  {_found(summary)}")
    return lines


def _show(summary: "MatchSummary", *, as_json: bool) -> None:
    from tacita_sdk.cli.output import show

    show(summary, as_json=as_json, lines=lines_of(summary))


def _who_learns(summary: "MatchSummary") -> str:
    what = "which ones are in common" if summary.mode == "intersection" else f"only how many; {SEMI_HONEST}"
    if summary.result_to == "both":
        return f"Both sides learn {what}."
    if summary.learns:
        return f"You learn {what}; {summary.peer} does not."
    if summary.result_to == "owner":
        return f"The owner learns {what}; you do not."
    return f"{summary.peer} learns {what}; you do not."


def _found(summary: "MatchSummary") -> str:
    if summary.mode == "cardinality":
        return f"{summary.hits} in common, a rounded number; there is no list of them."
    return f"{summary.hits} hits: tacita match hits {summary.match}"
