"""Frames: order, direction, idempotence, quotas, long polls."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tacita_broker.blobs import BlobStore
from tacita_protocol.api import MatchState, TokenRequest, TokenScope
from tacita_protocol.statements.vocabulary import PartnerKind, Role
from tests.support.broker_harness import broker_at, eventually
from tests.support.broker_match import ScriptedMatch, federation, requested

BINARY = {"content-type": "application/octet-stream"}
SOON_SECONDS = 40
"""Less than the minute for which a poll is held open here; a busy machine gets it."""


def assert_problem(answer: httpx2.Response, status: int) -> None:
    """A problem document with this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_frame_may_be_sent_again_but_not_changed(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            statuses = [
                (await bank.put_frame(match.id, "requester", seq, frame)).status_code
                for seq, frame in ((0, b"one"), (0, b"one"), (0, b"two"), (2, b"gap"), (1, b"two"))
            ]
            assert statuses == [201, 200, 409, 409, 201]
            assert (await ngo.frame(match.id, "requester", 0)).content == b"one"
            assert (await ngo.frame(match.id, "requester", 1)).content == b"two"
            assert (await ngo.frame(match.id, "requester", 2)).status_code == 204
            stored = [path.read_bytes() for path in (harness.directory.blobs / match.id).iterdir()]
            assert sorted(stored) == [b"one", b"two"]

    asyncio.run(run())


def test_racing_frames_of_one_number_leave_one(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            frames = [bytes([number]) * 100 for number in range(12)]
            answers = await asyncio.gather(*(bank.put_frame(match.id, "requester", 0, frame) for frame in frames))
            statuses = [answer.status_code for answer in answers]
            assert sorted(statuses) == [201] + [409] * 11
            winner = frames[statuses.index(201)]
            assert (await ngo.frame(match.id, "requester", 0)).content == winner
            assert [path.read_bytes() for path in (harness.directory.blobs / match.id).iterdir()] == [winner]

    asyncio.run(run())


def test_frames_wait_for_acceptance_and_open(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.granted()
            assert_problem(await bank.put_frame(match.id, "requester", 0, b"early"), 409)
            await match.accepted()
            assert_problem(await ngo.put_frame(match.id, "responder", 0, b"early"), 409)
            assert (await bank.frame(match.id, "responder", 0)).status_code == 204
            await match.opened()
            assert (await bank.put_frame(match.id, "requester", 0, b"now")).status_code == 201

    asyncio.run(run())


def test_a_token_opens_its_own_side_of_its_own_match(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            other = await harness.partner("second-bank", PartnerKind.BANK)
            match, second = [await requested(harness, bank, ngo) for _ in range(2)]
            await match.run_to_open()
            await second.run_to_open()
            # The other direction, for writing and for reading.
            assert_problem(await bank.put_frame(match.id, "responder", 0, b"x"), 404)
            assert_problem(await bank.frame(match.id, "requester", 0), 404)
            # Another match, another scope, another partner, no token.
            path = f"/v1/matches/{match.id}/frames/requester/0"
            for token in (await bank.token(second.id), await bank.token(), "e30.e30", ""):
                headers = {**BINARY, "authorization": f"Bearer {token}"}
                assert_problem(await harness.client.put(path, content=b"x", headers=headers), 401)
            assert_problem(await harness.client.put(path, content=b"x", headers=BINARY), 401)
            for partner, wanted in ((other, match.id), (other, "0" * 32)):
                answer = await partner.post("/v1/tokens", TokenRequest(scope=TokenScope.FRAMES, match=wanted))
                assert_problem(answer, 404)
            headers = {"authorization": f"Bearer {await bank.token(match.id)}"}
            assert_problem(await harness.client.get("/v1/inbox", headers=headers), 401)
            harness.clock.offset += harness.services.settings.token_seconds
            assert_problem(await bank.put_frame(match.id, "requester", 0, b"x"), 401)
            assert harness.row_counts()["frames"] == 0

    asyncio.run(run())


@pytest.mark.parametrize(
    ("seq", "frame", "status"),
    [
        pytest.param("0", b"", 422, id="empty"),
        pytest.param("0", b"x" * (1024 * 1024 + 65), 413, id="oversized"),
        pytest.param("-1", b"x", 422, id="a negative number"),
        pytest.param("x", b"x", 422, id="no number"),
        pytest.param("4294967296", b"x", 422, id="a number too large"),
    ],
)
def test_malformed_frames(tmp_path: Path, seq: str, frame: bytes, status: int) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            headers = {**BINARY, "authorization": f"Bearer {await bank.token(match.id)}"}
            path = f"/v1/matches/{match.id}/frames/requester/{seq}"
            assert_problem(await harness.client.put(path, content=frame, headers=headers), status)
            assert_problem(
                await harness.client.put(f"/v1/matches/{match.id}/frames/sideways/0", content=b"x", headers=headers),
                422,
            )
            assert harness.row_counts()["frames"] == 0
            assert not (harness.directory.blobs / match.id).exists()

    asyncio.run(run())


def test_a_frame_is_sent_as_bytes(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            headers = {"content-type": "application/json", "authorization": f"Bearer {await bank.token(match.id)}"}
            path = f"/v1/matches/{match.id}/frames/requester/0"
            assert_problem(await harness.client.put(path, content=b"{}", headers=headers), 415)

    asyncio.run(run())


def test_quotas_of_a_match(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, frames_per_match=2, relayed_bytes_per_match=1000) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            statuses = [(await bank.put_frame(match.id, "requester", seq, b"x")).status_code for seq in range(3)]
            assert statuses == [201, 201, 429]
            statuses = [(await ngo.put_frame(match.id, "responder", seq, b"x" * 998)).status_code for seq in range(2)]
            assert statuses == [201, 429]

    asyncio.run(run())


def test_quota_of_a_partner_over_its_matches(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, relayed_bytes_per_partner=1000) as harness:
            bank, ngo = await federation(harness)
            first, second = [await requested(harness, bank, ngo) for _ in range(2)]
            await first.run_to_open()
            await second.run_to_open()
            assert (await bank.put_frame(first.id, "requester", 0, b"x" * 1000)).status_code == 201
            assert_problem(await bank.put_frame(second.id, "requester", 0, b"x"), 429)
            assert (await ngo.put_frame(second.id, "responder", 0, b"x")).status_code == 201, "each has its own"
            await _close(first)
            await first.until(MatchState.CLOSED)
            assert (await bank.put_frame(second.id, "requester", 0, b"x")).status_code == 201

    asyncio.run(run())


def test_bytes_that_a_crash_left_go_with_the_match(tmp_path: Path) -> None:
    """A frame's bytes are on the disk before the row that acknowledges them."""

    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            await BlobStore(harness.directory.blobs).put(match.id, "requester-0-0123", b"never acknowledged")
            await _close(match)
            await match.until(MatchState.CLOSED)
            assert list(harness.directory.blobs.iterdir()) == []

    asyncio.run(run())


def test_a_poll_is_answered_by_the_frame(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, long_poll_seconds=60) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            waiting = asyncio.create_task(ngo.frame(match.id, "requester", 0, wait=60))
            await eventually(lambda: harness.services.places._taken[ngo.name] or None)  # held open
            async with asyncio.timeout(SOON_SECONDS):
                await bank.put_frame(match.id, "requester", 0, b"frame")
                assert (await waiting).content == b"frame"

    asyncio.run(run())


async def _close(match: ScriptedMatch) -> None:
    await match.say(match.requester, "receipt", match.make_receipt(Role.REQUESTER))
    await match.say(match.responder, "receipt", match.make_receipt(Role.RESPONDER))


def test_closing_ends_polls_and_refuses_frames(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, long_poll_seconds=60) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            await match.relay("requester", b"frame")
            waiting = asyncio.create_task(ngo.frame(match.id, "requester", 1, wait=60))
            await eventually(lambda: harness.services.places._taken[ngo.name] or None)  # held open
            async with asyncio.timeout(SOON_SECONDS):
                await _close(match)
                assert_problem(await waiting, 410)
            assert_problem(await bank.put_frame(match.id, "requester", 1, b"late"), 410)
            folder = harness.directory.blobs / match.id
            await eventually(lambda: True if not folder.exists() and not harness.row_counts()["frames"] else None)

    asyncio.run(run())
