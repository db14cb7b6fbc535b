"""The `tacita-node` command: make a node, run it, give its users tokens, install the trust file, replace its keys.

Heavy modules are imported where they are used, so that `--help` answers at once.
"""

import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tacita_node.access import cli as access
from tacita_node.config import DEFAULT_PORT, ENV_PREFIX, NodeDirectory
from tacita_node.doctor import cli as examination
from tacita_node.terminal import AsJson, Directory, fail, settings_of, tell

if TYPE_CHECKING:
    from tacita_node.config import Settings
    from tacita_node.enrolment import Application
    from tacita_node.identity import Identity

PASSPHRASE_VARIABLE = f"{ENV_PREFIX}PASSPHRASE_FILE"
MAX_PASSPHRASE_BYTES = 1024
_OPTIONS = {"partner": "--id", "jurisdictions": "--jurisdiction"}
"""The options whose particulars are called otherwise on the card."""
DEFECT = 70
"""Exit code when the node stopped itself (EX_SOFTWARE)."""

app = typer.Typer(
    name="tacita-node",
    help="A partner's Tacita node: keeps data here and matches it privately.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # as plain as the help of `tacita`
    context_settings={"help_option_names": ["-h", "--help"]},
)

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        envvar=PASSPHRASE_VARIABLE,
        help="File with the passphrase of keys.sealed; keep it off this disk. Asked for when it is not given.",
    ),
]


@app.command()
def init(
    directory: Directory,
    broker: Annotated[str, typer.Option(help="The broker's address, https://host[:port].")],
    invite: Annotated[str, typer.Option(help="The invitation code that the broker's operator gave you.")],
    name: Annotated[str, typer.Option(help="Your organisation's name, as partners will see it.")],
    kind: Annotated[str, typer.Option(help="bank, payment-provider, hotel, employer, platform, ngo, ...")],
    jurisdiction: Annotated[list[str], typer.Option(help="Country code; repeat the option for several.")],
    partner_id: Annotated[str | None, typer.Option("--id", help="Your id; made of the name when not given.")] = None,
    legal_entity: Annotated[str | None, typer.Option(help="The legal person's name; --name when not given.")] = None,
    contact: Annotated[str | None, typer.Option(help="How partners reach a person.")] = None,
    port: Annotated[int, typer.Option(help="Port of the local API.", min=1, max=65_535)] = DEFAULT_PORT,
    database: Annotated[
        str | None, typer.Option(help="postgresql://user@host/database, without a password; a file in DIR by default.")
    ] = None,
    broker_ca: Annotated[
        Path | None, typer.Option(help="PEM file of the authority whose certificate the broker must have.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a node: check the invitation, generate keys, present them to the broker.

    Example: tacita-node init ./bank --broker https://broker.example --invite CODE --name "North Bank" --kind bank
    --jurisdiction GB
    """
    import asyncio

    from pydantic import ValidationError

    from tacita_node.answers import Applied
    from tacita_node.enrolment import Application, slug
    from tacita_node.postgresql import DatabaseRefused
    from tacita_node.storage import check_new
    from tacita_protocol.statements.vocabulary import PartnerKind

    try:
        application = Application(
            partner=partner_id or slug(name),
            name=name,
            kind=PartnerKind(kind),
            jurisdictions=tuple(dict.fromkeys(country.upper() for country in jurisdiction)),
            legal_entity=legal_entity or name,
            contact=contact or "not given",
            port=port,
            database=database,
            broker_ca=broker_ca,
        )
    except ValueError:
        fail(f"--kind is one of: {', '.join(PartnerKind)}")
    try:
        check_new(database)
    except DatabaseRefused as error:
        fail(str(error))
    passphrase = _passphrase(passphrase_file, new=True)
    try:
        identity = asyncio.run(_enrol(NodeDirectory(directory), application, broker, invite, passphrase))
    except ValidationError as error:
        fields = {str(item["loc"][0]) for item in error.errors(include_input=False)}
        named = ", ".join(sorted(_OPTIONS.get(field, "--" + field.replace("_", "-")) for field in fields))
        fail(f"these particulars are not acceptable: {named}")
    tell(
        as_json,
        Applied(partner=identity.partner, fingerprint=identity.fingerprint, witness_vkey=identity.witness.vkey),
        f"{identity.partner} has applied; the broker's operator must approve it.\n"
        f"Fingerprint, to be compared with the operator and with every partner over another channel:\n"
        f"  {identity.fingerprint}\nWitness key, for the trust file:\n  {identity.witness.vkey}",
    )


@app.command()
def run(directory: Directory, passphrase_file: PassphraseFile = None) -> None:
    """Run the node until it is told to stop (Ctrl-C, SIGTERM). It logs to standard error.

    Example: tacita-node run ./bank --passphrase-file /run/keys/bank
    """
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
    passphrase = _passphrase(passphrase_file)
    try:
        with only_one(node), listening(settings) as listener:
            logs.configure()
            identity = _rotated(node, settings, passphrase) if node.rotation.exists() else _identity(node, passphrase)
            told_to_stop = uvloop.run(run_node(node, settings, identity, listener))
    except (CannotRun, PolicyRefused, DatabaseRefused, RunsElsewhere, AuthorityUnreadable) as error:
        fail(str(error))
    except (OSError, DBAPIError) as error:
        if not takes_nothing(error):
            raise
        fail(f"the disk of {directory} takes nothing: make room on it, or let this user write there, and start again")
    if not told_to_stop:
        raise typer.Exit(DEFECT)


@app.command()
def rotate(directory: Directory, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Replace the node's signing and sealing keys; stop the node first. After a failure, run it again: it goes on.

    Partners must confirm the new fingerprint; datasets are published, and agreements signed, anew.
    Example: tacita-node rotate ./bank --passphrase-file /run/keys/bank
    """
    from tacita_node.answers import Rotated
    from tacita_node.run import CannotRun, only_one

    node = NodeDirectory(directory)
    settings = settings_of(node)
    passphrase = _passphrase(passphrase_file)
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


for command in (access.token, access.tokens, access.revoke_token, examination.doctor):
    app.command()(command)


@app.command(epilog="Example: tacita-node completion bash")
def completion(
    context: typer.Context,
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="bash, zsh or fish.", show_default=False)],
) -> None:
    """Print the script that completes this program. For bash, in ~/.bashrc: eval "$(tacita-node completion bash)"."""
    from typer.completion import shell_complete  # typer makes the script; only the names are this program's

    program = context.find_root().command
    raise typer.Exit(shell_complete(program, {}, "tacita-node", "_TACITA_NODE_COMPLETE", f"source_{shell}"))


@app.command()
def trust(
    directory: Directory,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The federation's trust file.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Install the federation's trust file. A running node follows it within seconds.

    Compare its digest over another channel first. Example: tacita-node trust ./bank trust.policy
    """
    from tacita_node.answers import TrustInstalled
    from tacita_node.identity import IdentityBroken, read_public
    from tacita_node.trust import TrustRefused, install_trust

    node = NodeDirectory(directory)
    try:
        card, broker = read_public(node)
        policy = install_trust(node.trust, _read(file), broker=broker, own=card)
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


async def _enrol(
    node: NodeDirectory, application: "Application", broker: str, invitation: str, passphrase: bytes
) -> "Identity":
    import httpx2

    from tacita_node.broker_link.tls import AuthorityUnreadable, trusted
    from tacita_node.clock import system_clock
    from tacita_node.enrolment import EnrolmentRefused, enrol
    from tacita_node.identity import IdentityBroken
    from tacita_sdk.errors import SdkError

    try:
        verify = trusted(application.broker_ca)
    except AuthorityUnreadable as error:
        fail(str(error))
    async with httpx2.AsyncClient(trust_env=False, verify=verify) as client:
        try:
            return await enrol(
                node,
                application,
                broker_url=broker,
                invitation=invitation,
                passphrase=passphrase,
                clock=system_clock,
                client=client,
            )
        except (EnrolmentRefused, IdentityBroken, SdkError) as error:
            fail(str(error))


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


def _passphrase(file: Path | None, *, new: bool = False) -> bytes:
    if file is not None:
        passphrase = _read(file).rstrip(b"\r\n")
    elif sys.stdin.isatty():
        passphrase = str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new)).encode()
    else:
        fail(f"give the passphrase with --passphrase-file or {PASSPHRASE_VARIABLE}")
    if not passphrase or len(passphrase) > MAX_PASSPHRASE_BYTES:
        fail(f"a passphrase has 1 to {MAX_PASSPHRASE_BYTES} bytes")
    return passphrase


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
