"""Witnesses: one pinned checkpoint, cosignatures that count, proofs without a match's own parties."""

import asyncio
from pathlib import Path

import pytest

from tacita_broker.administration import issue_trust
from tacita_broker.errors import ConfigurationRefused
from tacita_protocol.api import MatchState, StatementBody, WitnessNext, parse_body
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.errors import ProofInvalid
from tacita_protocol.statements.vocabulary import PartnerKind
from tacita_protocol.tlog.note import CosignatureSigner, NoteVerifier, split_note
from tacita_protocol.tlog.trust import federation_policy
from tests.support.broker_harness import URL, BrokerHarness, broker_at, eventually
from tests.support.broker_match import dataset_card, federation, requested


async def asked_for(harness: BrokerHarness, old: int = 0) -> WitnessNext | None:
    """What witnesses are asked for."""
    answer = await harness.client.get(f"/v1/witness/next?old={old}")
    return parse_body(WitnessNext, answer.content) if answer.status_code == 200 else None


def size_of(news: WitnessNext | None) -> int:
    """The size of the checkpoint that is asked for."""
    assert news is not None
    return int(news.checkpoint.split("\n")[1])


async def until_log_has(harness: BrokerHarness, size: int) -> None:
    """Wait until the log has this size."""
    await eventually(lambda: harness.services.log.sequencer.head.size >= size or None)


def test_one_checkpoint_is_pinned_until_a_quorum_has_signed_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            await harness.partner("first-bank", PartnerKind.BANK)
            await until_log_has(harness, 1)
            assert await asked_for(harness) is None  # no trust file yet
            await harness.issue_trust(at_work=False)
            one, two = harness.witnesses
            await one.poll(harness.client, harness.clock, wait=25)
            assert one.seen is not None
            await harness.partner("second-bank", PartnerKind.BANK)
            await until_log_has(harness, 2)
            # The second witness is still asked for the same checkpoint, the first has nothing to do.
            assert size_of(await asked_for(harness)) == one.seen.size == 1
            assert await asked_for(harness, 1) is None
            await two.poll(harness.client, harness.clock)
            # Now there is a quorum for size 1, and the newest one is pinned.
            assert size_of(await asked_for(harness, 1)) == 2
            for witness in (one, two):
                await witness.poll(harness.client, harness.clock, wait=25)
            assert harness.trust is not None
            published = (await harness.client.get("/log/checkpoint")).content
            assert harness.trust.check(published).checkpoint.size == 2

    asyncio.run(run())


def test_a_matchs_own_parties_do_not_count(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, witness_pin_seconds=3600) as harness:
            bank = await harness.partner("first-bank", PartnerKind.BANK)
            ngo = await harness.partner("safe-harbour", PartnerKind.NGO)
            trust = await harness.issue_trust(witnesses=[bank.name, ngo.name], at_work=False, any_two=True)
            await ngo.put("/v1/datasets/accounts/1", StatementBody(envelope=dataset_card(ngo).envelope))
            match = await requested(harness, bank, ngo)
            await until_log_has(harness, 4)
            for _ in range(6):  # the two parties alone: a quorum of the file, but not for their match
                news = await asked_for(harness)
                assert news is not None
                text, _ = split_note(news.checkpoint.encode())
                for partner in (bank, ngo):
                    body = {"size": size_of(news), "line": partner.cosigner.cosign(text, harness.clock())}
                    assert (await harness.client.post("/v1/witness/cosignatures", json=body)).status_code == 204
                await asyncio.sleep(0.05)
            note = (await harness.client.get("/log/checkpoint")).content
            assert trust.check(note).checkpoint.size == 4
            with pytest.raises(ProofInvalid):
                trust.check(note, excluded=frozenset({bank.name, ngo.name}))
            assert (await match.view(bank)).state is MatchState.REQUESTED
            # The checkpoint stays pinned, so that the independent ones can still sign it.
            harness.start_witnesses()
            view = await match.until(MatchState.GRANTED)
            assert view.decision is not None
            view.decision.logged.verify(trust, excluded=frozenset({bank.name, ngo.name}))

    asyncio.run(run())


def test_a_match_that_no_quorum_can_prove_holds_up_no_other(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, witness_pin_seconds=0) as harness:
            bank, ngo = await federation(harness)
            # Now the first independent witness is needed, which is the third partner as well.
            stuck = await harness.partner("witness-three", PartnerKind.BANK)
            log = NoteVerifier.from_vkey(harness.services.settings.log_vkey)
            verifiers = {witness.signer.name: witness.signer.verifier for witness in harness.witnesses}
            verifiers[stuck.name] = stuck.cosigner.verifier
            trust = federation_policy(log, verifiers, threshold=3)
            file = tmp_path / "new.policy"
            file.write_text(trust.text)
            with pytest.raises(ConfigurationRefused, match="another trust file"):
                await issue_trust(harness.directory.path, file, replace=False)
            await issue_trust(harness.directory.path, file, replace=True)
            await eventually(lambda: harness.services.log.trust == trust or None)

            stop = asyncio.Event()

            async def cosign() -> None:
                old = 0
                while not stop.is_set():
                    news = await asked_for(harness, old)
                    if news is not None:
                        text, _ = split_note(news.checkpoint.encode())
                        body = {"size": size_of(news), "line": stuck.cosigner.cosign(text, harness.clock())}
                        await harness.client.post("/v1/witness/cosignatures", json=body)
                        old = size_of(news)
                    await asyncio.sleep(0.02)

            task = asyncio.create_task(cosign())
            held = await requested(harness, stuck, ngo)
            good = await requested(harness, bank, ngo)
            await good.until(MatchState.GRANTED)
            assert (await held.view(stuck)).state is MatchState.REQUESTED
            stop.set()
            await task

    asyncio.run(run())


def test_cosignatures_that_do_not_count(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            await harness.partner("first-bank", PartnerKind.BANK)
            await until_log_has(harness, 1)
            await harness.issue_trust(at_work=False)
            await harness.partner("second-bank", PartnerKind.BANK)
            await until_log_has(harness, 2)
            for witness in harness.witnesses:
                await witness.poll(harness.client, harness.clock, wait=25)
            news = await asked_for(harness, 1)
            assert news is not None
            text, (log_line, *_) = split_note(news.checkpoint.encode())
            now, size = harness.clock(), size_of(news)
            signer = harness.witnesses[0].signer
            stranger = CosignatureSigner(signer.name, SigningKey.generate())
            other_text = text.replace("test-broker/log", "other/log")
            cases: list[tuple[str, int, str, int]] = [
                ("an unknown key", size, stranger.cosign(text, now), 422),
                ("another text", size, signer.cosign(other_text, now), 422),
                ("from the past", size, signer.cosign(text, now - 7200), 422),
                ("from the future", size, signer.cosign(text, now + 7200), 422),
                ("the log's own line", size, log_line, 422),
                ("no line", size, "hello", 422),
                ("two lines", size, signer.cosign(text, now) + "\n" + signer.cosign(text, now), 422),
                ("a size never asked for", 999, signer.cosign(text, now), 409),
            ]
            before = (await harness.client.get("/log/checkpoint")).content
            for name, at, line, status in cases:
                answer = await harness.client.post(f"{URL}/v1/witness/cosignatures", json={"size": at, "line": line})
                assert answer.status_code == status, (name, answer.text)
                assert answer.headers["content-type"] == "application/problem+json"
            assert (await harness.client.get("/log/checkpoint")).content == before
            good = {"size": size, "line": signer.cosign(text, now)}
            for _ in range(2):
                assert (await harness.client.post("/v1/witness/cosignatures", json=good)).status_code == 204

    asyncio.run(run())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda text: text.replace("quorum witnesses", "quorum none"), "no witness", id="no quorum"),
        pytest.param(lambda text: text.replace("witnesses 2", "witnesses 1"), "in common", id="two logs at once"),
        pytest.param(lambda text: text.replace("log test-broker", "log other-broker"), "not one", id="a broken key"),
        pytest.param(lambda _: "hello", "not one", id="no policy"),
    ],
)
def test_a_trust_file_that_proves_nothing_is_refused(tmp_path: Path, change: object, message: str) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            log = NoteVerifier.from_vkey(harness.services.settings.log_vkey)
            verifiers = {witness.signer.name: witness.signer.verifier for witness in harness.witnesses}
            assert callable(change)
            file = tmp_path / "bad.policy"
            file.write_text(change(federation_policy(log, verifiers, threshold=2).text))
            with pytest.raises(ConfigurationRefused, match=message):
                await issue_trust(harness.directory.path, file, replace=False)

    asyncio.run(run())


def test_a_trust_file_knows_partners_by_id_and_key(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank = await harness.partner("first-bank", PartnerKind.BANK)
            log = NoteVerifier.from_vkey(harness.services.settings.log_vkey)
            disguised = CosignatureSigner("independent", SigningKey.generate()).verifier
            hidden = NoteVerifier("independent", disguised.kind, bank.cosigner.verifier.key)
            for name, verifier in (("independent", hidden), (bank.name, disguised)):
                file = tmp_path / "bad.policy"
                file.write_text(federation_policy(log, {name: verifier}, threshold=1).text)
                with pytest.raises(ConfigurationRefused, match="both"):
                    await issue_trust(harness.directory.path, file, replace=False)

    asyncio.run(run())


def test_many_waiting_witnesses_shut_nobody_out(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, public_long_polls=4, long_poll_seconds=60) as harness:
            waiting = [asyncio.create_task(harness.client.get("/v1/witness/next?old=0&wait=60")) for _ in range(4)]
            await eventually(lambda: harness.services.places._taken["public"] == 4 or None)
            one_more = asyncio.create_task(harness.client.get("/v1/witness/next?old=0&wait=60"))
            await asyncio.wait([one_more, *waiting], return_when=asyncio.FIRST_COMPLETED)
            assert [poll.done() for poll in waiting] == [False] * 4
            assert (await one_more).status_code == 204
            harness.services.bell.stop()
            assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [204] * 4

    asyncio.run(run())
