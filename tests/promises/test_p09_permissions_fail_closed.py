"""Promise 9, for questions that are answered by yes or no: what is no complete answer is a denial with its reason."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacita_policies.bundle import Bundle
from tacita_policies.decision import Entrypoint, Permission
from tacita_policies.embedded import BATCH, EmbeddedDecisionPoint
from tacita_policies.example import AGREE_EXAMPLE, DISCLOSE_EXAMPLE, DISCOVER_EXAMPLE, EXAMPLES
from tacita_policies.questions import DiscoverInput, PermitInput
from tacita_policies.source import PolicyRefused

BUSY_MACHINE = 20.0
"""Seconds, where the test is not about time."""

DENY = 'decision := {"allow": false, "reasons": [{"code": "no", "message": "No."}]}'
PERMIT = 'decision := {"allow": true, "reasons": []}'
OBLIGATIONS = '{"items": ["advert", "agency"], "approvals": [], "retention_days": 30}'
DISCLOSE = f'decision := {{"allow": true, "reasons": [], "obligations": {OBLIGATIONS}}}'
# About a minute of work, when asked at exactly this second.
SLOW = """
slow if {
  input.time == 4096
  digits := {n | some n in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}
  count([1 | some a in digits; some b in digits; some c in digits; some d in digits; some e in digits
    some f in digits; some g in digits; a + b + c + d + e + f + g == 0]) == 0
}
"""
SLOW_INPUT = DISCOVER_EXAMPLE.model_copy(update={"time": 4096})
QUESTIONS: dict[Entrypoint, PermitInput] = {
    Entrypoint.BROKER_DISCOVER: DISCOVER_EXAMPLE,
    Entrypoint.NODE_AGREE: AGREE_EXAMPLE,
    Entrypoint.NODE_DISCLOSE: DISCLOSE_EXAMPLE,
}


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def write(directory: Path, policy: str, *asked: Entrypoint, root: str = "tacita") -> Path:
    """A bundle that answers `asked` with `policy` and denies the rest (own rules: answers nothing else)."""
    for entrypoint in Entrypoint if root == "tacita" else asked:
        package = entrypoint.value.replace("/", ".").replace("tacita", root, 1)
        path = directory / "rego" / f"{package}.rego"
        path.parent.mkdir(parents=True, exist_ok=True)
        body = policy if entrypoint in asked else DENY
        path.write_text(f"package {package}\n\nimport rego.v1\n\n{body}\n")
    return directory


def point(directory: Path, policy: str, *asked: Entrypoint, timeout: float = BUSY_MACHINE) -> EmbeddedDecisionPoint:
    return EmbeddedDecisionPoint(Bundle.load(shipped=write(directory, policy, *asked)), timeout=timeout)


def ask(runner: asyncio.Runner, point: EmbeddedDecisionPoint, entrypoint: Entrypoint) -> Permission:
    async def once() -> Permission:
        try:
            return await point.permit(entrypoint, QUESTIONS[entrypoint])
        finally:
            await point.close()

    return runner.run(once())


def assert_denied(permission: Permission, code: str) -> None:
    assert not permission.allow
    assert [reason.code for reason in permission.reasons] == [code]
    assert permission.obligations is None


ANSWERS = {
    "undefined": ("decision := 1 if input.time == 1", "policy-undefined"),
    "no such rule": ("allow := true", "policy-error"),
    "a boolean alone": ("decision := true", "policy-malformed"),
    "null": ("decision := null", "policy-malformed"),
    "an empty object": ("decision := {}", "policy-malformed"),
    "allow is a string": (PERMIT.replace("true", '"true"'), "policy-malformed"),
    "allow is a number": (PERMIT.replace("true", "1"), "policy-malformed"),
    "allow is a list": (PERMIT.replace("true", "[true]"), "policy-malformed"),
    "allow is missing": ('decision := {"reasons": []}', "policy-malformed"),
    "reasons are missing": ('decision := {"allow": true}', "policy-malformed"),
    "allows and has a reason": (DENY.replace("false", "true"), "policy-malformed"),
    "denies without a reason": (PERMIT.replace("true", "false"), "policy-malformed"),
    "an unknown member": (PERMIT.replace('"allow": true', '"allow": true, "by": "me"'), "policy-malformed"),
    "a reason without a sentence": (
        'decision := {"allow": false, "reasons": [{"code": "no", "message": ""}]}',
        "policy-malformed",
    ),
    "a conflict": (f"{PERMIT} if input.time > 0\n{DENY} if true", "policy-error"),
    "a builtin fails": ('decision := {"allow": to_number("x"), "reasons": []}', "policy-error"),
}


@pytest.mark.parametrize(("policy", "code"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_no_permission_denies(runner: asyncio.Runner, tmp_path: Path, policy: str, code: str) -> None:
    broken = point(tmp_path, policy, *QUESTIONS)

    async def scene() -> None:
        for entrypoint, question in QUESTIONS.items():
            assert_denied(await broken.permit(entrypoint, question), code)
        await broken.close()

    runner.run(scene())


OF_ANOTHER_QUESTION = {
    "a disclosure without obligations": (PERMIT, Entrypoint.NODE_DISCLOSE),
    "a disclosure of nothing": (DISCLOSE.replace('["advert", "agency"]', "[]"), Entrypoint.NODE_DISCLOSE),
    "a disclosure for ever": (DISCLOSE.replace("30", "10000"), Entrypoint.NODE_DISCLOSE),
    "an agreement with obligations": (DISCLOSE, Entrypoint.NODE_AGREE),
    "a discovery with obligations": (DISCLOSE, Entrypoint.BROKER_DISCOVER),
    "a denial with obligations": (
        DISCLOSE.replace("true", "false").replace("[],", '[{"code": "no", "message": "No."}],', 1),
        Entrypoint.NODE_DISCLOSE,
    ),
}


@pytest.mark.parametrize(("policy", "entrypoint"), OF_ANOTHER_QUESTION.values(), ids=OF_ANOTHER_QUESTION)
def test_an_answer_to_another_question_denies(
    runner: asyncio.Runner, tmp_path: Path, policy: str, entrypoint: Entrypoint
) -> None:
    assert_denied(ask(runner, point(tmp_path, policy, entrypoint), entrypoint), "policy-malformed")


@pytest.mark.parametrize("entrypoint", QUESTIONS)
def test_a_complete_answer_is_taken(runner: asyncio.Runner, tmp_path: Path, entrypoint: Entrypoint) -> None:
    policy = DISCLOSE if entrypoint is Entrypoint.NODE_DISCLOSE else PERMIT
    permission = ask(runner, point(tmp_path, policy, entrypoint), entrypoint)
    assert permission.allow
    assert (permission.obligations is not None) is (entrypoint is Entrypoint.NODE_DISCLOSE)


def test_one_slow_question_denies_its_batch_and_the_next_is_answered(runner: asyncio.Runner, tmp_path: Path) -> None:
    slow = point(tmp_path, SLOW + PERMIT + " if not slow", Entrypoint.BROKER_DISCOVER)

    async def scene() -> None:
        assert (await slow.permit(Entrypoint.BROKER_DISCOVER, DISCOVER_EXAMPLE)).allow
        before = slow.process_id
        slow._timeout = 2.0
        asked: list[DiscoverInput] = [DISCOVER_EXAMPLE, SLOW_INPUT, *[DISCOVER_EXAMPLE] * BATCH]
        answers = await slow.permit_each(Entrypoint.BROKER_DISCOVER, asked)
        assert len(answers) == BATCH + 2
        for answer in answers[:BATCH]:
            assert_denied(answer, "policy-timeout")
        assert [answer.allow for answer in answers[BATCH:]] == [True, True]
        assert slow.process_id not in (None, before)
        await slow.close()

    runner.run(scene())


def test_a_killed_process_denies_and_recovers(runner: asyncio.Runner, tmp_path: Path) -> None:
    victim = point(tmp_path, SLOW + PERMIT + " if not slow", Entrypoint.BROKER_DISCOVER)

    async def scene() -> None:
        assert (await victim.permit(Entrypoint.BROKER_DISCOVER, DISCOVER_EXAMPLE)).allow
        running = asyncio.create_task(victim.permit(Entrypoint.BROKER_DISCOVER, SLOW_INPUT))
        await asyncio.sleep(0.2)
        assert victim.process_id is not None
        os.kill(victim.process_id, signal.SIGKILL)
        assert_denied(await running, "policy-unavailable")
        assert (await victim.permit(Entrypoint.BROKER_DISCOVER, DISCOVER_EXAMPLE)).allow
        await victim.close()

    runner.run(scene())


def test_a_closed_decision_point_denies(runner: asyncio.Runner, tmp_path: Path) -> None:
    closed = point(tmp_path, PERMIT, Entrypoint.BROKER_DISCOVER)
    runner.run(closed.close())
    answers = runner.run(closed.permit_each(Entrypoint.BROKER_DISCOVER, [DISCOVER_EXAMPLE] * 2))
    for answer in answers:
        assert_denied(answer, "policy-unavailable")


def test_a_process_that_cannot_start_denies(
    runner: asyncio.Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    asked = Entrypoint.NODE_AGREE
    assert_denied(ask(runner, point(tmp_path, PERMIT, asked), asked), "policy-unavailable")


def test_each_of_many_gets_its_own_answer(runner: asyncio.Runner, tmp_path: Path) -> None:
    policy = f"{PERMIT} if input.time % 3 == 0\n\n{DENY} if input.time % 3 != 0"
    third = point(tmp_path, policy, Entrypoint.BROKER_DISCOVER)

    async def scene() -> None:
        inputs = [DISCOVER_EXAMPLE.model_copy(update={"time": time}) for time in range(3 * BATCH + 1)]
        answers = await third.permit_each(Entrypoint.BROKER_DISCOVER, inputs)
        assert [answer.allow for answer in answers] == [facts.time % 3 == 0 for facts in inputs]
        assert await third.permit_each(Entrypoint.BROKER_DISCOVER, []) == ()
        await third.close()

    runner.run(scene())


@pytest.mark.parametrize("entrypoint", EXAMPLES)
def test_start_tries_every_entrypoint(runner: asyncio.Runner, tmp_path: Path, entrypoint: Entrypoint) -> None:
    broken = point(tmp_path, 'decision := {"allow": to_number("x")}', entrypoint)
    with pytest.raises(PolicyRefused, match=f"{entrypoint.value} gives no decision on an example: policy-error"):
        runner.run(broken.start())
    assert broken.process_id is None


OWN = {
    "own rules deny": (DENY, ["no"]),
    "own rules fail": ('decision := {"allow": to_number("x")}', ["policy-error"]),
    "own rules say nothing": ("decision := 1 if input.time == 1", ["policy-undefined"]),
    "own rules permit other items only": (
        DISCLOSE.replace('"advert", "agency"', '"watch"'),
        ["policy-permits-nothing"],
    ),
    "own rules demand an approval": (DISCLOSE.replace('"approvals": []', '"approvals": ["lead"]'), ["not-approved"]),
}


@pytest.mark.parametrize(("policy", "codes"), OWN.values(), ids=OWN)
def test_own_rules_can_only_be_stricter(runner: asyncio.Runner, tmp_path: Path, policy: str, codes: list[str]) -> None:
    own = write(tmp_path, policy, Entrypoint.NODE_DISCLOSE, root="tacita.local")
    permission = ask(runner, EmbeddedDecisionPoint(Bundle.load(own), timeout=BUSY_MACHINE), Entrypoint.NODE_DISCLOSE)
    assert [reason.code for reason in permission.reasons] == codes


def test_own_rules_narrow_what_may_be_told(runner: asyncio.Runner, tmp_path: Path) -> None:
    own = write(tmp_path, DISCLOSE, Entrypoint.NODE_DISCLOSE, root="tacita.local")
    permission = ask(runner, EmbeddedDecisionPoint(Bundle.load(own), timeout=BUSY_MACHINE), Entrypoint.NODE_DISCLOSE)
    assert permission.obligations is not None
    assert (permission.obligations.items, permission.obligations.retention_days) == (("advert",), 30)


def test_own_rules_cannot_allow_what_the_federation_denies(runner: asyncio.Runner, tmp_path: Path) -> None:
    own = write(tmp_path, PERMIT, Entrypoint.NODE_AGREE, root="tacita.local")
    stranger = AGREE_EXAMPLE.own.model_copy(
        update={"party": AGREE_EXAMPLE.own.party.model_copy(update={"jurisdictions": ("US",)})}
    )

    async def once() -> Permission:
        decision_point = EmbeddedDecisionPoint(Bundle.load(own), timeout=BUSY_MACHINE)
        facts = AGREE_EXAMPLE.model_copy(update={"own": stranger})
        permission = await decision_point.permit(Entrypoint.NODE_AGREE, facts)
        await decision_point.close()
        return permission

    assert [reason.code for reason in runner.run(once()).reasons] == ["legal-basis-not-for-partner"]
