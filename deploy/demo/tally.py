"""The sum of the demo: what its closing JSON line says, and whether all went as it should."""

from dataclasses import dataclass, field

from tacita_sdk.node import MatchResult


@dataclass
class Tally:
    """What the closing JSON line says; `unexpected` has a sentence for each thing that went otherwise than planned."""

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

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note a sentence for the end when something does not hold."""
        if not holds:
            self.unexpected.append(otherwise)

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
        shown = self.verified and self.denied > 0 and self.refused > 0 and self.hits > 0
        return shown and self.false_hits == 0 and self.missed_hits == 0 and not self.unexpected
