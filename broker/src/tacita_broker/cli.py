"""The command `tacita-broker`. Heavy modules are imported by the commands that need them."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from tacita_broker.terminal import refusals, row_of, show, show_info

if TYPE_CHECKING:
    from tacita_broker.answers import PartnerRow

T = TypeVar("T")

EXIT_FAILED = 70
"""The broker stopped itself (EX_SOFTWARE): its log must be looked at before it runs again."""

app = typer.Typer(
    name="tacita-broker",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # as plain as the help of `tacita`
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run a Tacita broker.\n\nExample: tacita-broker init broker --name 'Harbour federation'",
    epilog="Exit codes: 0 done · 1 refused or not possible (the sentence says why) · 2 wrong usage · "
    "70 the broker stopped itself: look at its log before it runs again.",
)
log_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The broker's transparency log.\n\nExample: tacita-broker log check broker",
)
app.add_typer(log_app, name="log")


def _say_version(wanted: bool) -> None:
    if wanted:
        from tacita_broker.version import version

        typer.echo(f"tacita-broker {version()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """What the program takes without a command; its help is above."""


Directory = Annotated[Path, typer.Argument(help="The broker's directory.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(help="File with the passphrase of the keys (or TACITA_BROKER_PASSPHRASE_FILE).", show_default=False),
]


@app.command(epilog="Example: tacita-broker init broker --name 'Harbour federation' --port 8440 --passphrase-file pass")
def init(
    directory: Directory,
    name: Annotated[str, typer.Option(help="Name for people; the broker's id is made from it.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8440,
    authority: Annotated[
        list[str] | None, typer.Option(help="host[:port] under which partners reach the broker; repeatable.")
    ] = None,
    database: Annotated[str | None, typer.Option(help="SQLAlchemy URL; a file in the directory by default.")] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a broker: keys, settings, database, an empty log."""
    from tacita_broker.config import slug
    from tacita_broker.directory import BrokerDirectory, NewBroker, read_passphrase

    new = NewBroker(slug(name), name, host, port, tuple(authority or ()), database)
    with refusals():
        passphrase = read_passphrase(passphrase_file)
        settings = asyncio.run(BrokerDirectory(directory).create(new, passphrase))
        show_info(settings, as_json)


@app.command(epilog="Example: tacita-broker run broker --passphrase-file pass")
def run(
    directory: Directory,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", min=1, max=65535, show_default=False)] = None,
    behind_proxy: Annotated[bool, typer.Option("--behind-proxy", help="A proxy in front ends TLS.")] = False,
    tls_certificate: Annotated[Path | None, typer.Option(help="PEM file.", show_default=False)] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file.", show_default=False)] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Serve until SIGTERM or SIGINT. Prints structured log lines to stderr; ready when GET /healthz answers."""
    from tacita_broker.footprint import import_without

    import_without("structlog", "rich")  # which is for people at terminals
    from tacita_broker.run import run_broker

    changes: dict[str, Any] = {
        "host": host,
        "port": port,
        "behind_proxy": behind_proxy or None,
        "tls_certificate": tls_certificate,
        "tls_key": tls_key,
    }
    with refusals():
        reason = run_broker(
            directory, passphrase_file, {name: value for name, value in changes.items() if value is not None}
        )
    if reason is not None:
        typer.echo(f"tacita-broker: stopped itself: {reason}", err=True)
        raise typer.Exit(EXIT_FAILED)


@app.command(epilog="Example: tacita-broker info broker --json")
def info(directory: Directory, as_json: AsJson = False) -> None:
    """The broker's public facts: id, signing key, log key, origin."""
    from tacita_broker.config import load_settings

    with refusals():
        show_info(load_settings(directory), as_json)


@app.command(epilog="Example: tacita-broker invite broker --kind bank")
def invite(
    directory: Directory,
    kind: Annotated[str, typer.Option(help="Kind of partner, as bank, hotel, ngo.")],
    as_json: AsJson = False,
) -> None:
    """Make an invitation: for one partner of this kind, for 15 minutes, for one use."""
    from tacita_broker.administration import enrolment
    from tacita_broker.answers import Invited
    from tacita_broker.errors import UsageRefused
    from tacita_protocol.statements.vocabulary import PartnerKind

    async def work() -> tuple[str, int]:
        if kind not in list(PartnerKind):
            raise UsageRefused(f"the kind must be one of: {', '.join(PartnerKind)}")
        async with enrolment(directory) as service:
            invitation = await service.invite(PartnerKind(kind))
        return invitation.code, invitation.expires

    code, expires = _run(work())
    show(Invited(code=code, expires=expires), [code], as_json)


@app.command(epilog="Example: tacita-broker partners broker --json")
def partners(directory: Directory, as_json: AsJson = False) -> None:
    """List all partners with their fingerprints, those that wait for approval too."""
    from tacita_broker.administration import enrolment

    async def work() -> "list[PartnerRow]":
        async with enrolment(directory) as service:
            return [row_of(item) for item in await service.listed()]

    rows = _run(work())
    lines = [f"{row.partner}  {row.kind}  {row.status}  {row.name}\n  {row.fingerprint}" for row in rows]
    show(rows, lines or ["No partner has enrolled."], as_json)


@app.command(epilog="Example: tacita-broker approve broker harbour-bank --fingerprint '3f2a 88c1 ...'")
def approve(
    directory: Directory,
    partner: Annotated[str, typer.Argument(help="The partner's id.", show_default=False)],
    fingerprint: Annotated[
        str | None, typer.Option(help="The fingerprint that the partner told you over another channel.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Approve a partner after comparing its fingerprint out of band; its card goes into the log."""
    from tacita_broker.administration import enrolment

    async def work() -> "PartnerRow":
        async with enrolment(directory) as service:
            return row_of(await service.approve(partner, fingerprint))

    row = _run(work())
    show(row, [f"{row.partner} is approved. Its fingerprint: {row.fingerprint}"], as_json)


@app.command(epilog="Example: tacita-broker revoke broker harbour-bank --reason keys-stolen --passphrase-file pass")
def revoke(
    directory: Directory,
    partner: Annotated[str, typer.Argument(help="The partner's id.", show_default=False)],
    reason: Annotated[str, typer.Option(help="A code that all partners will read, as keys-stolen or left.")],
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a partner for good: it is refused everywhere at once, and neither its id nor its keys come in again.

    Its matches that still run end at their deadline, without its statements.
    """
    from tacita_broker.administration import revoke_partner
    from tacita_broker.answers import PartnerRevoked
    from tacita_broker.directory import read_passphrase

    with refusals():
        envelope = asyncio.run(revoke_partner(directory, read_passphrase(passphrase_file), partner, reason))
    body = PartnerRevoked(partner=partner, revocation=envelope)
    show(body, [f"{partner} is revoked. The log has the entry; every other partner is told."], as_json)


@app.command(epilog="Example: tacita-broker trust broker trust.policy")
def trust(
    directory: Directory,
    file: Annotated[Path, typer.Argument(help="The trust file: log, witnesses, quorum.", show_default=False)],
    replace: Annotated[bool, typer.Option("--replace", help="Replace another trust file that was issued.")] = False,
    as_json: AsJson = False,
) -> None:
    """Issue the federation's trust file. From then on matches are served."""
    from tacita_broker.administration import issue_trust
    from tacita_broker.answers import TrustIssued

    policy = _run(issue_trust(directory, file, replace=replace))
    body = TrustIssued(digest=policy.digest, witnesses=tuple(sorted(policy.witnesses)))
    show(body, [f"Issued. SHA-256 of the file: {policy.digest}"], as_json)


@log_app.command("check", epilog="Example: tacita-broker log check broker")
def log_check(directory: Directory, as_json: AsJson = False) -> None:
    """Check every entry, tile and checkpoint of the log; exit code 1 names the step that failed."""
    from tacita_broker.administration import opened
    from tacita_broker.answers import LogStep
    from tacita_broker.directory import BrokerDirectory
    from tacita_broker.log.check import CheckedStep, check_log
    from tacita_broker.log.files import LogFiles
    from tacita_protocol.tlog.note import NoteVerifier

    async def work() -> list[CheckedStep]:
        async with opened(directory) as (settings, database):
            files = LogFiles(BrokerDirectory(directory).log)
            return await check_log(database, files, NoteVerifier.from_vkey(settings.log_vkey))

    steps = _run(work())
    body = [LogStep(number=step.number, proved=step.proved) for step in steps]
    show(body, [f"{step.number}. {step.proved}" for step in steps], as_json)


@app.command(epilog="Example: tacita-broker completion bash")
def completion(
    context: typer.Context,
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="bash, zsh or fish.", show_default=False)],
) -> None:
    """Print the script that completes this program. For bash, in ~/.bashrc: eval "$(tacita-broker completion bash)"."""
    from typer.completion import shell_complete  # typer makes the script; only the names are this program's

    program = context.find_root().command
    raise typer.Exit(shell_complete(program, {}, "tacita-broker", "_TACITA_BROKER_COMPLETE", f"source_{shell}"))


def main() -> None:
    """Entry point of the console script."""
    app()


def _run(work: Coroutine[Any, Any, T]) -> T:
    with refusals():
        return asyncio.run(work)


if __name__ == "__main__":
    sys.exit(app())
