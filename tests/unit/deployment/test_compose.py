"""The compose files: every word is one that we mean, and no service may do more than it must."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from tacita_broker.config import Settings as BrokerSettings
from tacita_node.config import Settings as NodeSettings
from tacita_sdk.witness.directory import PASSPHRASE_FILE_VARIABLE
from tests.unit.deployment.test_docker import PINNED, stages

FOLDER = Path(__file__).parents[3] / "deploy/compose"
FILES = ("broker.yaml", "partner.yaml")


class Strict(BaseModel):
    """A part of a compose file; a key that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid")


class Build(Strict):
    context: str
    dockerfile: str
    target: str


class Service(Strict):
    """What we let a service say (compose specification, "Services top-level element")."""

    image: str
    build: Build | None = None
    read_only: bool
    user: str
    cap_drop: list[str]
    security_opt: list[str]
    pids_limit: int = Field(gt=0)
    mem_limit: str = Field(pattern=r"^[0-9]+[mg]$")
    restart: str
    stop_grace_period: str | None = None
    tmpfs: list[str] = []
    environment: dict[str, str] = {}
    volumes: list[str] = []
    secrets: list[str] = []
    networks: list[str]
    expose: list[str] = []
    ports: list[str] = []
    depends_on: list[str] = []


class Network(Strict):
    internal: bool = False


class Secret(Strict):
    file: str


class Composition(Strict):
    name: str
    services: dict[str, Service]
    networks: dict[str, Network]
    volumes: dict[str, Strict]
    secrets: dict[str, Secret]


def composition(file: str) -> Composition:
    return Composition.model_validate(yaml.safe_load((FOLDER / file).read_text(encoding="utf-8")))


SERVICES = [(file, name) for file in FILES for name in composition(file).services]


@pytest.mark.parametrize(("file", "name"), SERVICES)
def test_a_service_may_do_no_more_than_it_must(file: str, name: str) -> None:
    service = composition(file).services[name]
    assert service.read_only
    assert service.cap_drop == ["ALL"]
    assert service.security_opt == ["no-new-privileges:true"]
    assert service.user.split(":")[0] not in ("", "0", "root")
    assert service.restart == "on-failure"
    assert all({"noexec", "nosuid", "nodev"} <= set(mount.split(",")) for mount in service.tmpfs)
    assert not any("docker.sock" in volume for volume in service.volumes)


@pytest.mark.parametrize(("file", "name"), SERVICES)
def test_what_a_service_names_is_there(file: str, name: str) -> None:
    whole = composition(file)
    service = whole.services[name]
    assert set(service.networks) <= set(whole.networks)
    assert set(service.secrets) <= set(whole.secrets)
    assert set(service.depends_on) <= set(whole.services)
    for volume in service.volumes:
        source, target, *mode = volume.split(":")
        assert target.startswith("/")
        if source.startswith("."):
            assert (FOLDER / source).is_file()
            assert mode == ["ro"]
        else:
            assert source in whole.volumes
    if service.build is None:
        assert PINNED.fullmatch(service.image)
    else:
        assert (FOLDER / service.build.context / service.build.dockerfile).is_file()
        assert service.build.target in stages()
        assert service.image == f"tacita-{service.build.target}:local"


@pytest.mark.parametrize("file", FILES)
def test_secrets_are_files_that_are_not_in_the_repository(file: str) -> None:
    whole = composition(file)
    assert all(re.fullmatch(r"\./secrets/[a-z.]+", secret.file) for secret in whole.secrets.values())
    assert not (FOLDER / "secrets").exists()
    assert "deploy/compose/secrets/" in (FOLDER.parents[1] / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("file", "name"), SERVICES)
def test_the_environment_holds_settings_that_exist(file: str, name: str) -> None:
    known: dict[str, type[Any]] = {"TACITA_BROKER_": BrokerSettings, "TACITA_NODE_": NodeSettings}
    for variable in composition(file).services[name].environment.keys() - {PASSPHRASE_FILE_VARIABLE}:
        prefix = next(prefix for prefix in known if variable.startswith(prefix))
        assert variable.removeprefix(prefix).lower() in known[prefix].model_fields


def test_who_has_a_key_has_a_passphrase_of_its_own() -> None:
    for file in FILES:
        built = {name: one for name, one in composition(file).services.items() if one.build is not None}
        secrets = [secret for service in built.values() for secret in service.secrets]
        assert len(built) == len(secrets) == len(set(secrets))
    witness = composition("broker.yaml").services["witness"]
    assert witness.environment[PASSPHRASE_FILE_VARIABLE] == f"/run/secrets/{witness.secrets[0]}"


def test_only_the_proxy_is_reached_from_elsewhere() -> None:
    broker, partner = composition("broker.yaml"), composition("partner.yaml")
    assert {name: service.ports for name, service in broker.services.items() if service.ports} == {
        "proxy": ["443:8443"]
    }
    assert broker.services["broker"].networks == ["inside"]
    assert broker.networks["inside"].internal
    assert partner.services["node"].ports == ["127.0.0.1:8441:8441"]
