"""Ending an agreement, a confirmation, a partner: what each node believes, and whom."""

from pathlib import Path

import pytest
from sqlalchemy import select

from tacita_broker.inbox.tables import InboxRow
from tacita_broker.lifecycle.tables import RevocationRow as CarriedOut
from tacita_node.agreements.tables import AgreementRow
from tacita_node.matching.tables import InboxCursor
from tacita_node.problems import ProblemError
from tacita_protocol.api import InboxEventType
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.statements.revocation import Revocation, RevokedAgreement, RevokedPartner, Subject
from tacita_protocol.statements.statement import Signed, sign_statement
from tacita_sdk.node_api import AgreementDraft, TermDraft
from tests.support.match_federation import BANK, NGO, MatchFederation, Member, loaded_federation, system_clock, until
from tests.support.node_lifecycle import Fault, api_of, custody_types

pytestmark = pytest.mark.anyio

ACCOUNTS = TermDraft(
    owner=NGO,
    dataset="accounts",
    kind="account",
    purposes=("payment-screening",),
    legal_bases=("gdpr-6-1-f",),
)


async def only_agreement(member: Member) -> tuple[str, str]:
    """Id and state of the one agreement of a member."""
    [known] = await member.running.agreements.agreements()
    return known.body.agreement, known.state


async def revoke(member: Member) -> tuple[int, str, bool]:
    agreement, _ = await only_agreement(member)
    async with api_of(member) as client:
        answer = await client.post(f"/v1/agreements/{agreement}/revoke")
    body = answer.json()
    return answer.status_code, body["agreement"]["state"], body["delivered"]


async def standing_of(member: Member, partner: str) -> str:
    async with api_of(member) as client:
        partners = (await client.get("/v1/partners")).json()["partners"]
    [found] = [one for one in partners if one["partner"] == partner]
    assert found["confirmed"] == (found["standing"] == "confirmed")
    return str(found["standing"])


async def assert_shown_as_over(member: Member) -> None:
    """The one agreement is over because the broker revoked its other party, and is stored as it was signed."""
    agreement, state = await only_agreement(member)
    assert state == "partner-revoked"
    async with api_of(member) as client:
        [listed] = (await client.get("/v1/agreements")).json()["agreements"]
        shown = (await client.get(f"/v1/agreements/{agreement}")).json()
    assert listed["state"] == shown["state"] == "partner-revoked"
    with pytest.raises(ProblemError, match="agreement-ended"):
        await member.running.agreements.sign(agreement)
    async with member.running.database.read() as session:
        assert (await session.get_one(AgreementRow, agreement)).state == "signed"


async def told(federation: MatchFederation, member: Member, lie: Signed[Revocation]) -> None:
    """Lets the broker list a revocation for a member that it did not carry out, and says so in the inbox."""
    broker = federation.broker
    async with broker.database.write() as session:
        session.add(CarriedOut(digest=lie.digest, type="partner", partner=NGO, envelope=lie.envelope, received=0))
        await broker.inbox.post(session, member.identity.partner, InboxEventType.REVOCATION, now=0)
    broker.inbox.ring(member.identity.partner)


async def read_to_the_end(federation: MatchFederation, member: Member) -> None:
    """Waits until a member has dealt with all events of its inbox."""

    async def caught_up() -> bool:
        async with federation.broker.database.read() as session:
            posted = await session.scalars(
                select(InboxRow.seq).where(InboxRow.partner == member.identity.partner).order_by(InboxRow.seq.desc())
            )
            newest = posted.first()
        async with member.running.database.read() as session:
            cursor = (await session.scalars(select(InboxCursor.next))).first()
        return newest == cursor

    await until(caught_up)


async def test_a_revoked_agreement_covers_nothing_on_either_side(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        assert await revoke(bank) == (200, "revoked", True)
        assert await revoke(bank) == (200, "revoked", True)

        async def heard() -> bool:
            return (await only_agreement(ngo))[1] == "revoked"

        await until(heard)
        agreement, _ = await only_agreement(bank)
        with pytest.raises(ProblemError, match="not-covered"):
            await federation.order(agreement=agreement)
        for member in (bank, ngo):
            async with api_of(member) as client:
                answer = await client.post(f"/v1/agreements/{agreement}/sign")
            assert answer.status_code in (403, 409)  # an admin does not sign; nobody could
            with pytest.raises(ProblemError, match="agreement-ended"):
                await member.running.agreements.sign(agreement)
            assert (await custody_types(member)).count("agreement-revoked") == 1
        assert await revoke(ngo) == (200, "revoked", True)


async def test_whoever_revoked_refuses_though_the_broker_keeps_it_to_itself(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        fault = Fault(federation.ngo, "POST", "/v1/revocations", "down")
        await federation.ngo.running.revocations.revoke_agreement((await only_agreement(federation.ngo))[0])
        summary = await federation.bank.ended(await federation.order())
        assert (summary.state, [reason.code for reason in summary.reasons]) == ("refused", ["no-agreement"])
        fault.repair()


async def test_a_signature_that_comes_after_the_offer_was_taken_back_changes_nothing(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        bank, ngo = federation.bank, federation.ngo
        await federation.confirm()
        draft = AgreementDraft(with_=NGO, terms=(ACCOUNTS,), approved_by=("compliance",), their_approvers=("director",))
        agreement = (await bank.running.agreements.propose(draft)).body.agreement
        await read_to_the_end(federation, ngo)
        fault = Fault(bank, "POST", "/v1/revocations", "down")
        await bank.running.revocations.revoke_agreement(agreement)
        assert (await ngo.running.agreements.sign(agreement)).state == "signed"
        await read_to_the_end(federation, bank)
        assert await only_agreement(bank) == (agreement, "revoked")
        fault.repair()

        async def heard() -> bool:
            return (await only_agreement(ngo))[1] == "revoked"

        await until(heard)


Lie = tuple[Subject, str, SigningKey]


async def test_a_broker_that_invents_revocations_achieves_nothing(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo, broker = federation.bank, federation.ngo, federation.broker
        agreement, _ = await only_agreement(bank)
        ended, other = RevokedAgreement(agreement=agreement), RevokedAgreement(agreement="0" * 32)
        ngo_key = ngo.identity.keys.signing
        lies: list[Lie] = [
            (ended, NGO, broker.keys.signing),  # the broker in the NGO's name
            (ended, broker.settings.broker, broker.keys.signing),  # in its own
            (ended, "safe-harb0ur", ngo_key),  # a look-alike
            (ended, BANK, ngo_key),  # the NGO in the bank's name
            (other, NGO, ngo_key),  # of an agreement that there is not
            (RevokedPartner(partner=NGO), NGO, ngo_key),  # a partner in the broker's role
            (RevokedPartner(partner=NGO), broker.settings.broker, ngo_key),
            (RevokedPartner(partner=NGO), NGO, broker.keys.signing),
        ]
        for number, (subject, issuer, key) in enumerate(lies):
            body = Revocation(issuer=issuer, subject=subject, reason="a-lie", issued=system_clock() + number)
            await told(federation, bank, sign_statement(body, key))
        await read_to_the_end(federation, bank)
        assert await only_agreement(bank) == (agreement, "signed")
        assert await standing_of(bank, NGO) == "confirmed"
        # What is true is heard all the same.
        await revoke(ngo)

        async def heard() -> bool:
            return (await only_agreement(bank))[1] == "revoked"

        await until(heard)


async def test_a_partner_that_the_broker_revoked_is_neither_asked_nor_answered(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo, broker = federation.bank, federation.ngo, federation.broker
        await broker.revocations.revoke_partner(NGO, "keys-stolen", broker.keys.signing)

        async def heard() -> bool:
            return await bank.running.agreements.partners.is_revoked(NGO)

        await until(heard)
        assert await standing_of(bank, NGO) == "revoked"
        with pytest.raises(ProblemError, match="partner-revoked"):
            await federation.order()
        with pytest.raises(ProblemError, match="partner-revoked"):
            await bank.running.agreements.partners.confirm(NGO, ngo.identity.fingerprint)
        draft = AgreementDraft(with_=NGO, terms=(ACCOUNTS,), approved_by=("compliance",), their_approvers=("director",))
        with pytest.raises(ProblemError, match="partner-revoked"):
            await bank.running.agreements.propose(draft)
        assert await bank.running.agreements.confirmed_card(NGO) is None
        assert (await custody_types(bank)).count("partner-revoked") == 1
        await assert_shown_as_over(bank)
        await bank.running.revocations.read_on()
        await bank.stop()
        await bank.start()
        assert await standing_of(bank, NGO) == "revoked"
        await assert_shown_as_over(bank)
        assert (await revoke(bank))[:2] == (200, "revoked")


async def test_a_question_of_a_revoked_partner_that_was_granted_before_is_refused(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo, broker = federation.bank, federation.ngo, federation.broker
        await ngo.stop()
        match = await federation.order()

        async def granted() -> bool:
            return (await bank.matches.match(match)).state == "granted"

        await until(granted)
        await broker.revocations.revoke_partner(BANK, "keys-stolen", broker.keys.signing)
        await ngo.start(jobs=False)
        await ngo.running.revocations.read_on()
        await ngo.stop()
        await ngo.start()
        summary = await ngo.ended(match)
        assert (summary.state, [reason.code for reason in summary.reasons]) == ("refused", ["partner-revoked"])


async def test_a_confirmation_may_be_taken_back(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        ngo = federation.ngo
        async with api_of(ngo) as client:
            assert (await client.post(f"/v1/partners/{BANK}/distrust")).status_code == 200
            again = await client.post(f"/v1/partners/{BANK}/distrust")
            unknown = await client.post("/v1/partners/nobody/distrust")
        assert (again.status_code, again.content) == (404, unknown.content)
        assert await standing_of(ngo, BANK) == "unconfirmed"
        summary = await federation.bank.ended(await federation.order())
        assert (summary.state, [reason.code for reason in summary.reasons]) == ("refused", ["partner-not-confirmed"])
        assert (await custody_types(ngo)).count("partner-distrusted") == 1


async def test_what_a_partner_ends_while_it_is_not_confirmed_does_not_hold_again(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        await ngo.running.agreements.partners.distrust(BANK)
        assert await revoke(bank) == (200, "revoked", True)
        await read_to_the_end(federation, ngo)
        await ngo.running.agreements.partners.confirm(BANK, bank.identity.fingerprint)
        assert (await only_agreement(ngo))[1] == "revoked"


async def test_what_is_not_there_cannot_be_revoked(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        async with api_of(federation.bank) as client:
            answer = await client.post(f"/v1/agreements/{'0' * 32}/revoke")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:tacita:problem:no-such-agreement")
        async with api_of(federation.bank) as client:
            assert (await client.post("/v1/partners/hotel/distrust")).status_code == 404
