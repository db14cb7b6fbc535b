"""The JSON schemas of what the commands print, made anew from the types that they print.

`python -m tests.support.command_schemas` writes them to docs/schemas/, which is what others build on: look at what
changed before it is committed.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
import typer.main

from tacita_broker.answers import OUTPUTS as BROKER
from tacita_broker.cli import app as broker_app
from tacita_node.answers import OUTPUTS as NODE
from tacita_node.cli import app as node_app
from tacita_sdk.cli.main import app as sdk_app
from tacita_sdk.cli.outputs import OUTPUTS as SDK
from tacita_sdk.cli.outputs import schema_of

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
PROGRAMS = {"tacita": (sdk_app, SDK), "tacita-node": (node_app, NODE), "tacita-broker": (broker_app, BROKER)}


def file_of(command: str) -> str:
    """The name of the file that holds a command's schema."""
    return f"{command.replace(' ', '-')}.json"


def made() -> dict[str, str]:
    """The text of every file."""
    return {
        file_of(command): json.dumps(schema_of(answer, command), indent=2) + "\n"
        for program, (_, outputs) in PROGRAMS.items()
        for command, answer in ((f"{program} {words}", answer) for words, answer in outputs.items())
    }


def commands(app: typer.Typer) -> Iterator[tuple[str, Any]]:
    """Every command of a program: its words, and the command."""
    return _below(typer.main.get_command(app), "")


def _below(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield words, command
        return
    for name, child in children.items():
        yield from _below(child, f"{words} {name}".strip())


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for name, text in made().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
