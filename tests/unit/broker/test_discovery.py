"""Which datasets an asker sees: the real policy, asked once, remembered for a while, and hiding all when it fails."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tacita_broker.catalogue import discovery
from tacita_broker.catalogue.discovery import REMEMBERED_SECONDS, Discovery, Offered
from tacita_broker.observability import configure_logging
from tacita_policies.bundle import Bundle
from tacita_policies.decision import Decision, Entrypoint, Failure, Permission, refused_by
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_policies.questions import MatchInput, PermitInput
from tacita_protocol.crypto.digest import Digest, digest_of
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import Signed, sign_statement
from tacita_protocol.statements.vocabulary import PartnerKind, Sensitivity
from tests.support.memory_log import key_named
from tests.support.statements import DATASET_CARD, PARTNER_CARD, TIME

OWNER_KEY = key_named("safe-harbour")


def partner(name: str, kind: PartnerKind) -> Signed[PartnerCard]:
    key = key_named(name)
    changes = {"partner": name, "kind": kind, "signing_key": key.verify_key.text}
    return sign_statement(PARTNER_CARD.model_copy(update=changes), key)


BANK, HOTEL = partner("first-bank", PartnerKind.BANK), partner("grand-hotel", PartnerKind.HOTEL)
NGO = partner("safe-harbour", PartnerKind.NGO)


def offered(name: str, *, seen_by: Sequence[PartnerKind] = tuple(PartnerKind), **changes: object) -> Offered:
    card: dict[str, object] = {"partner": "safe-harbour", "dataset": name, "sensitivity": Sensitivity.ORDINARY}
    card |= {"discoverable_by": tuple(seen_by), **changes}
    return Offered(NGO, sign_statement(DATASET_CARD.model_copy(update=card), OWNER_KEY))


@dataclass
class CountingPolicy:
    """The decision point that it is given, with a count of the questions, and failing when told to."""

    real: EmbeddedDecisionPoint
    asked: int = 0
    failing: bool = False
    now: float = 0.0
    digest: Digest = field(default_factory=lambda: digest_of(b"counted"))

    async def start(self) -> None:
        await self.real.start()

    async def decide(self, entrypoint: Entrypoint, input: MatchInput) -> Decision:  # noqa: A002
        return await self.real.decide(entrypoint, input)

    async def permit(self, entrypoint: Entrypoint, input: PermitInput) -> Permission:  # noqa: A002
        return (await self.permit_each(entrypoint, [input]))[0]

    async def permit_each(self, entrypoint: Entrypoint, inputs: Sequence[PermitInput]) -> tuple[Permission, ...]:
        self.asked += len(inputs)
        if self.failing:
            return tuple(refused_by(Failure.TIMEOUT) for _ in inputs)
        return await self.real.permit_each(entrypoint, inputs)

    async def close(self) -> None:
        await self.real.close()


def counting() -> tuple[CountingPolicy, Discovery]:
    policy = CountingPolicy(EmbeddedDecisionPoint(Bundle.load(), timeout=20))
    return policy, Discovery(policy, lambda: TIME, lambda: policy.now)


async def names(discovery: Discovery, asker: Signed[PartnerCard], datasets: Sequence[Offered]) -> list[str]:
    return [one.dataset.body.dataset for one in await discovery.visible(asker, datasets)]


def test_each_kind_sees_its_own_selection() -> None:
    datasets = [
        offered("for-all"),
        offered("for-hotels", seen_by=(PartnerKind.HOTEL,)),
        offered("financial", sensitivity=Sensitivity.FINANCIAL),
        offered("victims", sensitivity=Sensitivity.POSSIBLE_VICTIM),
    ]

    async def scene() -> None:
        policy, discovery = counting()
        assert await names(discovery, BANK, datasets) == ["for-all", "financial", "victims"]
        assert await names(discovery, HOTEL, datasets) == ["for-all", "for-hotels", "victims"]
        assert await names(discovery, NGO, datasets) == ["for-all", "for-hotels", "financial", "victims"]
        await policy.close()

    asyncio.run(scene())


def test_an_answer_is_remembered_for_a_while() -> None:
    async def scene() -> None:
        policy, discovery = counting()
        datasets = [offered("one"), offered("two", seen_by=())]
        for _ in range(3):
            assert await names(discovery, BANK, datasets) == ["one"]
        assert policy.asked == 2
        await discovery.visible(HOTEL, datasets)
        assert policy.asked == 4
        policy.now += REMEMBERED_SECONDS
        await discovery.visible(BANK, datasets)
        assert policy.asked == 6
        await policy.close()

    asyncio.run(scene())


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "MAX_REMEMBERED", 3)

    async def scene() -> None:
        policy, found = counting()
        datasets = [offered(f"dataset-{number}") for number in range(5)]
        await found.visible(BANK, datasets)
        assert policy.asked == 5
        await found.visible(BANK, datasets[2:])
        assert policy.asked == 5
        await found.visible(BANK, datasets[:2])
        assert policy.asked == 7
        await policy.close()

    asyncio.run(scene())


def test_a_failing_policy_hides_everything_says_so_and_is_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()

    async def scene() -> None:
        policy, discovery = counting()
        datasets = [offered("one"), offered("two")]
        policy.failing = True
        assert await names(discovery, BANK, datasets) == []
        assert await names(discovery, NGO, datasets) == []
        policy.failing = False
        assert await names(discovery, BANK, datasets) == ["one", "two"]
        await policy.close()

    asyncio.run(scene())
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["count"]) for line in lines] == [("discover.failed", 2), ("discover.failed", 2)]


def test_an_absent_dataset_costs_a_question_as_a_hidden_one_does() -> None:
    async def scene() -> None:
        policy, discovery = counting()
        for _ in range(2):
            await discovery.absent(BANK, "safe-harbour", "nothing/1")
            assert await discovery.visible(BANK, [offered("hidden", seen_by=())]) == []
        assert policy.asked == 2
        await policy.close()

    asyncio.run(scene())


def test_a_thousand_datasets_are_put_in_few_messages() -> None:
    async def scene() -> None:
        policy, discovery = counting()
        datasets = [offered(f"dataset-{number}") for number in range(1_000)]
        assert len(await discovery.visible(BANK, datasets)) == 1_000
        assert len(await discovery.visible(BANK, datasets)) == 1_000
        assert policy.asked == 1_000
        await policy.close()

    asyncio.run(scene())
