"""The side that asks."""

from collections.abc import Mapping
from typing import ClassVar

from tacita_protocol.crypto.keys import SealingKey, SealingPublicKey
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.errors import PeerViolation
from tacita_protocol.session.closing import verify_refusal
from tacita_protocol.session.decision import check_accepted, verify_decision
from tacita_protocol.session.events import Accepted, Denied, Event, Refused
from tacita_protocol.session.keys import SECRET_BYTES, derive_keys, seal_secret, unseal_secret
from tacita_protocol.session.machine import FRAME_STATES, MatchSession
from tacita_protocol.session.states import MAX_CLOCK_SKEW, MessageKind, SessionContext, State
from tacita_protocol.statements.acceptance import Acceptance, Open
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.statement import Signed, sign_statement, verify_statement
from tacita_protocol.statements.vocabulary import Role


class RequesterSession(MatchSession):
    """The requester's session; queues the request at once.

    `request` is this partner's own signed request, and `ephemeral` the secret half of the key it names: fresh,
    used for nothing else, kept nowhere else. Raises `ValueError` when the three do not belong together.
    """

    role = Role.REQUESTER
    _TAKES: ClassVar[Mapping[MessageKind, frozenset[State]]] = {
        MessageKind.DECISION: frozenset((State.REQUESTED, State.AWAITING_APPROVAL)),
        MessageKind.ACCEPTANCE: frozenset((State.GRANTED,)),
        MessageKind.REFUSAL: frozenset((State.GRANTED,)),
        MessageKind.FRAME: FRAME_STATES,
    }

    def __init__(self, context: SessionContext, request: Signed[MatchRequest], ephemeral: SealingKey) -> None:
        said = request.body
        if (said.requester, said.responder) != (context.partner, context.peer):
            raise ValueError("the request is not between this partner and this peer")
        if said.ephemeral_key != ephemeral.public_key.text:
            raise ValueError("the request names another ephemeral key")
        super().__init__(context, request, State.NEW)
        self._ephemeral: SealingKey | None = ephemeral
        self._queue(MessageKind.REQUEST, request.envelope)

    def await_approval(self) -> None:
        """Note that people must approve before the broker decides.

        The broker's word for it is unsigned: it changes what a person is shown, and nothing that the session does.
        """
        self._require(State.REQUESTED)
        self._state = State.AWAITING_APPROVAL

    def _take_statement(self, kind: MessageKind, data: bytes, now: int) -> list[Event]:
        if kind is MessageKind.DECISION:
            return self._take_decision(data, now)
        if kind is MessageKind.ACCEPTANCE:
            return self._take_acceptance(data, now)
        return self._take_refusal(data)

    def _take_decision(self, data: bytes, now: int) -> list[Event]:
        decided = verify_decision(data, context=self._context, request=self._request, now=now)
        if isinstance(decided, Denied):
            self._denial = decided.denial
            self._forget()
            self._state = State.DENIED
        else:
            self._take_grant(decided.grant)
        return [decided]

    def _take_acceptance(self, data: bytes, now: int) -> list[Event]:
        grant = self._require_grant()
        # 1. The peer accepted this grant, in time.
        acceptance = verify_statement(Acceptance, data, self._context.peer_key)
        said = acceptance.body
        if said.match != self.match_id or said.responder != self._context.peer:
            raise PeerViolation("the acceptance is about another match", field="match")
        if said.grant != grant.digest:
            raise PeerViolation("another grant was accepted", field="grant")
        self._check_accepted_in_time(grant.body, said.issued, now)
        # 2. It is cut as its counts demand, and what both sides demand still allows it (rule 4).
        check_accepted(said.obligations, request=self._request.body, grant=grant.body, partitions=said.partitions)
        # 3. The secret was sealed by the peer for this match.
        if self._ephemeral is None:
            raise RuntimeError("the ephemeral key is gone")
        s1 = unseal_secret(
            said.sealed_secret,
            self._ephemeral,
            role=Role.RESPONDER,
            match_id=self._match_bytes,
            sender=self._context.peer,
        )
        # 4. Answer with the other secret, and confirm under the keys of both.
        s2 = random_bytes(SECRET_BYTES)
        opening = sign_statement(
            Open(
                match=self.match_id,
                acceptance=acceptance.digest,
                requester=self._context.partner,
                sealed_secret=seal_secret(
                    s2,
                    SealingPublicKey.from_text(said.ephemeral_key),
                    role=Role.REQUESTER,
                    match_id=self._match_bytes,
                    sender=self._context.partner,
                ),
                issued=now,
            ),
            self._context.signing_key,
        )
        self._acceptance, self._open = acceptance, opening
        self._limit_time(said.issued + said.obligations.expires_in)
        self._queue(MessageKind.OPEN, opening.envelope)
        self._establish(
            derive_keys(
                s1,
                s2,
                request=self._request.digest,
                grant=grant.digest,
                acceptance=acceptance.digest,
                opening=opening.digest,
            )
        )
        self._state = State.ACCEPTED
        return [Accepted(acceptance)]

    def _take_refusal(self, data: bytes) -> list[Event]:
        refusal = verify_refusal(data, context=self._context, match=self.match_id, grant=self._require_grant().digest)
        self._refusal = refusal
        self._forget()
        self._state = State.REFUSED
        return [Refused(refusal)]

    def _check_accepted_in_time(self, grant: Grant, accepted: int, now: int) -> None:
        if accepted > now + MAX_CLOCK_SKEW or accepted < grant.issued - MAX_CLOCK_SKEW:
            raise PeerViolation("the acceptance was not issued between the grant and now", field="issued")
        if accepted >= grant.start_before:
            raise PeerViolation("the grant had expired when it was accepted", field="issued")

    def _forget_secrets(self) -> None:
        self._ephemeral = None
