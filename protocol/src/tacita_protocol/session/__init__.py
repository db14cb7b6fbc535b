"""The match session: one state machine per role, without input or output.

`receive(kind, data, now)` takes what the broker delivered and returns events; `send()` hands out what is to be
posted, in order, until it returns None. Whoever drives a session owns sockets, clock, budget and engine.

States, with what leads from one to the next (`>` sent, `<` received)::

    requester                                          responder
    NEW        > REQUEST            -> REQUESTED       (starts in REQUESTED, with the request)
    REQUESTED  await_approval()     -> AWAITING_APPROVAL, which takes a DECISION like REQUESTED
    REQUESTED  < DECISION (grant)   -> GRANTED         REQUESTED  < DECISION (grant)   -> GRANTED
    REQUESTED  < DECISION (denial)  -> DENIED          GRANTED    accept()             -> ACCEPTED
    GRANTED    < ACCEPTANCE         -> ACCEPTED        GRANTED    refuse()             -> REFUSED
    GRANTED    < REFUSAL            -> REFUSED         ACCEPTED   < OPEN               -> OPEN
    ACCEPTED   > OPEN               -> OPEN

    both       OPEN       < FRAME (confirmation)       -> CONFIRMED
               CONFIRMED  first engine message, either way -> MATCHING
               MATCHING   finish(), after the last run -> CLOSING
               CLOSING    < CLOSING                    -> CLOSED
               before CLOSING: abort()                 -> ABORTED
               any        < bad data                   -> ABORTED
               DENIED, REFUSED and ABORTED stay what they are when their closing arrives.

Rules of order:

1. A message or call that the state does not take is a programming error: `RuntimeError`, nothing changes.
2. Bad data from peer or broker raises a `ProtocolError`, ends the session and queues a signed abort receipt that
   names the state in which it ended. Nothing but that receipt is sent any more.
3. The responder seals and signs nothing before it has verified that *this* grant stands in the witnessed log, with a
   quorum in which neither party counts.
4. The requester opens only what the accepted grant still allows under both sides' obligations. The requester's own
   demands for a set of its that is tested are part of the request, and the grant repeats them.
5. No engine message passes in either direction before the peer's confirmation frame has been verified.
6. Sequence numbers of frames never restart, not between runs either; an outgoing frame is sealed once, and a retry
   sends the same bytes. Runs and partitions follow one another as `course.Course` says.
7. A session signs at most one receipt, after both sides' final messages of the last run or when it ends early, and
   forgets its keys at that moment. After a refusal or a denial there is none.
8. A closing is taken in every state after the decision, once. A result may be released only if the closing says so
   (`Closed.may_release`): own completed receipt in it, and nothing that contradicts it.
"""

from tacita_protocol.session.events import (
    Accepted,
    Closed,
    Confirmed,
    Denied,
    EngineMessage,
    Event,
    Granted,
    Opened,
    PeerFinished,
    Refused,
)
from tacita_protocol.session.requester import RequesterSession
from tacita_protocol.session.responder import ResponderSession
from tacita_protocol.session.runs import Run
from tacita_protocol.session.states import MessageKind, Outgoing, SessionContext, State

__all__ = [
    "Accepted",
    "Closed",
    "Confirmed",
    "Denied",
    "EngineMessage",
    "Event",
    "Granted",
    "MessageKind",
    "Opened",
    "Outgoing",
    "PeerFinished",
    "Refused",
    "RequesterSession",
    "ResponderSession",
    "Run",
    "SessionContext",
    "State",
]
