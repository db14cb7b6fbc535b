"""Requests that the broker denies, sent straight to it by a partner without a node: two entries each for little work.

Everything that the broker acknowledges is kept: promises, decisions and closings with their proofs. In the end each
promise must have become two entries.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TypeVar

import httpx2

from tacita_node.clock import system_clock
from tacita_protocol.api import LoggedClosing, LoggedDecision
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.keys import SealingKey
from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.statement import sign_statement, unverified
from tacita_protocol.statements.vocabulary import Mode, ResultTo
from tacita_sdk.audit_export import AuditExport, ExportedMatch
from tacita_sdk.broker import BrokerClient
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable
from tests.support.campaign.parties import LOAD, NGO, Parties

FIRST_LOOK_SECONDS = 0.5
LOOK_SECONDS = 0.25
PAUSE_SECONDS = 0.1
_BUSY = frozenset({429, 503})

T = TypeVar("T")


@dataclass
class Requested:
    """One request and everything that the broker has acknowledged about it."""

    envelope: str
    promise: str | None = None
    decision: LoggedDecision | None = None
    closing: LoggedClosing | None = None


@dataclass
class DeniedRequests:
    """Sends `lanes` requests at a time until it is told to stop, and then sees each to its end."""

    parties: Parties
    lanes: int
    requests: dict[str, Requested] = field(default_factory=dict)
    acknowledged: int = 0
    """Entries whose proofs have arrived."""
    changed_promises: int = 0
    """Requests that were sent again in the end and got another promise than before."""
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self, threads: Executor) -> Future[None]:
        """Begin; the future ends after `stop`, and fails with what went wrong."""
        return threads.submit(lambda: asyncio.run(self._all()))

    def stop(self) -> None:
        """No more requests; the future is done when each that was promised is closed."""
        self._stop.set()

    def export(self) -> AuditExport:
        """What a node of this partner would show an auditor."""
        identity, asked = self.parties.identities[LOAD], self.parties.identities[NGO]
        return AuditExport(
            partner=LOAD,
            broker=identity.broker.broker,
            broker_key=identity.broker.signing_key,
            cards=(identity.card.envelope, asked.card.envelope),
            matches=tuple(
                ExportedMatch(
                    match=match,
                    role="requester",
                    request=item.envelope,
                    decision=item.decision,
                    acceptance=None,
                    refusal=None,
                    open=None,
                    receipt=None,
                    closing=item.closing,
                )
                for match, item in self.requests.items()
                if item.promise is not None
            ),
        )

    async def _all(self) -> None:
        identity = self.parties.identities[LOAD]
        async with httpx2.AsyncClient() as client, asyncio.TaskGroup() as lanes:
            broker = BrokerClient(
                identity.broker.url,
                broker_id=identity.broker.broker,
                broker_key=identity.broker.key,
                partner=LOAD,
                signing_key=identity.keys.signing,
                clock=system_clock,
                client=client,
            )
            catalogue = await _insisting(broker.catalogue)
            cards = [unverified(DatasetCard, view.card) for view in catalogue.datasets]
            card = next(card for card in cards if (card.partner, card.dataset) == (NGO, "accounts"))
            for _ in range(self.lanes):
                lanes.create_task(self._lane(broker, card))

    async def _lane(self, broker: BrokerClient, card: DatasetCard) -> None:
        last: str | None = None
        while not self._stop.is_set():
            last = await self._one(broker, card)
        if last is not None:
            item = self.requests[last]
            again = await _insisting(lambda: broker.request_match(item.envelope))
            self.changed_promises += again.promise != item.promise

    async def _one(self, broker: BrokerClient, card: DatasetCard) -> str:
        request = self._request(card)
        match, item = (
            request.match,
            Requested(sign_statement(request, self.parties.identities[LOAD].keys.signing).envelope),
        )
        self.requests[match] = item
        item.promise = (await _insisting(lambda: broker.request_match(item.envelope))).promise
        await asyncio.sleep(FIRST_LOOK_SECONDS)
        while True:
            view = await _insisting(lambda: broker.match(match))
            if view.decision is not None and item.decision is None:
                item.decision = view.decision
                self.acknowledged += 1
            if view.closing is not None:
                item.closing = view.closing
                self.acknowledged += 1
                return match
            await asyncio.sleep(LOOK_SECONDS)

    def _request(self, card: DatasetCard) -> MatchRequest:
        now = system_clock()
        return MatchRequest(
            match=random_hex(16),
            agreement=None,
            requester=LOAD,
            responder=card.partner,
            dataset=card.dataset,
            epoch=card.epoch,
            kind=card.kind,
            normaliser=card.normaliser,
            mode=Mode.INTERSECTION,
            result_to=ResultTo.REQUESTER,
            engines=("ecdh",),
            padded_count=64,
            commitment=digest_of(b"commitment"),
            sender_decision=None,
            purpose="agency-check",
            legal_basis="gdpr-6-1-f",
            case_reference=digest_of(b"case"),
            ephemeral_key=SealingKey.generate().public_key.text,
            nonce=random_hex(16),
            issued=now,
            expires=now + 600,
        )


async def _insisting(call: Callable[[], Awaitable[T]]) -> T:
    """The answer to a call that is made until the broker is there to answer it."""
    while True:
        try:
            return await call()
        except BrokerUnreachable:
            await asyncio.sleep(PAUSE_SECONDS)
        except BrokerProblem as problem:
            if problem.status not in _BUSY:
                raise
            await asyncio.sleep(PAUSE_SECONDS)
