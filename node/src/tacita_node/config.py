"""What can be set, where it lives on the disk, and every limit by name.

A node's directory::

    config.toml     the settings below
    keys.sealed     every secret key, under the passphrase
    keys.next       keys that will replace them, while a rotation is under way
    rotation.json   that rotation and its card
    card.json       this partner's self-signed card
    broker.json     the broker, pinned at enrolment
    trust.policy    the federation's trust file, once it is issued
    policies/       own policies, stricter than the packaged ones (optional)
    witness/        what this node cosigned last, as a witness of the log
    node.db         the database, unless it is elsewhere
    node.lock       held by the process that runs the node
    blobs/          encrypted source files, epochs, frames, results
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from tacita_sdk.loopback import is_loopback

ENV_PREFIX = "TACITA_NODE_"
DEFAULT_PORT = 8441
TOKEN_DAYS = 90
"""How long a token of the local API is good when nobody says otherwise."""
MAX_TOKEN_DAYS = 366


class Limits(BaseModel):
    """Every size that somebody else decides, with its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    import_bytes: int = Field(default=2**30, ge=1, description="bytes of one source file")
    import_rows: int = Field(default=5_000_000, ge=1, description="lines of one source file")
    import_rejects: int = Field(default=100_000, ge=0, description="rejected lines kept of one source file")
    imports: int = Field(default=8, ge=1, description="imports that run or wait at once")
    uploads: int = Field(default=4, ge=1, description="source files on their way here at once")
    upload_piece_bytes: int = Field(default=4 * 2**20, ge=1, description="bytes in which a source file is sent at once")
    preview_bytes: int = Field(default=256 * 2**10, ge=1, description="bytes of the beginning of a file to look at")
    import_columns: int = Field(default=256, ge=1, description="columns of one source file")
    import_row_characters: int = Field(default=256 * 2**10, ge=1, description="characters of one row")
    import_field_characters: int = Field(default=4_096, ge=1, description="characters of one field")
    import_seconds: float = Field(default=300.0, gt=0, description="time to receive one piece of a source file")
    body_bytes: int = Field(default=64 * 2**10, ge=1, description="bytes of any other request")
    body_seconds: float = Field(default=30.0, gt=0, description="time to receive any other request")
    header_bytes: int = Field(default=32 * 2**10, ge=4_096, description="bytes of a request's line and headers")
    header_seconds: float = Field(default=10.0, gt=0, description="time to receive the headers of a request")
    connections: int = Field(default=256, ge=4, description="connections to the local API at once")
    connections_per_address: int = Field(default=128, ge=2, description="of these, connections from one address")
    token_per_second: float = Field(default=50.0, gt=0, description="requests of one token a second, in the long run")
    token_burst: int = Field(default=500, ge=1, description="requests of one token at once, after a pause")
    stranger_per_second: float = Field(
        default=10.0, gt=0, description="requests without a valid token from one address a second, in the long run"
    )
    stranger_burst: int = Field(default=200, ge=1, description="of these, at once after a pause")
    relayed_per_second: float = Field(
        default=10.0, gt=0, description="requests of all tokens a second for which the broker is asked"
    )
    relayed_burst: int = Field(default=100, ge=1, description="of these, at once after a pause")
    datasets: int = Field(default=1_000, ge=1, description="own datasets")
    tokens: int = Field(default=100, ge=1, description="local API tokens")
    agreements_pending: int = Field(default=32, ge=1, description="unsigned agreements kept from one partner")
    agreements_pending_in_all: int = Field(default=1_000, ge=1, description="unsigned agreements kept from strangers")
    agreement_envelope_bytes: int = Field(default=64 * 2**10, ge=1, description="bytes of one signed agreement")
    partners: int = Field(default=1_000, ge=1, description="partners that a broker may list")


class Settings(BaseSettings):
    """The settings of one node: config.toml, overridden by environment variables TACITA_NODE_<NAME>."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", hide_input_in_errors=True, frozen=True
    )

    host: str = Field(default="127.0.0.1", description="address that the local API listens on")
    port: int = Field(default=DEFAULT_PORT, ge=1, le=65_535, description="its port")
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="further names by which the local API may be called (Host header, without a port)"
    )
    database: str | None = Field(
        default=None, description="PostgreSQL's address, postgresql://user@host/database; node.db when it is not given"
    )
    broker_ca: Path | None = Field(
        default=None,
        description="PEM file of the authority whose certificate the broker must have; the system's when not given",
    )
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256, description="worker processes")
    worker_idle_seconds: float = Field(
        default=300.0, gt=0, description="seconds without work after which the worker processes end"
    )
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _remote_only_on_purpose(self) -> Self:
        if not is_loopback(self.host) and not self.allowed_hosts:
            raise ValueError("listening beyond this machine needs allowed_hosts: the names by which the node is called")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment is asked first, then what was read from config.toml."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @classmethod
    def load(cls, directory: "NodeDirectory") -> "Settings":
        """Reads config.toml and the environment. Raises `FileNotFoundError` or pydantic's `ValidationError`."""
        if not directory.config.is_file():
            raise FileNotFoundError(directory.config)
        return cls(**TomlConfigSettingsSource(cls, directory.config)())


@dataclass(frozen=True)
class NodeDirectory:
    """Where one node keeps its files."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    @property
    def keys(self) -> Path:
        return self.root / "keys.sealed"

    @property
    def next_keys(self) -> Path:
        return self.root / "keys.next"

    @property
    def rotation(self) -> Path:
        return self.root / "rotation.json"

    @property
    def card(self) -> Path:
        return self.root / "card.json"

    @property
    def broker(self) -> Path:
        return self.root / "broker.json"

    @property
    def trust(self) -> Path:
        return self.root / "trust.policy"

    @property
    def policies(self) -> Path:
        return self.root / "policies"

    @property
    def witness(self) -> Path:
        return self.root / "witness"

    @property
    def lock(self) -> Path:
        return self.root / "node.lock"

    @property
    def database(self) -> Path:
        return self.root / "node.db"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"
