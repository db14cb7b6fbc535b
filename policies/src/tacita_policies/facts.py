"""From signed statements to the facts that a policy reads. Broker and node both build their inputs here."""

from collections.abc import Mapping

from tacita_policies.questions import (
    AgreedBasis,
    AgreedCaps,
    AgreeInput,
    AgreementFacts,
    Caps,
    Credential,
    DatasetFacts,
    DiscoverInput,
    History,
    MatchInput,
    OfferedDataset,
    Party,
    Side,
    TermFacts,
)
from tacita_protocol.statements.agreement import Agreement, Term
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.partner import PartnerCard

NO_HISTORY = History(matches_30d=0, units_30d=0, cardinality_epoch=0)


def match_input(
    request: MatchRequest,
    *,
    requester: PartnerCard,
    responder: PartnerCard,
    dataset: DatasetCard,
    agreement: Agreement | None = None,
    tested: DatasetFacts | None = None,
    history: History = NO_HISTORY,
    approvals: tuple[str, ...] = (),
    time: int,
) -> MatchInput:
    """The question that a request puts to a policy at `time` (unix seconds).

    An agreement of which no term covers the request is passed on as none: it permits nothing here.

    Args:
        tested: what the requester's own node says of its set, when it asks whether that may be tested.

    Raises:
        RuntimeError: the statements do not belong together; the caller looked up the wrong ones.
    """
    belongs = (
        request.requester == requester.partner
        and request.responder == responder.partner == dataset.partner
        and (request.dataset, request.epoch, request.kind) == (dataset.dataset, dataset.epoch, dataset.kind)
    )
    if not belongs or (tested is not None and (tested.owner, tested.kind) != (request.requester, request.kind)):
        raise RuntimeError("the cards are not those that the request names")
    return MatchInput(
        requester=_party(requester),
        responder=_party(responder),
        agreement=None if agreement is None else _agreement(agreement, request),
        dataset=_dataset(dataset),
        tested=tested,
        purpose=request.purpose,
        legal_basis=request.legal_basis,
        mode=request.mode,
        result_to=request.result_to,
        padded_count=request.padded_count,
        engines=request.engines,
        history=history,
        approvals=approvals,
        time=time,
    )


def discover_input(*, asker: PartnerCard, owner: PartnerCard, dataset: DatasetCard, time: int) -> DiscoverInput:
    """Whether `asker` may know of `dataset`.

    Raises:
        RuntimeError: the dataset is another partner's.
    """
    if dataset.partner != owner.partner:
        raise RuntimeError("the dataset is not the owner's")
    offered = OfferedDataset(**dict(_dataset(dataset)), discoverable_by=dataset.discoverable_by)
    return DiscoverInput(asker=_party(asker), owner=_party(owner), dataset=offered, time=time)


def agree_input(
    agreement: Agreement,
    *,
    own: PartnerCard,
    peer: PartnerCard,
    datasets: Mapping[tuple[str, str], DatasetCard],
    time: int,
) -> AgreeInput:
    """Whether the node of `own` may sign `agreement`.

    Args:
        datasets: the cards that this node knows, by owner and name; a term about any other says less to the policy.

    Raises:
        RuntimeError: the cards are not those of the parties.
    """
    if {own.partner, peer.partner} != {party.partner for party in agreement.parties}:
        raise RuntimeError("the cards are not those of the parties")
    people = {party.partner: party.approved_by for party in agreement.parties}
    return AgreeInput(
        own=Side(party=_party(own), approved_by=people[own.partner]),
        peer=Side(party=_party(peer), approved_by=people[peer.partner]),
        class_=agreement.class_,
        terms=tuple(_term(term, datasets.get((term.owner, term.dataset))) for term in agreement.terms),
        caps=AgreedCaps(**dict(agreement.caps)),
        not_before=agreement.not_before,
        not_after=agreement.not_after,
        time=time,
    )


def _party(card: PartnerCard) -> Party:
    return Party(
        partner=card.partner,
        kind=card.kind,
        jurisdictions=card.jurisdictions,
        legal_entity=card.legal_entity.name,
        credentials=tuple(Credential(scheme=c.scheme, valid_until=c.valid_until) for c in card.credentials),
    )


def _dataset(card: DatasetCard) -> DatasetFacts:
    return DatasetFacts(
        owner=card.partner,
        name=card.dataset,
        kind=card.kind,
        sensitivity=card.sensitivity,
        jurisdictions=card.jurisdictions,
    )


def _agreement(agreement: Agreement, request: MatchRequest) -> AgreementFacts | None:
    term = agreement.covering_term(
        owner=request.responder,
        dataset=request.dataset,
        requester=request.requester,
        kind=request.kind,
        mode=request.mode,
        result_to=request.result_to,
        purpose=request.purpose,
        legal_basis=request.legal_basis,
        at=agreement.not_before,  # whether the period has begun or ended is for the policy to say
    )
    if term is None:
        return None
    return AgreementFacts(
        class_=agreement.class_,
        caps=Caps(units=agreement.caps.units, period_days=agreement.caps.period_days),
        not_before=agreement.not_before,
        not_after=agreement.not_after,
        documents=tuple(
            document for basis in term.legal_bases if basis.code == request.legal_basis for document in basis.documents
        ),
        modes=term.modes,
        engines=term.engines,
        result_to=term.result_to,
        purposes=term.purposes,
        legal_bases=tuple(basis.code for basis in term.legal_bases),
    )


def _term(term: Term, card: DatasetCard | None) -> TermFacts:
    known = card if card is not None and card.kind == term.kind else None
    return TermFacts(
        owner=term.owner,
        dataset=term.dataset,
        kind=term.kind,
        sensitivity=None if known is None else known.sensitivity,
        jurisdictions=None if known is None else known.jurisdictions,
        modes=term.modes,
        engines=term.engines,
        result_to=term.result_to,
        purposes=term.purposes,
        legal_bases=tuple(AgreedBasis(code=basis.code, documents=basis.documents) for basis in term.legal_bases),
    )
