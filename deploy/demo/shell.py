"""What a shell needs to go on in the federation that the demo left running: a file to read in, a profile a node."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from deploy.demo.federation import COMMANDS, Federation, Member, free_port
from tacita_sdk.cli.profiles import Profile, Profiles


def write_shell(federation: Federation, members: Mapping[str, Member]) -> Path:
    """Write `env.sh` and a profile for each of `members` (by profile name); returns the file to read into a shell."""
    root = federation.root.absolute()
    home = root / "home"
    Profiles(
        profiles={
            name: Profile(node=member.url, token_file=str(member.token_file.absolute()))
            for name, member in members.items()
        }
    ).save(home)
    passphrase = str(federation.passphrase_file.absolute())
    settings = {
        "TACITA_HOME": str(home),
        "TACITA_BROKER_PASSPHRASE_FILE": passphrase,
        "TACITA_NODE_PASSPHRASE_FILE": passphrase,
        "DEMO": str(root),
        "DEMO_BROKER": federation.broker_url,
        "DEMO_PORT": str(free_port()),  # for a node of one's own
    }
    file = federation.root / "env.sh"
    file.write_text(
        "# Read this into a shell (. .demo/env.sh) to go on in the federation that `make demo KEEP=1` left running.\n"
        "unset TACITA_NODE TACITA_TOKEN TACITA_TOKEN_FILE TACITA_PROFILE\n"
        f"export PATH={shlex.quote(str(COMMANDS))}:$PATH\n"
        + "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()),
        encoding="utf-8",
    )
    return file
