"""What a start clears away: things that a crash left behind and that nothing refers to."""

from pathlib import Path

import httpx2
import pytest

from tacita_node.config import NodeDirectory, Settings
from tacita_node.data.imports import ImportOrder
from tacita_node.data.uploads import SOURCE_BLOBS
from tacita_node.matching import transport
from tacita_node.matching.jobs import MatchJobs
from tacita_node.matching.journal import MatchJournal
from tacita_node.matching.results import ResultStore
from tacita_node.services import open_services
from tacita_node.workers import ThreadWorkers
from tacita_policies.source import PolicyRefused
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import TestClock, opened, prepared

pytestmark = pytest.mark.anyio


async def test_a_start_forgets_files_that_were_not_recorded_and_frames_without_keys(tmp_path: Path) -> None:
    clock = TestClock()
    broker = BrokerSimulator(clock)
    identity = await prepared(tmp_path, broker, clock=clock, partner="north-bank", kind=PartnerKind.BANK)
    async with opened(tmp_path, broker, identity, clock=clock) as services:
        order = ImportOrder("suspects", Kind.PHONE, "phone", "GB", None)
        await services.datasets.import_source(b"phone\n07911 123456\n", order)
        [recorded] = await services.blobs.names(SOURCE_BLOBS)
        await services.blobs.put(SOURCE_BLOBS, "ab" * 32, b"phone\n07911 123457\n")
        # Frame 0 is missing: a crash came while the frames of an ended match were deleted.
        await services.blobs.put(transport.NAMESPACE, transport.frame_name("cd" * 16, 1), b"a frame")
    async with opened(tmp_path, broker, identity, clock=clock) as services:
        assert await services.blobs.names(SOURCE_BLOBS) == [recorded]
        journal = MatchJournal(services.database, services.custody, clock)
        results = ResultStore(services.blobs, services.cipher, services.datasets)
        await MatchJobs(services, journal, results).recover()
        assert await services.blobs.names(transport.NAMESPACE) == []


@pytest.mark.parametrize("spoilt", ["a file", "a dangling link", "rules that a node never asks"])
async def test_own_policies_that_would_not_count_stop_the_start(tmp_path: Path, spoilt: str) -> None:
    clock = TestClock()
    broker = BrokerSimulator(clock)
    identity = await prepared(tmp_path, broker, clock=clock, partner="north-bank", kind=PartnerKind.BANK)
    own = NodeDirectory(tmp_path).policies
    if spoilt == "a file":
        own.write_text("package tacita.local.node.respond\n")
    elif spoilt == "a dangling link":
        own.symlink_to(tmp_path / "nowhere")
    else:
        (own / "rego").mkdir(parents=True)
        (own / "rego/match.rego").write_text(
            "package tacita.local.broker.match\n\nimport rego.v1\n\n"
            'decision := {"allow": false, "reasons": [{"code": "no", "message": "No."}]}\n'
        )
    with pytest.raises(PolicyRefused):
        async with open_services(
            NodeDirectory(tmp_path),
            Settings(),
            identity,
            clock=clock,
            transport=httpx2.ASGITransport(broker.app()),
            workers=ThreadWorkers(),
        ):
            raise AssertionError("the node must not start")
