"""A broker's directory: what lies where, how it is made, and how its secrets are opened.

config.toml    settings, all public
keys.sealed    signing seed, log seed, token key, under a passphrase
broker.db      database, unless it is elsewhere
blobs/         frames of open matches
log/           the published log: checkpoint and tiles
trust.policy   the federation's trust file, once issued
"""

import os
from dataclasses import dataclass
from pathlib import Path

from tacita_broker.config import CONFIG_FILE, Settings, config_text, load_settings, settings_of
from tacita_broker.errors import ConfigurationRefused, UsageRefused
from tacita_broker.files import make_directory_durably, write_durably
from tacita_broker.log.files import LogFiles
from tacita_broker.log.store import LogStore
from tacita_broker.storage import Database, database_file, parse_url
from tacita_protocol.crypto.keyfile import open_key_file, seal_key_file
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.errors import ProtocolError
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.merkle import EMPTY_ROOT
from tacita_protocol.tlog.note import NoteSigner, compose

PASSPHRASE_VARIABLE = "TACITA_BROKER_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, repr=False)
class BrokerKeys:
    """The broker's secrets."""

    signing: SigningKey
    log: SigningKey


@dataclass(frozen=True)
class NewBroker:
    """What `create` needs to know."""

    broker: str
    name: str
    host: str
    port: int
    authorities: tuple[str, ...]
    database: str | None


@dataclass(frozen=True)
class BrokerDirectory:
    """Paths below a broker's directory."""

    path: Path

    @property
    def key_file(self) -> Path:
        """The sealed key file."""
        return self.path / "keys.sealed"

    @property
    def blobs(self) -> Path:
        """Folder of the blob store."""
        return self.path / "blobs"

    @property
    def log(self) -> Path:
        """Folder of the published log."""
        return self.path / "log"

    @property
    def trust_file(self) -> Path:
        """A copy of the trust file, for people; the database's holds."""
        return self.path / "trust.policy"

    def settings(self) -> Settings:
        """The settings. Raises `ConfigurationRefused`."""
        return load_settings(self.path)

    def keys(self, passphrase: bytes) -> BrokerKeys:
        """Open the key file. Raises `ConfigurationRefused`."""
        try:
            secrets = open_key_file(self.key_file.read_bytes(), passphrase)
            return BrokerKeys(SigningKey.from_seed(secrets["signing"]), SigningKey.from_seed(secrets["log"]))
        except OSError as error:
            raise ConfigurationRefused(f"{self.key_file} cannot be read: {error.strerror}") from error
        except (ProtocolError, KeyError) as error:
            raise ConfigurationRefused(f"{self.key_file}: wrong passphrase, or the file was changed") from error

    async def create(self, new: NewBroker, passphrase: bytes) -> Settings:
        """Make a broker: keys, settings, an empty log.

        Raises `ConfigurationRefused` when there is one already, and `UsageRefused` for what no broker can be made of.
        """
        if (self.path / CONFIG_FILE).exists() or self.key_file.exists():
            raise ConfigurationRefused(f"{self.path} holds a broker already")
        url = new.database or f"sqlite:///{(self.path / 'broker.db').absolute()}"
        keys = BrokerKeys(SigningKey.generate(), SigningKey.generate())
        signer = NoteSigner(f"{new.broker}/log", keys.log)
        values: dict[str, str | int | tuple[str, ...]] = {
            "broker": new.broker,
            "name": new.name,
            "origin": signer.name,
            "signing_key": keys.signing.verify_key.text,
            "log_vkey": signer.vkey,
            "database": url,
            "host": new.host,
            "port": new.port,
            "authorities": new.authorities,
        }
        try:
            parse_url(url)
            text = config_text(values)
            settings_of(values)
        except ConfigurationRefused as error:  # before anything is made: it came from the command line
            raise UsageRefused(str(error)) from error
        for folder in (self.path, self.blobs, self.log):
            make_directory_durably(folder, mode=0o700)
        if (file := database_file(url)) is not None:
            _make_private(file)
        await migrate(url)
        database = Database(url)
        try:
            empty = Checkpoint(signer.name, 0, EMPTY_ROOT).text()
            note = compose(empty, [signer.sign(empty)])
            await LogStore(database).create(note.decode())
        finally:
            await database.close()
        LogFiles(self.log).publish(note)
        secrets = {"signing": keys.signing.seed, "log": keys.log.seed}
        write_durably(self.key_file, seal_key_file(secrets, passphrase), mode=0o600)
        # The settings come last: a directory with them is a whole broker.
        write_durably(self.path / CONFIG_FILE, text.encode())
        return self.settings()


def _make_private(database: Path) -> None:
    """Make the file before SQLite does: who asks whom about what is nobody else's to read. Its journals follow it."""
    try:
        os.close(os.open(database, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise ConfigurationRefused(f"the database cannot be made: {error.strerror}") from error


def read_passphrase(file: Path | None) -> bytes:
    """The passphrase from a file (option or environment), without its final newline. Raises `UsageRefused`."""
    if file is None:
        named = os.environ.get(PASSPHRASE_VARIABLE)
        if not named:
            raise UsageRefused(
                f"the keys need a passphrase: name a file with --passphrase-file or {PASSPHRASE_VARIABLE}"
            )
        file = Path(named)
    try:
        passphrase = file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise UsageRefused(f"the passphrase file {file} cannot be read: {error.strerror}") from error
    if not passphrase:
        raise UsageRefused("the passphrase file is empty")
    return passphrase


async def migrate(url: str) -> None:
    """Bring the database's schema to the newest revision. Alembic is only imported when there is something to do."""
    from tacita_broker.storage import SCHEMA_HEAD

    database = Database(url)
    try:
        current = await database.revision()
    finally:
        await database.close()
    if current == SCHEMA_HEAD:
        return
    from tacita_broker.migrations.upgrade import upgrade

    upgrade(url)
