"""`tacita-node init`: a partner's particulars, and the way into a federation with them."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacita_node.config import DEFAULT_PORT, NodeDirectory
from tacita_node.jurisdictions import Jurisdiction
from tacita_node.passphrase import PassphraseFile, passphrase_from
from tacita_node.standard_input import or_standard_input
from tacita_node.terminal import UNREACHABLE, WRONG_USAGE, AsJson, Directory, fail, tell

if TYPE_CHECKING:
    from tacita_node.enrolment import Application
    from tacita_node.identity import Identity

_OPTIONS = {"partner": "--id", "jurisdictions": "--jurisdiction"}
"""The options whose particulars are called otherwise on the card."""


def init(
    directory: Directory,
    broker: Annotated[str, typer.Option(help="The broker's address, https://host[:port].")],
    invite: Annotated[
        str,
        typer.Option(
            help="The invitation code that the broker's operator gave you; - reads it from standard input.",
            callback=or_standard_input("Invitation code"),
        ),
    ],
    name: Annotated[str, typer.Option(help="Your organisation's name, as partners will see it.")],
    kind: Annotated[str, typer.Option(help="bank, payment-provider, hotel, employer, platform, ngo, ...")],
    jurisdiction: Jurisdiction,
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
    """Make a node: check the invitation, generate keys, present them to the broker."""
    import asyncio

    from pydantic import ValidationError
    from sqlalchemy.exc import DBAPIError

    from tacita_node.answers import Applied
    from tacita_node.enrolment import Application, slug
    from tacita_node.postgresql import AddressRefused, DatabaseRefused
    from tacita_node.storage import check_new, migrate, place_of
    from tacita_protocol.statements.vocabulary import PartnerKind

    try:
        application = Application(
            partner=partner_id or slug(name),
            name=name,
            kind=PartnerKind(kind),
            jurisdictions=tuple(jurisdiction),
            legal_entity=legal_entity or name,
            contact=contact or "not given",
            port=port,
            database=database,
            broker_ca=broker_ca,
        )
    except ValueError:
        fail(f"--kind is one of: {', '.join(PartnerKind)}", WRONG_USAGE)
    try:
        check_new(database)
    except AddressRefused as error:
        fail(str(error), WRONG_USAGE)
    except DatabaseRefused as error:
        fail(str(error))
    passphrase = passphrase_from(passphrase_file, new=True)
    try:
        identity = asyncio.run(_enrol(NodeDirectory(directory), application, broker, invite, passphrase))
    except ValidationError as error:
        fields = {str(item["loc"][0]) for item in error.errors(include_input=False)}
        named = ", ".join(sorted(_OPTIONS.get(field, "--" + field.replace("_", "-")) for field in fields))
        fail(f"these particulars are not acceptable: {named}", WRONG_USAGE)
    with suppress(DatabaseRefused, OSError, DBAPIError):  # else `run` does it, and keeps for ever what that takes
        migrate(place_of(database, NodeDirectory(directory).database))
    tell(
        as_json,
        Applied(partner=identity.partner, fingerprint=identity.fingerprint, witness_vkey=identity.witness.vkey),
        f"{identity.partner} has applied; the broker's operator must approve it.\n"
        f"Fingerprint, to be compared with the operator and with every partner over another channel:\n"
        f"  {identity.fingerprint}\nWitness key, for the trust file:\n  {identity.witness.vkey}",
    )


async def _enrol(
    node: NodeDirectory, application: "Application", broker: str, invitation: str, passphrase: bytes
) -> "Identity":
    import httpx2

    from tacita_node.broker_link.tls import AuthorityUnreadable, trusted
    from tacita_node.clock import system_clock
    from tacita_node.enrolment import EnrolmentRefused, InvalidApplication, enrol
    from tacita_node.identity import IdentityBroken
    from tacita_sdk.errors import BrokerUnreachable, CertificateRefused, SdkError

    try:
        verify = trusted(application.broker_ca)
    except AuthorityUnreadable as error:
        fail(str(error), WRONG_USAGE)
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
        except CertificateRefused:
            whose = "the system's authorities" if application.broker_ca is None else str(application.broker_ca)
            fail(f"{whose} did not sign the certificate at {broker}: name who did with --broker-ca", UNREACHABLE)
        except BrokerUnreachable:
            fail(f"no broker answers at {broker}: compare the address, and run this again", UNREACHABLE)
        except InvalidApplication as error:
            fail(str(error), WRONG_USAGE)
        except (EnrolmentRefused, IdentityBroken, SdkError) as error:
            fail(str(error))
        except OSError as error:
            fail(f"{error.filename or node.root} cannot be used for a node: {error.strerror}")
