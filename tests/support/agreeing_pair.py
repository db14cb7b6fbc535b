"""Two real nodes in this process that confirm each other and agree, over a simulated broker."""

from dataclasses import dataclass

from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.statement import unverified
from tacita_protocol.statements.vocabulary import Mode, ResultTo
from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import NOW, SingleNode, TestClock


@dataclass
class Pair:
    bank: SingleNode
    ngo: SingleNode
    broker: BrokerSimulator
    clock: TestClock

    async def confirm(self, *, both: bool = True) -> None:
        for one, other in ((self.bank, self.ngo), (self.ngo, self.bank))[: 2 if both else 1]:
            identity = other.services.identity
            answer = await one.client.post(
                f"/v1/partners/{identity.partner}/confirm", json={"fingerprint": identity.fingerprint}
            )
            assert answer.status_code == 200, answer.text

    async def propose(self) -> str:
        """The bank's proposal; its envelope as the broker has it."""
        answer = await self.bank.client.post("/v1/agreements", json=draft())
        assert answer.status_code == 200, answer.text
        return self.broker.agreements[-1][1]

    async def sign(self) -> str:
        """Proposed by the bank, signed by the NGO; the envelope with both signatures."""
        await self.confirm()
        envelope = await self.propose()
        await self.ngo.services.agreements.received(envelope)
        answer = await self.ngo.client.post(f"/v1/agreements/{unverified(Agreement, envelope).agreement}/sign")
        assert answer.json()["state"] == "signed", answer.text
        return self.broker.agreements[-1][1]


def draft(**changed: object) -> dict[str, object]:
    term = {
        "owner": "harbour-ngo",
        "dataset": "suspects",
        "kind": "phone",
        "purposes": ["payment-screening"],
        "legal_bases": ["gdpr-6-1-f"],
    }
    people = {"approved_by": ["dpo-1"], "their_approvers": ["lead-7"]}
    return {"with": "harbour-ngo", "terms": [term], **people, **changed}


async def covered(node: SingleNode, **changed: object) -> bool:
    asked: dict[str, object] = {
        "requester": "north-bank",
        "responder": "harbour-ngo",
        "owner": "harbour-ngo",
        "dataset": "suspects",
        "kind": Kind.PHONE,
        "mode": Mode.INTERSECTION,
        "result_to": ResultTo.REQUESTER,
        "purpose": "payment-screening",
        "legal_basis": "gdpr-6-1-f",
        "now": NOW,
    }
    return await node.services.agreements.covering(**(asked | changed)) is not None  # type: ignore[arg-type]  # a table


async def states(node: SingleNode) -> list[tuple[str, str]]:
    listed = (await node.client.get("/v1/agreements")).json()["agreements"]
    return [(one["peer"], one["state"]) for one in listed]
