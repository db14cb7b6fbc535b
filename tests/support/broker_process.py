"""A broker and two witnesses as real processes, with scripted partners that speak to it over loopback."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from deploy.demo.federation import Federation
from tacita_broker.config import Settings, load_settings
from tacita_protocol.api import EnrolRequest, StatementBody
from tacita_protocol.statements.partner import fingerprint
from tacita_protocol.statements.vocabulary import PartnerKind
from tacita_protocol.tlog.trust import TrustPolicy
from tests.support.broker_match import DATASET, dataset_card
from tests.support.broker_partner import Partner, card_of

WITNESSES = ("north", "south")
PATIENCE_SECONDS = 60.0
REQUEST_SECONDS = 60.0


@dataclass
class BrokerProcess:
    """What a scripted partner needs to know of the broker."""

    federation: Federation
    settings: Settings
    client: httpx2.AsyncClient
    trust: TrustPolicy

    async def partner(self, name: str, kind: PartnerKind) -> Partner:
        """Invite, enrol and approve a partner."""
        partner = Partner.new(name, self.client, _now, self.settings)
        code = await asyncio.to_thread(self.federation.invite, kind.value)
        card = card_of(partner, kind)
        answer = await partner.post("/v1/enrolments", EnrolRequest(invitation=code, card=card.envelope))
        assert answer.status_code == 201, answer.text
        await asyncio.to_thread(self.federation.approve, name, fingerprint(card))
        return partner

    async def owner(self, name: str) -> Partner:
        """An NGO that publishes the dataset of `dataset_card`."""
        owner = await self.partner(name, PartnerKind.NGO)
        answer = await owner.put(f"/v1/datasets/{DATASET}/1", StatementBody(envelope=dataset_card(owner).envelope))
        assert answer.status_code == 201, answer.text
        return owner


@asynccontextmanager
async def broker_process(root: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[BrokerProcess]:
    """Start broker and witnesses under `root`, issue the trust file, and wait until it counts."""
    with Federation(root, environment or {}) as federation:
        info = await asyncio.to_thread(federation.start_broker)
        log = info["log_vkey"]
        witnesses = [asyncio.to_thread(federation.start_witness, name, log_vkey=log) for name in WITNESSES]
        independent = dict(await asyncio.gather(*witnesses))
        await asyncio.to_thread(federation.issue_trust, log_vkey=log, independent=independent, nodes={})
        trust = TrustPolicy.parse(federation.trust_file.read_text(encoding="ascii"))
        async with httpx2.AsyncClient(base_url=federation.broker_url, timeout=REQUEST_SECONDS) as client:
            end = time.monotonic() + PATIENCE_SECONDS
            while (await client.get("/v1/trust")).status_code != 200:
                assert time.monotonic() < end, "the trust file did not count"
                await asyncio.sleep(0.05)
            yield BrokerProcess(federation, load_settings(root / "broker"), client, trust)


def _now() -> int:
    return int(time.time())
