"""Promise 9: policy fails closed. Real faults of real policies, each denied with its own reason; what follows works."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacita_policies.bundle import Bundle
from tacita_policies.decision import NOTHING, Decision, Entrypoint
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_policies.example import EXAMPLE
from tacita_policies.questions import MatchInput
from tacita_policies.source import PolicyRefused

BROKER, NODE = Entrypoint.BROKER_MATCH, Entrypoint.NODE_RESPOND
ALL = tuple(Entrypoint)
BUSY_MACHINE = 20.0
"""Seconds, where the test is not about time."""

OBLIGATIONS = """{"modes": ["intersection"], "engines": ["ecdh"], "result_to": ["requester"], "max_elements": 64,
  "suppress_below": 0, "round_to": 1, "labels": [], "approvals": [], "retention_days": 1, "expires_in": 60}"""
ALLOW = f'decision := {{"allow": true, "reasons": [], "obligations": {OBLIGATIONS}}}'
# About a minute of work, when asked about exactly this many elements.
SLOW = """
slow if {
  input.padded_count == 4096
  digits := {n | some n in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}
  count([1 | some a in digits; some b in digits; some c in digits; some d in digits; some e in digits
    some f in digits; some g in digits; a + b + c + d + e + f + g == 0]) == 0
}
"""
SLOW_INPUT = EXAMPLE.model_copy(update={"padded_count": 4096})


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


PERMIT = 'decision := {"allow": true, "reasons": []}'
DISCLOSE = PERMIT.replace("[]", '[], "obligations": {"items": ["advert"], "approvals": [], "retention_days": 1}')


def write(directory: Path, *, match: str, respond: str = ALLOW, root: str = "tacita", **other: str) -> Path:
    permits = {"discover": PERMIT, "agree": PERMIT, "disclose": DISCLOSE} | other
    bodies = {"broker.match": match, "node.respond": respond, "broker.discover": permits["discover"]}
    bodies |= {"node.agree": permits["agree"], "node.disclose": permits["disclose"]}
    for package, body in bodies.items():
        path = directory / "rego" / f"{package}.rego"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"package {root}.{package}\n\nimport rego.v1\n\n{body}\n")
    return directory


def point(directory: Path, *, match: str, timeout: float = BUSY_MACHINE) -> EmbeddedDecisionPoint:
    return EmbeddedDecisionPoint(Bundle.load(shipped=write(directory, match=match)), timeout=timeout)


def ask(runner: asyncio.Runner, point: EmbeddedDecisionPoint, facts: MatchInput = EXAMPLE) -> Decision:
    async def once() -> Decision:
        try:
            return await point.decide(BROKER, facts)
        finally:
            await point.close()

    return runner.run(once())


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


def assert_denied(decision: Decision, code: str) -> None:
    assert not decision.allow
    assert codes(decision) == [code]
    assert decision.obligations == NOTHING


ANSWERS = {
    "undefined": ("decision := 1 if input.time == 1", "policy-undefined"),
    "no such rule": ("allow := true", "policy-error"),
    "a number": ("decision := 1", "policy-malformed"),
    "a boolean alone": ("decision := true", "policy-malformed"),
    "an empty object": ("decision := {}", "policy-malformed"),
    "allow is a string": (ALLOW.replace("true", '"true"'), "policy-malformed"),
    "allow is a number": (ALLOW.replace("true", "1"), "policy-malformed"),
    "allow is a set": (ALLOW.replace("true", "{true}"), "policy-malformed"),
    "allow is undefined": (
        ALLOW.replace('"allow": true', '"allow": yes') + "\nyes if input.time == 1",
        "policy-undefined",
    ),
    "allows and has a reason": (
        ALLOW.replace('"reasons": []', '"reasons": [{"code": "a", "message": "A."}]'),
        "policy-malformed",
    ),
    "denies without a reason": ('decision := {"allow": false, "reasons": []}', "policy-malformed"),
    "allows without obligations": ('decision := {"allow": true, "reasons": []}', "policy-malformed"),
    "allows no engine": (ALLOW.replace('["ecdh"]', "[]"), "policy-malformed"),
    "an unknown member": (ALLOW.replace('"allow": true', '"allow": true, "by": "me"'), "policy-malformed"),
    "an unknown mode": (ALLOW.replace('["intersection"]', '["everything"]'), "policy-malformed"),
    "a negative limit": (ALLOW.replace('"max_elements": 64', '"max_elements": -1'), "policy-malformed"),
    "a fraction": (ALLOW.replace('"max_elements": 64', '"max_elements": 64.5'), "policy-malformed"),
    "an endless sentence": (
        'decision := {"allow": false, "reasons": [{"code": "a", "message": "' + "x" * 301 + '"}]}',
        "policy-malformed",
    ),
    "a conflict": (
        'decision := {"allow": true} if input.time > 0\ndecision := {"allow": false} if true',
        "policy-error",
    ),
    "a builtin fails": ('decision := {"allow": true, "reasons": [to_number("x")]}', "policy-error"),
}


@pytest.mark.parametrize(("policy", "code"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_no_decision_denies(runner: asyncio.Runner, tmp_path: Path, policy: str, code: str) -> None:
    assert_denied(ask(runner, point(tmp_path, match=policy)), code)


def test_a_complete_answer_is_taken(runner: asyncio.Runner, tmp_path: Path) -> None:
    assert ask(runner, point(tmp_path, match=ALLOW)).allow


def test_a_slow_policy_is_killed_denied_and_the_next_decision_works(runner: asyncio.Runner, tmp_path: Path) -> None:
    slow = point(tmp_path, match=SLOW + ALLOW + " if not slow")

    async def scene() -> None:
        assert (await slow.decide(BROKER, EXAMPLE)).allow
        before = slow.process_id
        assert before is not None
        slow._timeout = 1.0
        started = time.monotonic()
        assert_denied(await slow.decide(BROKER, SLOW_INPUT), "policy-timeout")
        assert 1.0 <= time.monotonic() - started < BUSY_MACHINE  # its work takes longer than that
        with pytest.raises(ProcessLookupError):
            os.kill(before, 0)
        slow._timeout = BUSY_MACHINE
        assert (await slow.decide(BROKER, EXAMPLE)).allow
        await slow.close()

    runner.run(scene())


def test_the_event_loop_runs_on_while_a_policy_is_slow(runner: asyncio.Runner, tmp_path: Path) -> None:
    slow = point(tmp_path, match=SLOW + ALLOW + " if not slow")

    async def scene() -> None:
        await slow.decide(BROKER, EXAMPLE)
        decision = asyncio.create_task(slow.decide(BROKER, SLOW_INPUT))
        for _ in range(20):
            await asyncio.sleep(0.01)
            assert not decision.done()
        decision.cancel()
        await asyncio.gather(decision, return_exceptions=True)
        await slow.close()

    runner.run(scene())


def test_a_killed_process_denies_and_recovers(runner: asyncio.Runner, tmp_path: Path) -> None:
    victim = point(tmp_path, match=SLOW + ALLOW + " if not slow")

    async def scene() -> None:
        assert (await victim.decide(BROKER, EXAMPLE)).allow
        running = asyncio.create_task(victim.decide(BROKER, SLOW_INPUT))
        await asyncio.sleep(0.2)
        assert victim.process_id is not None
        os.kill(victim.process_id, signal.SIGKILL)
        assert_denied(await running, "policy-unavailable")
        assert (await victim.decide(BROKER, EXAMPLE)).allow
        await victim.close()

    runner.run(scene())


def test_a_cancelled_decision_does_not_answer_the_next_question(runner: asyncio.Runner, tmp_path: Path) -> None:
    denies = 'decision := {"allow": false, "reasons": [{"code": "four-k", "message": "No."}]} if slow\n'
    cancelled = point(tmp_path, match=SLOW + denies + ALLOW + " if not slow")

    async def scene() -> None:
        await cancelled.decide(BROKER, EXAMPLE)
        running = asyncio.create_task(cancelled.decide(BROKER, SLOW_INPUT))
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await cancelled.decide(BROKER, EXAMPLE)).allow
        await cancelled.close()

    runner.run(scene())


def test_many_at_once_each_get_their_own_answer(runner: asyncio.Runner, tmp_path: Path) -> None:
    answer = (
        f'decision := {{"allow": true, "reasons": [], "obligations": object.union({OBLIGATIONS}, {{"max_elements": '
    )
    echo = point(tmp_path, match=answer + "input.padded_count})}")

    async def scene() -> None:
        inputs = [EXAMPLE.model_copy(update={"padded_count": count}) for count in range(1, 101)]
        decisions = await asyncio.gather(*(echo.decide(BROKER, facts) for facts in inputs))
        assert [decision.obligations.max_elements for decision in decisions] == list(range(1, 101))
        await echo.close()

    runner.run(scene())


def test_a_closed_decision_point_denies(runner: asyncio.Runner, tmp_path: Path) -> None:
    closed = point(tmp_path, match=ALLOW)
    runner.run(closed.close())
    assert_denied(runner.run(closed.decide(BROKER, EXAMPLE)), "policy-unavailable")


def test_no_interpreter_denies(runner: asyncio.Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "missing"))
    assert_denied(ask(runner, point(tmp_path, match=ALLOW)), "policy-unavailable")


def test_a_process_that_cannot_start_denies(
    runner: asyncio.Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    assert_denied(ask(runner, point(tmp_path, match=ALLOW)), "policy-unavailable")


def test_start_tries_every_entrypoint(runner: asyncio.Runner, tmp_path: Path) -> None:
    directory = write(tmp_path, match=ALLOW, respond='decision := {"allow": to_number("x")}')
    broken = EmbeddedDecisionPoint(Bundle.load(shipped=directory), timeout=BUSY_MACHINE)
    with pytest.raises(PolicyRefused, match="tacita/node/respond gives no decision on an example: policy-error"):
        runner.run(broken.start())
    assert broken.process_id is None


def test_a_denial_of_the_example_is_a_decision(runner: asyncio.Runner, tmp_path: Path) -> None:
    stern = point(tmp_path, match='decision := {"allow": false, "reasons": [{"code": "never", "message": "Never."}]}')
    runner.run(stern.start())
    runner.run(stern.close())


OWN = {
    "own rules deny": (
        'decision := {"allow": false, "reasons": [{"code": "closed-on-sundays", "message": "We are closed."}]}',
        ["closed-on-sundays"],
    ),
    "own rules fail": ('decision := {"allow": to_number("x")}', ["policy-error"]),
    "own rules say nothing": ("decision := 1 if input.time == 1", ["policy-undefined"]),
    "own rules permit another engine only": (ALLOW.replace('["ecdh"]', '["vole"]'), ["policy-permits-nothing"]),
}


@pytest.mark.parametrize(("policy", "expected"), OWN.values(), ids=OWN)
def test_own_rules_can_deny(runner: asyncio.Runner, tmp_path: Path, policy: str, expected: list[str]) -> None:
    own = write(tmp_path, match=policy, root="tacita.local")
    decision = ask(runner, EmbeddedDecisionPoint(Bundle.load(own, asked=ALL), timeout=BUSY_MACHINE))
    assert codes(decision) == expected


def test_own_rules_can_narrow(runner: asyncio.Runner, tmp_path: Path) -> None:
    own = write(tmp_path, match=ALLOW, root="tacita.local")
    decision = ask(runner, EmbeddedDecisionPoint(Bundle.load(own, asked=ALL), timeout=BUSY_MACHINE))
    assert decision.allow
    assert decision.obligations.max_elements == 64
    assert decision.obligations.retention_days == 1


def test_own_rules_cannot_allow_what_the_federation_denies(runner: asyncio.Runner, tmp_path: Path) -> None:
    own = write(tmp_path, match=ALLOW, root="tacita.local")
    facts = EXAMPLE.model_copy(update={"purpose": "curiosity"})
    decision = ask(runner, EmbeddedDecisionPoint(Bundle.load(own, asked=ALL), timeout=BUSY_MACHINE), facts)
    assert not decision.allow
    assert "unknown-purpose" in codes(decision)


PARENT = """
import asyncio, sys
from pathlib import Path
from tacita_policies.bundle import Bundle
from tacita_policies.decision import Entrypoint
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_policies.example import EXAMPLE

async def main():
    point = EmbeddedDecisionPoint(Bundle.load(shipped=Path(sys.argv[1])), timeout=60)
    await point.decide(Entrypoint.BROKER_MATCH, EXAMPLE)
    slow = asyncio.create_task(
        point.decide(Entrypoint.BROKER_MATCH, EXAMPLE.model_copy(update={"padded_count": 4096}))
    )
    await asyncio.sleep(0.1)
    print(point.process_id, flush=True)
    await slow

asyncio.run(main())
"""


def test_a_busy_process_does_not_outlive_its_parent(tmp_path: Path) -> None:
    write(tmp_path, match=SLOW + ALLOW + " if not slow")
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()
    deadline = time.monotonic() + BUSY_MACHINE
    while running(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not running(child)


def running(process_id: int) -> bool:
    """Whether the process still works; in a container without a reaper a killed orphan stays a zombie."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"
