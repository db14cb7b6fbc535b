"""Verifying the broker's decision: is it genuine, about this request, within what was asked, and in the log?"""

from tacita_protocol.api import MAX_BODY_BYTES, LoggedDecision
from tacita_protocol.errors import PeerViolation, ProofInvalid
from tacita_protocol.psi.engines import engine_named, negotiate
from tacita_protocol.psi.partition import check_partitions
from tacita_protocol.session.events import Denied, Granted
from tacita_protocol.session.runs import Run, evaluated, runs_of
from tacita_protocol.session.states import MAX_CLOCK_SKEW, SessionContext
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.logged import opening_items
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.obligations import Obligations, strictest
from tacita_protocol.statements.statement import Signed, claims, parse_part, verify_statement
from tacita_protocol.tlog.entry import COARSE_SECONDS, LoggedEntry


def verify_decision(
    data: bytes, *, context: SessionContext, request: Signed[MatchRequest], now: int
) -> Granted | Denied:
    """The decision in `data` (JSON of `LoggedDecision`), if it holds in every respect.

    Raises `MalformedMessage`, `UnsupportedVersion`, `SignatureInvalid`, `ProofInvalid`, `LimitExceeded`, or
    `PeerViolation` with the name of the field.
    """
    # 1. The broker said it, and it is a grant or a denial.
    body = parse_part(LoggedDecision, data, what="decision", max_bytes=MAX_BODY_BYTES)
    if claims(Denial, body.decision):
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


def granted_runs(request: MatchRequest, grant: Grant) -> tuple[Run, ...]:
    """The runs of the match that was requested and granted."""
    return runs_of(request.result_to, requester_count=grant.requester_count, responder_count=grant.responder_count)


def check_allowed(obligations: Obligations, *, request: MatchRequest, grant: Grant, partitions: int = 1) -> None:
    """The match as granted, cut into so many partitions, is one that `obligations` allow. Raises `PeerViolation`.

    No statement of this version shows an approval, so a match that demands one is not allowed.
    """
    if request.mode not in obligations.modes:
        raise PeerViolation("the obligations do not allow this mode", field="obligations.modes")
    if request.result_to not in obligations.result_to:
        raise PeerViolation("the obligations do not allow this receiver", field="obligations.result_to")
    if grant.engine not in obligations.engines:
        raise PeerViolation("the obligations do not allow this engine", field="obligations.engines")
    if any(evaluated(run, partitions) > obligations.max_elements for run in granted_runs(request, grant)):
        raise PeerViolation("the obligations allow fewer elements", field="obligations.max_elements")
    if obligations.approvals:
        raise PeerViolation("the obligations demand approvals, which nobody can show", field="obligations.approvals")


def check_accepted(obligations: Obligations, *, request: MatchRequest, grant: Grant, partitions: int) -> None:
    """The responder may accept this grant with `obligations` of its own and so many partitions.

    Raises `PeerViolation`, `LimitExceeded` for counts that the engine cannot take, or `MalformedMessage` for an engine
    that this version does not have.
    """
    check_partitions(
        engine_named(grant.engine),
        request.mode,
        partitions,
        requester_count=grant.requester_count,
        responder_count=grant.responder_count,
    )
    check_allowed(strictest(grant.obligations, obligations), request=request, grant=grant, partitions=partitions)


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
    if grant.issued > request.expires:
        raise PeerViolation("the grant was given after the request had expired", field="issued")
    if now >= grant.start_before:
        raise PeerViolation("the grant has expired", field="start_before")
    if grant.normaliser != request.normaliser:
        raise PeerViolation("not the normaliser of the request", field="normaliser")
    # What the requester's node demands for its set binds the broker's decision, and so everything after it.
    if request.sender_decision:
        demanded = request.sender_decision.obligations
        if strictest(grant.obligations, demanded) != grant.obligations:
            raise PeerViolation("less is demanded than the requester demands for its own set", field="obligations")
    engine = negotiate(
        request.engines,
        offered=context.responder_engines,
        permitted=grant.obligations.engines,
        mode=request.mode,
        result_to=request.result_to,
    )
    if grant.engine != engine:
        raise PeerViolation("not the requester's first engine among those that can serve", field="engine")
    if grant.requester_count != request.padded_count:
        raise PeerViolation("not the count of the request", field="requester_count")
    if grant.responder_count != context.responder_count:
        raise PeerViolation("not the count of the dataset's card", field="responder_count")
    check_allowed(grant.obligations, request=request, grant=grant)
