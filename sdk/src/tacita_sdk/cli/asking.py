"""Asking a person before something that cannot be undone."""

import typer


def sure(question: str, *, yes: bool) -> None:
    """Ends the command with exit code 1 unless the answer is yes, or `yes` was given beforehand."""
    if yes:
        return
    try:
        answer = typer.confirm(question, err=True)
    except typer.Abort:  # nobody is there to answer, or Ctrl-C
        answer = False
        typer.echo(err=True)
    if not answer:
        typer.echo("Nothing was done; `--yes` answers this question beforehand.", err=True)
        raise typer.Exit(1)
