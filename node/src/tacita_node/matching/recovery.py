"""What a restart does to a match that was running: it is aborted, with a signed receipt.

Session keys live in memory only, so the session cannot go on, and nothing is ever sealed again under its keys. The
receipt cites the statements that the database holds. How many frames passed is not known any more, so it claims none;
what could have been evaluated is charged in full, over all runs, from the moment the engine was let loose.

A silent match whose receipt was signed already is complete, but what it found was in memory only: it is lost.
"""

from tacita_node.matching.context import peer_key_of, software
from tacita_node.matching.endings import RESTARTED, RESULT_LOST
from tacita_node.matching.journal import RUNNING, MatchJournal, encode_reasons
from tacita_node.matching.results import ResultStore
from tacita_node.matching.tables import MatchRow
from tacita_node.services import NodeServices
from tacita_protocol.api import LoggedDecision, parse_body
from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.frames import Direction, Transcript
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.session import State
from tacita_protocol.session.runs import evaluated, runs_of
from tacita_protocol.statements.acceptance import Acceptance, Open
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.receipt import TIME_GRAIN, FrameCounts, Receipt, ReceiptStatus, Transcripts
from tacita_protocol.statements.statement import Signed, sign_statement, verify_statement
from tacita_protocol.statements.vocabulary import ResultTo, Role

_EVALUATED = frozenset({State.CONFIRMED, State.MATCHING})


async def abort_interrupted(
    row: MatchRow, *, services: NodeServices, journal: MatchJournal, results: ResultStore
) -> None:
    """Ends a match that this process does not run. Its receipt is delivered by `closing` like any other."""
    await results.discard(row.match)
    receipt = aborted_receipt(row, services)
    await journal.advance(
        row.match,
        State.ABORTED,
        since=RUNNING,
        reasons=[RESTARTED],
        receipt=None if receipt is None else receipt.envelope,
        hits_sealed=None,
        units=row.units if State(row.state) in _EVALUATED else 0,
    )


async def admit_loss(row: MatchRow, journal: MatchJournal) -> None:
    """Says of a match that completed here, without its result having been kept, that the result is lost."""
    if row.state == State.CLOSING.value and row.learns and row.hits_sealed is None:
        await journal.keep(row.match, reasons=encode_reasons([RESULT_LOST]))


def aborted_receipt(row: MatchRow, services: NodeServices) -> Signed[Receipt] | None:
    """The receipt of a match that has no session any more. None while there is no grant that it could refer to."""
    grant = _grant(row, services.identity.broker.key)
    return None if grant is None else sign_statement(_receipt(row, grant, services), services.identity.keys.signing)


def _receipt(row: MatchRow, grant: Signed[Grant], services: NodeServices) -> Receipt:
    own, peer = services.identity.keys.signing.verify_key, peer_key_of(row)
    requester, responder = (own, peer) if row.role == Role.REQUESTER.value else (peer, own)
    acceptance = None if row.acceptance is None else verify_statement(Acceptance, row.acceptance, responder)
    opening = None if row.open is None else verify_statement(Open, row.open, requester)
    state = State(row.state)
    return Receipt(
        match=row.match,
        role=Role(row.role),
        partner=services.identity.partner,
        grant=grant.digest,
        acceptance=None if acceptance is None else acceptance.digest,
        open=None if opening is None else opening.digest,
        transcripts=Transcripts(
            requester=_nothing_sent(row.match, Direction.REQUESTER),
            responder=_nothing_sent(row.match, Direction.RESPONDER),
        ),
        frames=FrameCounts(requester=0, responder=0),
        elements_charged=_evaluated(row, grant.body) if state in _EVALUATED else 0,
        status=ReceiptStatus.ABORTED,
        # A match that was given up already was given up before its grant was seen.
        step=State.REQUESTED.value if state is State.ABORTED else state.value,
        engine=grant.body.engine,
        software=software(),
        started=_coarse(row.started),
        ended=_coarse(max(row.started, services.clock())),
        custody=Digest(row.custody),
    )


def _evaluated(row: MatchRow, grant: Grant) -> int:
    """What the receivers of all runs could evaluate."""
    if row.partitions is None:
        raise RuntimeError("a match that was accepted has a number of partitions")
    runs = runs_of(
        ResultTo(row.result_to), requester_count=grant.requester_count, responder_count=grant.responder_count
    )
    return sum(evaluated(run, row.partitions) for run in runs)


def _grant(row: MatchRow, key: VerifyKey) -> Signed[Grant] | None:
    if row.decision is None:
        return None
    logged = parse_body(LoggedDecision, row.decision.encode("utf-8"))
    return verify_statement(Grant, logged.decision, key)


def _nothing_sent(match: str, direction: Direction) -> Digest:
    return Digest(Transcript(bytes.fromhex(match), direction).hexdigest)


def _coarse(time: int) -> int:
    return time - time % TIME_GRAIN
