"""A node's own export verifies however often its peers replaced their keys, and whoever is confirmed at the moment."""

import asyncio
from pathlib import Path

import pytest

from tacita_node.data.service import Publication
from tacita_node.matching.export import audit_export
from tacita_protocol.statements.vocabulary import PartnerKind, Sensitivity
from tacita_protocol.tlog.trust import TrustPolicy
from tacita_sdk.verify import open_log, verify_audit
from tests.support.match_federation import BANK, NGO, Member, loaded_federation
from tests.support.node_lifecycle import with_new_keys

pytestmark = pytest.mark.anyio

FOR_BANKS = Publication(Sensitivity.FINANCIAL, (PartnerKind.BANK,), ())


async def cards_proved(root: Path, member: Member) -> str:
    """What an audit of this member's export alone says of the cards in it."""
    export = await audit_export(member.running)
    trust = TrustPolicy.parse(member.directory.trust.read_text())
    log = await asyncio.to_thread(open_log, str(root / "broker" / "log"))
    return (await asyncio.to_thread(verify_audit, trust, log, [export]))[8].proved


async def test_a_peer_asks_again_before_its_replaced_keys_are_confirmed(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        assert (await bank.ended(await federation.order())).state == "closed"
        await with_new_keys(bank)
        await with_new_keys(bank)  # of the card between, no match tells
        match = await federation.order()
        for member in (bank, ngo):
            assert (await member.ended(match)).state == "refused"
        proved = await cards_proved(tmp_path, ngo)
        assert "4 partner cards" in proved
        assert "2 rotations lead" in proved
        await ngo.running.agreements.partners.distrust(BANK)
        assert await cards_proved(tmp_path, ngo) == proved


async def test_a_peer_is_distrusted_after_its_replaced_keys_were_confirmed(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        assert (await bank.ended(await federation.order())).state == "closed"
        await with_new_keys(ngo)
        await ngo.running.datasets.publish("accounts", FOR_BANKS)
        await federation.agree()
        assert (await bank.ended(await federation.order())).state == "closed"
        proved = await cards_proved(tmp_path, bank)
        assert "3 partner cards" in proved
        assert "1 rotations lead" in proved
        await bank.running.agreements.partners.distrust(NGO)
        assert await cards_proved(tmp_path, bank) == proved
