"""`docs/policy.md` is true where a machine can tell: questions, data files, limits of the classes, the own rules."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tacita_policies.bundle import Bundle
from tacita_policies.decision import Entrypoint
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_policies.example import AGREE_EXAMPLE
from tacita_policies.shapes import SHAPES

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs/policy.md").read_text(encoding="utf-8")
DATA: Any = Bundle.load().data["tacita"]


def section(title: str) -> str:
    return DOCUMENT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_question_has_its_row() -> None:
    named = [cells[0].strip("`") for cells in rows(section("Five questions"))]
    assert set(named) == {entrypoint.value for entrypoint in Entrypoint}


def test_every_data_file_has_its_row() -> None:
    named = re.findall(r"`(\w+)\.json`", "\n".join(cells[0] for cells in rows(section("The data"))))
    assert sorted(named) == sorted(SHAPES)


@pytest.mark.parametrize("cells", rows(section("Classes of agreement")), ids=lambda cells: str(cells[0]))
def test_the_limits_of_a_class_are_those_of_the_data(cells: list[str]) -> None:
    limits = DATA["budgets"]["classes"][cells[0].strip("`")]
    asked = [int(number) for number in re.findall(r"\d+", cells[2])]
    assert asked == ([] if limits["max_elements"] is None else [limits["max_elements"], limits["matches_30d"]])
    assert f"{limits['units']:,} in " in cells[3]
    assert (f"{limits['period_days']} days" if limits["period_days"] > 1 else "a day") in cells[3]
    assert ("peak rate" in cells[3]) is limits["rate"]
    assert (cells[4], cells[5]) == (f"{limits['valid_days']} days", str(limits["approvers"]))


def test_every_class_has_its_row() -> None:
    assert {cells[0].strip("`") for cells in rows(section("Classes of agreement"))} == DATA["budgets"]["classes"].keys()


def test_the_own_rules_load_and_refuse(tmp_path: Path) -> None:
    (rules,) = re.findall(r"```rego\n(.*?)```", DOCUMENT, re.DOTALL)
    (tmp_path / "rego").mkdir()
    (tmp_path / "rego/agree.rego").write_text(rules)

    async def scene() -> None:
        point = EmbeddedDecisionPoint(Bundle.load(tmp_path), timeout=20)
        await point.start()
        refused = await point.permit(Entrypoint.NODE_AGREE, AGREE_EXAMPLE)
        assert [reason.code for reason in refused.reasons] == ["too-long-for-us"]
        month = AGREE_EXAMPLE.model_copy(update={"not_after": AGREE_EXAMPLE.not_before + 30 * 86_400})
        assert (await point.permit(Entrypoint.NODE_AGREE, month)).allow
        await point.close()

    asyncio.run(scene())
