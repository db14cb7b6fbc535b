"""Verifying the broker's decision: is it genuine, about this request, within what was asked, and in the log?"""

from tacita_protocol.api import MAX_BODY_BYTES, LoggedDecision
from tacita_protocol.crypto.dsse import payload_type_of
from tacita_protocol.errors import PeerViolation, ProofInvalid
from tacita_protocol.session.events import Denied, Granted
from tacita_protocol.session.states import MAX_CLOCK_SKEW, SessionContext
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.logged import opening_items
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.obligations import Obligations
from tacita_protocol.statements.statement import Signed, parse_part, payload_type, verify_statement
from tacita_protocol.statements.vocabulary import ResultTo
from tacita_protocol.tlog.entry import COARSE_SECONDS, LoggedEntry


def verify_decision(
    data: bytes, *, context: SessionContext, request: Signed[MatchRequest], now: int
) -> Granted | Denied:
    """The decision in `data` (JSON of `LoggedDecision`), if it holds in every respect.

    Raises `MalformedMessage`, `SignatureInvalid`, `ProofInvalid`, `LimitExceeded`, or `PeerViolation` with
    the name of the field.
    """
    # 1. The broker said it, and it is a grant or a denial.
    body = parse_part(LoggedDecision, data, what="decision", max_bytes=MAX_BODY_BYTES)
    if payload_type_of(body.decision.encode("ascii")) == payload_type(Denial):
        denial = verify_statement(Denial, body.decision, context.broker_key)
        _check_about(denial.body, context=context, request=request, now=now)
        _check_logged(body.logged, denial, context=context, request=request, now=now)
        return Denied(denial)
    grant = verify_statement(Grant, body.decision, context.broker_key)
    # 2. It is about this request.
    _check_about(grant.body, context=context, request=request, now=now)
    # 3. It gives what was asked for, not more, and not too late.
    _check_grant(grant.body, context=context, request=request.body, now=now)
    # 4. It is in the log, in an entry that says exactly this, witnessed by others than the two parties.
    _check_logged(body.logged, grant, context=context, request=request, now=now)
    return Granted(request, grant)


def check_allowed(obligations: Obligations, *, request: MatchRequest, grant: Grant) -> None:
    """The match as granted is one that `obligations` allow. Raises `PeerViolation`.

    No statement of this version shows an approval, so a match that demands one is not allowed.
    """
    if request.mode not in obligations.modes:
        raise PeerViolation("the obligations do not allow this mode", field="obligations.modes")
    if request.result_to not in obligations.result_to:
        raise PeerViolation("the obligations do not allow this receiver", field="obligations.result_to")
    if grant.engine not in obligations.engines:
        raise PeerViolation("the obligations do not allow this engine", field="obligations.engines")
    if grant.requester_count > obligations.max_elements:
        raise PeerViolation("the obligations allow fewer elements", field="obligations.max_elements")
    if obligations.approvals:
        raise PeerViolation("the obligations demand approvals, which nobody can show", field="obligations.approvals")


def _check_about(said: Grant | Denial, *, context: SessionContext, request: Signed[MatchRequest], now: int) -> None:
    if said.match != request.body.match:
        raise PeerViolation("the decision is about another match", field="match")
    if said.request != request.digest:
        raise PeerViolation("the decision is about another request", field="request")
    if said.broker != context.broker:
        raise PeerViolation("another broker decided", field="broker")
    if said.issued > now + MAX_CLOCK_SKEW:
        raise PeerViolation("the decision comes from the future", field="issued")


def _check_logged(
    logged: LoggedEntry,
    decision: Signed[Grant] | Signed[Denial],
    *,
    context: SessionContext,
    request: Signed[MatchRequest],
    now: int,
) -> None:
    opened = logged.verify(context.trust, excluded=context.parties)
    if opened.items != opening_items(request, decision):
        raise ProofInvalid("the opening entry does not record this request and this decision")
    earliest = decision.body.issued - COARSE_SECONDS - MAX_CLOCK_SKEW
    if not earliest <= opened.time <= now + MAX_CLOCK_SKEW:
        raise ProofInvalid("the opening entry was not made at the time of the decision")


def _check_grant(grant: Grant, *, context: SessionContext, request: MatchRequest, now: int) -> None:
    if request.result_to is not ResultTo.REQUESTER:
        raise PeerViolation("this version serves results to the requester only", field="result_to")
    if grant.issued > request.expires:
        raise PeerViolation("the grant was given after the request had expired", field="issued")
    if now >= grant.start_before:
        raise PeerViolation("the grant has expired", field="start_before")
    if grant.normaliser != request.normaliser:
        raise PeerViolation("not the normaliser of the request", field="normaliser")
    first_common = next((name for name in request.engines if name in grant.obligations.engines), None)
    if grant.engine != first_common:
        raise PeerViolation("not the requester's first engine among the allowed ones", field="engine")
    if grant.requester_count != request.padded_count:
        raise PeerViolation("not the count of the request", field="requester_count")
    if grant.responder_count != context.sender_count:
        raise PeerViolation("not the count of the dataset's card", field="responder_count")
    check_allowed(grant.obligations, request=request, grant=grant)
