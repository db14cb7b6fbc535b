"""The side that is asked."""

from collections.abc import Mapping
from typing import ClassVar

from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.keys import SealingKey, SealingPublicKey
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.errors import PeerViolation, ProtocolError
from tacita_protocol.session.decision import check_accepted, verify_decision
from tacita_protocol.session.events import Denied, Event, Opened
from tacita_protocol.session.keys import SECRET_BYTES, derive_keys, seal_secret, unseal_secret
from tacita_protocol.session.machine import FRAME_STATES, MatchSession
from tacita_protocol.session.states import MAX_CLOCK_SKEW, MessageKind, SessionContext, State
from tacita_protocol.statements.acceptance import Acceptance, Open, Refusal
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.obligations import Obligations
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.statement import sign_statement, verify_statement
from tacita_protocol.statements.vocabulary import Role


class ResponderSession(MatchSession):
    """The responder's session, made from the requester's envelope as the broker delivered it.

    Raises `ProtocolError` when the envelope is not the peer's request to this partner: then there is no session, and
    nothing to receipt. After `Granted` the driver checks what only a node knows (agreement, dataset and epoch,
    policy, budget), makes sure that a grant is used once, and calls `accept` or `refuse`.
    """

    role = Role.RESPONDER
    _TAKES: ClassVar[Mapping[MessageKind, frozenset[State]]] = {
        MessageKind.DECISION: frozenset((State.REQUESTED,)),
        MessageKind.OPEN: frozenset((State.ACCEPTED,)),
        MessageKind.FRAME: FRAME_STATES,
    }

    def __init__(self, context: SessionContext, request_envelope: str) -> None:
        request = verify_statement(MatchRequest, request_envelope, context.peer_key)
        if request.body.requester != context.peer:
            raise PeerViolation("another partner is named as the requester", field="requester")
        if request.body.responder != context.partner:
            raise PeerViolation("the request is to another partner", field="responder")
        super().__init__(context, request, State.REQUESTED)
        self._ephemeral: SealingKey | None = None
        self._secret: bytes | None = None

    def accept(self, *, policy: Digest, obligations: Obligations, partitions: int, now: int) -> None:
        """Agree: seal this side's secret and queue the signed acceptance.

        `policy` is the digest of the own policy bundle and `obligations` what it demands; `partitions` are those that
        follow from the counts (`psi.partition.partitions_for`). `ValueError` if they do not allow what was granted
        (refuse instead). Raises `PeerViolation`, and ends the session, when the grant has
        expired meanwhile.
        """
        self._require(State.GRANTED)
        grant = self._require_grant()
        if now >= grant.body.start_before:
            self._end(now, self._context.custody)
            raise PeerViolation("the grant expired before it was accepted", field="start_before")
        try:
            check_accepted(obligations, request=self._request.body, grant=grant.body, partitions=partitions)
        except ProtocolError as error:
            raise ValueError("the own obligations do not allow what was granted: refuse it") from error
        self._ephemeral = SealingKey.generate()
        self._secret = random_bytes(SECRET_BYTES)
        self._acceptance = sign_statement(
            Acceptance(
                match=self.match_id,
                grant=grant.digest,
                responder=self._context.partner,
                policy=policy,
                obligations=obligations,
                partitions=partitions,
                ephemeral_key=self._ephemeral.public_key.text,
                sealed_secret=seal_secret(
                    self._secret,
                    SealingPublicKey.from_text(self._request.body.ephemeral_key),
                    role=Role.RESPONDER,
                    match_id=self._match_bytes,
                    sender=self._context.partner,
                ),
                issued=now,
            ),
            self._context.signing_key,
        )
        self._limit_time(now + obligations.expires_in)
        self._queue(MessageKind.ACCEPTANCE, self._acceptance.envelope)
        self._state = State.ACCEPTED

    def refuse(self, *, reasons: tuple[Reason, ...], policy: Digest | None, now: int) -> None:
        """Say no: queue the signed refusal. `policy` is None when no policy was asked."""
        self._require(State.GRANTED)
        self._refusal = sign_statement(
            Refusal(
                match=self.match_id,
                grant=self._require_grant().digest,
                responder=self._context.partner,
                policy=policy,
                reasons=reasons,
                issued=now,
            ),
            self._context.signing_key,
        )
        self._queue(MessageKind.REFUSAL, self._refusal.envelope)
        self._state = State.REFUSED

    def _take_statement(self, kind: MessageKind, data: bytes, now: int) -> list[Event]:
        if kind is MessageKind.DECISION:
            return self._take_decision(data, now)
        return self._take_open(data, now)

    def _take_decision(self, data: bytes, now: int) -> list[Event]:
        decided = verify_decision(data, context=self._context, request=self._request, now=now)
        if isinstance(decided, Denied):
            raise PeerViolation("a denied request is nothing to the responder", field="decision")
        self._take_grant(decided.grant)
        return [decided]

    def _take_open(self, data: bytes, now: int) -> list[Event]:
        grant, acceptance = self._require_grant(), self._acceptance
        if acceptance is None or self._ephemeral is None or self._secret is None:
            raise RuntimeError("the session has accepted nothing")
        # 1. The peer opens this acceptance.
        opening = verify_statement(Open, data, self._context.peer_key)
        said = opening.body
        if said.match != self.match_id or said.requester != self._context.peer:
            raise PeerViolation("the opening is about another match", field="match")
        if said.acceptance != acceptance.digest:
            raise PeerViolation("another acceptance was opened", field="acceptance")
        if not acceptance.body.issued - MAX_CLOCK_SKEW <= said.issued <= now + MAX_CLOCK_SKEW:
            raise PeerViolation("the opening was not issued between the acceptance and now", field="issued")
        # 2. The secret was sealed by the peer for this match.
        s2 = unseal_secret(
            said.sealed_secret,
            self._ephemeral,
            role=Role.REQUESTER,
            match_id=self._match_bytes,
            sender=self._context.peer,
        )
        # 3. Confirm under the keys of both.
        self._open = opening
        keys = derive_keys(
            self._secret,
            s2,
            request=self._request.digest,
            grant=grant.digest,
            acceptance=acceptance.digest,
            opening=opening.digest,
        )
        self._establish(keys)
        self._state = State.OPEN
        return [Opened()]

    def _forget_secrets(self) -> None:
        self._ephemeral = None
        self._secret = None
