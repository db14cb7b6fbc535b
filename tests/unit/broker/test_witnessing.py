"""Which entries a late cosignature proves, and what that changes for the checkpoint that is pinned by then."""

import asyncio
from contextlib import suppress
from pathlib import Path

from tacita_broker.config import Limits
from tacita_broker.log.sequencer import Sequencer
from tacita_broker.log.store import queue_entry
from tacita_broker.log.witnessing import Witnessing
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.tlog.note import CosignatureSigner, split_note
from tacita_protocol.tlog.trust import federation_policy
from tests.support.broker_log import NOW, SIGNER, LogBench, log_bench

PIN_SECONDS = 10
LIMITS = Limits(witness_pin_seconds=PIN_SECONDS)
NAMES = ("first", "second", "third")


def test_a_late_cosignature_proves_for_the_newer_checkpoint_too(tmp_path: Path, template: Path) -> None:
    async def run() -> None:
        async with log_bench(tmp_path, template) as bench:
            signers = {name: CosignatureSigner(name, SigningKey.generate()) for name in NAMES}
            trust = federation_policy(
                SIGNER.verifier, {name: signer.verifier for name, signer in signers.items()}, threshold=2
            )
            sequencer, now = await bench.sequencer(), NOW
            witnessing = Witnessing(bench.database, bench.files, lambda: sequencer.head, LIMITS, lambda: now)
            witnessing.trust = trust
            await witnessing.resettle()
            notes: list[str] = []

            async def cosigned(name: str, size: int) -> bool:
                text, _ = split_note(notes[size - 1].encode())
                return await witnessing.add_cosignature(size, signers[name].cosign(text, now))

            notes.append(await _grown(bench, sequencer, "one", excluded="first"))
            assert await witnessing.advance()
            assert not await cosigned("first", 1)
            assert await cosigned("second", 1)  # a quorum, but not for the entry
            assert await witnessing.proof("one") is None
            notes.append(await _grown(bench, sequencer, "two", excluded="second"))
            assert not await witnessing.advance()  # that entry is waited for
            now += PIN_SECONDS
            assert await witnessing.advance()
            assert await cosigned("third", 1)
            assert await witnessing.proof("one") is not None
            assert not await cosigned("first", 2)
            assert await cosigned("third", 2)
            assert await witnessing.proof("two") is not None
            notes.append(await _grown(bench, sequencer, "three", excluded=""))
            assert await witnessing.advance()  # nothing below the second checkpoint waits any more

    asyncio.run(run())


def test_a_cosignature_that_was_cut_off_may_come_again(tmp_path: Path, template: Path) -> None:
    """At whatever point: it may be stored by then, or not."""

    async def run() -> None:
        async with log_bench(tmp_path, template) as bench:
            signer = CosignatureSigner("first", SigningKey.generate())
            sequencer = await bench.sequencer()
            witnessing = Witnessing(bench.database, bench.files, lambda: sequencer.head, LIMITS, lambda: NOW)
            witnessing.trust = federation_policy(SIGNER.verifier, {"first": signer.verifier}, threshold=1)
            for turns in range(40):
                name = f"entry-{turns}"
                text, _ = split_note((await _grown(bench, sequencer, name, excluded="")).encode())
                assert await witnessing.advance()
                line = signer.cosign(text, NOW)
                coming = asyncio.ensure_future(witnessing.add_cosignature(turns + 1, line))
                for _ in range(turns):
                    await asyncio.sleep(0)
                coming.cancel()
                with suppress(asyncio.CancelledError):
                    await coming
                await witnessing.add_cosignature(turns + 1, line)
                assert await witnessing.proof(name) is not None

    asyncio.run(run())


async def _grown(bench: LogBench, sequencer: Sequencer, name: str, *, excluded: str) -> str:
    """The checkpoint after another entry."""
    async with bench.database.write() as session:
        await queue_entry(session, name, name.encode(), now=NOW, excluded=[excluded] if excluded else [])
    await sequencer.step()
    return sequencer.head.note
