"""A federation's history for auditors: real sessions over a log in memory, and what both nodes would export of it."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tacita_protocol.api import LoggedClosing, LoggedDecision
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.session import MessageKind, State
from tacita_protocol.statements.acceptance import Refusal
from tacita_protocol.statements.logged import Outcome
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import Signed, sign_statement, verify_statement
from tacita_protocol.tlog.entry import build_match_entry
from tacita_sdk.audit_export import AuditExport
from tests.support.memory_broker import (
    BANK,
    BROKER,
    CUSTODY,
    NGO,
    NOW,
    OBLIGATIONS,
    POLICY,
    REASONS,
    MemoryBroker,
)
from tests.support.memory_log import SEALED, key_named
from tests.support.session_pair import SessionPair, receipt_of, take
from tests.support.statements import PARTNER_CARD

Json = dict[str, Any]


class AuditCase:
    """Matches that completed, were refused, were denied, were aborted, and one under way; more than one full tile."""

    def __init__(self, *, fill: int = 300, request: Json | None = None) -> None:
        self.broker = MemoryBroker()
        self.request = request or {}
        """What the requests ask for instead of an intersection for the requester."""
        self.log = self.broker.log
        self.cards = [self._card(BANK), self._card(NGO)]
        self.sizes: list[int] = []
        self.matches: dict[str, Json] = {}
        """What the match's requester exports, by the name of the case."""
        for _ in range(fill):
            self._decoy()
        self.matches["completed"] = self._completed()
        self.matches["refused"] = self._refused()
        self._checkpoint()
        self.matches["denied"] = self._denied()
        self.matches["aborted"] = self._aborted()
        self._decoy()
        self.matches["under way"] = self._under_way()
        self._checkpoint()

    def export(self, partner: str) -> Json:
        """The export of one node, as JSON."""
        role = "requester" if partner == BANK else "responder"
        matches = [
            match | {"role": role, "receipt": match["receipt"][role]}
            for name, match in self.matches.items()
            if name != "denied" or partner == BANK
        ]
        return {
            "v": 1,
            "partner": partner,
            "broker": BROKER,
            "broker_key": key_named(BROKER).verify_key.text,
            "cards": [card.envelope for card in self.cards],
            "matches": matches,
        }

    def exports(self) -> list[AuditExport]:
        """Both nodes' exports."""
        return [AuditExport.model_validate(self.export(partner)) for partner in (BANK, NGO)]

    def write_log(self, directory: Path) -> Path:
        """The log as files, with the older partial tiles of every checkpoint there was."""
        for size in [*self.sizes, self.log.size]:
            for path, data in self.log.files(size).items():
                (directory / path).parent.mkdir(parents=True, exist_ok=True)
                (directory / path).write_bytes(data)
        return directory

    def _card(self, partner: str) -> Signed[PartnerCard]:
        key = key_named(partner)
        changes = {
            "partner": partner,
            "signing_key": key.verify_key.text,
            "witness_key": key_named(f"witness/{partner}").verify_key.text,
        }
        card = sign_statement(PARTNER_CARD.model_copy(update=changes), key)
        self.log.log_card("partner-card", card.envelope_digest)
        return card

    def _decoy(self) -> None:
        self.log.append(build_match_entry({}, sealed=SEALED, time=NOW, entropy=random_bytes).entry)

    def _checkpoint(self) -> None:
        self.sizes.append(self.log.size)

    def _granted(self) -> tuple[SessionPair, Json]:
        pair = SessionPair(self.broker, request=self.request)
        take(pair.requester, MessageKind.REQUEST)
        data = self.broker.decide(pair.request, pair.grant)
        pair.requester.receive(MessageKind.DECISION, data, NOW + 2)
        pair.responder.receive(MessageKind.DECISION, data, NOW + 3)
        return pair, self._match(pair, LoggedDecision.model_validate_json(data))

    def _opened(self) -> tuple[SessionPair, Json]:
        pair, match = self._granted()
        pair.responder.accept(policy=POLICY, obligations=OBLIGATIONS, partitions=1, now=NOW + 10)
        acceptance = take(pair.responder, MessageKind.ACCEPTANCE)
        pair.requester.receive(MessageKind.ACCEPTANCE, acceptance.data, NOW + 11)
        opening = take(pair.requester, MessageKind.OPEN)
        pair.responder.receive(MessageKind.OPEN, opening.data, NOW + 12)
        return pair, match | {"acceptance": acceptance.data.decode(), "open": opening.data.decode()}

    def _completed(self) -> Json:
        pair, match = self._opened()
        pair.messages()
        for run in pair.requester.runs:
            pair.play(run)
        pair.requester.finish(elements_charged=pair.charged, custody=CUSTODY, now=NOW + 40)
        pair.responder.finish(elements_charged=pair.charged, custody=CUSTODY, now=NOW + 50)
        return self._closed(pair, match)

    def _aborted(self) -> Json:
        pair, match = self._opened()
        pair.messages()
        pair.requester.abort(now=NOW + 20, custody=CUSTODY)
        pair.responder.abort(now=NOW + 30, custody=CUSTODY)
        return self._closed(pair, match)

    def _under_way(self) -> Json:
        pair, match = self._opened()
        assert pair.requester.state is State.OPEN
        return match

    def _refused(self) -> Json:
        pair, match = self._granted()
        pair.responder.refuse(reasons=REASONS, policy=POLICY, now=NOW + 10)
        envelope = take(pair.responder, MessageKind.REFUSAL).data
        refusal = verify_statement(Refusal, envelope, key_named(NGO).verify_key)
        closing = self.broker.close(pair.request.body.match, pair.grant.digest, refusal=refusal)
        return match | {"refusal": refusal.envelope, "closing": _json(LoggedClosing.model_validate_json(closing))}

    def _denied(self) -> Json:
        pair = SessionPair(self.broker)
        denial = self.broker.denial(pair.request)
        decision = LoggedDecision.model_validate_json(self.broker.decide(pair.request, denial))
        closing = self.broker.close(pair.request.body.match, denial.digest, outcome=Outcome.DENIED, time=NOW + 700)
        return self._match(pair, decision) | {"closing": _json(LoggedClosing.model_validate_json(closing))}

    def _closed(self, pair: SessionPair, match: Json) -> Json:
        requester, responder = receipt_of(pair.requester), receipt_of(pair.responder)
        closing = self.broker.close(
            pair.request.body.match, pair.grant.digest, requester=requester, responder=responder
        )
        receipts = {"requester": requester.envelope, "responder": responder.envelope}
        return match | {"receipt": receipts, "closing": _json(LoggedClosing.model_validate_json(closing))}

    @staticmethod
    def _match(pair: SessionPair, decision: LoggedDecision) -> Json:
        return {
            "match": pair.request.body.match,
            "request": pair.request.envelope,
            "decision": _json(decision),
            "acceptance": None,
            "refusal": None,
            "open": None,
            "receipt": {"requester": None, "responder": None},
            "closing": None,
        }


def _json(body: BaseModel) -> Json:
    return body.model_dump(mode="json")
