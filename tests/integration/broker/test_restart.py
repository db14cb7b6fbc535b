"""A broker that stops in the middle of a match forgets nothing."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tacita_broker.errors import LeaseLost, LogRolledBack
from tacita_broker.services import Running, build
from tacita_protocol.api import MatchState
from tacita_protocol.statements.vocabulary import PartnerKind, Role
from tests.support.broker_harness import DENY, PASSPHRASE, PATIENCE_SECONDS, ScriptedPolicy, broker_at, eventually
from tests.support.broker_match import event_types, federation, requested


def test_a_restart_after_every_step_keeps_everything(tmp_path: Path, database: str | None) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, database=database) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            steps: list[Callable[[], Awaitable[object]]] = [
                match.granted,
                match.accepted,
                match.opened,
                lambda: match.relay("requester", b"one"),
                lambda: bank.put_frame(match.id, "requester", 1, b"two"),
                lambda: match.say(bank, "receipt", match.make_receipt(Role.REQUESTER)),
                lambda: match.say(ngo, "receipt", match.make_receipt(Role.RESPONDER)),
            ]
            for number, step in enumerate(steps):
                await harness.restart()
                if number == 5:
                    # What was sent before the restart is there, and may be sent again.
                    assert (await ngo.frame(match.id, "requester", 1)).content == b"two"
                    assert (await bank.put_frame(match.id, "requester", 1, b"two")).status_code == 200
                await step()
            await harness.restart()
            view = await match.until(MatchState.CLOSED)
            assert view.closing is not None
            assert await event_types(bank) == ["decision", "acceptance", "closing"]
            assert await event_types(ngo) == ["decision", "open", "closing"]
            assert harness.row_counts()["log_entries"] == 5

    asyncio.run(run())


def test_a_denials_closing_survives_a_restart(tmp_path: Path, database: str | None) -> None:
    async def run() -> None:
        policy = ScriptedPolicy(DENY)
        async with broker_at(tmp_path, policy=policy, database=database, denial_closing_mean_seconds=1e9) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.until(MatchState.DENIED)
            harness.clock.offset += int(harness.services.settings.denial_closing_max_seconds) + 1
            await harness.restart()
            await match.until(MatchState.CLOSED)

    asyncio.run(run())


def test_a_second_broker_on_the_same_database_does_not_start(tmp_path: Path, database: str | None) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, database=database) as harness:
            await federation(harness)
            directory = harness.directory
            second = build(directory, directory.settings(), directory.keys(PASSPHRASE), ScriptedPolicy(), harness.clock)
            with pytest.raises(LeaseLost, match="another broker"):
                async with Running(second):
                    pass
            # The first goes on.
            assert (await harness.client.get("/healthz")).status_code == 200

    asyncio.run(run())


def test_two_brokers_in_spite_of_the_lock_one_stops(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            directory = harness.directory
            second = build(directory, directory.settings(), directory.keys(PASSPHRASE), ScriptedPolicy(), harness.clock)
            (directory.path / "broker.db.lease").unlink()  # as if the two did not see each other's lock
            async with Running(second):
                await requested(harness, bank, ngo)
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await harness.running.failed.wait()
                assert isinstance(harness.running.failure, LeaseLost)
                await harness.stop_witnesses(failing=True)
                assert (await harness.client.get("/healthz")).status_code == 503

    asyncio.run(run())


def test_a_broker_over_a_restored_database_does_not_start(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            database = harness.directory.path / "broker.db"
            await federation(harness)
            await harness.stop()
            backup = database.read_bytes()
            await harness.start()
            await harness.partner("second-bank", PartnerKind.BANK)
            await eventually(lambda: harness.services.log.sequencer.head.size == 4 or None)
            await harness.stop()
            database.write_bytes(backup)
            with pytest.raises(LogRolledBack):
                await harness.start()

    asyncio.run(run())


def test_a_failed_write_of_the_checkpoint_ends_the_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            await federation(harness)
            await harness.stop_witnesses()

            def failing(_descriptor: int) -> None:
                raise OSError(5, "input/output error")

            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", failing)
                harness.start_witnesses()
                await harness.services.enrolment.listed()
                bank = harness.partners["first-bank"]
                await requested(harness, bank, harness.partners["safe-harbour"])
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await harness.running.failed.wait()
            await harness.stop_witnesses(failing=True)
            await harness.restart()
            assert (await harness.client.get("/healthz")).status_code == 200

    asyncio.run(run())
