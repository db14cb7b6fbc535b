"""`tacita profile`: name the nodes that you work with, and where their tokens are."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacita_sdk.cli.connection import AsJson, address_of, profiles_named, read_token

if TYPE_CHECKING:
    from tacita_sdk.cli.profiles import Profiles

app = typer.Typer(help="Name the nodes that you work with, and where their tokens are.", no_args_is_help=True)

ProfileName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the profile.", show_default=False)]
OneOfThem = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Name of the profile.", show_default=False, autocompletion=profiles_named),
]


@app.command(epilog="Example: tacita profile add bank --node http://127.0.0.1:8441 --token-file ~/bank.token")
def add(
    name: ProfileName,
    token_file: Annotated[
        Path,
        typer.Option(help="File with the token that `tacita-node token` printed; it stays where it is.", exists=True),
    ],
    node: Annotated[str, typer.Option(help="Address of the node's local API.")] = "http://127.0.0.1:8441",
    plain_http: Annotated[
        bool,
        typer.Option(
            "--plain-http", help="Send the token unencrypted to another machine: the network is trusted with it."
        ),
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a profile of that name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a profile. The first one is used when none is named; see `tacita profile use`."""
    from pydantic import ValidationError

    from tacita_sdk.cli.profiles import Profile, ProfileRefused, Profiles, home

    address_of(node, plain_http=plain_http)
    read_token(token_file)
    place = home(os.environ)
    known = Profiles.load(place)
    if name in known.profiles and not replace:
        raise ProfileRefused(f"There is a profile {name!r} already: give another name, or --replace.")
    try:
        profile = Profile(node=node, token_file=str(token_file.absolute()), plain_http=plain_http)
        new = Profiles(current=known.current or name, profiles={**known.profiles, name: profile})
    except ValidationError as error:
        named = {"current": "NAME", "profiles": "NAME", "node": "--node", "token_file": "--token-file"}
        fields = dict.fromkeys(named.get(str(item["loc"][0]), "NAME") for item in error.errors())
        raise typer.BadParameter(f"not well formed: {', '.join(fields)}") from error
    new.save(place)
    _show(new, as_json=as_json)


@app.command("list", epilog="Example: tacita profile list")
def list_(as_json: AsJson = False) -> None:
    """List the profiles; a star marks the one that is used when none is named."""
    from tacita_sdk.cli.profiles import Profiles, home

    _show(Profiles.load(home(os.environ)), as_json=as_json)


@app.command(epilog="Example: tacita profile use bank")
def use(name: OneOfThem, as_json: AsJson = False) -> None:
    """Use a profile from now on when none is named."""
    from tacita_sdk.cli.profiles import Profiles, home

    place = home(os.environ)
    known = Profiles.load(place)
    known.named(name)
    new = Profiles(current=name, profiles=known.profiles)
    new.save(place)
    _show(new, as_json=as_json)


@app.command(epilog="Example: tacita profile remove bank")
def remove(name: OneOfThem, as_json: AsJson = False) -> None:
    """Remove a profile. Its token file stays, and the token stays good: `tacita-node revoke-token` ends it."""
    from tacita_sdk.cli.profiles import Profiles, home

    place = home(os.environ)
    known = Profiles.load(place)
    known.named(name)
    left = {other: profile for other, profile in known.profiles.items() if other != name}
    new = Profiles(current=None if known.current == name else known.current, profiles=left)
    new.save(place)
    _show(new, as_json=as_json)


def _show(profiles: "Profiles", *, as_json: bool) -> None:
    from tacita_sdk.cli.output import show

    lines = [
        f"{'*' if name == profiles.current else ' '} {name}  {profile.node}  token in {profile.token_file}"
        for name, profile in sorted(profiles.profiles.items())
    ]
    show(profiles, as_json=as_json, lines=lines or ["No profile yet: `tacita profile add NAME --token-file FILE`."])
