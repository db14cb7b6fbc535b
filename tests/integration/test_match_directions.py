"""Who learns what: the asker, the owner alone, both, or only a number; in one piece or in partitions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tacita_node.matching.export import audit_export
from tacita_node.matching.journal import MatchJournal
from tacita_node.problems import ProblemError
from tacita_policies.questions import History
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.psi.ecdh import EcdhEngine
from tacita_protocol.psi.partition import bin_size
from tacita_protocol.statements.vocabulary import Sensitivity
from tacita_sdk.verify import open_log, verify_audit
from tests.support.match_federation import BANK, IBANS, NGO, MatchFederation, Member, loaded_federation
from tests.support.match_steps import find, receipts_of

pytestmark = pytest.mark.anyio

COMMON = set(IBANS[2:4])
PHONES = tuple(f"+44740012{number:04}" for number in range(20))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def found(member: Member, match: str) -> set[str]:
    return {hit.value for hit in (await member.matches.hits(match)).hits}


async def nothing_to_see(member: Member, match: str) -> None:
    with pytest.raises(ProblemError) as refused:
        await member.matches.hits(match)
    assert refused.value.code == "not-released"
    assert await member.running.blobs.names("results") == []
    row = await find(member, match)
    assert row is not None
    assert (row.hits_sealed, row.released) == (None, False)


async def verified(federation: MatchFederation, root: Path) -> None:
    """Both exports together, against the log."""
    exports = [await audit_export(member.running) for member in (federation.bank, federation.ngo)]
    trust = federation.bank.running.trust
    assert trust is not None
    assert await asyncio.to_thread(verify_audit, trust, open_log(str(root / "broker" / "log")), exports)


async def charged(member: Member, match: str) -> tuple[int, int]:
    """What counts against this member's own budgets, and what its receipt says of all runs."""
    row = await find(member, match)
    assert row is not None
    return row.units, (await receipts_of(member))[match].elements_charged


async def history_of(member: Member, dataset: str) -> History:
    """What the bank has had of a dataset's first epoch."""
    services = member.running
    journal = MatchJournal(services.database, services.custody, services.clock)
    return await journal.history(BANK, dataset=dataset, epoch=1)


async def test_a_silent_hit_is_learned_by_the_owner_alone(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, published=True) as federation:
        bank, ngo = federation.bank, federation.ngo
        match = await federation.order(result_to="owner")
        asked, owned = await bank.ended(match), await ngo.ended(match)
        assert (asked.state, asked.outcome, asked.hits, asked.result_to) == ("closed", "completed", None, "owner")
        assert (owned.state, owned.outcome, owned.hits, owned.role) == ("closed", "completed", 2, "responder")
        assert (asked.learns, owned.learns) == (False, True)
        assert await found(ngo, match) == COMMON
        await nothing_to_see(bank, match)
        assert (await charged(bank, match), await charged(ngo, match)) == ((64, 64), (0, 64))
        await verified(federation, tmp_path)


async def test_both_learn_in_two_runs_and_each_counts_what_was_tested_at_its_side(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, published=True) as federation:
        bank, ngo = federation.bank, federation.ngo
        match = await federation.order(result_to="both")
        asked, owned = await bank.ended(match), await ngo.ended(match)
        assert (asked.outcome, asked.hits, owned.hits) == ("completed", 2, 2)
        assert await found(bank, match) == await found(ngo, match) == COMMON
        assert (await charged(bank, match), await charged(ngo, match)) == ((64, 128), (64, 128))
        await verified(federation, tmp_path)


async def test_a_cardinality_is_one_number_and_no_list(tmp_path: Path) -> None:
    async with counting_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        match = await federation.order(dataset="customers", with_=f"{NGO}/numbers", mode="cardinality")
        asked, answered = await bank.ended(match), await ngo.ended(match)
        assert (asked.state, asked.outcome, asked.mode) == ("closed", "completed", "cardinality"), asked.reasons
        assert (asked.hits, answered.hits) == (10, None)  # twelve, rounded to a multiple of ten
        assert (await bank.matches.hits(match)).hits == ()
        await nothing_to_see(ngo, match)
        assert (await history_of(ngo, "numbers")).cardinality_epoch == 1
        await verified(federation, tmp_path)


@pytest.mark.parametrize("result_to", ["requester", "owner", "both"])
async def test_a_match_in_partitions_finds_the_same(
    tmp_path: Path, result_to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EcdhEngine, "max_elements", 60)
    async with loaded_federation(tmp_path, published=True) as federation:
        bank, ngo = federation.bank, federation.ngo
        match = await federation.order(result_to=result_to)
        summary = await bank.ended(match)
        await ngo.ended(match)
        assert summary.outcome == "completed", summary.reasons
        for member, learns in ((bank, result_to != "owner"), (ngo, result_to != "requester")):
            row = await find(member, match)
            assert row is not None
            assert row.partitions == 2
            if learns:
                assert await found(member, match) == COMMON
            else:
                await nothing_to_see(member, match)
        units = 2 * bin_size(64, 2)
        sent = {BANK: result_to != "requester", NGO: result_to != "owner"}
        for member in (bank, ngo):
            runs = 2 if result_to == "both" else 1
            expected = (units if sent[member.identity.partner] else 0, runs * units)
            assert await charged(member, match) == expected
        await verified(federation, tmp_path)


async def test_a_set_too_large_to_count_in_one_piece_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with counting_federation(tmp_path) as federation:
        monkeypatch.setattr(EcdhEngine, "max_elements", 60)
        match = await federation.order(dataset="customers", with_=f"{NGO}/numbers", mode="cardinality")
        summary = await federation.bank.ended(match)
        assert (summary.state, [reason.code for reason in summary.reasons]) == ("refused", ["too-large"])


@asynccontextmanager
async def counting_federation(root: Path) -> AsyncIterator[MatchFederation]:
    """Twenty numbers at the bank, of which the NGO's list holds twelve."""
    async with loaded_federation(root) as federation:
        await federation.bank.load("customers", Kind.PHONE, PHONES, publish=False)
        await federation.ngo.load("numbers", Kind.PHONE, PHONES[8:], sensitivity=Sensitivity.ORDINARY)
        yield federation
