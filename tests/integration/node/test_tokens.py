"""Tokens of the local API: several roles, an end, a list, and a revocation that holds at once."""

import json
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tacita_node.access.roles import Role
from tacita_node.access.tokens import DAY_SECONDS, Tokens, TooManyTokens
from tacita_node.cli import app
from tacita_node.config import TOKEN_DAYS, Limits
from tacita_node.storage import migrate
from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import SingleNode, TestClock, running

pytestmark = pytest.mark.anyio


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[SingleNode]:
    clock = TestClock()
    async with running(tmp_path, BrokerSimulator(clock), clock=clock, limits=Limits(tokens=3)) as one:
        yield one


async def status(node: SingleNode, token: str) -> int:
    """What the holder of this token gets."""
    return (await node.client.get("/v1/datasets", headers={"authorization": f"Bearer {token}"})).status_code


async def test_a_token_ends_after_its_days(node: SingleNode) -> None:
    clock = node.services.clock
    assert isinstance(clock, TestClock)
    issued = await node.services.tokens.issue(Role.ANALYST, days=2)
    usual = await node.services.tokens.issue(Role.ANALYST)
    assert issued.expires == clock() + 2 * DAY_SECONDS
    assert usual.expires == clock() + TOKEN_DAYS * DAY_SECONDS
    clock.now = issued.expires - 1
    assert await status(node, issued.secret) == 200
    clock.now = issued.expires
    assert (await status(node, issued.secret), await status(node, usual.secret)) == (401, 200)


async def test_a_token_that_was_seen_at_its_end_is_not_good_again(node: SingleNode) -> None:
    """Its end is noticed by whatever request comes, and by the node itself, which then drops it for good."""
    clock = node.services.clock
    assert isinstance(clock, TestClock)
    begun = clock.now
    used, unused = [await node.services.tokens.issue(Role.ANALYST, days=days) for days in (1, 2)]
    clock.now = used.expires
    assert (await status(node, used.secret), await status(node, unused.secret)) == (401, 200)
    clock.now = begun
    assert (await status(node, used.secret), await status(node, unused.secret)) == (401, 200)
    clock.now = unused.expires
    await node.services.tokens.forget_ended()
    clock.now = begun
    afterwards = Tokens(node.services.database, clock=clock, limit=3)  # as a node has it that was started anew
    assert [await afterwards.holder(token.secret) for token in (used, unused)] == [None, None]


async def test_a_revoked_token_opens_nothing_any_more(node: SingleNode) -> None:
    issued = await node.services.tokens.issue(Role.ANALYST)
    assert await status(node, issued.secret) == 200
    assert await node.services.tokens.revoke(issued.id)
    assert await status(node, issued.secret) == 401
    assert not await node.services.tokens.revoke(issued.id)


async def test_the_list_names_tokens_but_holds_none(node: SingleNode) -> None:
    issued = await node.services.tokens.issue(Role.AUDITOR, Role.ADMIN, name="desk 3")
    [listed] = [one for one in await node.services.tokens.listed() if one.id == issued.id]
    assert (listed.id, listed.name, set(listed.roles)) == (issued.id, "desk 3", {Role.AUDITOR, Role.ADMIN})
    assert issued.secret not in repr(listed)
    assert issued.secret.encode() not in node.directory.database.read_bytes()


async def test_tokens_are_limited_and_ended_ones_make_room(node: SingleNode) -> None:
    clock = node.services.clock
    assert isinstance(clock, TestClock)
    await node.services.tokens.issue(Role.ANALYST, days=1)
    await node.services.tokens.issue(Role.ANALYST)
    with pytest.raises(TooManyTokens, match="revoke one"):
        await node.services.tokens.issue(Role.ANALYST)
    clock.now += DAY_SECONDS
    await node.services.tokens.issue(Role.ANALYST)


@pytest.mark.parametrize(("roles", "days"), [((), 1), ((Role.ADMIN,), 0), ((Role.ADMIN,), 367)])
async def test_what_is_no_token(node: SingleNode, roles: tuple[Role, ...], days: int) -> None:
    with pytest.raises(ValueError, match="at least one role"):
        await node.services.tokens.issue(*roles, days=days)


def test_the_commands_issue_list_and_revoke(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    runner = CliRunner()

    def run(*arguments: str) -> dict[str, object]:
        done = runner.invoke(app, [*arguments, "--json"])
        assert done.exit_code == 0, done.output
        facts = json.loads(done.stdout)
        assert isinstance(facts, dict)
        return facts

    place = str(tmp_path)
    made = run("token", place, "--role", "analyst", "--role", "admin", "--name", "desk 3", "--days", "7")
    shown = run("tokens", place)
    assert shown == {
        "tokens": [
            {
                "id": made["id"],
                "roles": ["admin", "analyst"],
                "issued": int(str(made["expires"])) - 7 * DAY_SECONDS,
                "expires": made["expires"],
                "name": "desk 3",
            }
        ]
    }
    text = runner.invoke(app, ["tokens", place]).stdout
    assert f"{made['id']}  admin, analyst  until " in text
    assert text.endswith("desk 3\n")
    assert run("revoke-token", place, str(made["id"])) == {"revoked": made["id"]}
    assert run("tokens", place) == {"tokens": []}
    again = runner.invoke(app, ["revoke-token", place, str(made["id"])])
    assert (again.exit_code, "no token has this id" in again.stderr) == (1, True)
    name = runner.invoke(app, ["token", place, "--role", "admin", "--name", "a\nb"])
    assert (name.exit_code, "printable" in name.stderr) == (2, True)


def test_a_token_goes_to_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    home, file = str(tmp_path), tmp_path / "desk.token"
    command = ["token", home, "--role", "analyst", "--out", str(file)]
    before = os.umask(0o022)
    try:
        issued = CliRunner().invoke(app, [*command, "--json"])
    finally:
        os.umask(before)
    assert issued.exit_code == 0, issued.output
    said, secret = json.loads(issued.stdout), file.read_text().strip()
    assert (said["token"], secret in issued.output, file.stat().st_mode & 0o777) == (None, False, 0o600)
    assert len(secret) > 20
    again = CliRunner().invoke(app, command)
    assert (again.exit_code, "is there already" in again.stderr, file.read_text().strip()) == (1, True, secret)
    listed = json.loads(CliRunner().invoke(app, ["tokens", home, "--json"]).stdout)["tokens"]
    assert [one["id"] for one in listed] == [said["id"]]  # the refused one made none


def test_where_no_token_is_issued_no_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "desk.token"
    failed = CliRunner().invoke(app, ["token", str(tmp_path), "--role", "analyst", "--out", str(file)])
    assert (failed.exit_code, "holds no node" in failed.stderr, file.exists()) == (1, True, False)


def test_tokens_of_one_role_are_kept(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    import tacita_node.migrations

    path = tmp_path / "node.db"
    config = Config()
    config.set_main_option("script_location", next(iter(tacita_node.migrations.__path__)))
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql("INSERT INTO api_tokens VALUES ('aa', 'auditor', 1000), ('bb', 'analyst', 2000)")
        connection.commit()
    engine.dispose()
    migrate(path)
    migrated = sqlite3.connect(path)
    rows = migrated.execute("SELECT hash, length(id), name, roles, issued, expires FROM api_tokens").fetchall()
    migrated.close()
    ninety = 90 * DAY_SECONDS
    assert rows == [("aa", 16, "", "auditor", 1000, 1000 + ninety), ("bb", 16, "", "analyst", 2000, 2000 + ninety)]
