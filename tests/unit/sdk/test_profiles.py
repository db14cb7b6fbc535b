"""Profiles: which node and token count, and what is refused about the files that say so."""

import os
from pathlib import Path

import pytest

from tacita_sdk.cli.profiles import (
    DEFAULT_NODE_URL,
    NoSuchProfile,
    Profile,
    ProfileRefused,
    Profiles,
    Target,
    choose,
    home,
)

BANK = Profile(node="http://127.0.0.1:1", token_file="/keys/bank")
NGO = Profile(node="http://127.0.0.1:2", token_file="/keys/ngo")
FAR = Profile(node="http://far:1", token_file="/keys/far", plain_http=True)
BOTH = Profiles(current="bank", profiles={"bank": BANK, "ngo": NGO, "far": FAR})
ENVIRONMENT = {"TACITA_NODE": "http://127.0.0.1:3", "TACITA_TOKEN_FILE": "/keys/environment"}


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ({}, {}, Target(BANK.node, Path("/keys/bank"), "bank")),
        ({"profile": "ngo"}, {}, Target(NGO.node, Path("/keys/ngo"), "ngo")),
        ({}, {"TACITA_PROFILE": "ngo"}, Target(NGO.node, Path("/keys/ngo"), "ngo")),
        ({"profile": "bank"}, {"TACITA_PROFILE": "ngo"}, Target(BANK.node, Path("/keys/bank"), "bank")),
        # The environment goes before the profile that counts by itself, the command line before both.
        ({}, ENVIRONMENT, Target("http://127.0.0.1:3", Path("/keys/environment"), "bank")),
        ({"profile": "ngo"}, ENVIRONMENT, Target(NGO.node, Path("/keys/ngo"), "ngo")),
        ({"node": "http://127.0.0.1:4"}, ENVIRONMENT, Target("http://127.0.0.1:4", Path("/keys/environment"), "bank")),
        ({"token_file": Path("/x")}, ENVIRONMENT, Target("http://127.0.0.1:3", Path("/x"), "bank")),
        ({}, {"TACITA_TOKEN": "t"}, Target(BANK.node, None, "bank")),
        # A profile's token is never sent to another address.
        ({"node": "http://127.0.0.1:4"}, {}, Target("http://127.0.0.1:4", None, "bank")),
        ({}, {"TACITA_NODE": "http://127.0.0.1:4"}, Target("http://127.0.0.1:4", None, "bank")),
        ({"node": NGO.node}, {}, Target(NGO.node, None, "bank")),
        # Nor is http to another machine taken because a profile takes it elsewhere.
        ({"profile": "far"}, {}, Target(FAR.node, Path("/keys/far"), "far", plain_http=True)),
        ({"profile": "far", "node": "http://far"}, {}, Target("http://far", None, "far")),
        ({}, {"TACITA_PLAIN_HTTP": "1"}, Target(BANK.node, Path("/keys/bank"), "bank", plain_http=True)),
        ({"profile": "bank"}, {"TACITA_PLAIN_HTTP": "1"}, Target(BANK.node, Path("/keys/bank"), "bank")),
    ],
)
def test_what_counts(options: dict[str, object], environment: dict[str, str], expected: Target) -> None:
    given: dict[str, object] = {"node": None, "token_file": None, "profile": None}
    assert choose(BOTH, environment, **(given | options)) == expected  # type: ignore[arg-type]  # a table


def test_without_a_profile_it_is_the_usual_address() -> None:
    assert choose(Profiles(), {}, node=None, token_file=None, profile=None) == Target(DEFAULT_NODE_URL, None, None)


@pytest.mark.parametrize(("options", "environment"), [("nobody", {}), (None, {"TACITA_PROFILE": "nobody"})])
def test_a_profile_that_is_not_there_is_named(options: str | None, environment: dict[str, str]) -> None:
    with pytest.raises(NoSuchProfile, match=r"no profile 'nobody'.*tacita profile list"):
        choose(BOTH, environment, node=None, token_file=None, profile=options)


def test_profiles_are_kept_for_this_user_only(tmp_path: Path) -> None:
    assert Profiles.load(tmp_path / "new") == Profiles()
    BOTH.save(tmp_path / "new")
    assert Profiles.load(tmp_path / "new") == BOTH
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "new", tmp_path / "new/profiles.json")] == [
        0o700,
        0o600,
    ]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["profiles.json"]


def test_a_file_that_others_may_change_is_not_followed(tmp_path: Path) -> None:
    BOTH.save(tmp_path)
    (tmp_path / "profiles.json").chmod(0o620)
    with pytest.raises(ProfileRefused, match="chmod 600"):
        Profiles.load(tmp_path)


def test_a_file_of_another_user_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BOTH.save(tmp_path)
    if os.geteuid():
        monkeypatch.setattr(os, "geteuid", lambda: 4711)  # only root can give a file away
    else:
        os.chown(tmp_path / "profiles.json", 4711, -1)
    with pytest.raises(ProfileRefused, match="belongs to somebody else"):
        Profiles.load(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"current": "bank", "token": "t"}',
        '{"profiles": {"bank": {"node": "ftp://x", "token_file": "/t"}}}',
        '{"profiles": {"bank": {"node": "http://x", "token_file": "t"}}}',
        '{"profiles": {"Not a name": {"node": "http://x", "token_file": "/t"}}}',
        '{"profiles": ' + "{" * 300_000,
    ],
)
def test_what_is_no_file_of_profiles_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "profiles.json").write_text(text)
    (tmp_path / "profiles.json").chmod(0o600)
    with pytest.raises(ProfileRefused, match="is not a file of profiles") as refused:
        Profiles.load(tmp_path)
    assert "ftp" not in str(refused.value)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TACITA_HOME": "/a", "XDG_CONFIG_HOME": "/b"}, Path("/a")),
        ({"XDG_CONFIG_HOME": "/b"}, Path("/b/tacita")),
        ({"XDG_CONFIG_HOME": ""}, Path.home() / ".config/tacita"),
    ],
)
def test_where_they_are(environment: dict[str, str], expected: Path) -> None:
    assert home(environment) == expected
