"""A scripted pair of partners: the statements of a match, made as nodes make them, sent one by one."""

import asyncio
import time
from dataclasses import dataclass, field

from tacita_protocol.api import Catalogue, Inbox, MatchState, MatchView, StatementBody, parse_body
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.acceptance import Acceptance, Open, Refusal
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.receipt import FrameCounts, Receipt, ReceiptStatus, Software, Transcripts
from tacita_protocol.statements.statement import Signed, sign_statement, unverified, verify_statement
from tacita_protocol.statements.vocabulary import Mode, PartnerKind, ResultTo, Role, Sensitivity
from tests.support.broker_harness import PATIENCE_SECONDS, BrokerHarness
from tests.support.broker_partner import Partner

DATASET = "accounts"
NORMALISER = "account/1"
SEALED = b64u(bytes(1168))


def dataset_card(
    owner: Partner,
    *,
    epoch: int = 1,
    dataset: str = DATASET,
    engines: tuple[str, ...] = ("ecdh",),
    seen_by: tuple[PartnerKind, ...] = tuple(PartnerKind),
    padded_size: int = 1024,
) -> Signed[DatasetCard]:
    """A card of one epoch of a dataset of accounts."""
    card = DatasetCard(
        partner=owner.name,
        dataset=dataset,
        kind=Kind.ACCOUNT,
        normaliser=NORMALISER,
        epoch=epoch,
        padded_size=padded_size,
        commitment=digest_of(b"commitment"),
        engines=engines,
        online=None,
        sensitivity=Sensitivity.ORDINARY,
        jurisdictions=("GB",),
        labels=(),
        discoverable_by=seen_by,
        issued=owner.clock(),
    )
    return sign_statement(card, owner.key)


def match_request(requester: Partner, responder: Partner, /, **changes: object) -> Signed[MatchRequest]:
    """A request about the dataset of `dataset_card`, valid now."""
    values: dict[str, object] = {
        "match": random_hex(16),
        "agreement": None,
        "requester": requester.name,
        "responder": responder.name,
        "dataset": DATASET,
        "epoch": 1,
        "kind": Kind.ACCOUNT,
        "normaliser": NORMALISER,
        "mode": Mode.INTERSECTION,
        "result_to": ResultTo.REQUESTER,
        "engines": ("ecdh",),
        "padded_count": 128,
        "commitment": digest_of(b"own commitment"),
        "sender_decision": None,
        "purpose": "payment-screening",
        "legal_basis": "gdpr-6-1-f",
        "case_reference": digest_of(b"case"),
        "ephemeral_key": requester.sealing.public_key.text,
        "nonce": random_hex(16),
        "issued": requester.clock(),
        "expires": requester.clock() + 600,
    }
    return sign_statement(MatchRequest.model_validate({**values, **changes}), requester.key)


@dataclass
class MatchScript:
    """One match of two partners at a broker, wherever that runs, moved on step by step."""

    requester: Partner
    responder: Partner
    request: Signed[MatchRequest]
    grant: Signed[Grant] | None = None
    acceptance: Signed[Acceptance] | None = None
    open: Signed[Open] | None = None
    frames: dict[str, list[bytes]] = field(default_factory=lambda: {"requester": [], "responder": []})

    @property
    def id(self) -> str:
        """The match's id."""
        return self.request.body.match

    async def view(self, partner: Partner) -> MatchView:
        """The match as a partner sees it."""
        answer = await partner.get(f"/v1/matches/{self.id}")
        assert answer.status_code == 200, answer.text
        return parse_body(MatchView, answer.content)

    async def until(self, *states: MatchState) -> MatchView:
        """Wait until the requester sees one of these states."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            view = await self.view(self.requester)
            if view.state in states:
                return view
            assert time.monotonic() < end, "the match did not get there"
            await asyncio.sleep(0.03)

    async def say(self, partner: Partner, what: str, statement: Signed[Acceptance | Refusal | Open | Receipt]) -> int:
        """Send a statement; the answer's status."""
        answer = await partner.post(f"/v1/matches/{self.id}/{what}", StatementBody(envelope=statement.envelope))
        return answer.status_code

    async def granted(self) -> Signed[Grant]:
        """Wait for the witnessed grant and keep it."""
        view = await self.until(MatchState.GRANTED, MatchState.DENIED)
        assert view.decision is not None
        broker = VerifyKey.from_text(self.requester.settings.signing_key)
        self.grant = verify_statement(Grant, view.decision.decision, broker)
        return self.grant

    async def accepted(self) -> Signed[Acceptance]:
        """The responder accepts."""
        self.acceptance = self.make_acceptance()
        assert await self.say(self.responder, "acceptance", self.acceptance) == 204
        return self.acceptance

    async def opened(self) -> Signed[Open]:
        """The requester opens."""
        self.open = self.make_open()
        assert await self.say(self.requester, "open", self.open) == 204
        return self.open

    async def run_to_open(self) -> None:
        """Grant, acceptance, open."""
        await self.granted()
        await self.accepted()
        await self.opened()

    async def relay(self, direction: str, frame: bytes) -> None:
        """One frame from one side to the other."""
        sender, receiver = self.requester, self.responder
        if direction == "responder":
            sender, receiver = receiver, sender
        seq = len(self.frames[direction])
        answer = await sender.put_frame(self.id, direction, seq, frame)
        assert answer.status_code == 201, answer.text
        received = await receiver.frame(self.id, direction, seq)
        assert (received.status_code, received.content) == (200, frame)
        self.frames[direction].append(frame)

    def make_acceptance(self, **changes: object) -> Signed[Acceptance]:
        """The responder's acceptance."""
        assert self.grant is not None
        values: dict[str, object] = {
            "match": self.id,
            "grant": self.grant.digest,
            "responder": self.responder.name,
            "policy": digest_of(b"own policy"),
            "partitions": 1,
            "obligations": self.grant.body.obligations,
            "ephemeral_key": self.responder.sealing.public_key.text,
            "sealed_secret": SEALED,
            "issued": self.responder.clock(),
        }
        return sign_statement(Acceptance.model_validate({**values, **changes}), self.responder.key)

    def make_refusal(self) -> Signed[Refusal]:
        """The responder's refusal."""
        assert self.grant is not None
        refusal = Refusal(
            match=self.id,
            grant=self.grant.digest,
            responder=self.responder.name,
            policy=None,
            reasons=(Reason(code="no-agreement", message="There is no agreement about this."),),
            issued=self.responder.clock(),
        )
        return sign_statement(refusal, self.responder.key)

    def make_open(self, **changes: object) -> Signed[Open]:
        """The requester's open."""
        values: dict[str, object] = {
            "match": self.id,
            "acceptance": self.acceptance.digest if self.acceptance else digest_of(b"none"),
            "requester": self.requester.name,
            "sealed_secret": SEALED,
            "issued": self.requester.clock(),
        }
        return sign_statement(Open.model_validate({**values, **changes}), self.requester.key)

    def make_receipt(self, role: Role, **changes: object) -> Signed[Receipt]:
        """One side's receipt of a completed match; both sides' agree."""
        assert self.grant is not None
        partner = self.requester if role is Role.REQUESTER else self.responder
        minute = partner.clock() // 60 * 60
        values: dict[str, object] = {
            "match": self.id,
            "role": role,
            "partner": partner.name,
            "grant": self.grant.digest,
            "acceptance": self.acceptance.digest if self.acceptance else None,
            "open": self.open.digest if self.open else None,
            "transcripts": Transcripts(
                requester=digest_of(b"".join(self.frames["requester"])),
                responder=digest_of(b"".join(self.frames["responder"])),
            ),
            "frames": FrameCounts(requester=len(self.frames["requester"]), responder=len(self.frames["responder"])),
            "elements_charged": 128,
            "status": ReceiptStatus.COMPLETED,
            "step": None,
            "engine": self.grant.body.engine,
            "software": (Software(name="scripted", version="1"),),
            "started": minute,
            "ended": minute,
            "custody": digest_of(role.value.encode()),
        }
        return sign_statement(Receipt.model_validate({**values, **changes}), partner.key)

    def make_abort(self, role: Role, **changes: object) -> Signed[Receipt]:
        """One side's receipt of a match that it gave up."""
        return self.make_receipt(role, status=ReceiptStatus.ABORTED, step="matching", **changes)


@dataclass
class ScriptedMatch(MatchScript):
    """The same at a broker in this process."""

    harness: BrokerHarness = field(kw_only=True)


async def ask(requester: Partner, responder: Partner, /, **changes: object) -> Signed[MatchRequest]:
    """Send a request for a match; the broker promised it."""
    request = match_request(requester, responder, **changes)
    answer = await requester.post("/v1/matches", StatementBody(envelope=request.envelope))
    assert answer.status_code == 201, answer.text
    return request


async def requested(
    harness: BrokerHarness, requester: Partner, responder: Partner, /, **changes: object
) -> ScriptedMatch:
    """Ask for a match; the broker promised it."""
    return ScriptedMatch(requester, responder, await ask(requester, responder, **changes), harness=harness)


async def federation(harness: BrokerHarness) -> tuple[Partner, Partner]:
    """A bank, and an NGO that publishes a dataset, under an issued trust file."""
    bank = await harness.partner("first-bank", PartnerKind.BANK)
    ngo = await harness.partner("safe-harbour", PartnerKind.NGO)
    await harness.issue_trust()
    card = dataset_card(ngo)
    answer = await ngo.put(f"/v1/datasets/{DATASET}/1", StatementBody(envelope=card.envelope))
    assert answer.status_code == 201, answer.text
    return bank, ngo


async def event_types(partner: Partner) -> list[str]:
    """The types of all events in a partner's inbox."""
    answer = await partner.inbox()
    assert answer.status_code == 200, answer.text
    return [event.type.value for event in parse_body(Inbox, answer.content).events]


async def datasets_of(partner: Partner) -> list[DatasetCard]:
    """What a partner finds in the catalogue."""
    answer = await partner.get("/v1/catalogue")
    assert answer.status_code == 200, answer.text
    return [unverified(DatasetCard, view.card) for view in parse_body(Catalogue, answer.content).datasets]
