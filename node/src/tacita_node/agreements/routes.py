"""The local API of partners, the catalogue, and agreements."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from tacita_node.access.openapi import BROKER, problems
from tacita_node.agreements.known import KnownAgreement
from tacita_node.agreements.partners import KnownPartner, Standing
from tacita_node.pages import AGREEMENTS_A_PAGE, DATASETS_A_PAGE, After, after_name, after_time
from tacita_node.services import services_of
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.errors import ProtocolError
from tacita_protocol.statements.agreement import Term
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.statement import unverified, verify_statement
from tacita_sdk.node_api import (
    AgreementDraft,
    AgreementList,
    AgreementSummary,
    CatalogueEntry,
    CatalogueView,
    Confirmation,
    HexId,
    PartnerSummaries,
    PartnerSummary,
    Slug,
    TermDraft,
)

router = APIRouter(prefix="/v1", tags=["agreements"])

PartnerPath = Annotated[Slug, Path()]
AgreementPath = Annotated[HexId, Path()]


@router.get("/partners", responses=problems(*BROKER))
async def partners(request: Request) -> PartnerSummaries:
    """The other partners on the broker's list, and which of their cards were confirmed here."""
    known = await services_of(request).agreements.partners.known()
    return PartnerSummaries(partners=tuple(_partner(partner) for partner in known))


@router.post("/partners/{partner}/confirm", responses=problems(404, *BROKER))
async def confirm(request: Request, partner: PartnerPath, confirmation: Confirmation) -> PartnerSummary:
    """Confirms a partner's card by the fingerprint that the partner itself read out over another channel."""
    services = services_of(request)
    confirmed = await services.agreements.partners.confirm(partner, confirmation.fingerprint)
    await services.recheck_matches()  # those that began under the card which this one replaces
    return _partner(confirmed)


@router.get("/catalogue", responses=problems(*BROKER))
async def catalogue(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=DATASETS_A_PAGE)] = DATASETS_A_PAGE,
    after: After = None,
) -> CatalogueView:
    """Other partners' datasets, page by page. Of a confirmed partner only what its confirmed key signed is shown."""
    beyond = after_name(after)
    services = services_of(request)
    offered = []
    for view in (await services.broker.catalogue()).datasets:
        try:
            claimed = unverified(DatasetCard, view.card)
            if claimed.partner == services.identity.partner:
                continue
            confirmed = await services.agreements.confirmed_card(claimed.partner)
            if confirmed is not None:
                verify_statement(DatasetCard, view.card, VerifyKey.from_text(confirmed.body.signing_key))
        except ProtocolError:
            continue
        offered.append(_offer(claimed))
    found = sorted((one for one in offered if _named(one) > beyond), key=_named)
    following = "/".join(_named(found[limit - 1])) if len(found) > limit else None
    return CatalogueView(datasets=tuple(found[:limit]), next=following)


@router.post("/agreements", responses=problems(404, *BROKER))
async def propose(request: Request, draft: AgreementDraft) -> AgreementSummary:
    """Proposes an agreement to a confirmed partner: signed here first, then sent."""
    services = services_of(request)
    return agreement_summary(await services.agreements.propose(draft), services.identity.partner)


@router.get("/agreements")
async def agreements(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=AGREEMENTS_A_PAGE)] = AGREEMENTS_A_PAGE,
    after: After = None,
) -> AgreementList:
    """Every agreement proposed by or to this node, the latest change first, page by page."""
    services = services_of(request)
    known = await services.agreements.agreements(limit + 1, after=after_time(after))
    shown = tuple(agreement_summary(one, services.identity.partner) for one in known[:limit])
    following = f"{known[limit - 1].changed}-{known[limit - 1].body.agreement}" if len(known) > limit else None
    return AgreementList(agreements=shown, next=following)


@router.get("/agreements/{agreement}", responses=problems(404))
async def agreement(request: Request, agreement: AgreementPath) -> AgreementSummary:
    """One agreement, to be read before it is signed."""
    services = services_of(request)
    return agreement_summary(await services.agreements.agreement(agreement), services.identity.partner)


@router.post("/agreements/{agreement}/sign", responses=problems(404, *BROKER))
async def sign(request: Request, agreement: AgreementPath) -> AgreementSummary:
    """Signs a received agreement; sends it again when it did not go out."""
    services = services_of(request)
    return agreement_summary(await services.agreements.sign(agreement), services.identity.partner)


def _partner(partner: KnownPartner) -> PartnerSummary:
    card = partner.card.body
    return PartnerSummary(
        partner=card.partner,
        name=card.name,
        kind=card.kind.value,
        fingerprint=partner.fingerprint,
        confirmed=partner.standing is Standing.CONFIRMED,
        standing=partner.standing.value,
    )


def _named(entry: CatalogueEntry) -> tuple[str, str]:
    return entry.owner, entry.dataset


def _offer(card: DatasetCard) -> CatalogueEntry:
    return CatalogueEntry(
        owner=card.partner,
        dataset=card.dataset,
        kind=card.kind.value,
        epoch=card.epoch,
        padded_size=card.padded_size,
        sensitivity=card.sensitivity.value,
    )


def agreement_summary(known: KnownAgreement, own: str) -> AgreementSummary:
    """An agreement as the local API shows it; `own` is this partner."""
    people = {party.partner: party.approved_by for party in known.body.parties}
    return AgreementSummary.model_validate(
        {
            "agreement": known.body.agreement,
            "class": known.body.class_.value,
            "peer": known.peer,
            "state": known.state,
            "digest": known.digest,
            "not_before": known.body.not_before,
            "not_after": known.body.not_after,
            "units": known.body.caps.units,
            "period_days": known.body.caps.period_days,
            "per_minute": known.body.caps.per_minute,
            "terms": tuple(_term(term) for term in known.body.terms),
            "approved_by": people[own],
            "their_approvers": people[known.peer],
        }
    )


def _term(term: Term) -> TermDraft:
    return TermDraft(
        owner=term.owner,
        dataset=term.dataset,
        kind=term.kind.value,
        modes=tuple(mode.value for mode in term.modes),
        engines=term.engines,
        result_to=tuple(side.value for side in term.result_to),
        purposes=term.purposes,
        legal_bases=tuple(basis.code for basis in term.legal_bases),
        documents={basis.code: basis.documents for basis in term.legal_bases if basis.documents},
    )
