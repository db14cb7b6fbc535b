"""Settings: file, environment, and what is refused."""

from pathlib import Path

import pytest

from tacita_broker.config import Settings, config_text, is_loopback, load_settings, slug
from tacita_broker.errors import ConfigurationRefused, UsageRefused
from tacita_broker.server import check_binding

VALUES: dict[str, str | int | tuple[str, ...]] = {
    "broker": "test-broker",
    "name": "Test broker",
    "origin": "test-broker/log",
    "signing_key": "key",
    "log_vkey": "vkey",
    "database": "sqlite:////tmp/broker.db",
    "host": "127.0.0.1",
    "port": 8440,
    "authorities": ("broker.example",),
}


def _settings(tmp_path: Path, **changes: str | int | tuple[str, ...]) -> Settings:
    (tmp_path / "config.toml").write_text(config_text({**VALUES, **changes}))
    return load_settings(tmp_path)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACITA_BROKER_PORT", "9000")
    monkeypatch.setenv("TACITA_BROKER_DENIAL_CLOSING_MEAN_SECONDS", "1.5")
    monkeypatch.setenv("TACITA_BROKER_AUTHORITIES", '["a.example"]')
    settings = _settings(tmp_path)
    assert (settings.port, settings.denial_closing_mean_seconds) == (9000, 1.5)
    assert settings.accepted_authorities == {"a.example", "127.0.0.1:9000", "localhost:9000", "[::1]:9000"}


def test_loopback_names_are_accepted_only_while_listening_there(tmp_path: Path) -> None:
    assert _settings(tmp_path, host="10.0.0.1").accepted_authorities == {"broker.example"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"port": 0}, "port"),
        ({"broker": "Not An Id"}, "broker"),
        ({"log_poll": 1}, "log_poll"),
        ({"origin": ""}, "origin"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, changes: dict[str, str | int], field: str) -> None:
    with pytest.raises(ConfigurationRefused, match=field):
        _settings(tmp_path, **changes)


def test_a_missing_broker_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused, match="tacita-broker init"):
        load_settings(tmp_path)


def test_text_that_would_need_escaping_is_refused() -> None:
    with pytest.raises(ConfigurationRefused):
        config_text({"name": 'a "quoted" name'})


@pytest.mark.parametrize(
    ("name", "expected"), [("Harbour Federation", "harbour-federation"), ("--", "broker"), ("a" * 80, "a" * 63)]
)
def test_ids_are_made_from_names(name: str, expected: str) -> None:
    assert slug(name) == expected


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("broker", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_others_reach_the_broker_only_by_tls(tmp_path: Path) -> None:
    settings = _settings(tmp_path, host="0.0.0.0")
    with pytest.raises(ConfigurationRefused, match="behind-proxy"):
        check_binding(settings)
    check_binding(settings.model_copy(update={"behind_proxy": True}))
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.touch()
    with_tls = settings.model_copy(update={"tls_certificate": certificate, "tls_key": key})
    with pytest.raises(UsageRefused, match=r"key\.pem cannot be read"):
        check_binding(with_tls)
    key.touch()
    check_binding(with_tls)
    with pytest.raises(ConfigurationRefused, match="both"):
        check_binding(settings.model_copy(update={"tls_certificate": Path("c")}))
