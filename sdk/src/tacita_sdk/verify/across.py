"""What all exports together say about a match: no two of them may contradict each other."""

from collections.abc import Iterator

from tacita_protocol.errors import PeerViolation
from tacita_sdk.verify.evidence import MatchEvidence


class AcrossExports:
    """Collects what is said of each match: each statement once, cited or shown, and each log entry."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._exporters: dict[str, set[str]] = {}

    def add(self, match: MatchEvidence) -> None:
        """Compare one piece of evidence with all before. Raises PeerViolation with what contradicts."""
        self._exporters.setdefault(match.match, set()).add(match.exporter)
        for what, said in _facts(match):
            if self._known.setdefault((match.match, what), said) != said:
                raise PeerViolation("the exports show two different ones of one match", field=what)

    @property
    def from_both_parties(self) -> int:
        """How many matches both of their parties exported."""
        return sum(len(exporters) == 2 for exporters in self._exporters.values())


def _facts(match: MatchEvidence) -> Iterator[tuple[str, str]]:
    for what, statement in (
        ("request", match.request),
        ("decision", match.decision),
        ("acceptance", match.acceptance),
        ("refusal", match.refusal),
        ("open", match.open),
    ):
        if statement is not None:
            yield what, statement.digest
    for what, entry in (("opening entry", match.opening), ("closing entry", match.closing)):
        if entry is not None:
            yield what, entry.entry
    # A side signs one receipt: neither a second one for another reader, nor one about other statements.
    receipts = list(match.receipts.items())
    if match.own_receipt is not None:
        receipts.append((match.role, match.own_receipt))
    for role, receipt in receipts:
        yield f"receipt of the {role}", receipt.digest
        for what, cited in (("acceptance", receipt.body.acceptance), ("open", receipt.body.open)):
            if cited is not None:
                yield what, cited
