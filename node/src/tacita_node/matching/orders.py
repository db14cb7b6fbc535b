"""From a user's order to the match request.

Everything that can be refused without deciding anything is refused here, before anything is signed or sent: an unknown
dataset, a partner that nobody confirmed, a kind that does not fit. What this node decides about its own set, when the
owner is to test it, is in `tested`.
"""

from dataclasses import dataclass

from tacita_node.data.epochs import EpochSnapshot
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_policies.decision import NOTHING
from tacita_protocol.api import Catalogue
from tacita_protocol.crypto.digest import Digest, hkdf_sha256, hmac_sha256
from tacita_protocol.crypto.keys import SealingKey, VerifyKey
from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.errors import ProtocolError
from tacita_protocol.psi.engines import ENGINE_NAMES, serves
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.match import MatchRequest, SenderDecision
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import Signed, verify_statement
from tacita_protocol.statements.vocabulary import MAX_SENTENCE, Mode, ResultTo
from tacita_sdk.node_api import MatchOrder

REQUEST_VALID_SECONDS = 900
"""How long a broker may take to decide."""


_UNDECIDED = SenderDecision(policy=Digest("0" * 64), obligations=NOTHING)
"""Stands in a request until this node has decided about its own set: it permits nothing."""


@dataclass(frozen=True)
class PreparedMatch:
    """A request with everything that its session needs. `ephemeral` exists here and nowhere else.

    When the owner learns something, the request still lacks this node's own decision: `decided` puts it in.
    """

    request: MatchRequest
    ephemeral: SealingKey
    peer: Signed[PartnerCard]
    dataset: Signed[DatasetCard]
    agreement: Signed[Agreement] | None
    snapshot: EpochSnapshot

    def decided(self, decision: SenderDecision) -> MatchRequest:
        """The request with this node's decision about its own set."""
        return self.request.model_copy(update={"sender_decision": decision})


async def prepare(services: NodeServices, order: MatchOrder) -> PreparedMatch:
    """The request for an order. Raises `ProblemError`, or what the broker raises."""
    mode, result_to, engines = _supported(order)
    owner, _, name = order.with_.partition("/")
    own = services.identity.partner
    if owner == own:
        raise ProblemError(422, "own-dataset", "A node does not match against its own datasets.")
    if await services.agreements.partners.is_revoked(owner):
        raise ProblemError(409, "partner-revoked", "The broker has revoked that partner; it is not asked any more.")
    peer = await services.agreements.confirmed_card(owner)
    if peer is None:
        raise ProblemError(409, "partner-not-confirmed", "Confirm that partner first: `tacita agreements confirm`.")
    snapshot = await services.datasets.latest_epoch(order.dataset)
    dataset = _offered(await services.broker.catalogue(), owner, name, VerifyKey.from_text(peer.body.signing_key))
    if (dataset.body.kind, dataset.body.normaliser) != (snapshot.kind, snapshot.normaliser):
        raise ProblemError(
            409, "kind-differs", "The two datasets hold different kinds, or different versions of one kind."
        )
    now = services.clock()
    agreement = await _agreement(services, order, dataset.body, mode, result_to, now)
    ephemeral = SealingKey.generate()
    request = MatchRequest(
        match=random_hex(16),
        agreement=None if agreement is None else agreement.digest,
        requester=own,
        responder=owner,
        dataset=name,
        epoch=dataset.body.epoch,
        kind=snapshot.kind,
        normaliser=snapshot.normaliser,
        mode=mode,
        result_to=result_to,
        engines=engines,
        padded_count=snapshot.padded_size,
        commitment=snapshot.commitment,
        sender_decision=None if result_to is ResultTo.REQUESTER else _UNDECIDED,
        purpose=order.purpose,
        legal_basis=order.basis,
        case_reference=case_reference(services.identity.keys.commitment, owner, order.case),
        ephemeral_key=ephemeral.public_key.text,
        nonce=random_hex(16),
        issued=now,
        expires=now + REQUEST_VALID_SECONDS,
    )
    return PreparedMatch(request, ephemeral, peer, dataset, agreement, snapshot)


def case_reference(key: bytes, peer: str, case: str) -> str:
    """The case's name for one peer: the same every time, so that repetition shows, and another for every other peer."""
    pair_key = hkdf_sha256(key, b"tacita/case-reference/v1\0" + peer.encode("ascii"))
    return hmac_sha256(pair_key, case.encode("utf-8")).hex()


def _supported(order: MatchOrder) -> tuple[Mode, ResultTo, tuple[str, ...]]:
    """Mode, receiver, and the engines here that serve them, best first."""
    try:
        mode, result_to = Mode(order.mode), ResultTo(order.result_to)
    except ValueError:
        detail = f"A mode is one of: {', '.join(Mode)}; who learns is one of: {', '.join(ResultTo)}."
        raise ProblemError(422, "not-supported", detail) from None
    engines = tuple(name for name in ENGINE_NAMES if serves(name, mode, result_to))
    if not engines:
        raise ProblemError(422, "not-supported", "No way of matching that this node has gives such a result there.")
    return mode, result_to, engines


def _offered(catalogue: Catalogue, owner: str, name: str, key: VerifyKey) -> Signed[DatasetCard]:
    """The newest card of that dataset that its owner signed, out of what the broker lists."""
    found: Signed[DatasetCard] | None = None
    for view in catalogue.datasets:
        try:
            card = verify_statement(DatasetCard, view.card, key)
        except ProtocolError:
            continue  # another owner's, or nobody's
        newer = found is None or card.body.epoch > found.body.epoch
        if (card.body.partner, card.body.dataset) == (owner, name) and newer:
            found = card
    if found is None:
        raise ProblemError(404, "no-such-dataset", "That partner offers this node no dataset of that name.")
    return found


async def _agreement(
    services: NodeServices, order: MatchOrder, card: DatasetCard, mode: Mode, result_to: ResultTo, now: int
) -> Signed[Agreement] | None:
    """The agreement that covers the order: the named one, else any. None leaves it to whoever's set is tested."""
    named = None if order.agreement is None else await services.agreements.agreement(order.agreement)
    covering = await services.agreements.covering(
        requester=services.identity.partner,
        responder=card.partner,
        owner=card.partner,
        dataset=card.dataset,
        kind=card.kind,
        mode=mode,
        result_to=result_to,
        purpose=order.purpose,
        legal_basis=order.basis,
        now=now,
        digest=None if named is None else named.digest,
    )
    if covering is None and named is not None:
        raise _not_covered(named.body, card, order.purpose)
    return None if covering is None else covering[0]


def _not_covered(agreement: Agreement, card: DatasetCard, purpose: str) -> ProblemError:
    about = [term for term in agreement.terms if (term.owner, term.dataset) == (card.partner, card.dataset)]
    purposes = sorted({one for term in about for one in term.purposes})
    detail = f"The agreement that was named is for another purpose: {', '.join(purposes)}."
    if not purposes or purpose in purposes or len(detail) > MAX_SENTENCE:
        detail = "The agreement that was named does not cover this match."
    return ProblemError(409, "not-covered", detail)
