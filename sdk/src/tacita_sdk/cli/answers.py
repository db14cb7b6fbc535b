"""What commands answer with --json that is no body of the node's local API."""

from typing import Literal

from tacita_sdk.node_api import NodeModel


class ExportWritten(NodeModel):
    """`tacita audit export`: how many matches are in the file, and how many older ones did not fit."""

    file: str
    matches: int
    left_out: int


class ProvedStep(NodeModel):
    """One step of `tacita audit verify`."""

    step: int
    name: str
    proved: str


class Verified(NodeModel):
    """`tacita audit verify`, when every step held; else there is no answer but a sentence and exit code 4."""

    verified: Literal[True] = True
    steps: tuple[ProvedStep, ...]


class WitnessMade(NodeModel):
    """`tacita witness init`: the witness, and its line for the trust file."""

    name: str
    vkey: str
    trust_line: str
