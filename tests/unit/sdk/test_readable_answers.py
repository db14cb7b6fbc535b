"""What a person reads in answers that the commands print."""

from tacita_sdk.cli.agreements import lines_of
from tacita_sdk.cli.importing import lines_of_import
from tacita_sdk.node_api import AgreementSummary, ImportReport, RejectedLine, TermDraft

AGREEMENT = AgreementSummary(
    agreement="6b" * 16,
    class_="standing",
    peer="harbour-ngo",
    state="received",
    digest="0" * 64,
    not_before=1_795_499_134,
    not_after=1_803_275_134,
    units=26_000,
    period_days=30,
    per_minute=1_000,
    terms=(
        TermDraft(
            owner="north-bank",
            dataset="phones",
            kind="phone",
            purposes=("victim-protection",),
            legal_bases=("gdpr-6-1-d",),
            documents={"gdpr-6-1-d": ("5e" * 32,)},
        ),
    ),
    approved_by=("director-1",),
    their_approvers=("compliance-4",),
)


def test_an_agreement_says_everything_that_is_signed() -> None:
    text = "\n".join(lines_of(AGREEMENT))
    assert "with harbour-ngo, standing: received" in text
    assert f"for gdpr-6-1-d: {'5e' * 32}" in text
    assert "at most 26000 padded elements in 30 days, 1000 in a minute" in text
    assert "from 2026-11-24 05:45:34 UTC until 2027-02-22 05:45:34 UTC" in text


def test_an_agreement_that_is_over_says_why() -> None:
    over = AGREEMENT.model_copy(update={"state": "partner-revoked"})
    assert "  The broker has revoked the other party: it covers nothing any more" in lines_of(over)


def test_an_import_names_its_source_because_hits_do() -> None:
    report = ImportReport(
        outcome="imported",
        dataset="phones",
        kind="phone",
        source="3f" * 16,
        column=1,
        delimiter="comma",
        rows=3,
        accepted=2,
        duplicates=0,
        rejected=1,
        rejects_kept=1,
        rejects_preview=(RejectedLine(line=4, reason="invalid"),),
    )
    first, *others = lines_of_import(report)
    assert "source " + "3f" * 16 in first
    assert others == ["  line 4: invalid"]


def test_an_import_that_took_nothing_names_the_usual_remedy() -> None:
    report = ImportReport(
        outcome="imported",
        dataset="phones",
        kind="phone",
        source="3f" * 16,
        column=1,
        delimiter="comma",
        rows=1,
        accepted=0,
        duplicates=0,
        rejected=1,
        rejects_kept=1,
        rejects_preview=(RejectedLine(line=2, reason="needs-region"),),
    )
    assert any("--region" in line for line in lines_of_import(report))
