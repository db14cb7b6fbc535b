"""The offline audit: the whole log, and every match in the exports, in numbered steps (`steps.AuditStep`).

Nothing is believed but the trust file. Each step proves its sentence or raises `VerificationFailed` with its number;
a later step may rely on what an earlier one proved. A match in two exports is verified in each, and counted once.
"""

import time
from collections.abc import Callable, Sequence

from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.errors import PeerViolation
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import Signed
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.trust import NO_QUORUM, TrustPolicy
from tacita_sdk.audit_export import AuditExport, ExportedMatch
from tacita_sdk.verify.across import AcrossExports
from tacita_sdk.verify.cards import Cards, linked, read_card
from tacita_sdk.verify.evidence import MatchEvidence, read_receipts, read_statements
from tacita_sdk.verify.log_source import LogSource
from tacita_sdk.verify.matches import (
    check_closing,
    check_deadline,
    check_links,
    check_opening,
    check_transcripts,
)
from tacita_sdk.verify.steps import AuditStep, Step
from tacita_sdk.verify.terms import check_charges, check_terms
from tacita_sdk.verify.whole_log import QUORUM_PATIENCE_SECONDS, VerifiedLog, verify_log


def verify_audit(
    trust: TrustPolicy,
    log: LogSource,
    exports: Sequence[AuditExport],
    checkpoints_seen: Sequence[bytes] = (),
    *,
    patience: float = QUORUM_PATIENCE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Step]:
    """Verify the log and the exported matches; what each step proved.

    `checkpoints_seen` are notes from elsewhere (gossip, earlier audits) that must belong to the same log. A running log
    has `patience` seconds to gather the quorum of its newest checkpoint. Raises VerificationFailed.
    """
    steps = [_check_trust(trust), _check_exports(exports)]
    verified, log_steps = verify_log(trust, log, patience=patience, sleep=sleep)
    steps += log_steps
    cards, card_step = _check_cards(exports, verified)
    steps.append(card_step)
    matches, match_steps = _check_statements(exports, cards)
    steps += match_steps
    seen, entry_steps = _check_entries(matches, verified, trust, cards)
    steps += entry_steps
    steps += _check_endings(matches, verified)
    steps.append(_check_consistency(trust, verified, seen, checkpoints_seen))
    return steps


def _check_trust(trust: TrustPolicy) -> Step:
    if trust.quorum == NO_QUORUM:
        raise AuditStep.TRUST_FILE.failed("it demands no witness, so nothing could be proved")
    weakness = (
        ""
        if trust.quorums_overlap
        else ". Two quorums need not share a witness: a log that was forked between them would verify on each side"
    )
    return AuditStep.TRUST_FILE.proved(f"one log, {len(trust.witnesses)} witnesses, and a quorum of them{weakness}")


def _check_exports(exports: Sequence[AuditExport]) -> Step:
    with AuditStep.EXPORTS.checking():
        for export in exports:
            VerifyKey.from_text(export.broker_key)
            if (export.broker, export.broker_key) != (exports[0].broker, exports[0].broker_key):
                raise PeerViolation("the exports come from nodes of different brokers", field="broker_key")
    count = len({match.match for export in exports for match in export.matches})
    left_out = sum(export.left_out for export in exports)
    older = f"; {left_out} older matches are not in them" if left_out else ""
    return AuditStep.EXPORTS.proved(f"{len(exports)} exports under one broker, {count} matches{older}")


def _check_cards(exports: Sequence[AuditExport], log: VerifiedLog) -> tuple[Cards, Step]:
    shown: list[Signed[PartnerCard]] = []
    for export in exports:
        with AuditStep.CARDS.checking(f"export of {export.partner}"):
            shown += [read_card(envelope, log.public) for envelope in export.cards]
    with AuditStep.CARDS.checking():
        rotations = dict.fromkeys(envelope for export in exports for envelope in export.rotations)
        cards = linked(shown, rotations, log.public)
    chained = f"; {len(rotations)} rotations lead from one to the next" if rotations else ""
    return cards, AuditStep.CARDS.proved(
        f"{len(cards)} partner cards carry their own signature and are in the log{chained}"
    )


def _check_statements(exports: Sequence[AuditExport], cards: Cards) -> tuple[list[MatchEvidence], list[Step]]:
    pairs: list[tuple[AuditExport, ExportedMatch, MatchEvidence]] = []
    for export in exports:
        for number, exported in enumerate(export.matches, start=1):
            with AuditStep.STATEMENTS.checking(f"match {number} in the export of {export.partner}"):
                pairs.append((export, exported, read_statements(export, exported, cards)))
    for _, exported, match in pairs:
        with AuditStep.RECEIPTS.checking(match.about):
            read_receipts(match, exported, cards)
    across = AcrossExports()
    for export, _, match in pairs:
        with AuditStep.LINKS.checking(match.about):
            check_links(match, export.broker)
            check_terms(match)
            across.add(match)
    matches = [match for _, _, match in pairs]
    receipts = {receipt.digest for match in matches for receipt in match.receipts.values()}
    return matches, [
        AuditStep.STATEMENTS.proved(
            f"requests, decisions and answers of {len(_ids(matches))} matches are signed by their makers"
        ),
        AuditStep.RECEIPTS.proved(f"{len(receipts)} receipts are signed by their sides"),
        AuditStep.LINKS.proved(
            "request, decision, acceptance, open and receipts name each other by digest, and all who decided allow"
            " what was granted;"
            f" both parties show {across.from_both_parties} of the matches, and the same"
        ),
    ]


def _check_entries(
    matches: Sequence[MatchEvidence], log: VerifiedLog, trust: TrustPolicy, cards: Cards
) -> tuple[list[tuple[str, Checkpoint]], list[Step]]:
    seen: list[tuple[str, Checkpoint]] = []
    opened: list[MatchEvidence] = []
    closed: list[MatchEvidence] = []
    for match in matches:
        with AuditStep.OPENINGS.checking(match.about):
            if checkpoint := check_opening(match, log, trust, cards):
                seen.append((match.about, checkpoint))
                opened.append(match)
    for match in matches:
        with AuditStep.CLOSINGS.checking(match.about):
            if checkpoint := check_closing(match, log, trust, cards):
                seen.append((match.about, checkpoint))
                closed.append(match)
    return seen, [
        AuditStep.OPENINGS.proved(
            f"{len(_ids(opened))} opening entries are in the log, witnessed by others than the parties"
        ),
        AuditStep.CLOSINGS.proved(
            f"{len(_ids(closed))} closing entries are in the log and cover exactly the receipts shown"
        ),
    ]


def _check_endings(matches: Sequence[MatchEvidence], log: VerifiedLog) -> list[Step]:
    compared: list[MatchEvidence] = []
    closed: list[MatchEvidence] = []
    for match in matches:
        with AuditStep.TRANSCRIPTS.checking(match.about):
            if check_transcripts(match):
                compared.append(match)
            check_charges(match)
    for match in matches:
        with AuditStep.DEADLINES.checking(match.about):
            if check_deadline(match, log.head.latest_cosign_time):
                closed.append(match)
    ended = _ids(closed)
    decided = _ids([match for match in matches if match.decision is not None])
    return [
        AuditStep.TRANSCRIPTS.proved(
            f"both sides of {len(_ids(compared))} completed matches state the same transcripts and counts,"
            " and charge what could be evaluated"
        ),
        AuditStep.DEADLINES.proved(
            f"{len(ended)} matches were closed in time, {len(decided - ended)} may still go on,"
            f" {len(_ids(matches) - decided)} show no decision"
        ),
    ]


def _ids(matches: Sequence[MatchEvidence]) -> set[str]:
    return {match.match for match in matches}


def _check_consistency(
    trust: TrustPolicy, log: VerifiedLog, seen: Sequence[tuple[str, Checkpoint]], notes: Sequence[bytes]
) -> Step:
    checked: set[Checkpoint] = set()
    for about, checkpoint in seen:
        with AuditStep.CONSISTENCY.checking(about):
            if checkpoint not in checked:
                log.require_prefix(checkpoint)
                checked.add(checkpoint)
    for number, note in enumerate(notes, start=1):
        with AuditStep.CONSISTENCY.checking(f"checkpoint {number} from elsewhere"):
            checkpoint = trust.check_log_signature(note)
            log.require_prefix(checkpoint)
            checked.add(checkpoint)
    return AuditStep.CONSISTENCY.proved(f"{len(checked)} checkpoints that were seen are earlier states of this log")
