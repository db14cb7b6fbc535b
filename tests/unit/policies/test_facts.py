"""From statements to the input of a policy."""

import pytest

from tacita_policies.facts import match_input
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.keys import SealingKey, SigningKey
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.agreement import Agreement, Caps, LegalBasis, Party, Term
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.partner import LegalEntity, PartnerCard
from tacita_protocol.statements.vocabulary import AgreementClass, Mode, PartnerKind, ResultTo, Sensitivity

DOCUMENT = digest_of(b"legitimate interest assessment")
ANY_DIGEST = digest_of(b"")
BEGIN, END = 1_700_000_000, 1_800_000_000
SEALING_KEY = SealingKey.generate().public_key.text
SIGNING_KEY, WITNESS_KEY = (SigningKey.generate().verify_key.text for _ in range(2))


def card(partner: str, kind: PartnerKind) -> PartnerCard:
    return PartnerCard(
        partner=partner,
        name=partner.title(),
        kind=kind,
        jurisdictions=("GB",),
        legal_entity=LegalEntity(name=f"{partner} Ltd", register_=None, number=None),
        credentials=(),
        signing_key=SIGNING_KEY,
        sealing_key=SEALING_KEY,
        witness_key=WITNESS_KEY,
        contact="desk",
        issued=BEGIN,
    )


BANK, NGO = card("bank", PartnerKind.BANK), card("ngo", PartnerKind.NGO)
DATASET = DatasetCard(
    partner="ngo",
    dataset="accounts",
    kind=Kind.ACCOUNT,
    normaliser="account/1",
    epoch=3,
    padded_size=64,
    commitment=ANY_DIGEST,
    engines=("ecdh",),
    online=None,
    sensitivity=Sensitivity.ORDINARY,
    jurisdictions=("GB",),
    labels=(),
    discoverable_by=(),
    issued=BEGIN,
)
REQUEST = MatchRequest(
    match="0" * 32,
    agreement=None,
    requester="bank",
    responder="ngo",
    dataset="accounts",
    epoch=3,
    kind=Kind.ACCOUNT,
    normaliser="account/1",
    mode=Mode.INTERSECTION,
    result_to=ResultTo.REQUESTER,
    engines=("ecdh",),
    padded_count=128,
    commitment=ANY_DIGEST,
    sender_decision=None,
    purpose="payment-screening",
    legal_basis="gdpr-6-1-f",
    case_reference=ANY_DIGEST,
    ephemeral_key=SEALING_KEY,
    nonce="0" * 32,
    issued=BEGIN,
    expires=BEGIN + 600,
)


def agreement(*, dataset: str = "accounts", purpose: str = "payment-screening") -> Agreement:
    return Agreement(
        agreement="1" * 32,
        class_=AgreementClass.SINGLE,
        parties=(
            Party(partner="bank", card=ANY_DIGEST, approved_by=()),
            Party(partner="ngo", card=ANY_DIGEST, approved_by=()),
        ),
        terms=(
            Term(
                owner="ngo",
                dataset=dataset,
                kind=Kind.ACCOUNT,
                modes=(Mode.INTERSECTION,),
                engines=("ecdh",),
                result_to=(ResultTo.REQUESTER,),
                purposes=(purpose,),
                legal_bases=(LegalBasis(code="gdpr-6-1-f", documents=(DOCUMENT,)),),
            ),
        ),
        caps=Caps(units=26_000, period_days=30, per_minute=None),
        not_before=BEGIN,
        not_after=END,
    )


def test_everything_a_policy_needs_is_taken_from_the_statements() -> None:
    facts = match_input(REQUEST, requester=BANK, responder=NGO, dataset=DATASET, agreement=agreement(), time=BEGIN + 5)
    assert (facts.requester.partner, facts.requester.kind) == ("bank", PartnerKind.BANK)
    assert (facts.responder.partner, facts.responder.legal_entity) == ("ngo", "ngo Ltd")
    assert (facts.dataset.owner, facts.dataset.name, facts.dataset.sensitivity) == ("ngo", "accounts", "ordinary")
    assert (facts.padded_count, facts.engines, facts.time) == (128, ("ecdh",), BEGIN + 5)
    assert facts.agreement is not None
    assert facts.agreement.documents == (DOCUMENT,)
    assert facts.agreement.caps.units == 26_000


@pytest.mark.parametrize("term", [{"dataset": "phones"}, {"purpose": "victim-protection"}])
def test_an_agreement_that_does_not_cover_is_none(term: dict[str, str]) -> None:
    facts = match_input(
        REQUEST, requester=BANK, responder=NGO, dataset=DATASET, agreement=agreement(**term), time=BEGIN
    )
    assert facts.agreement is None


@pytest.mark.parametrize("time", [BEGIN - 1, END])
def test_an_agreement_out_of_its_period_is_left_to_the_policy(time: int) -> None:
    facts = match_input(REQUEST, requester=BANK, responder=NGO, dataset=DATASET, agreement=agreement(), time=time)
    assert facts.agreement is not None


def test_cards_of_somebody_else_are_a_programming_error() -> None:
    with pytest.raises(RuntimeError):
        match_input(REQUEST, requester=NGO, responder=BANK, dataset=DATASET, time=BEGIN)
    other_epoch = DATASET.model_copy(update={"epoch": 2})
    with pytest.raises(RuntimeError):
        match_input(REQUEST, requester=BANK, responder=NGO, dataset=other_epoch, time=BEGIN)
