"""The golden files and the code say the same, in both directions, for every type of statement."""

import importlib
import json
import pkgutil
from collections.abc import Iterator

import pytest

from tacita_protocol import statements
from tacita_protocol.psi.engines import negotiate
from tacita_protocol.statements.statement import Statement, unverified, verify_statement
from tests.support.golden import DIRECTORY, GOLDEN, STATEMENTS, Golden
from tests.support.memory_log import key_named
from tests.support.statements import DATASET_CARD, GRANT, MATCH_REQUEST


def types_of_statements() -> Iterator[type[Statement]]:
    for module in pkgutil.iter_modules(statements.__path__, f"{statements.__name__}."):
        importlib.import_module(module.name)
    for cls in Statement.__subclasses__():
        if cls.__module__.startswith(statements.__name__):  # a node's own kinds are not part of the wire
            yield cls


def test_every_type_has_a_golden_file() -> None:
    assert {cls.TYPE for cls in types_of_statements()} == set(STATEMENTS)
    assert all(not cls.__subclasses__() for cls in types_of_statements())


def test_there_are_no_other_golden_files() -> None:
    expected = {f"{name}{ending}" for name in GOLDEN for ending in (".json", ".dsse.json")}
    assert {path.name for path in DIRECTORY.iterdir()} == expected


@pytest.mark.parametrize(("name", "golden"), GOLDEN.items(), ids=GOLDEN.keys())
def test_bytes_become_the_payload(name: str, golden: Golden) -> None:
    envelope = (DIRECTORY / f"{name}.dsse.json").read_bytes()
    keys = [key_named(signer).verify_key for signer in golden.signers]
    body = verify_statement(type(golden.body), envelope, *keys).body
    assert body == golden.body == unverified(type(golden.body), envelope)
    assert json.loads((DIRECTORY / f"{name}.json").read_text()) == body.model_dump(mode="json")


@pytest.mark.parametrize(("name", "golden"), GOLDEN.items(), ids=GOLDEN.keys())
def test_fields_become_the_bytes(name: str, golden: Golden) -> None:
    written = Golden(type(golden.body).model_validate_json((DIRECTORY / f"{name}.json").read_bytes()), golden.signers)
    assert written.signed().envelope == (DIRECTORY / f"{name}.dsse.json").read_text()
    assert golden.readable() == (DIRECTORY / f"{name}.json").read_text()


def test_the_golden_match_is_one() -> None:
    """What the files cite is what the other files are; the grant is what the rules make of request and card."""
    signed = {name: golden.signed() for name, golden in GOLDEN.items()}
    assert MATCH_REQUEST.agreement == signed["agreement"].digest
    assert GRANT.request == signed["match-request"].digest
    assert (GRANT.requester_count, GRANT.responder_count) == (MATCH_REQUEST.padded_count, DATASET_CARD.padded_size)
    assert GRANT.engine == negotiate(
        MATCH_REQUEST.engines,
        offered=DATASET_CARD.engines,
        permitted=GRANT.obligations.engines,
        mode=MATCH_REQUEST.mode,
        result_to=MATCH_REQUEST.result_to,
    )
