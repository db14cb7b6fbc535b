"""`tacita match`: start a match, follow it, read its hits."""

import csv
import sys
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from tacita_sdk.cli.connection import Limit, Session, on_node
from tacita_sdk.cli.standard_input import or_standard_input
from tacita_sdk.cli.wording import identifier, identifier_or_none, not_well_formed
from tacita_sdk.cli.words import MODES, RECEIVERS, SENSITIVITIES, one_of

if TYPE_CHECKING:
    from tacita_sdk.node import Match, Node
    from tacita_sdk.node_api import MatchSummary

app = typer.Typer(help="Match an own dataset against a partner's, privately.", no_args_is_help=True)

COLUMNS = ("match", "role", "peer", "dataset", "mode", "result_to", "state", "outcome", "hits")
Seconds = Annotated[float, typer.Option("--wait", help="Seconds to wait for the end.", min=0)]
SEMI_HONEST = "a partner that does not keep to the protocol could learn which ones (the engine `ecdh` is semi-honest)"
MatchId = Annotated[str, typer.Argument(help="Match id.", callback=identifier)]


@app.command(
    epilog="Example: tacita match run --dataset accounts --with harbour-hotels/agencies "
    "--purpose payment-screening --basis gdpr-6-1-f --case 2026-114\n\n"
    "Only how many: the same with --mode cardinality. "
    "A silent hit, of which the partner alone learns: the same with --result-to owner. "
    "Purposes and bases: `tacita agreements show AGREEMENT`."
)
@on_node
def run(
    session: Session,
    dataset: Annotated[str, typer.Option(help="Own dataset.")],
    with_: Annotated[str, typer.Option("--with", help="PARTNER/DATASET to match against.")],
    purpose: Annotated[str, typer.Option(help="Why: a purpose that your agreement names.")],
    basis: Annotated[str, typer.Option(help="By which law: a basis that it names.")],
    case: Annotated[
        str,
        typer.Option(
            help="Your case reference; it leaves only as a keyed digest. - reads it from standard input.",
            callback=or_standard_input("Case reference"),
        ),
    ],
    mode: Annotated[
        str, one_of(MODES, "intersection (which ones) or cardinality (only how many, rounded).")
    ] = "intersection",
    result_to: Annotated[
        str, one_of(RECEIVERS, "Who learns: requester (you), owner (a silent hit: the partner alone) or both.")
    ] = "requester",
    sensitivity: Annotated[
        str | None,
        one_of(SENSITIVITIES, "ordinary, financial or possible-victim: of the own dataset, unless it was published."),
    ] = None,
    agreement: Annotated[
        str | None, typer.Option(help="Agreement to rely on; found out when not given.", callback=identifier_or_none)
    ] = None,
    wait: Seconds = 3_600.0,
) -> None:
    """Match, and wait for the released result. Exit code 1 when it was denied, refused or aborted.

    Ctrl-C stops waiting; the match goes on. `tacita match wait` follows it again, `tacita match cancel` ends it.
    """
    from pydantic import ValidationError

    with session.connect() as node:
        try:
            match = node.match(
                dataset=dataset,
                with_=with_,
                purpose=purpose,
                basis=basis,
                case=case,
                mode=mode,
                result_to=result_to,
                agreement=agreement,
                sensitivity=sensitivity,
            )
        except ValidationError as error:
            raise not_well_formed(error) from error
        summary = _follow(match, wait, as_json=session.as_json)
        if summary.state in ("denied", "refused"):
            _say_other_purposes(node, with_, purpose)
    _end(summary)


@app.command("wait", epilog="Example: tacita match wait 7c55…")
@on_node
def wait_(session: Session, match: MatchId, wait: Seconds = 3_600.0) -> None:
    """Follow a match that runs until it has ended, as `tacita match run` does. Exit codes as there."""
    from tacita_sdk.node import Match

    with session.connect() as node:
        summary = _follow(Match(node, match), wait, as_json=session.as_json)
    _end(summary)


@app.command("list", epilog="Example: tacita match list --limit 20")
@on_node
def list_(session: Session, limit: Limit = None) -> None:
    """List the matches this node took part in, newest first."""
    from tacita_sdk.cli.output import show_rows

    with session.connect() as node:
        rows = list(islice(node.iter_matches(), limit))
    show_rows(rows, as_json=session.as_json, columns=COLUMNS, empty="No match yet.")


@app.command("show", epilog="Example: tacita match show 7c55…")
@on_node
def show_(session: Session, match: MatchId) -> None:
    """Show how a match stands, and why if it was denied or refused."""
    with session.connect() as node:
        _show(node.match_summary(match), as_json=session.as_json)


@app.command(epilog="Example: tacita match cancel 7c55…")
@on_node
def cancel(session: Session, match: MatchId) -> None:
    """End a match that runs; both sides sign that it was aborted."""
    with session.connect() as node:
        _show(node.cancel_match(match), as_json=session.as_json)


@app.command(epilog="Example: tacita match hits 7c55… --csv > hits.csv")
@on_node
def hits(
    session: Session,
    match: MatchId,
    as_csv: Annotated[bool, typer.Option("--csv", help="Answer as CSV.")] = False,
) -> None:
    """Show the released hits: own records, by source line. The notice goes to standard error with --csv."""
    from tacita_sdk.cli.output import show
    from tacita_sdk.cli.spreadsheet import as_cell

    with session.connect() as node:
        body = node.hits(match)
        summary = node.match_summary(match)
    if as_csv:
        typer.echo(body.notice, err=True)
        writer = csv.writer(sys.stdout)
        writer.writerow(("source", "line", "value"))
        writer.writerows((hit.source, hit.line, as_cell(hit.value)) for hit in body.hits)
        return
    lines = [body.notice, *(f"  line {hit.line} of {hit.source}: {hit.value}" for hit in body.hits)]
    if not body.hits:
        lines.append("  No hit." if summary.mode == "intersection" else f"  {_found(summary)}")
    show(body, as_json=session.as_json, lines=lines)


def _follow(match: "Match", seconds: float, *, as_json: bool) -> "MatchSummary":
    """Shows how a match goes on until it has ended, and then how it ended. Whatever stops this, the match goes on."""
    from tacita_sdk.cli.progress import ProgressLine
    from tacita_sdk.errors import NodeUnreachable

    line = ProgressLine(sys.stderr)
    try:
        summary = match.wait(timeout=seconds, on_progress=line.show).summary
    except (KeyboardInterrupt, NodeUnreachable):
        line.end()
        typer.echo(
            f"Stopped following match {match.id}, which goes on at the node: `tacita match wait {match.id}` follows it "
            f"again, `tacita match cancel {match.id}` ends it.",
            err=True,
        )
        raise
    finally:
        line.end()
    _show(summary, as_json=as_json)
    return summary


def _end(summary: "MatchSummary") -> None:
    from tacita_sdk.cli.output import EXIT_REFUSED

    if summary.state != "closed":
        raise typer.Exit(EXIT_REFUSED)


def _say_other_purposes(node: "Node", with_: str, purpose: str) -> None:
    """Beside a denial: which purposes would have been covered. It is told either way, so this may fail."""
    from tacita_sdk.cli.agreed import other_purposes
    from tacita_sdk.errors import SdkError

    with suppress(SdkError):
        if (sentence := other_purposes(node.iter_agreements(), with_, purpose)) is not None:
            typer.echo(sentence, err=True)


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
    if summary.state in ("denied", "refused"):
        return "Nothing was compared, so nobody learns anything."
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
    hits = "1 hit" if summary.hits == 1 else f"{summary.hits} hits"
    return f"{hits}: tacita match hits {summary.match}"
