"""Settings of one broker: its identity, where it listens, and every limit with its unit.

Values come from `config.toml` in the broker's directory; the environment (`TACITA_BROKER_<FIELD>`) wins over the file.
"""

import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tacita_broker.errors import ConfigurationRefused
from tacita_protocol.api import MAX_BODY_BYTES
from tacita_protocol.statements.grant import MAX_START_DELAY

CONFIG_FILE = "config.toml"
ENVIRONMENT_PREFIX = "TACITA_BROKER_"

MIB = 1024 * 1024

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")


class Limits(BaseSettings):
    """Everything that bounds what others may make this broker do."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    # Transport
    json_body_bytes: int = Field(MAX_BODY_BYTES, ge=1024)
    """Bytes of a JSON request body."""
    frame_bytes: int = Field(MIB + 64, ge=64)
    """Bytes of one encrypted frame: 1 MiB of plaintext, header and tag."""
    header_bytes: int = Field(32 * 1024, ge=4096)
    """Bytes of a request's line and headers."""
    header_seconds: float = Field(10.0, gt=0)
    """Seconds until a connection must have sent the headers of its request."""
    receive_seconds: float = Field(30.0, gt=0)
    """Seconds until a request's body must have arrived."""
    connections: int = Field(1024, ge=16)
    """Connections served at once; more are answered 503."""
    connections_per_address: int = Field(256, ge=8)
    """Of these, connections from one address; not counted behind a proxy."""
    long_poll_seconds: float = Field(25.0, gt=0)
    """Longest time that a request is held open for news."""
    long_polls_per_partner: int = Field(256, ge=4)
    """Requests of one partner that may be held open at once."""
    public_long_polls: int = Field(64, ge=4)
    """Requests of witnesses (unauthenticated) that are held open for their full time at once."""

    # Rates, each in the long run (requests a second) and at once after a pause (requests)
    signed_per_second: float = Field(50.0, gt=0)
    """Signed requests of one partner."""
    signed_burst: int = Field(500, ge=1)
    bearer_per_second: float = Field(500.0, gt=0)
    """Requests of one partner with a bearer token: inbox and frames."""
    bearer_burst: int = Field(2_000, ge=1)
    public_per_second: float = Field(100.0, gt=0)
    """Requests from one address that are nobody's: public ones, and those whose signature or token does not hold."""
    public_burst: int = Field(1_000, ge=1)

    # Authentication
    clock_skew_seconds: int = Field(60, ge=0)
    """Seconds by which the clocks of broker and partner may differ."""
    token_seconds: int = Field(600, ge=10)
    """Seconds for which a bearer token is valid."""
    invitation_seconds: int = Field(900, ge=10)
    """Seconds for which an invitation is valid."""

    # What a partner may keep here
    partners: int = Field(10_000, ge=2)
    """Partners of the federation, pending ones included."""
    datasets_per_partner: int = Field(256, ge=1)
    """Datasets (names) of one partner."""
    dataset_cards_per_day: int = Field(1_000, ge=1)
    """Dataset cards of one partner in 24 hours; each is an entry of the log."""
    rotations_per_day: int = Field(10, ge=1)
    """Replacements of one partner's keys in 24 hours; each is two entries of the log."""
    agreements_per_partner: int = Field(1_000, ge=1)
    """Agreements that one partner may have proposed."""
    inbox_page: int = Field(256, ge=1, le=1_000)
    """Events in one answer of the inbox."""

    # Matches
    open_matches_per_partner: int = Field(64, ge=1)
    """Matches of one requester that have not been closed."""
    request_seconds: int = Field(3_600, ge=60)
    """Longest time between `issued` and `expires` of a MatchRequest, in seconds."""
    start_seconds: int = Field(MAX_START_DELAY, ge=1, le=MAX_START_DELAY)
    """Seconds from the grant to the latest acceptance."""
    match_seconds: int = Field(4 * 3_600, ge=1)
    """Seconds from the grant to the deadline of the match."""
    abort_grace_seconds: int = Field(30, ge=0)
    """Seconds that the other side has for its receipt once one side has aborted."""
    denial_closing_mean_seconds: float = Field(120.0, ge=0)
    """Mean of the random delay (seconds) before the closing entry of a denial."""
    denial_closing_max_seconds: float = Field(3_600.0, ge=0, le=3_600.0)
    """The delay's upper bound, in seconds; an audit expects every closing within two hours."""
    frames_per_match: int = Field(16_384, ge=1)
    """Frames per direction of one match."""
    relayed_bytes_per_match: int = Field(4 * 1024 * MIB, ge=MIB)
    """Bytes of frames of one match, both directions together."""
    relayed_bytes_per_partner: int = Field(16 * 1024 * MIB, ge=MIB)
    """Bytes of frames that one partner has sent in all its matches that are not closed."""

    # Log
    log_batch_seconds: float = Field(0.05, gt=0)
    """Seconds for which entries are collected before they are integrated."""
    log_batch_entries: int = Field(256, ge=1, le=256)
    """Entries integrated at once."""
    log_poll_seconds: float = Field(0.5, gt=0)
    """Seconds between looks for entries and trust files that an administrator's command has left in the database."""
    witness_pin_seconds: float = Field(5.0, ge=0)
    """Seconds for which a checkpoint with a quorum waits for more cosignatures that some match still needs."""
    cosignature_age_seconds: int = Field(3_600, ge=60)
    """Age (seconds) above which a cosignature is refused."""


class Settings(Limits):
    """One broker. Everything here is public; secrets are in the sealed key file."""

    broker: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    """The broker's id, which names its key in signatures."""
    name: str = Field(min_length=1, max_length=100)
    """Name for people."""
    origin: str = Field(pattern=r"^[\x21-\x2a\x2c-\x7e]{1,255}$")
    """Origin line and key name of the log."""
    signing_key: str
    """Public key of the broker's signatures, base64url."""
    log_vkey: str
    """Public key of the log, as a note verifier key."""
    database: str
    """SQLAlchemy URL."""
    host: str = "127.0.0.1"
    port: int = Field(8440, ge=1, le=65535)
    authorities: tuple[str, ...] = Field((), max_length=16)
    """`host[:port]` values under which partners reach this broker, beside the loopback ones while it listens there."""
    behind_proxy: bool = False
    """A proxy in front ends TLS, so that a non-loopback address may be bound without a certificate."""
    tls_certificate: Path | None = None
    """PEM file."""
    tls_key: Path | None = None
    """PEM file."""

    @field_validator("authorities")
    @classmethod
    def _as_in_a_host_header(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_AUTHORITY.fullmatch(name) for name in names):
            raise ValueError("a name by which partners reach the broker is host[:port], without https:// and path")
        return names

    @property
    def accepted_authorities(self) -> frozenset[str]:
        """The values of the Host header that are answered, in lower case."""
        loopback = (f"127.0.0.1:{self.port}", f"localhost:{self.port}", f"[::1]:{self.port}")
        return frozenset(name.lower() for name in (*self.authorities, *(loopback if is_loopback(self.host) else ())))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose values are passed to the constructor."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


def load_settings(directory: Path) -> Settings:
    """Read `config.toml` of a broker's directory. Raises `ConfigurationRefused` with the name of the field at fault."""
    path = directory / CONFIG_FILE
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigurationRefused(f"{directory} holds no broker; make one with `tacita-broker init`") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationRefused(f"{path} cannot be read: {type(error).__name__}") from error
    try:
        return settings_of(values)
    except ConfigurationRefused as error:
        raise ConfigurationRefused(f"{path}: {error}") from error


def settings_of(values: Mapping[str, Any]) -> Settings:
    """The settings that these values and the environment give. Raises `ConfigurationRefused` with the field's name."""
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "settings"
        raise ConfigurationRefused(f"{field}: {first['msg']}") from error


def config_text(values: dict[str, str | int | tuple[str, ...]]) -> str:
    """`config.toml` for these values. Raises `ConfigurationRefused` for a value that TOML would have to escape."""
    lines = ["# Settings of a Tacita broker. Limits and their units: tacita_broker/config.py", ""]
    for key, value in values.items():
        if isinstance(value, tuple):
            lines.append(f"{key} = [{', '.join(_quoted(item) for item in value)}]")
        else:
            lines.append(f"{key} = {value if isinstance(value, int) else _quoted(value)}")
    return "\n".join(lines) + "\n"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def slug(name: str) -> str:
    """A broker id made from a name for people."""
    text = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].strip("-")
    return text or "broker"


def _quoted(text: str) -> str:
    if any(character < " " or character in '"\\\x7f' for character in text):
        raise ConfigurationRefused("names, addresses and paths may not hold quotes, backslashes or control characters")
    return f'"{text}"'
