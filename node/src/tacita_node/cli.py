"""The `tacita-node` command: make a node, run it, give its users tokens, install the trust file, replace its keys.

Heavy modules are imported where they are used, so that `--help` answers at once.
"""

import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tacita_node import enrolment_cli as joining
from tacita_node.access import cli as access
from tacita_node.config import NodeDirectory
from tacita_node.doctor import cli as examination
from tacita_node.passphrase import PassphraseFile, passphrase_from
from tacita_node.terminal import AsJson, Directory, content_of, fail, settings_of, tell

if TYPE_CHECKING:
    from tacita_node.config import Settings
    from tacita_node.identity import Identity

DEFECT = 70
"""Exit code when the node stopped itself (EX_SOFTWARE)."""

app = typer.Typer(
    name="tacita-node",
    help="A partner's Tacita node: keeps data here and matches it privately.",
    epilog="Exit codes: 0 done · 1 refused or not possible (the sentence says why) · 2 wrong usage · "
    "3 the broker does not answer · 70 the node stopped itself: its log says why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # as plain as the help of `tacita`
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        from tacita_node.version import version

        typer.echo(f"tacita-node {version()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """What the program takes without a command; its help is above."""


app.command(
    epilog="Example: tacita-node init ./bank --broker https://broker.example --invite - --name 'North Bank' "
    "--kind bank --jurisdiction GB"
)(joining.init)


@app.command(epilog="Example: tacita-node run ./bank --passphrase-file /run/keys/bank")
def run(directory: Directory, passphrase_file: PassphraseFile = None) -> None:
    """Run the node until it is told to stop (Ctrl-C, SIGTERM). It logs to standard error."""
    from tacita_node.footprint import import_without

    import_without("structlog", "rich")  # which is for people at terminals
    import uvloop
    from sqlalchemy.exc import DBAPIError

    from tacita_node import logs
    from tacita_node.broker_link.tls import AuthorityUnreadable
    from tacita_node.disk import takes_nothing
    from tacita_node.postgresql import DatabaseRefused, RunsElsewhere
    from tacita_node.run import CannotRun, listening, only_one, run_node
    from tacita_policies.source import PolicyRefused

    node = NodeDirectory(directory)
    settings = settings_of(node)
    passphrase = passphrase_from(passphrase_file)
    try:
        with only_one(node), listening(settings) as listener:
            logs.configure()
            identity = _rotated(node, settings, passphrase) if node.rotation.exists() else _identity(node, passphrase)
            told_to_stop = uvloop.run(run_node(node, settings, identity, listener, passphrase_file))
    except (CannotRun, PolicyRefused, DatabaseRefused, RunsElsewhere, AuthorityUnreadable) as error:
        fail(str(error))
    except (OSError, DBAPIError) as error:
        if not takes_nothing(error):
            raise
        fail(f"the disk of {directory} takes nothing: make room on it, or let this user write there, and start again")
    if not told_to_stop:
        raise typer.Exit(DEFECT)


@app.command(epilog="Example: tacita-node rotate ./bank --passphrase-file /run/keys/bank")
def rotate(directory: Directory, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Replace the node's signing and sealing keys; stop the node first. After a failure, run it again: it goes on.

    Partners must confirm the new fingerprint; datasets are published, and agreements signed, anew.
    """
    from tacita_node.answers import Rotated
    from tacita_node.run import CannotRun, only_one

    node = NodeDirectory(directory)
    settings = settings_of(node)
    passphrase = passphrase_from(passphrase_file)
    try:
        with only_one(node):
            identity = _rotated(node, settings, passphrase, begin=True)
    except CannotRun as error:
        fail(f"{error}: stop it first")
    tell(
        as_json,
        Rotated(partner=identity.partner, fingerprint=identity.fingerprint),
        f"The keys of {identity.partner} are replaced; nothing opens to the old ones any more.\n"
        f"New fingerprint, to be read out to every partner over another channel:\n  {identity.fingerprint}\n"
        "Until a partner has confirmed it, that partner neither asks nor answers this node.\n"
        "Next: run the node, publish each dataset again (`tacita data publish`), and sign every agreement anew\n"
        "(`tacita agreements propose`): the old ones name the old card and cover nothing.",
    )


app.command(epilog='Example: tacita-node token ./bank --role analyst --name "desk 3" --out desk-3.token')(access.token)
app.command(epilog="Example: tacita-node tokens ./bank")(access.tokens)
app.command(epilog="Example: tacita-node revoke-token ./bank 0f3e491a6b1c22d7")(access.revoke_token)
app.command(epilog="Example: tacita-node doctor ./bank")(examination.doctor)


@app.command(epilog="Example: tacita-node completion bash")
def completion(
    context: typer.Context,
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="bash, zsh or fish.", show_default=False)],
) -> None:
    """Print the script that completes this program. For bash, in ~/.bashrc: eval "$(tacita-node completion bash)"."""
    from typer.completion import shell_complete  # typer makes the script; only the names are this program's

    program = context.find_root().command
    raise typer.Exit(shell_complete(program, {}, "tacita-node", "_TACITA_NODE_COMPLETE", f"source_{shell}"))


@app.command(epilog="Example: tacita-node trust ./bank trust.policy")
def trust(
    directory: Directory,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The federation's trust file.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Install the federation's trust file. A running node follows it within seconds.

    Compare its digest over another channel first.
    """
    from tacita_node.answers import TrustInstalled
    from tacita_node.identity import IdentityBroken, read_public
    from tacita_node.trust import TrustRefused, install_trust

    node = NodeDirectory(directory)
    try:
        card, broker = read_public(node)
        policy = install_trust(node.trust, content_of(file), broker=broker, own=card)
    except (IdentityBroken, TrustRefused) as refused:
        fail(str(refused))
    tell(
        as_json,
        TrustInstalled(digest=policy.digest, origin=policy.origin, witnesses=tuple(sorted(policy.witnesses))),
        f"Installed for the log {policy.origin}, witnesses: {', '.join(sorted(policy.witnesses))}.\n"
        f"SHA-256 of the file, to be compared over another channel:\n  {policy.digest}",
    )


def main() -> None:
    """Entry point of the `tacita-node` command."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # keys and identifiers do not get onto the disk by a crash
    app()


def _rotated(node: NodeDirectory, settings: "Settings", passphrase: bytes, *, begin: bool = False) -> "Identity":
    """The identity once a rotation is finished that was begun; with `begin`, one is begun if there is none."""
    import asyncio

    from tacita_node.broker_link.tls import AuthorityUnreadable
    from tacita_node.clock import system_clock
    from tacita_node.identity import IdentityBroken
    from tacita_node.lifecycle.rotation import Rotation, RotationRefused
    from tacita_node.postgresql import DatabaseRefused
    from tacita_sdk.errors import SdkError

    rotation = Rotation(node, settings, passphrase, clock=system_clock)
    try:
        return asyncio.run(rotation.rotate() if begin else rotation.finish())
    except (RotationRefused, IdentityBroken, DatabaseRefused, AuthorityUnreadable) as error:
        fail(str(error))
    except SdkError as error:
        begun = "the keys are being replaced" if node.rotation.exists() else "nothing was changed"
        fail(f"{str(error).rstrip('.')}; {begun}: run `tacita-node rotate` again when the broker answers")


def _identity(node: NodeDirectory, passphrase: bytes) -> "Identity":
    from tacita_node.identity import IdentityBroken, load_identity

    try:
        return load_identity(node, passphrase)
    except IdentityBroken as error:
        fail(str(error))
