"""Joining a federation: check the invitation, pin the broker, make keys, present the card.

1. The invitation's second half is the broker's signing key. It came from a person, so it is what this node trusts; the
   broker's own word (`GET /v1/broker`) only has to agree with it.
2. Keys and card are on the disk before the broker hears of them: an invitation counts once, and must not be spent on
   keys that a crash then loses. Running it again in the same directory goes on with the same keys and card.
3. `broker.json` is written last. A directory that has it is enrolled.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tacita_node.clock import Clock
from tacita_node.config import DEFAULT_PORT, NodeDirectory
from tacita_node.identity import Identity, NodeKeys, PinnedBroker, load_card, write_private
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.errors import ProtocolError
from tacita_protocol.statements.partner import LegalEntity, PartnerCard
from tacita_protocol.statements.statement import Signed, sign_statement
from tacita_protocol.statements.vocabulary import PartnerKind
from tacita_sdk.broker import BrokerClient
from tacita_sdk.loopback import is_loopback
from tacita_sdk.witness import WitnessStore

_INVITATION = re.compile(r"[A-Za-z0-9_-]{32}\.([A-Za-z0-9_-]{43})")
_BROKER_URL = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?/?")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
MAX_SLUG = 63


class EnrolmentRefused(Exception):
    """The node cannot join this way; the message says what to do."""


class InvalidApplication(EnrolmentRefused):
    """The invitation or the broker's address cannot be one. Nobody was asked."""


@dataclass(frozen=True)
class Application:
    """What a partner says about itself when it joins."""

    partner: str
    name: str
    kind: PartnerKind
    jurisdictions: tuple[str, ...]
    legal_entity: str
    contact: str
    port: int = DEFAULT_PORT
    database: str | None = None
    broker_ca: Path | None = None
    workers: int | None = None
    register: str | None = field(default=None)
    number: str | None = field(default=None)


def slug(name: str) -> str:
    """An id made of a name: lower-case letters, digits and hyphens. May be empty."""
    return _NOT_SLUG.sub("-", name.lower()).strip("-")[:MAX_SLUG].rstrip("-")


def key_of_invitation(invitation: str) -> VerifyKey:
    """The broker's signing key that an invitation carries. Raises `InvalidApplication`."""
    match = _INVITATION.fullmatch(invitation)
    try:
        if match is not None:
            return VerifyKey.from_text(match[1])
    except ProtocolError:
        pass
    raise InvalidApplication("this is not an invitation code: copy all of it, two parts with a dot between them")


async def enrol(
    directory: NodeDirectory,
    application: Application,
    *,
    broker_url: str,
    invitation: str,
    passphrase: bytes,
    clock: Clock,
    client: httpx2.AsyncClient,
) -> Identity:
    """Makes `directory` an enrolled node's, waiting for the broker's approval.

    Raises `EnrolmentRefused`, or what the broker client raises; then it may be run again.
    """
    if directory.broker.exists():
        raise EnrolmentRefused("this directory holds an enrolled node already")
    key = key_of_invitation(invitation)
    address = _BROKER_URL.fullmatch(broker_url)
    if address is None:
        raise InvalidApplication("a broker's address is https://host[:port] and nothing more")
    if address[1] == "http" and not is_loopback(address[2].strip("[]")):
        raise InvalidApplication("a broker on another machine is reached by https: http would show this node's tokens")
    _prepare(directory)
    keys, card = _keys_and_card(directory, application, passphrase, clock)
    broker = BrokerClient(
        broker_url, broker_key=key, partner=application.partner, signing_key=keys.signing, clock=clock, client=client
    )
    info = await broker.info()
    await broker.enrol(invitation, card.envelope)
    pinned = PinnedBroker(
        url=broker_url,
        broker=info.broker,
        name=info.name,
        signing_key=key.text,
        log_vkey=info.log_vkey,
        origin=info.origin,
    )
    write_private(directory.config, _config(application).encode())
    write_private(directory.broker, pinned.model_dump_json(indent=1).encode() + b"\n")
    return Identity(keys, card, pinned)


def _prepare(directory: NodeDirectory) -> None:
    root = directory.root
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours = {directory.keys, directory.card, directory.config, directory.witness}
    if any(entry not in ours and entry.suffix != ".new" for entry in root.iterdir()):
        raise EnrolmentRefused("this directory is not empty: choose a new one for the node")
    root.chmod(0o700)


def _keys_and_card(
    directory: NodeDirectory, application: Application, passphrase: bytes, clock: Clock
) -> tuple[NodeKeys, Signed[PartnerCard]]:
    if directory.keys.exists():
        keys = NodeKeys.unseal(directory.keys.read_bytes(), passphrase)
    else:
        keys = NodeKeys.generate()
        directory.witness.mkdir(mode=0o700, exist_ok=True)
        if not WitnessStore(directory.witness).exists:
            WitnessStore.create(directory.witness)  # empty, and before the key: a key without a memory never cosigns
        write_private(directory.keys, keys.seal(passphrase))
    if directory.card.exists():
        card = load_card(directory, keys)
        if _card_body(application, keys, issued=card.body.issued) != card.body:
            raise EnrolmentRefused(
                "this directory was begun with other particulars: give the same options again, or another directory"
            )
        return keys, card
    card = sign_statement(_card_body(application, keys, issued=clock()), keys.signing)
    write_private(directory.card, card.envelope.encode("ascii") + b"\n")
    return keys, card


def _card_body(application: Application, keys: NodeKeys, *, issued: int) -> PartnerCard:
    entity = LegalEntity(name=application.legal_entity, register_=application.register, number=application.number)
    return PartnerCard(
        partner=application.partner,
        name=application.name,
        kind=application.kind,
        jurisdictions=application.jurisdictions,
        legal_entity=entity,
        credentials=(),
        signing_key=keys.signing.verify_key.text,
        sealing_key=keys.sealing.public_key.text,
        witness_key=keys.witness.verify_key.text,
        contact=application.contact,
        issued=issued,
    )


def _quoted(path: str) -> str:
    """A path as TOML takes it: as it is, or escaped when it holds a quote or what cannot be seen."""
    if "'" not in path and path.isprintable():
        return f"'{path}'"
    return json.dumps(path, ensure_ascii=False).replace("\x7f", "\\u007f")


def _config(application: Application) -> str:
    # An address without quotes, spaces or control characters: `storage.check_new` has looked at it.
    database = "" if application.database is None else f'database = "{application.database}"\n'
    authority = (
        "" if application.broker_ca is None else f"broker_ca = {_quoted(str(application.broker_ca.absolute()))}\n"
    )
    workers = "" if application.workers is None else f"workers = {application.workers}\n"
    return f"""# Settings of this node. Each may be overridden by an environment variable TACITA_NODE_<NAME>.
host = "127.0.0.1"
port = {application.port}
{database}{authority}{workers}"""
