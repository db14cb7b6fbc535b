"""Replacing a node's keys, and every point at which that may be interrupted."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from tacita_node.cli import app
from tacita_node.data.custody import verify_chain
from tacita_node.data.service import Publication
from tacita_node.identity import Identity, IdentityBroken, load_identity
from tacita_node.lifecycle.rotation import RotationRefused
from tacita_node.matching.export import audit_export
from tacita_node.problems import ProblemError
from tacita_node.run import only_one
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import PartnerKind, Sensitivity
from tacita_protocol.tlog.trust import TrustPolicy
from tacita_sdk.errors import BrokerUnreachable, VerificationFailed
from tacita_sdk.verify import open_log, verify_audit
from tests.integration.node.test_lifecycle_agreements import standing_of
from tests.support.match_federation import (
    IBANS,
    NGO,
    PASSPHRASE,
    MatchFederation,
    Member,
    Send,
    loaded_federation,
    match_federation,
    system_clock,
)
from tests.support.node_lifecycle import Fault, api_of, custody_types, rotation_of, with_new_keys

pytestmark = pytest.mark.anyio

FOR_BANKS = Publication(Sensitivity.FINANCIAL, (PartnerKind.BANK,), ())
ROTATIONS = "/v1/rotations"


@pytest.fixture
async def idle(tmp_path: Path) -> AsyncIterator[MatchFederation]:
    """A federation whose NGO does not run."""
    async with match_federation(tmp_path) as federation:
        await federation.ngo.stop()
        yield federation


def loaded(member: Member) -> Identity:
    return load_identity(member.directory, PASSPHRASE)


def leftovers(member: Member) -> list[str]:
    names = {path.name for path in member.directory.root.iterdir()}
    return sorted(name for name in names if name in ("keys.next", "rotation.json") or name.endswith(".new"))


async def states(member: Member) -> list[str]:
    return [known.state for known in await member.running.agreements.agreements()]


async def in_force(federation: MatchFederation, partner: str = NGO) -> str:
    """Digest of the card that the broker holds for a partner."""
    known = await federation.broker.partners.find(partner)
    assert known is not None
    return known.card.digest


async def test_after_a_rotation_everything_is_confirmed_published_and_agreed_anew(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        before = await bank.ended(await federation.order())
        assert before.state == "closed"
        old = ngo.identity
        await with_new_keys(ngo)
        # What stays: the id, the keys of data and witness. What goes: the fingerprint.
        assert ngo.identity.fingerprint != old.fingerprint
        assert (ngo.identity.keys.storage, ngo.identity.witness.vkey) == (old.keys.storage, old.witness.vkey)
        # Peers see another fingerprint, and neither ask nor answer until a person confirmed it.
        assert await standing_of(bank, NGO) == "changed"
        assert await states(ngo) == ["void"]
        with pytest.raises(ProblemError, match="no-such-dataset"):
            await federation.order()
        await ngo.running.datasets.publish("accounts", FOR_BANKS)
        with pytest.raises(ProblemError, match="no-such-dataset"):
            await federation.order()
        await federation.agree()
        assert sorted(await states(bank)) == sorted(await states(ngo)) == ["signed", "void"]
        after = await bank.ended(await federation.order())
        assert (after.state, after.hits) == ("closed", 2)
        assert (await ngo.ended(after.match)).state == "closed"
        # An audit follows the partner from one key to the next, from either side's export and from both.
        exports = [await audit_export(member.running) for member in (bank, ngo)]
        trust = TrustPolicy.parse(ngo.directory.trust.read_text())
        log = await asyncio.to_thread(open_log, str(tmp_path / "broker" / "log"))
        for shown in (exports[:1], exports[1:], exports):
            steps = await asyncio.to_thread(verify_audit, trust, log, shown)
            assert "3 partner cards" in steps[8].proved
            assert "1 rotations lead" in steps[8].proved
        silent = [export.model_copy(update={"rotations": ()}) for export in exports]
        with pytest.raises(VerificationFailed, match="no rotation leads from one to the other"):
            await asyncio.to_thread(verify_audit, trust, log, silent)


async def test_a_question_under_keys_that_nobody_confirmed_is_refused(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank = federation.bank
        await with_new_keys(bank)
        summary = await bank.ended(await federation.order())
        assert (summary.state, [reason.code for reason in summary.reasons]) == ("refused", ["partner-not-confirmed"])


async def test_the_custody_chain_goes_on_under_the_new_key(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        ngo = federation.ngo
        first = ngo.identity.card
        await with_new_keys(ngo)
        await with_new_keys(ngo)
        await ngo.load("later", Kind.ACCOUNT, IBANS[:1], publish=False)
        services = ngo.running
        events = await services.custody.events()
        types = await custody_types(ngo)
        assert types.count("keys-rotated") == 2
        assert types[-1] == "source-imported"
        cards = [services.identity.card, *(replaced.card for replaced in services.identity.past)]
        assert len(cards) == 3
        keys = {card.digest: VerifyKey.from_text(card.body.signing_key) for card in cards}
        assert cards[-1].digest == first.digest
        verify_chain(events, partner=NGO, key=keys.pop(first.digest), later=keys)


async def test_a_match_in_the_middle_ends_for_both_sides(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        fault = Fault(ngo, "PUT", "/v1/matches", "down")  # its frames do not arrive
        match = await federation.order()
        await fault.seen.wait()
        await ngo.stop()
        fault.repair()
        await with_new_keys(ngo)
        for member in (bank, ngo):
            summary = await member.ended(match)
            assert (summary.state, summary.closed, summary.outcome) == ("aborted", True, "aborted")


async def test_a_match_that_waits_for_its_closing_is_closed_under_the_key_that_it_had(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        fault, receipted = Fault(bank, "POST", "/receipt", "down"), asyncio.Event()

        async def watch(request: httpx2.Request, send: Send) -> httpx2.Response:
            response = await send()
            if request.url.path.endswith("/receipt") and response.is_success:
                receipted.set()
            return response

        ngo.line.on = watch
        match = await federation.order()
        await fault.seen.wait()
        await receipted.wait()  # before its last word is at the broker, new keys abort the match
        await with_new_keys(ngo)
        assert not (await ngo.matches.match(match)).closed
        fault.repair()
        summary = await bank.ended(match)
        assert (summary.state, summary.hits) == ("closed", 2)
        assert (await ngo.ended(match)).outcome == "completed"


async def test_the_broker_cannot_be_reached(idle: MatchFederation) -> None:
    ngo = idle.ngo
    before = await in_force(idle)
    fault = Fault(ngo, "POST", ROTATIONS, "down")
    with pytest.raises(BrokerUnreachable):
        await rotation_of(ngo).rotate()
    assert (await in_force(idle), loaded(ngo).card.digest) == (before, before)
    assert leftovers(ngo) == ["keys.next", "rotation.json"]
    begun = ngo.directory.rotation.read_bytes()
    with pytest.raises(BrokerUnreachable):
        await rotation_of(ngo).finish()
    fault.repair()
    identity = await rotation_of(ngo).rotate()  # goes on with the same keys
    assert identity.card.envelope.encode() in begun.replace(b'\\"', b'"')
    assert await in_force(idle) == identity.card.digest == loaded(ngo).card.digest
    assert leftovers(ngo) == []


async def test_the_brokers_answer_does_not_arrive(idle: MatchFederation) -> None:
    ngo = idle.ngo
    fault = Fault(ngo, "POST", ROTATIONS, "lost")
    with pytest.raises(BrokerUnreachable):
        await rotation_of(ngo).rotate()
    taken = await in_force(idle)
    assert loaded(ngo).card.digest != taken
    fault.repair()
    ngo.identity = await rotation_of(ngo).finish()
    assert (ngo.identity.card.digest, leftovers(ngo)) == (taken, [])
    await ngo.start()
    assert (await custody_types(ngo)).count("keys-rotated") == 1


CRASHES = {
    "recorded, no file replaced": ("card", "keys", "next_keys", "rotation"),
    "card replaced": ("keys", "next_keys", "rotation"),
    "card and keys replaced": ("next_keys", "rotation"),
    "only the last file left": ("rotation",),
}
"""After the transaction: which files are still as they were before."""


async def test_a_crash_while_files_are_replaced(idle: MatchFederation) -> None:
    ngo = idle.ngo
    fault = Fault(ngo, "POST", ROTATIONS, "lost")
    with pytest.raises(BrokerUnreachable):
        await rotation_of(ngo).rotate()
    fault.repair()
    files = {name: getattr(ngo.directory, name) for name in CRASHES["recorded, no file replaced"]}
    before = {name: path.read_bytes() for name, path in files.items()}
    ngo.identity = await rotation_of(ngo).finish()
    for crash, left in CRASHES.items():
        for name in left:
            files[name].write_bytes(before[name])
        again = await rotation_of(ngo).finish()
        assert again.card.digest == ngo.identity.card.digest == await in_force(idle), crash
        assert leftovers(ngo) == [], crash
    await ngo.start()
    assert (await custody_types(ngo)).count("keys-rotated") == 1


async def test_keys_of_which_nobody_has_heard_are_made_anew(idle: MatchFederation) -> None:
    ngo = idle.ngo
    ngo.directory.next_keys.write_bytes(b"half of a key fi")
    identity = await rotation_of(ngo).rotate()
    assert await in_force(idle) == identity.card.digest
    assert leftovers(ngo) == []


async def test_what_the_broker_refuses_is_dropped(tmp_path: Path) -> None:
    async with match_federation(tmp_path, rotations_per_day=1) as federation:
        ngo = federation.ngo
        await with_new_keys(ngo)
        await ngo.stop()
        with pytest.raises(RotationRefused, match="nothing was changed"):
            await rotation_of(ngo).rotate()
        assert leftovers(ngo) == []
        assert loaded(ngo).card.digest == ngo.identity.card.digest == await in_force(federation)


async def test_a_revoked_partner_cannot_rotate_itself_back_in(idle: MatchFederation) -> None:
    ngo = idle.ngo
    await idle.broker.revocations.revoke_partner(NGO, "keys-stolen", idle.broker.keys.signing)
    with pytest.raises(RotationRefused, match="neither the present key nor the new one"):
        await rotation_of(ngo).rotate()
    assert await idle.broker.partners.find(NGO) is None


async def test_files_that_were_changed_in_between_are_not_followed(idle: MatchFederation) -> None:
    ngo = idle.ngo
    before = await in_force(idle)
    fault = Fault(ngo, "POST", ROTATIONS, "down")
    with pytest.raises(BrokerUnreachable):
        await rotation_of(ngo).rotate()
    fault.repair()
    for path in (ngo.directory.rotation, ngo.directory.next_keys):
        right = path.read_bytes()
        for wrong in (right.replace(b"a", b"b"), b"", b"{}"):
            path.write_bytes(wrong)
            with pytest.raises(IdentityBroken):
                await rotation_of(ngo).finish()
        path.write_bytes(right)
    assert await in_force(idle) == before


async def test_neither_without_the_passphrase_nor_while_the_node_runs(idle: MatchFederation, tmp_path: Path) -> None:
    ngo = idle.ngo
    with pytest.raises(IdentityBroken):
        await rotation_of(ngo, b"another").rotate()
    file = tmp_path / "passphrase"
    file.write_bytes(PASSPHRASE)
    with only_one(ngo.directory):
        result = CliRunner().invoke(app, ["rotate", str(ngo.directory.root), "--passphrase-file", str(file)])
    assert (result.exit_code, "stop it first" in result.output) == (1, True)
    assert leftovers(ngo) == []


async def test_what_waited_for_the_broker_is_settled_by_the_rotation(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        ngo = federation.ngo
        fault = Fault(ngo, "POST", "/v1/revocations", "down")
        await ngo.running.revocations.withdraw("accounts")
        await ngo.stop()
        with pytest.raises(BrokerUnreachable):  # its last words come first
            await rotation_of(ngo).rotate()
        assert leftovers(ngo) == []
        fault.repair()
        ngo.identity = await rotation_of(ngo).rotate()
        await ngo.start()
        async with api_of(ngo) as client:
            assert (await client.post("/v1/datasets/accounts/withdraw")).json()["delivered"] is True


async def test_a_set_that_was_published_under_the_old_key_may_still_be_tested(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False, published=True) as federation:
        second = system_clock()
        federation.bank.clock = lambda: second  # its sets are withdrawn in the second in which the match begins
        await with_new_keys(federation.bank)
        await federation.agree()
        match = await federation.order(result_to="owner")  # how sensitive the set is, its last card says
        assert (await federation.ngo.ended(match)).hits == 2
