"""`tacita data import`: a CSV file into a dataset, or only a look at what would come of it."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacita_sdk.cli.connection import Session
from tacita_sdk.cli.wording import slug
from tacita_sdk.cli.words import DELIMITERS, KINDS, one_of

if TYPE_CHECKING:
    from tacita_sdk.import_steps import ImportProgress
    from tacita_sdk.node import Node
    from tacita_sdk.node_api import ImportReport, Preview

EXAMPLE = "Example: tacita data import customers.csv --dataset phones --kind phone --column mobile"

SHOWN = 20
ALL = 2**20
"""More rejected lines than a node keeps."""

_Kind = Annotated[str | None, one_of(KINDS, f"{', '.join(KINDS[:-1])} or {KINDS[-1]}.", show_default=False)]


def _slug(text: str | None) -> str | None:
    return None if text is None else slug(text)


def import_(
    session: Session,
    file: Annotated[Path, typer.Argument(help="CSV file with a header line.", exists=True, dir_okay=False)],
    dataset: Annotated[str | None, typer.Option("--dataset", help="Name of the own dataset.", callback=_slug)] = None,
    kind: _Kind = None,
    column: Annotated[str | None, typer.Option(help="Header of the column; needed when there are several.")] = None,
    region: Annotated[str | None, typer.Option(help="Country in which national spellings are read, e.g. GB.")] = None,
    delimiter: Annotated[str | None, one_of(DELIMITERS, "comma, semicolon or tab; found out when not given.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only show how the first lines would be read.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything but store; report the same.")] = False,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Write every rejected line here: line, column, reason (CSV).")
    ] = None,
    with_values: Annotated[
        bool, typer.Option("--with-values", help="Also write what the rejected fields say, from your file.")
    ] = False,
) -> None:
    """Import one column of a CSV file: all of it or, on any error, none of it.

    Ctrl-C stops waiting; what has begun at the node goes on. The same command goes on where it was, and
    `tacita data cancel` ends it.
    """
    if with_values and rejects is None:
        raise typer.BadParameter("needs --rejects FILE, the file to write to.", param_hint="--with-values")
    if rejects is not None and rejects.exists() and rejects.samefile(file):
        raise typer.BadParameter("is the file to import, which would be written over.", param_hint="--rejects")
    if rejects is not None and not rejects.parent.is_dir():  # known before anything is stored
        raise typer.BadParameter(f"there is no folder {rejects.parent}.", param_hint="--rejects")
    if preview:
        with session.connect() as node:
            _preview(session, node, file, kind=kind, column=column, region=region, delimiter=delimiter)
        return
    if dataset is None or kind is None:
        missing = "--dataset" if dataset is None else "--kind"
        raise typer.BadParameter("is needed; `--preview` shows what the file seems to hold.", param_hint=missing)
    from tacita_sdk.cli.import_progress import ImportLine
    from tacita_sdk.cli.output import EXIT_REFUSED, show
    from tacita_sdk.cli.reject_file import write_rejects

    line = ImportLine(sys.stderr)
    with session.connect() as node:
        try:
            report = node.import_csv(
                file,
                dataset=dataset,
                kind=kind,
                column=column,
                region=region,
                delimiter=delimiter,
                dry_run=dry_run,
                rejects=SHOWN if rejects is None else ALL,
                on_progress=line.show,
            )
        except KeyboardInterrupt:
            line.end()
            typer.echo(sentence_of_stopping(line.last), err=True)
            raise
        finally:
            line.end()
    shown = report.model_copy(update={"rejects_preview": report.rejects_preview[:SHOWN]})
    written = None
    try:
        if rejects is not None:
            write_rejects(rejects, report, file if with_values else None)
            written = rejects
    finally:  # it is imported, whatever became of the file
        show(shown, as_json=session.as_json, lines=lines_of_import(shown, written))
    if not report.accepted + report.duplicates:
        raise typer.Exit(EXIT_REFUSED)


def sentence_of_stopping(last: "ImportProgress | None") -> str:
    """What becomes of an import that nobody waits for any more, and what to do; `last` is what was heard of it."""
    if last is None or last.phase == "sending":
        return (
            "Stopped before all of the file was sent, so nothing is imported: the same command sends what is missing."
        )
    if last.source is None:
        return (
            "Stopped just as the import began: `tacita data imports` says whether it runs at the node, and the same "
            "command waits for it."
        )
    return (
        f"Stopped waiting for import {last.source}, which goes on at the node: the same command waits for it again, "
        f"`tacita data cancel {last.source}` ends it, and nothing of it is stored then."
    )


def lines_of_import(report: "ImportReport", written: Path | None = None) -> list[str]:
    """An import for a person. The source's id is always said: hits name it instead of the file."""
    lines = [_sentence(report), *(f"  line {reject.line}: {reject.reason}" for reject in report.rejects_preview)]
    if written is not None:
        lines.append(f"  rejected lines: {written}" + _not_kept(report))
    elif report.rejected > len(report.rejects_preview) and report.source is None:
        lines.append("  all of them: run it again with --dry-run --rejects FILE")
    elif report.rejected > len(report.rejects_preview):
        lines.append(f"  all of them: tacita data rejects --dataset {report.dataset} --source {report.source}")
    reasons = {reject.reason for reject in report.rejects_preview}
    nothing = not report.accepted + report.duplicates
    if "needs-region" in reasons or (nothing and "unknown-country" in reasons):
        lines.append("  National spellings need the two-letter code of their country, such as --region GB (not UK).")
    return lines


def _sentence(report: "ImportReport") -> str:
    counts = f"duplicates: {report.duplicates}, rejected: {report.rejected}."
    if not report.accepted + report.duplicates:
        return (
            f"None of the {report.rows} rows holds a valid identifier of the kind {report.kind}, so nothing is stored: "
            "name another --kind, --column or --region; --preview shows what fits."
        )
    match report.outcome:
        case "unchanged":
            return (
                f"This file was imported into {report.dataset} before, as source {report.source}, and nothing has "
                f"changed: {report.accepted} of {report.rows} rows; {counts}"
            )
        case "dry-run":
            return (
                f"{report.accepted} of {report.rows} rows would be imported into {report.dataset}; {counts} "
                "Nothing is stored."
            )
        case _:
            return (
                f"{report.accepted} of {report.rows} rows imported into {report.dataset} as source {report.source}; "
                f"{counts}"
            )


def _not_kept(report: "ImportReport") -> str:
    missing = report.rejected - report.rejects_kept
    return f"; {missing} more are not kept, only counted" if missing else ""


def _preview(
    session: Session,
    node: "Node",
    file: Path,
    *,
    kind: str | None,
    column: str | None,
    region: str | None,
    delimiter: str | None,
) -> None:
    from tacita_sdk.cli.output import show

    seen = node.preview_csv(file, kind=kind, column=column, region=region, delimiter=delimiter)
    show(seen, as_json=session.as_json, lines=lines_of_preview(seen, file))


def lines_of_preview(seen: "Preview", file: Path) -> list[str]:
    """A preview for a person, ending with the command that imports it so."""
    headings = ", ".join(seen.headings)
    if seen.column is None or seen.kind is None:
        return [
            f"No column seems to hold identifiers: {headings}.",
            "  Name --column, --kind and --region, and look again.",
        ]
    where = f" as in {seen.region}" if seen.region is not None else ""
    column = "'" + str(seen.heading).replace("'", "'\"'\"'") + "'"  # somebody else's words, on their way into a shell
    options = f"--kind {seen.kind} --column {column}" + (f" --region {seen.region}" if seen.region else "")
    return [
        f"Columns, divided by {seen.delimiter}: {headings}.",
        f"{seen.heading} read as {seen.kind}{where}: {seen.valid} of the first {seen.tried} are valid.",
        *(f"  line {line.line}: {line.text}  ->  {line.canonical or line.reason}" for line in seen.lines),
        f"Import it so: tacita data import {shlex.quote(str(file))} --dataset NAME {options}",
    ]
