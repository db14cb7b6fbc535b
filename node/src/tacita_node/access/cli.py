"""The commands about tokens of the local API. They work on the database, also while the node runs."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, TypeVar

import typer

from tacita_node.config import MAX_TOKEN_DAYS, TOKEN_DAYS, NodeDirectory
from tacita_node.terminal import WRONG_USAGE, AsJson, Directory, fail, settings_of, tell

if TYPE_CHECKING:
    from tacita_node.access.roles import Role
    from tacita_node.access.tokens import ListedToken, Tokens

MAX_NAME_CHARACTERS = 100

T = TypeVar("T")


def token(
    directory: Directory,
    role: Annotated[
        list[str], typer.Option(help="analyst, approver, admin or auditor; repeat the option for several.")
    ],
    name: Annotated[str, typer.Option(help="Whose token it is, for the list.")] = "",
    days: Annotated[int, typer.Option(help="For how many days it is good.", min=1, max=MAX_TOKEN_DAYS)] = TOKEN_DAYS,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the token to this new file, which only you can read, and do not show it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Issue a token of the local API. It is shown this once; the node keeps a hash.

    An analyst imports data, orders matches and reads hits. An approver signs agreements and confirms partners. An admin
    publishes and withdraws data, proposes and revokes agreements, confirms partners. All of them and an auditor read
    the rest.
    """
    from tacita_node.answers import TokenIssued

    roles = _roles(role)
    if len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        fail(f"--name has at most {MAX_NAME_CHARACTERS} printable characters", WRONG_USAGE)
    if out is None:
        issued = _with_tokens(directory, lambda tokens: tokens.issue(*roles, name=name, days=days))
        tell(as_json, TokenIssued(token=issued.secret, id=issued.id, expires=issued.expires), issued.secret)
        return
    with _new_file(out) as file:
        issued = _with_tokens(directory, lambda tokens: tokens.issue(*roles, name=name, days=days))
        file.write(f"{issued.secret}\n")
    facts = TokenIssued(token=None, id=issued.id, expires=issued.expires)
    tell(as_json, facts, f"{out} holds the token, which is good until {_day(issued.expires)}. Its id: {issued.id}")


def tokens(directory: Directory, as_json: AsJson = False) -> None:
    """List the tokens that were issued and not revoked: id, roles, end and name."""
    from tacita_node.answers import TokenFacts, TokenList

    listed = _with_tokens(directory, lambda tokens: tokens.listed())
    facts = tuple(
        TokenFacts(id=one.id, roles=one.roles, issued=one.issued, expires=one.expires, name=one.name) for one in listed
    )
    tell(as_json, TokenList(tokens=facts), "\n".join(_line(one) for one in listed) or "No token has been issued.")


def revoke_token(
    directory: Directory,
    token: Annotated[str, typer.Argument(metavar="ID", help="As in the list of tokens.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """End a token at once, also while the node runs."""
    from tacita_node.answers import TokenRevoked

    if not _with_tokens(directory, lambda tokens: tokens.revoke(token)):
        fail("no token has this id; see `tacita-node tokens`")
    tell(as_json, TokenRevoked(revoked=token), f"{token} is revoked.")


def _roles(words: list[str]) -> "list[Role]":
    from tacita_node.access.roles import Role

    try:
        return [Role(word) for word in words]
    except ValueError:
        fail(f"--role is one of: {', '.join(Role)}", WRONG_USAGE)


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """A file that only its owner can read, made before there is a token; gone again when none could be written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        fail(f"{path} is there already: name a new file, or remove it first")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _line(token: "ListedToken") -> str:
    return f"{token.id}  {', '.join(token.roles)}  until {_day(token.expires)}  {token.name}".rstrip()


def _with_tokens(directory: Directory, work: "Callable[[Tokens], Awaitable[T]]") -> T:
    from tacita_node.access.tokens import Tokens, TooManyTokens
    from tacita_node.clock import system_clock
    from tacita_node.postgresql import DatabaseRefused
    from tacita_node.storage import Database, migrate, place_of

    node = NodeDirectory(directory)
    settings = settings_of(node)

    async def run() -> T:
        database = Database(place)
        try:
            return await work(Tokens(database, clock=system_clock, limit=settings.limits.tokens))
        finally:
            await database.close()

    try:
        place = place_of(settings.database, node.database)
        migrate(place)
        return asyncio.run(run())
    except (TooManyTokens, DatabaseRefused) as error:
        fail(str(error))
