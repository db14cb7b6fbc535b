"""From signed statements to the facts that a policy reads. Broker and node both build their inputs here."""

from tacita_policies.questions import (
    AgreementFacts,
    Caps,
    Credential,
    DatasetFacts,
    History,
    MatchInput,
    Party,
)
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.partner import PartnerCard

NO_HISTORY = History()


def match_input(
    request: MatchRequest,
    *,
    requester: PartnerCard,
    responder: PartnerCard,
    dataset: DatasetCard,
    agreement: Agreement | None = None,
    tested: DatasetCard | None = None,
    history: History = NO_HISTORY,
    approvals: tuple[str, ...] = (),
    time: int,
) -> MatchInput:
    """The question that a request puts to a policy at `time` (unix seconds).

    An agreement of which no term covers the request is passed on as none: it permits nothing here.

    Args:
        tested: the card of the requester's own set, when its own node asks whether the set may be tested.

    Raises:
        RuntimeError: the statements do not belong together; the caller looked up the wrong ones.
    """
    belongs = (
        request.requester == requester.partner
        and request.responder == responder.partner == dataset.partner
        and (request.dataset, request.epoch, request.kind) == (dataset.dataset, dataset.epoch, dataset.kind)
    )
    if not belongs or (tested is not None and (tested.partner, tested.kind) != (request.requester, request.kind)):
        raise RuntimeError("the cards are not those that the request names")
    return MatchInput(
        requester=_party(requester),
        responder=_party(responder),
        agreement=None if agreement is None else _agreement(agreement, request),
        dataset=_dataset(dataset),
        tested=None if tested is None else _dataset(tested),
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
        class_=agreement.class_.value,
        caps=Caps(units=agreement.caps.units, period_days=agreement.caps.period_days),
        not_before=agreement.not_before,
        not_after=agreement.not_after,
        documents=tuple(document for basis in term.legal_bases for document in basis.documents),
        modes=term.modes,
        engines=term.engines,
        result_to=term.result_to,
        purposes=term.purposes,
        legal_bases=tuple(basis.code for basis in term.legal_bases),
    )
