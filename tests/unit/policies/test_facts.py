"""From statements to the input of a policy."""

import pytest

from tacita_policies.facts import agree_input, discover_input, match_input
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


OTHER_BASIS = LegalBasis(code="gdpr-6-1-c", documents=(digest_of(b"of another basis"),))


def agreement(*, dataset: str = "accounts", purpose: str = "payment-screening") -> Agreement:
    return Agreement(
        agreement="1" * 32,
        class_=AgreementClass.SINGLE,
        parties=(
            Party(partner="bank", card=ANY_DIGEST, approved_by=("officer",)),
            Party(partner="ngo", card=ANY_DIGEST, approved_by=("director", "lead")),
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
                legal_bases=(LegalBasis(code="gdpr-6-1-f", documents=(DOCUMENT,)), OTHER_BASIS),
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


def test_what_a_partner_may_know_of_is_taken_from_the_cards() -> None:
    shown = DATASET.model_copy(update={"discoverable_by": (PartnerKind.BANK,)})
    facts = discover_input(asker=BANK, owner=NGO, dataset=shown, time=BEGIN)
    assert (facts.asker.partner, facts.owner.partner, facts.dataset.owner) == ("bank", "ngo", "ngo")
    assert (facts.dataset.kind, facts.dataset.discoverable_by) == (Kind.ACCOUNT, (PartnerKind.BANK,))
    with pytest.raises(RuntimeError):
        discover_input(asker=NGO, owner=BANK, dataset=shown, time=BEGIN)


def test_each_side_of_an_agreement_has_its_people() -> None:
    facts = agree_input(agreement(), own=NGO, peer=BANK, datasets={}, time=BEGIN)
    assert (facts.own.party.partner, facts.own.approved_by) == ("ngo", ("director", "lead"))
    assert (facts.peer.party.partner, facts.peer.approved_by) == ("bank", ("officer",))
    assert (facts.caps.units, facts.caps.per_minute, facts.not_after) == (26_000, None, END)
    (term,) = facts.terms
    assert [(basis.code, basis.documents) for basis in term.legal_bases] == [
        ("gdpr-6-1-f", (DOCUMENT,)),
        ("gdpr-6-1-c", OTHER_BASIS.documents),
    ]


def test_of_a_dataset_only_what_the_node_knows_is_said() -> None:
    for datasets, sensitivity in (({}, None), ({("ngo", "accounts"): DATASET}, Sensitivity.ORDINARY)):
        (term,) = agree_input(agreement(), own=NGO, peer=BANK, datasets=datasets, time=BEGIN).terms
        assert term.sensitivity is sensitivity
        assert term.jurisdictions == (None if sensitivity is None else ("GB",))


def test_a_card_of_another_kind_says_nothing_about_a_term() -> None:
    phones = DATASET.model_copy(update={"kind": Kind.PHONE})
    (term,) = agree_input(agreement(), own=NGO, peer=BANK, datasets={("ngo", "accounts"): phones}, time=BEGIN).terms
    assert term.sensitivity is None


def test_an_agreement_of_others_is_a_programming_error() -> None:
    with pytest.raises(RuntimeError):
        agree_input(agreement(), own=NGO, peer=card("hotel", PartnerKind.HOTEL), datasets={}, time=BEGIN)
