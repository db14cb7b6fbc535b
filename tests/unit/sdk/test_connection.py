"""Which token the command line sends: the file's, else the environment's, and nothing that is no token."""

from pathlib import Path

import pytest
import typer

from tacita_sdk.cli.connection import connect


@pytest.fixture(autouse=True)
def no_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TACITA_NODE", "TACITA_TOKEN", "TACITA_TOKEN_FILE", "TACITA_PROFILE", "TACITA_PLAIN_HTTP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TACITA_HOME", str(tmp_path / "home"))


def test_a_token_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("from-a-file\n")
    connect(None, tmp_path / "token").close()
    monkeypatch.setenv("TACITA_TOKEN", " from-the-environment ")
    connect(None, None).close()


@pytest.mark.parametrize("address", ["127.0.0.1:8441", "", "localhost", "ftp://127.0.0.1", "http://", "http://[::"])
def test_what_is_no_address_is_wrong_usage(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("TACITA_TOKEN", "t")
    with pytest.raises(typer.BadParameter, match="begins with http"):
        connect(address, None)


@pytest.mark.parametrize("text", ["", "two words", "two\nlines", "tok\u00e9n", "tok\x1ben"])
def test_what_is_no_token_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_bytes(text.encode())
    with pytest.raises(typer.BadParameter, match="token") as caught:
        connect(None, tmp_path / "token")
    assert not text or text not in str(caught.value)
    monkeypatch.setenv("TACITA_TOKEN", text)
    with pytest.raises(typer.BadParameter, match="token"):
        connect(None, None)
