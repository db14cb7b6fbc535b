"""`docs/protocol.md` is true: its tables are those of the code and of the golden files."""

import importlib
import re
from pathlib import Path

import pytest

from tacita_protocol.api import MatchState
from tacita_protocol.crypto.frames import FRAME_OVERHEAD, MAX_FRAME_PLAINTEXT, Direction, FrameSealer
from tacita_protocol.psi.ecdh import EcdhEngine
from tacita_protocol.psi.engine import RunParameters
from tacita_protocol.psi.engines import CAPACITIES, ENGINE_NAMES, SERVES, engine_named
from tacita_protocol.psi.openmined import POINT_SIZE
from tacita_protocol.psi.partition import bin_size, partitions_for
from tacita_protocol.session import MessageKind, State
from tacita_protocol.session.fragments import PIECE_BYTES, fragment
from tacita_protocol.session.keys import confirmation
from tacita_protocol.session.runs import evaluated, runs_of
from tacita_protocol.statements.statement import payload_of
from tacita_protocol.statements.vocabulary import Mode, ResultTo
from tests.support.golden import GOLDEN, STATEMENTS

TEXT = (Path(__file__).parents[3] / "docs/protocol.md").read_text(encoding="utf-8")
TAG_BYTES = 16


def table(head: str) -> list[list[str]]:
    """The cells of the table whose first heading is `head`, code marks and emphasis removed."""
    _, _, rest = TEXT.partition(f"\n| {head} |")
    assert rest, f"no table of {head}"
    lines = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines]


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def test_every_statement_has_its_row_with_the_sizes_of_the_golden_file() -> None:
    stated = {row[1]: (row[0], row[4], row[5]) for row in table("statement")}
    assert stated == {
        name: (type(body).__name__, str(len(payload_of(body))), str(len(GOLDEN[name].signed().envelope)))
        for name, body in STATEMENTS.items()
    }


def test_a_statement_is_signed_by_as_many_as_are_said() -> None:
    two = {row[1] for row in table("statement") if re.search(r"\band\b|\bboth\b", row[2])}
    assert two == {name for name in STATEMENTS if len(GOLDEN[name].signers) == 2}


def test_every_state_has_its_row() -> None:
    assert [row[0] for row in table("state")] == [state.value for state in State]
    at_the_broker = {word for row in table("state") for word in re.split(r",? then |, ", row[2]) if word}
    assert at_the_broker == {state.value for state in MatchState}


def test_every_message_has_its_row() -> None:
    assert [row[0] for row in table("message")] == [kind.value for kind in MessageKind]


def test_every_engine_has_its_row() -> None:
    stated = {row[0]: row for row in table("engine")}
    assert stated.keys() == SERVES.keys()
    for name, row in stated.items():
        sides = {Mode.INTERSECTION: row[2], Mode.CARDINALITY: row[3]}
        assert SERVES[name] == {
            (mode, ResultTo(side)) for mode, text in sides.items() for side in text.split(", ") if side != "nobody"
        }
        assert numbers(row[5]) == [CAPACITIES[name].max_elements]
        assert {mode for mode in Mode if f"larger {mode.value}s are cut" in row[5]} == CAPACITIES[name].partitionable
        assert (row[1] == "yes") == (name in ENGINE_NAMES)
        if name in ENGINE_NAMES:
            assert row[4] == engine_named(name).security.value


def test_the_messages_of_ecdh_have_the_stated_sizes() -> None:
    engine = EcdhEngine()
    for (n, N), column in (((128, 23_171), 3), ((2**20, 2**20), 4)):  # noqa: N806 - as in the document
        sizes = {row[0]: int(row[column]) for row in table("message of `ecdh`")}
        assert sizes == {"request": POINT_SIZE * n, "setup": POINT_SIZE * N, "response": POINT_SIZE * n}
        assert max(sizes.values()) == engine.max_message_bytes(RunParameters(bytes(32), 0, 0, n, N, chunks=1))


def test_partitions_are_those_of_the_code() -> None:
    for row in table("elements of each side"):
        count, partitions, size, charged = (int(cell) for cell in row)
        counts = {"requester_count": count, "responder_count": count}
        assert partitions_for(EcdhEngine(), Mode.INTERSECTION, **counts) == partitions
        assert bin_size(count, partitions) == size
        assert [evaluated(run, partitions) for run in runs_of(ResultTo.REQUESTER, **counts)] == [charged]


def test_a_frame_has_the_stated_header_and_size() -> None:
    assert sum(int(row[1]) for row in table("field of the header")) == FRAME_OVERHEAD - TAG_BYTES
    assert f"{PIECE_BYTES:,} bytes" in TEXT
    assert f"m / {PIECE_BYTES})" in TEXT
    overhead = FRAME_OVERHEAD + MAX_FRAME_PLAINTEXT - PIECE_BYTES
    assert f"m + {overhead} per frame" in TEXT
    sealer = FrameSealer(bytes(32), match_id=bytes(16), direction=Direction.REQUESTER)
    assert f"has {len(sealer.seal(confirmation(bytes(32))))} bytes" in TEXT


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_a_message_has_the_stated_frames(size: int) -> None:
    plaintexts = list(fragment(bytes(size)))
    frames = max(1, -(-size // PIECE_BYTES))
    assert len(plaintexts) == frames
    assert sum(len(plaintext) + FRAME_OVERHEAD for plaintext in plaintexts) == size + 35 * frames


@pytest.mark.parametrize("row", table("what"), ids=lambda row: row[2])
def test_a_limit_is_that_of_the_code(row: list[str]) -> None:
    module, _, name = row[2].rpartition(".")
    assert getattr(importlib.import_module(f"tacita_protocol.{module}"), name) == int(row[1])
