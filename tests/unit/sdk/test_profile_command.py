"""`tacita profile`, and what other commands make of profiles."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tacita_sdk.cli.main import app
from tacita_sdk.cli.profiles import Profile, ProfileRefused, Profiles
from tacita_sdk.errors import NodeUnreachable


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "bank.token"
    file.touch(mode=0o600)
    file.write_text("secret-token\n")
    return file


def tacita(home: Path, *arguments: str | Path, **environment: str) -> Result:
    cleared = dict.fromkeys((name for name in os.environ if name.startswith("TACITA_")), "")
    runner = CliRunner(env={**cleared, "TACITA_HOME": str(home / "home"), **environment})
    return runner.invoke(app, [str(one) for one in arguments])


def test_add_use_list_remove(tmp_path: Path, token: Path) -> None:
    made = tacita(tmp_path, "profile", "add", "bank", "--node", "http://127.0.0.1:9", "--token-file", token)
    assert made.exit_code == 0, made.output
    assert tacita(tmp_path, "profile", "add", "ngo", "--token-file", token).exit_code == 0
    assert tacita(tmp_path, "profile", "list").output.splitlines() == [
        f"* bank  http://127.0.0.1:9  token in {token}",
        f"  ngo  http://127.0.0.1:8441  token in {token}",
    ]
    used = json.loads(tacita(tmp_path, "profile", "use", "ngo", "--json").output)
    assert used["current"] == "ngo"
    left = json.loads(tacita(tmp_path, "profile", "remove", "ngo", "--json").output)
    assert (left["current"], list(left["profiles"])) == (None, ["bank"])
    assert token.exists()
    assert "secret-token" not in (tmp_path / "home/profiles.json").read_text()


def test_a_name_is_taken_once(tmp_path: Path, token: Path) -> None:
    add = ("profile", "add", "bank", "--token-file", token)
    assert tacita(tmp_path, *add).exit_code == 0
    again = tacita(tmp_path, *add)
    assert isinstance(again.exception, ProfileRefused)
    assert "--replace" in str(again.exception)
    assert tacita(tmp_path, *add, "--replace", "--node", "http://127.0.0.1:7").exit_code == 0
    assert Profiles.load(tmp_path / "home").named("bank").node == "http://127.0.0.1:7"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("Not a name",), "not well formed: NAME"),
        (("bank", "--node", "127.0.0.1"), "begins with http"),
        (("bank", "--node", "http://two words"), "begins with http"),
        (("bank", "--node", "http://127.0.0.1/" + "x" * 300), "not well formed: --node"),
        (("bank", "--node", "http://node.example"), "use https"),
    ],
)
def test_what_does_not_fit_is_wrong_usage(tmp_path: Path, token: Path, arguments: tuple[str, ...], said: str) -> None:
    refused = tacita(tmp_path, "profile", "add", *arguments, "--token-file", token)
    assert (refused.exit_code, said in " ".join(refused.output.split())) == (2, True)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o777])
def test_a_token_that_others_may_read_is_refused(tmp_path: Path, token: Path, mode: int) -> None:
    token.chmod(mode)
    for command in (("profile", "add", "bank"), ("data", "list")):
        refused = tacita(tmp_path, *command, "--token-file", token)
        assert (refused.exit_code, f"chmod 600 {token}" in refused.output.replace("\n", "")) == (2, True)
        assert "secret-token" not in refused.output


def test_a_command_asks_the_node_of_the_profile(tmp_path: Path, token: Path) -> None:
    tacita(tmp_path, "profile", "add", "bank", "--node", "http://127.0.0.1:9", "--token-file", token)
    tacita(tmp_path, "profile", "add", "ngo", "--node", "http://127.0.0.1:10", "--token-file", token)
    for arguments, environment, asked in (
        ((), {}, 9),
        (("--profile", "ngo"), {}, 10),
        ((), {"TACITA_PROFILE": "ngo"}, 10),
        ((), {"TACITA_NODE": "http://127.0.0.1:11", "TACITA_TOKEN": "t"}, 11),
    ):
        done = tacita(tmp_path, "data", "list", *arguments, **environment)
        assert f"http://127.0.0.1:{asked}:" in str(done.exception)


def test_a_profiles_token_is_not_sent_elsewhere(tmp_path: Path, token: Path) -> None:
    tacita(tmp_path, "profile", "add", "bank", "--node", "http://127.0.0.1:9", "--token-file", token)
    elsewhere = tacita(tmp_path, "data", "list", "--node", "http://127.0.0.1:10")
    assert (elsewhere.exit_code, "no token" in elsewhere.output) == (2, True)


def test_http_to_another_machine_is_taken_only_where_it_was_allowed(tmp_path: Path, token: Path) -> None:
    """Nobody answers at either address: what is refused is refused before anything is sent, with exit code 2."""
    add = ("profile", "add", "bank", "--node", "http://0.0.0.0:9", "--token-file", token)
    assert tacita(tmp_path, *add).exit_code == 2
    assert tacita(tmp_path, *add, "--plain-http").exit_code == 0
    refused = {"TACITA_NODE": "http://0.0.0.0:10", "TACITA_TOKEN_FILE": str(token)}
    for environment, code in (
        ({}, "unreachable"),
        (refused, "refused"),
        (refused | {"TACITA_PLAIN_HTTP": "0"}, "refused"),
        (refused | {"TACITA_PLAIN_HTTP": "1"}, "unreachable"),
    ):
        done = tacita(tmp_path, "data", "list", **environment)
        said = {"refused": done.exit_code == 2, "unreachable": isinstance(done.exception, NodeUnreachable)}
        assert [name for name, is_so in said.items() if is_so] == [code]


def test_an_address_with_a_password_is_refused_wherever_it_comes_from_and_not_repeated(
    tmp_path: Path, token: Path
) -> None:
    address = "https://me:hidden-word@node.example"
    old = Profile(node=address, token_file=str(token))  # as a file from before, or one that somebody wrote
    Profiles(current="old", profiles={"old": old}).save(tmp_path / "home")
    for arguments, environment in (
        (("profile", "add", "bank", "--node", address, "--token-file", token), {}),
        (("data", "list", "--node", address, "--token-file", token), {}),
        (("doctor",), {"TACITA_NODE": address, "TACITA_TOKEN": "t"}),
        (("data", "list"), {}),
    ):
        refused = tacita(tmp_path, *arguments, **environment)
        assert (refused.exit_code, "no user name or password" in " ".join(refused.output.split())) == (2, True)
        assert "hidden-word" not in refused.output
