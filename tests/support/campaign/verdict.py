"""What must hold at the end of a campaign, whatever was killed when.

1. Every entry that was acknowledged to anybody is in the log once, where its proof says; nothing is there twice; and
   every promise has become an opening and a closing.
2. Every match has one outcome, and both nodes and the log say the same.
3. Every checkpoint that anybody has seen is an earlier state of the one final log: so every pair of them is consistent.
4. `tacita-broker log check` and `tacita audit verify` over all exports hold.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tacita_broker.administration import opened
from tacita_broker.directory import BrokerDirectory
from tacita_broker.errors import BrokerError
from tacita_broker.log.check import check_log
from tacita_broker.log.files import LogFiles
from tacita_protocol.errors import ProtocolError
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.entry import LoggedEntry
from tacita_protocol.tlog.note import NoteVerifier
from tacita_protocol.tlog.proof import LogProof
from tacita_protocol.tlog.tiles import TILE_WIDTH, decode_entries, entries_path, tile_width
from tacita_protocol.tlog.trust import TrustPolicy
from tacita_sdk.audit_export import AuditExport
from tacita_sdk.errors import VerificationFailed
from tacita_sdk.verify import open_log, verify_audit
from tacita_sdk.verify.whole_log import VerifiedLog, verify_log
from tests.support.campaign.books import BrokerBook, NodeMatch, broker_book, node_matches
from tests.support.campaign.observer import Observer
from tests.support.campaign.orders import COMMON
from tests.support.campaign.parties import BANK, BROKER, NGO, Parties
from tests.support.campaign.requests import Requested

ENDINGS = frozenset({"completed", "denied", "refused", "aborted", "incomplete"})
"""`disputed` is not among them: honest sides do not contradict each other, whenever they die."""


@dataclass(frozen=True)
class Seen:
    """What was gathered outside of the processes.

    `exports` by partner, `requests` of the partner without a node by match, `hits`: what sides were shown.
    """

    exports: Mapping[str, AuditExport]
    requests: Mapping[str, Requested]
    hits: Sequence[frozenset[str]]
    observer: Observer


@dataclass
class Verdict:
    """`broken` says in sentences what does not hold; `figures` counts what was looked at."""

    figures: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def require(self, holds: bool, sentence: str) -> None:
        """Something that must hold."""
        if not holds:
            self.broken.append(sentence)


def judge(parties: Parties, seen: Seen) -> Verdict:
    """The verdict over processes that have ended. Everything is looked at, whatever is found broken.

    Raises `VerificationFailed` when the log itself cannot be read as one.
    """
    verdict = Verdict()
    trust = TrustPolicy.parse(parties.trust_file.read_text(encoding="utf-8"))
    source = open_log(str(parties.log_directory))
    log, _ = verify_log(trust, source, patience=0)
    try:
        verify_audit(trust, source, list(seen.exports.values()), tuple(seen.observer.notes.values()), patience=0)
    except VerificationFailed as failed:
        verdict.broken.append(f"audit: {failed}")
    try:
        asyncio.run(_check_log(parties))
    except BrokerError as error:
        verdict.broken.append(f"log check: {error}")
    book = broker_book(parties)
    entries = [entry for index in range(-(-log.size // TILE_WIDTH)) for entry in _bundle(parties, log, index)]
    judge_entries(verdict, entries, list(acknowledged(seen.exports.values())))
    judge_promises(verdict, book, seen.requests, len(entries))
    judge_matches(verdict, book.outcomes, {name: node_matches(parties, name) for name in (BANK, NGO)}, seen.hits)
    judge_checkpoints(verdict, log, book, seen)
    return verdict


def acknowledged(exports: Iterable[AuditExport]) -> Iterator[LoggedEntry]:
    """Every entry that somebody holds with its proof."""
    for export in exports:
        for match in export.matches:
            for held in (match.decision, match.closing):
                if held is not None:
                    yield held.logged


def judge_entries(verdict: Verdict, entries: Sequence[bytes], held: Sequence[LoggedEntry]) -> None:
    """Each entry that is held stands in the log once, at the index of its proof."""
    counts = Counter(entries)
    distinct = {entry.entry_bytes(): LogProof.parse(entry.proof).index for entry in held}
    lost = [entry for entry in distinct if entry not in counts]
    doubled = [entry for entry, count in counts.items() if count > 1]
    moved = [entry for entry, index in distinct.items() if entry in counts and entries[index : index + 1] != [entry]]
    verdict.figures |= {"acknowledged entries": len(distinct), "lost": len(lost), "doubled": len(doubled)}
    verdict.require(not lost, f"{len(lost)} acknowledged entries are not in the log")
    verdict.require(not doubled, f"{len(doubled)} entries are in the log more than once")
    verdict.require(not moved, f"{len(moved)} acknowledged entries are elsewhere than their proofs say")


def judge_promises(verdict: Verdict, book: BrokerBook, requests: Mapping[str, Requested], size: int) -> None:
    """Each promise has two entries, each match of the broker too, and nothing else but public entries is in the log."""
    promised = {match for match, item in requests.items() if item.promise is not None}
    verdict.figures["promises"] = len(promised)
    verdict.require(promised <= book.outcomes.keys(), "a request that was promised is not known any more")
    verdict.require(
        all(item.decision is not None and item.closing is not None for item in requests.values()),
        "a promised request did not get both proofs",
    )
    names = {f"{kind}:{match}" for match in book.outcomes for kind in ("opening", "closing")}
    logged = {name for name, position in book.positions.items() if position is not None}
    verdict.require(len(logged) == len(book.positions), "an entry still waits for the log")
    verdict.require(names <= logged, "a match lacks its opening or its closing in the log")
    of_matches = {name for name in logged if name.startswith(("opening:", "closing:"))}
    verdict.require(of_matches <= names, "the log has an entry of a match that does not exist")
    verdict.require(len(logged) == size, f"the log has {size} entries, the broker's books {len(logged)}")


def judge_matches(
    verdict: Verdict,
    outcomes: Mapping[str, str | None],
    nodes: Mapping[str, Mapping[str, NodeMatch]],
    hits: Sequence[frozenset[str]],
) -> None:
    """Each match of each node ended, as the log says; hits are shown of completed ones only, and the right ones."""
    rows = [(name, match, row) for name, matches in nodes.items() for match, row in matches.items()]
    for name, match, row in rows:
        known = outcomes.get(match)
        about = f"match {match} at {name} ({row.role}, {row.state})"
        if match not in outcomes:
            verdict.require(row.state == "aborted", f"{about} never came to the broker and did not abort")
            verdict.require(not row.promised, f"{about} was promised to it and is not known any more")
        else:
            verdict.require(known in ENDINGS, f"{about} ended as {known} in the log")
            verdict.require(row.closed, f"{about} is not closed")
            verdict.require(row.outcome == known, f"{about} ended as {row.outcome}, in the log as {known}")
        verdict.require(not row.released or known == "completed", f"{about} released hits although it is {known}")
    wrong = [found for found in hits if found != COMMON]
    verdict.require(not wrong, f"{len(wrong)} matches show other hits than the common ones")
    ended = Counter(outcomes[match] for match in {match for _, match, _ in rows if match in outcomes})
    verdict.figures |= {f"matches {ending}": ended[ending] for ending in sorted(ENDINGS)}
    verdict.figures["released results"] = len(hits)
    verdict.figures["matches"] = len({match for _, match, _ in rows})


def judge_checkpoints(verdict: Verdict, log: VerifiedLog, book: BrokerBook, seen: Seen) -> None:
    """All checkpoints that were published, offered, remembered or held in a proof are states of the one log."""
    checkpoints = {seen.observer.keep(note) for note in book.checkpoints} | seen.observer.remembered
    checkpoints |= {seen.observer.keep(note) for note in list(seen.observer.notes.values())}
    checkpoints |= {
        seen.observer.keep(LogProof.parse(entry.proof).checkpoint_note) for entry in acknowledged(seen.exports.values())
    }
    strange = sum(not _is_state(log, checkpoint) for checkpoint in checkpoints)
    count = len(checkpoints)
    pairs = count * (count - 1) // 2
    verdict.figures |= {"checkpoints": count, "pairs of checkpoints": pairs, "inconsistent": strange}
    verdict.require(strange == 0, f"{strange} checkpoints that were seen are no states of the log")
    verdict.require(seen.observer.shrunk == 0, "the published log was smaller than before")


def _is_state(log: VerifiedLog, checkpoint: Checkpoint) -> bool:
    try:
        log.require_prefix(checkpoint)
    except ProtocolError:
        return False
    return checkpoint.origin == log.head.checkpoint.origin


def _bundle(parties: Parties, log: VerifiedLog, index: int) -> list[bytes]:
    width = tile_width(0, index, log.size)
    return decode_entries(open_log(str(parties.log_directory)).read(entries_path(index, width)), width=width)


async def _check_log(parties: Parties) -> None:
    directory = BrokerDirectory(parties.root / BROKER)
    async with opened(directory.path) as (settings, database):
        await check_log(database, LogFiles(directory.log), NoteVerifier.from_vkey(settings.log_vkey))
