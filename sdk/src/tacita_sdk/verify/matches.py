"""How the statements of a match fit together and into the log. Each function raises a ProtocolError."""

from typing import Final

from tacita_protocol.crypto.digest import Digest
from tacita_protocol.errors import PeerViolation, ProofInvalid
from tacita_protocol.session.states import MAX_CLOCK_SKEW
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.logged import Outcome, closing_items, opening_items, outcome_of
from tacita_protocol.statements.receipt import Receipt, ReceiptStatus
from tacita_protocol.statements.vocabulary import Role
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.entry import COARSE_SECONDS, LoggedEntry, OpenedEntry, open_match_entry
from tacita_protocol.tlog.proof import LogProof
from tacita_protocol.tlog.trust import TrustPolicy
from tacita_sdk.verify.cards import Cards
from tacita_sdk.verify.evidence import MatchEvidence
from tacita_sdk.verify.whole_log import VerifiedLog

CLOSING_GRACE_SECONDS: Final = 900
"""What a broker may take to write a closing after the deadline; an entry's time is coarse to ten minutes."""
DENIAL_CLOSING_SECONDS: Final = 2 * 3600
"""When the closing of a denial must be there: its time is random, but bounded."""


def check_links(match: MatchEvidence, broker: str) -> None:
    """Request <- decision <- acceptance <- open <- receipts: each names the digest of the one before."""
    request, decision = match.request, match.decision
    if decision is None:
        if match.acceptance or match.refusal or match.open or match.receipts or match.closing:
            raise PeerViolation("something follows a decision that is not there", field="decision")
        return
    _require(decision.body.match == match.match, "decision", "it is of another match")
    _require(decision.body.request == request.digest, "decision", "it answers another request")
    _require(decision.body.broker == broker, "decision", "it is of another broker")
    grant = match.grant
    if grant is None:
        if match.acceptance or match.refusal or match.open or match.receipts:
            raise PeerViolation("something follows a denial", field="decision")
        return
    if match.refusal is not None:
        _require(match.refusal.body.match == match.match, "refusal", "it is of another match")
        _require(match.refusal.body.grant == grant.digest, "refusal", "it refuses another grant")
        _require(match.refusal.body.responder == request.body.responder, "refusal", "it is another partner's")
        _require(not match.acceptance and not match.open, "refusal", "the match was accepted too")
    if match.acceptance is not None:
        _require(match.acceptance.body.match == match.match, "acceptance", "it is of another match")
        _require(match.acceptance.body.grant == grant.digest, "acceptance", "it accepts another grant")
        _require(match.acceptance.body.responder == request.body.responder, "acceptance", "it is another partner's")
        _require(match.acceptance.body.issued <= grant.body.start_before, "acceptance", "it came too late")
    if match.open is not None:
        _require(match.open.body.match == match.match, "open", "it is of another match")
        _require(match.open.body.requester == request.body.requester, "open", "it is another partner's")
        accepted = match.acceptance is not None and match.open.body.acceptance == match.acceptance.digest
        _require(accepted, "open", "it opens another acceptance")
    for receipt in [*match.receipts.values(), *filter(None, [match.own_receipt])]:
        _check_receipt_links(match, receipt.body, grant.digest)


def check_opening(match: MatchEvidence, log: VerifiedLog, trust: TrustPolicy, cards: Cards) -> Checkpoint | None:
    """The opening entry is in the log, witnessed by others than the parties, before the acceptance, and says exactly
    this decision."""
    if match.decision is None or match.opening is None:
        return None
    opened, checkpoint = _check_entry(match, match.opening, log, trust, cards)
    _require_items(opened, opening_items(match.request, match.decision))
    match.opened_at = opened.time
    # The entry's time is floored, so it can only be too early.
    if match.acceptance is not None and opened.time > match.acceptance.body.issued + MAX_CLOCK_SKEW:
        raise ProofInvalid("the match was accepted before it was recorded")
    return checkpoint


def check_closing(match: MatchEvidence, log: VerifiedLog, trust: TrustPolicy, cards: Cards) -> Checkpoint | None:
    """The closing entry is in the log after the opening, and covers exactly these receipts and this outcome."""
    if match.closing is None or match.decision is None or match.opening is None:
        return None
    opened, checkpoint = _check_entry(match, match.closing, log, trust, cards)
    receipts: dict[Role, Digest] = {role: receipt.digest for role, receipt in match.receipts.items()}
    items = closing_items(
        match.match,
        match.decision.digest,
        _outcome(match),
        requester_receipt=receipts.get(Role.REQUESTER),
        responder_receipt=receipts.get(Role.RESPONDER),
        refusal=match.refusal.digest if match.refusal else None,
    )
    _require_items(opened, items)
    if LogProof.parse(match.closing.proof).index <= LogProof.parse(match.opening.proof).index:
        raise ProofInvalid("the closing stands before the opening")
    match.closed_at = opened.time
    if match.grant is not None and _outcome(match) is Outcome.INCOMPLETE:
        _require_time_was_up(match, match.grant.body)
    return checkpoint


def check_transcripts(match: MatchEvidence) -> bool:
    """Both sides state the same transcripts and counts; whether there were two receipts to compare."""
    requester, responder = match.receipts.get(Role.REQUESTER), match.receipts.get(Role.RESPONDER)
    if requester is None or responder is None:
        return False
    outcome = outcome_of(requester.body, responder.body)
    if outcome is Outcome.DISPUTED:
        raise PeerViolation("the two sides' receipts contradict each other", field="receipts")
    return outcome is Outcome.COMPLETED


def check_deadline(match: MatchEvidence, now: int) -> bool:
    """The match was closed in time, or at `now` (unix seconds) its time is not up yet; whether it was closed."""
    if match.decision is None:
        return False
    grant = match.grant
    if grant is not None:
        expires = grant.body.issued + grant.body.obligations.expires_in
        latest = min(grant.body.finish_before, expires) + CLOSING_GRACE_SECONDS
    else:
        latest = match.decision.body.issued + DENIAL_CLOSING_SECONDS + CLOSING_GRACE_SECONDS
    if match.closing is None:
        if now > latest:
            raise ProofInvalid("the log is newer than the deadline, and no closing was shown")
        return False
    if match.closed_at < match.opened_at:
        raise ProofInvalid("the closing is older than the opening")
    if match.closed_at > latest:
        raise ProofInvalid("the closing came after the deadline")
    return True


def _require_time_was_up(match: MatchEvidence, grant: Grant) -> None:
    """Only a deadline may end a match without both receipts; a broker that closes early drops what would have come."""
    # Whoever has signed a receipt had accepted or opened; without one, the time to accept may have passed.
    deadline = grant.finish_before if match.receipts else grant.start_before
    if match.closed_at + COARSE_SECONDS <= deadline:
        raise ProofInvalid("the match was closed as incomplete before its time was up")


def _check_receipt_links(match: MatchEvidence, receipt: Receipt, grant: Digest) -> None:
    # A side that aborted early cites nothing, or less than there was, or what never reached the other side; it never
    # cites something else than what is shown. Of a completed match everything is shown.
    aborted = receipt.status is ReceiptStatus.ABORTED
    for name, cited, statement in (
        ("grant", receipt.grant, grant),
        ("acceptance", receipt.acceptance, match.acceptance.digest if match.acceptance else None),
        ("open", receipt.open, match.open.digest if match.open else None),
    ):
        unseen = statement is None and aborted
        _require(cited is None or unseen or cited == statement, "receipts", f"a receipt cites another {name}")


def _check_entry(
    match: MatchEvidence, logged: LoggedEntry, log: VerifiedLog, trust: TrustPolicy, cards: Cards
) -> tuple[OpenedEntry, Checkpoint]:
    proof = LogProof.parse(logged.proof)
    entry = logged.entry_bytes()
    verified = proof.verify(entry, trust, excluded=_parties(match, trust, cards))
    log.require_entry(proof.index, entry)
    return open_match_entry(entry, logged.disclosures), verified.checkpoint


def _parties(match: MatchEvidence, trust: TrustPolicy, cards: Cards) -> frozenset[str]:
    """The witnesses that do not count: those of the two parties, by name and, whatever the name, by key."""
    parties = {match.request.body.requester, match.request.body.responder}
    keys = cards.witness_keys(parties)
    return frozenset(parties | {name for name, witness in trust.witnesses.items() if witness.key.text in keys})


def _outcome(match: MatchEvidence) -> Outcome:
    if match.decision is not None and isinstance(match.decision.body, Denial):
        return Outcome.DENIED
    if match.refusal is not None:
        return Outcome.REFUSED
    receipts = {role: receipt.body for role, receipt in match.receipts.items()}
    return outcome_of(receipts.get(Role.REQUESTER), receipts.get(Role.RESPONDER))


def _require_items(opened: OpenedEntry, expected: dict[str, str]) -> None:
    if opened.items == expected:
        return
    names = sorted(name for name in opened.items.keys() | expected if opened.items.get(name) != expected.get(name))
    known = [name for name in names if name in expected]
    raise PeerViolation(f"the entry says something else about: {', '.join(known) or 'an unknown item'}", field="logged")


def _require(holds: bool, field: str, reason: str) -> None:
    if not holds:
        raise PeerViolation(reason, field=field)
