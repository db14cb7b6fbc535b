"""Profiles: by name, which node a person works with, and the file that holds the token.

They are in `profiles.json` in `TACITA_HOME`, else in `tacita/` under `XDG_CONFIG_HOME` or `~/.config`. The file names
tokens, and never holds one. What is on the command line goes before the environment, and that before the profile.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from tacita_sdk.errors import ArgumentRefused, SdkError

if TYPE_CHECKING:
    from typing import Self

DEFAULT_NODE_URL = "http://127.0.0.1:8441"
FILE = "profiles.json"
MAX_FILE_BYTES = 256 * 1024
MAX_PROFILES = 100

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class ProfileRefused(SdkError):
    """Profiles cannot be read, or there is one of that name already."""


class NoSuchProfile(ArgumentRefused):
    """There is no profile of that name."""


class Profile(BaseModel):
    """One node, and where the token is: a file, by its absolute path."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    node: Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$", max_length=300)]
    token_file: Annotated[str, StringConstraints(pattern=r"^/", max_length=4_096)]
    plain_http: bool = False
    """Whether the token may go over http to another machine, whose network is trusted with it."""


class Profiles(BaseModel):
    """Every profile, and which one counts when none is named."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    current: Name | None = None
    profiles: dict[Name, Profile] = Field(default_factory=dict, max_length=MAX_PROFILES)

    @classmethod
    def load(cls, home: Path) -> "Self":
        """The profiles of a home; none when it has no file. Raises `ProfileRefused`."""
        file = home / FILE
        try:
            with file.open("rb") as opened:
                facts = os.fstat(opened.fileno())
                if facts.st_uid not in (0, os.geteuid()):
                    raise ProfileRefused(f"{file} says where tokens are sent, and belongs to somebody else: delete it.")
                if stat.S_IMODE(facts.st_mode) & 0o022:
                    raise ProfileRefused(
                        f"Others may change {file}, which says where tokens are sent: run `chmod 600 {file}`."
                    )
                data = opened.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return cls()
        try:
            loaded = cls.model_validate_json(data)
        except ValidationError as error:
            raise ProfileRefused(
                f"{file} is not a file of profiles: correct or delete it, and add them again with `tacita profile add`."
            ) from error
        return loaded

    def save(self, home: Path) -> None:
        """Writes them, whole or not at all, readable by this user only. Raises `OSError`."""
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = home / f".{FILE}.{os.getpid()}"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(self.model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(home / FILE)

    def named(self, name: str) -> Profile:
        """The profile of that name. Raises `NoSuchProfile`."""
        found = self.profiles.get(name)
        if found is None:
            raise NoSuchProfile(f"There is no profile {name!r}: `tacita profile list` shows those that there are.")
        return found


@dataclass(frozen=True)
class Target:
    """Which node to ask, and where the token is: in a file or, failing that, in the environment."""

    node: str
    token_file: Path | None
    profile: str | None
    """The profile that was looked at, if any."""
    plain_http: bool = False
    """Whether the token may go over http to another machine."""


def home(environ: Mapping[str, str]) -> Path:
    """Where profiles are kept."""
    if own := environ.get("TACITA_HOME"):
        return Path(own)
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "tacita"


def choose(
    profiles: Profiles, environ: Mapping[str, str], *, node: str | None, token_file: Path | None, profile: str | None
) -> Target:
    """The node and token that options, environment and profiles say, in this order.

    A profile named on the command line goes before the environment like any option. A profile's token is for the
    profile's node only: with another address it is not sent, and neither is http taken for it. Raises `NoSuchProfile`.
    """
    surrounding: Mapping[str, str] = {} if profile is not None else environ
    name = profile or environ.get("TACITA_PROFILE") or profiles.current
    known = None if name is None else profiles.named(name)
    address = surrounding.get("TACITA_NODE") or (DEFAULT_NODE_URL if known is None else known.node)
    if node is not None:
        address = node
    if token_file is None and (given := surrounding.get("TACITA_TOKEN_FILE")):
        token_file = Path(given)
    in_environment = "TACITA_TOKEN" in surrounding
    plain_http = surrounding.get("TACITA_PLAIN_HTTP") == "1"
    if known is not None and known.node == address:
        plain_http = plain_http or known.plain_http
        if token_file is None and not in_environment:
            token_file = Path(known.token_file)
    return Target(address, token_file, name, plain_http)
