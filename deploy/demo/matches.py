"""The demo's matches: who asks whom, what was planted, what each side learned, and the sum of it."""

import time
from dataclasses import dataclass, field

from deploy.demo.sample_data import SampleData
from tacita_sdk.node import Match, MatchResult, Node

MATCH_SECONDS = 240.0


@dataclass
class Tally:
    """What the closing JSON line says."""

    matches: int = 0
    expected_hits: int = 0
    hits: int = 0
    false_hits: int = 0
    missed_hits: int = 0
    denied: int = 0
    refused: int = 0
    log_size: int = 0
    verified: bool = False
    unexpected: list[str] = field(default_factory=list)

    def count_hits(self, result: MatchResult, planted: frozenset[int]) -> None:
        """Compare the source lines of the hits with those where overlaps were planted."""
        found = {hit.line for hit in result.hits}
        self._add(len(planted), len(found), false=len(found - planted), missed=len(planted - found))

    def count_number(self, told: int | None, planted: int) -> None:
        """Compare a mere number; what is planted is a multiple of what numbers are rounded to."""
        found = told or 0
        self._add(planted, found, false=max(found - planted, 0), missed=max(planted - found, 0))

    def _add(self, planted: int, found: int, *, false: int, missed: int) -> None:
        self.matches += 1
        self.expected_hits += planted
        self.hits += found
        self.false_hits += false
        self.missed_hits += missed

    def summary(self) -> dict[str, int | bool]:
        """The JSON line as a mapping."""
        return {
            "matches": self.matches,
            "expected_hits": self.expected_hits,
            "hits": self.hits,
            "false_hits": self.false_hits,
            "missed_hits": self.missed_hits,
            "denied": self.denied,
            "refused": self.refused,
            "log_size": self.log_size,
            "verified": self.verified,
        }

    @property
    def as_promised(self) -> bool:
        """Whether the demo showed what it set out to show."""
        right = self.verified and self.denied == 1 and self.refused == 1 and self.hits > 0
        return right and self.false_hits == 0 and self.missed_hits == 0 and not self.unexpected


def match_all(bank: Node, ngo: Node, data: SampleData, tally: Tally) -> None:
    """Every match of the demo, one after the other."""
    print("\nMatching. The sample data overlaps in known places (planted); under each match, the first two hits,")
    print("as the lines of the learner's own file:")
    accounts = bank.match(
        dataset="customer-accounts", with_="haven/reported-accounts", purpose="payment-screening",
        basis="gdpr-6-1-f", case="AB-2026-114",
    )  # fmt: skip
    title = "The bank asks which of its accounts were reported to the NGO, and alone learns"
    _report(title, accounts, data.customer_account_lines, tally)
    phones = ngo.match(
        dataset="hotline-phones", with_="albion-bank/customer-phones", purpose="victim-protection",
        basis="gdpr-6-1-d", case="H-77",
    )  # fmt: skip
    title = "The NGO asks which hotline numbers are customers of the bank, and alone learns"
    _report(title, phones, data.hotline_phone_lines, tally)
    _match_emails(ngo, data, tally)
    _match_silently(bank, ngo, data, tally)
    denied = bank.match(
        dataset="customer-phones", with_="haven/hotline-phones", purpose="payment-screening", basis="gdpr-6-1-f",
        case="AB-2026-115",
    )  # fmt: skip
    tally.denied += _report_no("The bank asks about the NGO's hotline numbers", denied, "denied", tally)
    refused = ngo.match(
        dataset="reported-accounts", with_="albion-bank/customer-accounts", purpose="victim-protection",
        basis="gdpr-6-1-d", case="H-78",
    )  # fmt: skip
    tally.refused += _report_no("The NGO asks about accounts, which no agreement covers", refused, "refused", tally)


def _match_emails(ngo: Node, data: SampleData, tally: Tally) -> None:
    """First only how many, then which."""

    def ask(mode: str) -> Match:
        return ngo.match(
            dataset="advert-emails", with_="albion-bank/customer-emails", purpose="victim-protection",
            basis="gdpr-6-1-d", case="H-79", mode=mode,
        )  # fmt: skip

    planted = data.advert_email_lines
    title = "The NGO asks only how many addresses of its adverts are customers of the bank"
    summary = _ended(title, ask("cardinality"), tally).summary
    tally.count_number(summary.hits, len(planted))
    print(f"  {title}: planted {len(planted)}, told {summary.hits}, rounded to tens, and none of them by name")
    _report("The NGO asks which ones, and alone learns", ask("intersection"), planted, tally)


def _match_silently(bank: Node, ngo: Node, data: SampleData, tally: Tally) -> None:
    """The bank lets the NGO see which of its suspects are customers, and learns nothing itself."""
    title = "The bank lets the NGO test its customers against a list of suspects"
    started = time.monotonic()
    asked = bank.match(
        dataset="customer-phones", with_="haven/suspects", purpose="payment-screening", basis="gdpr-6-1-f",
        case="AB-2026-116", result_to="owner",
    )  # fmt: skip
    own = _ended(title, asked, tally)
    if own.summary.hits is not None or own.hits:
        tally.unexpected.append(f"{title}: the bank learned something")
    silent = Match(ngo, asked.id)
    _report(f"{title}, and learns nothing; the NGO", silent, data.suspect_phone_lines, tally, started=started)


def _report(title: str, match: Match, planted: frozenset[int], tally: Tally, *, started: float | None = None) -> None:
    started = time.monotonic() if started is None else started
    result = _ended(title, match, tally)
    tally.count_hits(result, planted)
    print(f"  {title}: planted {len(planted)}, found {len(result.hits)} ({time.monotonic() - started:.1f} s)")
    for hit in result.hits[:2]:
        print(f"    line {hit.line}: {hit.value}")


def _ended(title: str, match: Match, tally: Tally) -> MatchResult:
    result = match.wait(timeout=MATCH_SECONDS, closed=True)
    if result.summary.state != "closed":
        reasons = " ".join(reason.message for reason in result.summary.reasons)
        tally.unexpected.append(f"{title}: {result.summary.state}. {reasons}")
    return result


def _report_no(title: str, match: Match, expected: str, tally: Tally) -> int:
    summary = match.wait(timeout=MATCH_SECONDS, closed=True).summary
    print(f"  {title}: {summary.state}.")
    for reason in summary.reasons:
        print(f"    {reason.message}")
    if summary.state != expected:
        tally.unexpected.append(f"{title}: {summary.state}, expected {expected}")
        return 0
    return 1
