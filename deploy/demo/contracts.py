"""The two agreements of the demo: which questions the partners permit each other, signed by both sides."""

from deploy.demo.cast import Cast, Party, until
from tacita_sdk.node_api import AgreementDraft, TermDraft

BANK_ASKS_NGO = (
    TermDraft(
        owner="haven", dataset="reported-accounts", kind="account",
        purposes=("payment-screening",), legal_bases=("gdpr-6-1-f",),
    ),
)  # fmt: skip
NGO_ASKS_BANK = (
    TermDraft(
        owner="albion-bank", dataset="customer-phones", kind="phone",
        purposes=("victim-protection",), legal_bases=("gdpr-6-1-d",),
    ),
    TermDraft(
        owner="albion-bank", dataset="customer-emails", kind="email", modes=("intersection", "cardinality"),
        purposes=("victim-protection",), legal_bases=("gdpr-6-1-d",),
    ),
)  # fmt: skip
HOTEL_ASKS_NGO = (
    TermDraft(
        owner="haven", dataset="suspect-phones", kind="phone",
        purposes=("agency-check",), legal_bases=("gdpr-6-1-f",),
    ),
    TermDraft(
        owner="haven", dataset="watched-phones", kind="phone", result_to=("owner",),
        purposes=("agency-check",), legal_bases=("gdpr-6-1-f",),
    ),
)  # fmt: skip
NGO_ASKS_HOTEL = tuple(
    TermDraft(
        owner="harbour-hotels", dataset=dataset, kind=kind,
        purposes=("victim-protection",), legal_bases=("gdpr-6-1-d",),
    )
    for dataset, kind in (
        ("agency-phones", "phone"),
        ("agency-accounts", "account"),
        ("agency-emails", "email"),
        ("agency-companies", "company"),
    )
)  # fmt: skip


def agree(cast: Cast) -> None:
    """Bank and NGO, and hotel group and NGO: confirm each other's fingerprints, propose, sign."""
    _agree(cast.bank, cast.ngo, BANK_ASKS_NGO + NGO_ASKS_BANK, ("bank-data-owner", "bank-compliance"))
    _agree(cast.hotel, cast.ngo, HOTEL_ASKS_NGO + NGO_ASKS_HOTEL, ("hotels-procurement", "hotels-legal"))


def _agree(proposer: Party, signer: Party, terms: tuple[TermDraft, ...], approved_by: tuple[str, ...]) -> None:
    # Each fingerprint comes from the other's own machine, as if read out over the telephone, not from the broker.
    proposer.node.confirm_partner(signer.member.partner, signer.member.fingerprint)
    signer.node.confirm_partner(proposer.member.partner, proposer.member.fingerprint)
    draft = AgreementDraft(
        with_=signer.member.partner, terms=terms, approved_by=approved_by, their_approvers=("haven-director",)
    )
    agreement = proposer.node.propose_agreement(draft).agreement
    until(
        lambda: agreement in {known.agreement for known in signer.node.agreements()},
        "The proposed agreement did not arrive.",
    )
    signer.node.sign_agreement(agreement)
    until(lambda: proposer.node.agreement(agreement).state == "signed", "The signed agreement did not come back.")
