"""From a user's order to a signed match request.

Everything that can be refused is refused here, before anything is signed or sent: an unknown dataset, a partner that
nobody confirmed, a kind that does not fit.
"""

from dataclasses import dataclass

from tacita_node.data.epochs import EpochSnapshot
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_protocol.api import Catalogue
from tacita_protocol.crypto.digest import Digest, hkdf_sha256, hmac_sha256
from tacita_protocol.crypto.keys import SealingKey, VerifyKey
from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.errors import ProtocolError
from tacita_protocol.psi.engines import ENGINE_NAMES
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import Signed, sign_statement, verify_statement
from tacita_protocol.statements.vocabulary import Mode, ResultTo
from tacita_sdk.node_api import MatchOrder

REQUEST_VALID_SECONDS = 900
"""How long a broker may take to decide."""


@dataclass(frozen=True)
class PreparedMatch:
    """A signed request with everything that its session needs. `ephemeral` exists here and nowhere else."""

    request: Signed[MatchRequest]
    ephemeral: SealingKey
    peer: Signed[PartnerCard]
    dataset: Signed[DatasetCard]
    snapshot: EpochSnapshot


async def prepare(services: NodeServices, order: MatchOrder) -> PreparedMatch:
    """Signs the request for an order. Raises `ProblemError`, or what the broker raises."""
    mode, result_to = _supported(order)
    owner, _, name = order.with_.partition("/")
    own = services.identity.partner
    if owner == own:
        raise ProblemError(422, "own-dataset", "A node does not match against its own datasets.")
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
    ephemeral = SealingKey.generate()
    request = MatchRequest(
        match=random_hex(16),
        agreement=await _agreement(services, order, dataset.body, mode, result_to, now),
        requester=own,
        responder=owner,
        dataset=name,
        epoch=dataset.body.epoch,
        kind=snapshot.kind,
        normaliser=snapshot.normaliser,
        mode=mode,
        result_to=result_to,
        engines=ENGINE_NAMES,
        padded_count=snapshot.padded_size,
        commitment=snapshot.commitment,
        sender_decision=None,
        purpose=order.purpose,
        legal_basis=order.basis,
        case_reference=case_reference(services.identity.keys.commitment, owner, order.case),
        ephemeral_key=ephemeral.public_key.text,
        nonce=random_hex(16),
        issued=now,
        expires=now + REQUEST_VALID_SECONDS,
    )
    return PreparedMatch(sign_statement(request, services.identity.keys.signing), ephemeral, peer, dataset, snapshot)


def case_reference(key: bytes, peer: str, case: str) -> str:
    """The case's name for one peer: the same every time, so that repetition shows, and another for every other peer."""
    pair_key = hkdf_sha256(key, b"tacita/case-reference/v1\0" + peer.encode("ascii"))
    return hmac_sha256(pair_key, case.encode("utf-8")).hex()


def _supported(order: MatchOrder) -> tuple[Mode, ResultTo]:
    try:
        mode, result_to = Mode(order.mode), ResultTo(order.result_to)
    except ValueError:
        raise ProblemError(422, "not-supported", "This node knows no such mode or receiver.") from None
    if result_to is not ResultTo.REQUESTER:
        raise ProblemError(422, "not-supported", "This version serves results to the requester only.")
    return mode, result_to


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
) -> Digest | None:
    """Digest of the agreement that covers the order: the named one, else any. None leaves it to the owner to refuse."""
    named = None if order.agreement is None else (await services.agreements.agreement(order.agreement)).digest
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
        digest=named,
    )
    if covering is None and named is not None:
        raise ProblemError(409, "not-covered", "The agreement that was named does not cover this match.")
    return None if covering is None else covering[0].digest
