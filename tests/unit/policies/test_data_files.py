"""The data of the shipped policies: strict shapes, references that lead somewhere, and data that decides."""

import asyncio
import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import tacita_policies
from tacita_policies.bundle import Bundle
from tacita_policies.decision import Entrypoint
from tacita_policies.example import EXAMPLE
from tacita_policies.shapes import SHAPES
from tacita_policies.source import PolicyRefused
from tests.support.shipped_policies import Policies, changed

SHIPPED = Path(tacita_policies.__file__).parent


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The shipped policies, to be damaged."""
    for folder in ("rego", "data"):
        shutil.copytree(SHIPPED / folder, tmp_path / folder)
    return tmp_path


def edit(directory: Path, path: str, value: object) -> None:
    """Set the value at ``file.a.0.b``; None removes the member."""
    file, *steps = path.split(".")
    document = directory / "data" / f"{file}.json"
    data: Any = json.loads(document.read_text())
    *parents, last = [int(step) if step.isdigit() else step for step in steps]
    target = data[file]
    for step in parents:
        target = target[step]
    if value is None:
        del target[last]
    else:
        target[last] = value
    document.write_text(json.dumps(data))


REFUSED: dict[str, tuple[str, object, str]] = {
    "an unknown field": ("matrix.0.sensitivty", ["ordinary"], r"^data/matrix\.json: 0\.sensitivty: Extra inputs"),
    "a missing field": ("matrix.3.purposes", None, r"^data/matrix\.json: 3\.purposes: Field required"),
    "a purpose that no file knows": (
        "matrix.0.purposes",
        ["payment-screening", "curiosity"],
        r"^data/matrix\.json: 0\.purposes names curiosity",
    ),
    "a legal basis that no file knows": (
        "disclosures.1.legal_bases",
        ["gdpr-6-1-z"],
        r"^data/disclosures\.json: 1\.legal_bases names gdpr-6-1-z",
    ),
    "a kind of partner that does not exist": ("matrix.0.requester_kinds", ["bnak"], r"0\.requester_kinds\.0"),
    "a kind of identifier that does not exist": ("matrix.0.kinds", ["fax"], r"0\.kinds\.0"),
    "a sensitivity that does not exist": ("matrix.0.sensitivities", ["victim"], r"0\.sensitivities\.0"),
    "a mode that does not exist": ("sensitivities.ordinary.modes", ["all"], r"ordinary\.modes\.0"),
    "a row for counts only": ("matrix.0.modes", ["cardinality"], r"a count needs the permission for an intersection"),
    "a row that lets the owner learn without limit": ("matrix.0.max_tested", 0, r"max_tested is given exactly where"),
    "a limit that is no number": ("matrix.0.max_elements", "many", r"0\.max_elements"),
    "a row kept for ever": ("matrix.0.retention_days", 100_000, r"0\.retention_days"),
    "an empty list of purposes": ("matrix.0.purposes", [], r"0\.purposes"),
    "a class that no file knows": ("budgets.classes.single", None, r"names single"),
    "a class that does not exist": ("budgets.classes.friendly", {}, r"^data/budgets\.json: classes\.friendly"),
    "a rate in a class without one": ("budgets.classes.single.max_per_minute", 5, r"a class with a peak rate"),
    "counts that are not rounded": ("budgets.cardinality.round_to", 1, r"cardinality\.round_to"),
    "a region that no file knows": (
        "regions.EEA",
        None,
        r"^data/legal_bases\.json: gdpr-6-1-c\.jurisdictions names EEA",
    ),
    "a country in small letters": ("legal_bases.led-8.jurisdictions", ["de"], r"led-8\.jurisdictions\.0"),
    "a day that is none": ("legal_bases.led-8.valid_from", "2018-02-30", r"led-8\.valid_from"),
    "a day written otherwise": ("legal_bases.led-8.valid_until", "6.5.2030", r"led-8\.valid_until"),
    "a scheme that no file knows": ("legal_bases.us-314b.scheme", "us-314c", r"us-314b\.scheme names us-314c"),
    "a document that no file knows": ("legal_bases.led-8.documents", ["note"], r"led-8\.documents names note"),
    "a kind of partner without words": ("partner_kinds.hotel", None, r"^data/partner_kinds\.json: .* names hotel"),
    "a kind of identifier without words": ("identifier_kinds.wallet", None, r"names wallet"),
    "a sensitivity without rules": ("sensitivities.financial", None, r"names financial"),
    "a stage that does not exist": ("disclosures.0.stages", ["everything"], r"0\.stages\.0"),
    "handling that does not exist": ("disclosures.0.handling", ["purple"], r"0\.handling\.0"),
}


@pytest.mark.parametrize(("path", "value", "message"), REFUSED.values(), ids=REFUSED)
def test_damaged_data_is_refused_with_file_and_field(copied: Path, path: str, value: object, message: str) -> None:
    edit(copied, path, value)
    with pytest.raises(PolicyRefused, match=message):
        Bundle.load(shipped=copied)


def test_data_that_nothing_reads_is_refused(copied: Path) -> None:
    (copied / "data/matrx.json").write_text('{"about": "", "matrx": []}')
    with pytest.raises(PolicyRefused, match=r"data/matrx\.json: no policy reads data of this name"):
        Bundle.load(shipped=copied)


def test_own_data_has_any_form(tmp_path: Path) -> None:
    allow = 'decision := {"allow": true, "reasons": []}'
    for path, text in {
        "rego/own.rego": f"package tacita.local.node.agree\n\nimport rego.v1\n\n{allow}\n",
        "data/opening_hours.json": '{"about": "When we answer.", "opening_hours": {"from": 8, "to": 17}}',
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    assert Bundle.load(tmp_path).data["tacita"]["local"] == {"opening_hours": {"from": 8, "to": 17}}  # type: ignore[index,call-overload]  # JSON


def test_every_shipped_file_has_a_shape_and_says_what_it_is() -> None:
    files = {path.stem: json.loads(path.read_text()) for path in (SHIPPED / "data").glob("*.json")}
    assert files.keys() == SHAPES.keys()
    assert [name for name, data in files.items() if not data["about"].startswith("Examples, not legal advice. ")] == []


def test_names_of_rows_are_distinct() -> None:
    data: Any = Bundle.load().data["tacita"]
    for name in ("matrix", "disclosures"):
        names = [row["name"] for row in data[name]]
        assert len(names) == len(set(names))


def test_what_a_row_tells_belongs_to_one_of_its_stages() -> None:
    data: Any = Bundle.load().data["tacita"]
    stages = data["disclosure_items"]["stages"]
    for row in data["disclosures"]:
        assert set(row["items"]) <= {item for stage in row["stages"] for item in stages[stage]}, row["name"]


def test_data_decides(copied: Path) -> None:
    """Financial data for its owner only: another line of data, no other rule."""
    edit(copied, "sensitivities.financial.result_to", ["owner"])
    with asyncio.Runner() as runner:
        policies = Policies(runner, Bundle.load(shipped=copied))
        decision = policies.decide(Entrypoint.BROKER_MATCH, changed(EXAMPLE, {"dataset.sensitivity": "financial"}))
        policies.close()
    assert [reason.code for reason in decision.reasons] == ["sensitivity-result-to"]


DAYS = ["1970-01-01", "1999-12-31", "2000-02-29", "2024-02-29", "2025-03-01", "2026-11-24", "2100-03-01", "2399-12-31"]


@pytest.mark.parametrize("day", DAYS)
def test_a_legal_basis_begins_and_ends_at_midnight(copied: Path, day: str) -> None:
    begin = int(datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).timestamp())
    edit(copied, "legal_bases.gdpr-6-1-f.valid_from", day)
    document = json.loads((copied / "data/legal_bases.json").read_text())
    document["legal_bases"]["gdpr-6-1-f"]["valid_until"] = day
    (copied / "data/legal_bases.json").write_text(json.dumps(document))
    in_force = {begin - 1: False, begin: True, begin + 86_399: True, begin + 86_400: False}
    with asyncio.Runner() as runner:
        policies = Policies(runner, Bundle.load(shipped=copied))
        for time, expected in in_force.items():
            if time >= 0:
                facts = changed(EXAMPLE, {"agreement": None, "time": time})
                assert policies.decide(Entrypoint.BROKER_MATCH, facts).allow is expected, time
        policies.close()
