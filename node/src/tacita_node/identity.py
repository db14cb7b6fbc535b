"""Who this node is: its keys, its self-signed card, and the one broker that it deals with.

Secret keys are in one file, sealed under a passphrase that does not lie beside it. The card and the broker's public
keys are plain files; the broker's key came with the invitation and is never taken from the network.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tacita_node.blobs import sync_directory
from tacita_node.config import NodeDirectory
from tacita_protocol.crypto.keyfile import open_key_file, seal_key_file
from tacita_protocol.crypto.keys import SealingKey, SigningKey, VerifyKey
from tacita_protocol.crypto.randomness import random_bytes, random_hex
from tacita_protocol.errors import ProtocolError, SignatureInvalid
from tacita_protocol.statements.partner import PartnerCard, fingerprint
from tacita_protocol.statements.rotation import KeyRotation
from tacita_protocol.statements.statement import Signed, Statement, unverified, verify_statement
from tacita_protocol.statements.vocabulary import PartnerId
from tacita_protocol.tlog.note import CosignatureSigner

S = TypeVar("S", bound=Statement)

KEY_BYTES = 32
SEALING_KEY_BYTES = 96


class IdentityBroken(Exception):
    """The node's own files do not fit together, or the passphrase is wrong."""


@dataclass(frozen=True, repr=False)
class NodeKeys:
    """Every secret of a node. A key has one use.

    signing: statements and requests. sealing: what only this partner may read. witness: cosignatures of the log.
    storage: everything at rest. commitment: salts of the commitments to datasets, and case references.
    """

    signing: SigningKey
    sealing: SealingKey
    witness: SigningKey
    storage: bytes
    commitment: bytes

    @classmethod
    def generate(cls) -> "NodeKeys":
        """Fresh keys."""
        return cls(
            SigningKey.generate(),
            SealingKey.generate(),
            SigningKey.generate(),
            random_bytes(KEY_BYTES),
            random_bytes(KEY_BYTES),
        )

    def renewed(self) -> "NodeKeys":
        """The same keys but for signing and sealing: data at rest and the witness's memory outlive a rotation."""
        return replace(self, signing=SigningKey.generate(), sealing=SealingKey.generate())

    def seal(self, passphrase: bytes) -> bytes:
        """The contents of keys.sealed."""
        secrets = {
            "signing": self.signing.seed,
            "sealing": self.sealing.raw,
            "witness": self.witness.seed,
            "storage": self.storage,
            "commitment": self.commitment,
        }
        return seal_key_file(secrets, passphrase)

    @classmethod
    def unseal(cls, data: bytes, passphrase: bytes) -> "NodeKeys":
        """Raises `IdentityBroken` for a wrong passphrase or a file that is no complete key file of a node."""
        try:
            secrets = open_key_file(data, passphrase)
            if {name: len(secret) for name, secret in secrets.items()} != _SIZES:
                raise IdentityBroken("the key file does not hold a node's keys")
            return cls(
                SigningKey.from_seed(secrets["signing"]),
                SealingKey.from_raw(secrets["sealing"]),
                SigningKey.from_seed(secrets["witness"]),
                secrets["storage"],
                secrets["commitment"],
            )
        except ProtocolError as error:
            raise IdentityBroken("the key file does not open: wrong passphrase, or it was changed") from error


_SIZES = {
    "signing": KEY_BYTES,
    "sealing": SEALING_KEY_BYTES,
    "witness": KEY_BYTES,
    "storage": KEY_BYTES,
    "commitment": KEY_BYTES,
}


class PinnedBroker(BaseModel):
    """The broker as it was at enrolment. `signing_key` came with the invitation; the log's key was signed for by it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    url: str
    broker: str
    name: str
    signing_key: str
    log_vkey: str
    origin: str

    @property
    def key(self) -> VerifyKey:
        """The key that the broker signs with."""
        return VerifyKey.from_text(self.signing_key)


@dataclass(frozen=True)
class Replaced:
    """A card that its partner replaced, and the rotation by which it did."""

    card: Signed[PartnerCard]
    rotation: Signed[KeyRotation]


@dataclass(frozen=True)
class Identity:
    """Keys, own card and pinned broker of one node, and the cards that it had before, the latest first."""

    keys: NodeKeys
    card: Signed[PartnerCard]
    broker: PinnedBroker
    past: tuple[Replaced, ...] = ()

    @property
    def partner(self) -> PartnerId:
        """This partner's id."""
        return self.card.body.partner

    @property
    def fingerprint(self) -> str:
        """The own card's fingerprint, to be read out to other partners over another channel."""
        return fingerprint(self.card)

    @property
    def witness(self) -> CosignatureSigner:
        """Cosigns the log as this partner."""
        return CosignatureSigner(self.partner, self.keys.witness)

    def replaced_since(self, time: int) -> bool:
        """Whether this node has replaced its keys since `time` (unix seconds)."""
        return bool(self.past) and time < self.card.body.issued

    def verify_own(self, cls: type[S], envelope: str) -> Signed[S]:
        """A statement that this node signed itself, under the key that it had then. Raises a `ProtocolError`."""
        for card in (self.card, *(replaced.card for replaced in self.past)):
            try:
                return verify_statement(cls, envelope, VerifyKey.from_text(card.body.signing_key))
            except SignatureInvalid as error:
                refused = error
        raise refused


def load_identity(directory: NodeDirectory, passphrase: bytes) -> Identity:
    """Reads an initialised node's directory. Raises `IdentityBroken` when something is missing or does not fit."""
    _, broker = read_public(directory)
    if not directory.keys.is_file():
        raise IdentityBroken("keys.sealed is missing: without it this node cannot run")
    keys = NodeKeys.unseal(directory.keys.read_bytes(), passphrase)
    try:
        return Identity(keys, load_card(directory, keys), broker)
    except ProtocolError as error:
        raise IdentityBroken("card.json was changed: it does not verify") from error


def read_public(directory: NodeDirectory) -> tuple[PartnerCard, PinnedBroker]:
    """The own card and the pinned broker, without any secret. Raises `IdentityBroken`."""
    for needed in (directory.card, directory.broker):
        if not needed.is_file():
            raise IdentityBroken(f"{needed.name} is missing: run `tacita-node init` first")
    try:
        broker = PinnedBroker.model_validate_json(directory.broker.read_bytes())
        broker.key  # noqa: B018 - must be a key
        return verify_card(directory.card.read_text("ascii").strip()).body, broker
    except (ValidationError, ProtocolError, UnicodeDecodeError) as error:
        raise IdentityBroken("broker.json or card.json was changed: it does not verify") from error


def load_card(directory: NodeDirectory, keys: NodeKeys) -> Signed[PartnerCard]:
    """The own card, which must be signed by the own key and name the own keys."""
    card = verify_statement(PartnerCard, directory.card.read_bytes().strip(), keys.signing.verify_key)
    named = (card.body.signing_key, card.body.sealing_key, card.body.witness_key)
    if named != (keys.signing.verify_key.text, keys.sealing.public_key.text, keys.witness.verify_key.text):
        raise IdentityBroken("card.json names other keys than the key file holds")
    return card


def verify_card(envelope: str) -> Signed[PartnerCard]:
    """Another partner's card, verified with the key that it names itself. It proves nothing about who that is.

    Raises a `ProtocolError`.
    """
    claimed = unverified(PartnerCard, envelope)
    return verify_statement(PartnerCard, envelope, VerifyKey.from_text(claimed.signing_key))


def write_private(path: Path, data: bytes) -> None:
    """Writes a file whole and durably, readable by this user only."""
    temporary = path.with_name(f"{path.name}.{random_hex(4)}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)
