"""`docs/operating.md` is true: commands and options exist, the agreement parses, the rules load and decide."""

import asyncio
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tacita_broker.cli import app as broker_app
from tacita_node.cli import app as node_app
from tacita_policies.bundle import Bundle
from tacita_policies.decision import Entrypoint
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_policies.example import EXAMPLE
from tacita_protocol.statements.vocabulary import PartnerKind
from tacita_sdk.cli.main import app as sdk_app
from tacita_sdk.node_api import AgreementDraft

TEXT = (Path(__file__).parents[3] / "docs/operating.md").read_text(encoding="utf-8")
APPS = {"tacita-broker": broker_app, "tacita-node": node_app, "tacita": sdk_app}


def blocks(language: str) -> list[str]:
    return [
        block
        for found, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)
        if found == language
    ]


def commands() -> list[list[str]]:
    """Every command of the shell blocks and of the running text, split into words."""
    lines = [line for block in blocks("sh") for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`(tacita[a-z-]* [^`]+)`", TEXT)
    split = [shlex.split(line.partition(" > ")[0], comments=True) for line in lines]
    return [words for words in split if words]


@pytest.mark.parametrize("words", commands(), ids=lambda words: " ".join(words[:3]))
def test_a_documented_command_exists(words: list[str]) -> None:
    command: Any = typer.main.get_command(APPS[words[0]])
    rest = words[1:]
    while hasattr(command, "commands"):
        assert rest, words
        assert rest[0] in command.commands, words
        command = command.commands[rest.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert [word for word in rest if word.startswith("--") and word not in known] == []


def test_the_document_names_all_commands_in_use() -> None:
    assert {words[0] for words in commands()} == set(APPS)


def test_the_agreement_is_a_draft() -> None:
    (draft,) = blocks("json")
    assert AgreementDraft.model_validate_json(draft).with_ == "harbour-ngo"


def test_the_own_rules_load_and_decide(tmp_path: Path) -> None:
    (rules,) = blocks("rego")
    (tmp_path / "rego").mkdir()
    (tmp_path / "rego/respond.rego").write_text(rules)
    platform = EXAMPLE.model_copy(
        update={"requester": EXAMPLE.requester.model_copy(update={"kind": PartnerKind.PLATFORM})}
    )

    async def scene() -> None:
        point = EmbeddedDecisionPoint(Bundle.load(tmp_path), timeout=20)
        await point.start()
        assert (await point.decide(Entrypoint.NODE_RESPOND, EXAMPLE)).obligations.max_elements == 23_171
        denied = await point.decide(Entrypoint.NODE_RESPOND, platform)
        assert "no-platforms" in {reason.code for reason in denied.reasons}
        await point.close()

    asyncio.run(scene())
