"""Who may know of which dataset: the policy's answers, remembered for a short time.

Fail closed: a dataset about which the policy could not be asked is hidden, an event says so, and it is asked again the
next time. For a dataset that does not exist a question is put as well, so that its absence takes as long as a refusal.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tacita_broker.observability import events
from tacita_policies.decision import DecisionPoint, Entrypoint, Failure
from tacita_policies.example import DISCOVER_EXAMPLE
from tacita_policies.facts import discover_input
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import Signed

REMEMBERED_SECONDS = 60.0
"""Seconds for which an answer holds; the cards that it was given for never change."""
MAX_REMEMBERED = 65_536
"""Answers that are remembered; the oldest go first."""

_FAILURES = frozenset(failure.value for failure in Failure)


@dataclass(frozen=True)
class Offered:
    """A dataset and who offers it."""

    owner: Signed[PartnerCard]
    dataset: Signed[DatasetCard]


class Discovery:
    """Asks the policy of `point` about one asker and many datasets at once.

    Args:
        point: who decides.
        clock: unix seconds, as the policy is told.
        monotonic: seconds, by which answers grow old.
    """

    def __init__(
        self, point: DecisionPoint, clock: Callable[[], int], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._point = point
        self._clock = clock
        self._monotonic = monotonic
        self._answers: OrderedDict[tuple[str, str, str], tuple[float, bool]] = OrderedDict()

    async def visible(self, asker: Signed[PartnerCard], offered: Sequence[Offered]) -> list[Offered]:
        """Those of `offered` of which `asker` may know, in their order."""
        keys = [(asker.digest, one.owner.digest, one.dataset.digest) for one in offered]
        known = {key: answer for key in keys if (answer := self._remembered(key)) is not None}
        open_ = {key: one for key, one in zip(keys, offered, strict=True) if key not in known}
        now = self._clock()
        questions = [
            discover_input(asker=asker.body, owner=one.owner.body, dataset=one.dataset.body, time=now)
            for one in open_.values()
        ]
        failed = 0
        permissions = await self._point.permit_each(Entrypoint.BROKER_DISCOVER, questions)
        for key, permission in zip(open_, permissions, strict=True):
            known[key] = permission.allow
            if any(reason.code in _FAILURES for reason in permission.reasons):
                failed += 1
            else:
                self._remember(key, answer=permission.allow)
        if failed:
            events().error("discover.failed", count=failed)
        return [one for key, one in zip(keys, offered, strict=True) if known[key]]

    async def absent(self, asker: Signed[PartnerCard], owner: str, address: str) -> None:
        """Take the time that it takes to hide a dataset from `asker`."""
        key = (asker.digest, owner, address)
        if self._remembered(key) is None:
            await self._point.permit_each(Entrypoint.BROKER_DISCOVER, [DISCOVER_EXAMPLE])
            self._remember(key, answer=False)

    def _remembered(self, key: tuple[str, str, str]) -> bool | None:
        until, answer = self._answers.get(key, (0.0, False))
        return answer if self._monotonic() < until else None

    def _remember(self, key: tuple[str, str, str], *, answer: bool) -> None:
        self._answers[key] = (self._monotonic() + REMEMBERED_SECONDS, answer)
        self._answers.move_to_end(key)
        while len(self._answers) > MAX_REMEMBERED:
            self._answers.popitem(last=False)
