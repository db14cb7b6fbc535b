"""`tacita agreements`: confirm a partner, propose, read, sign and revoke."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacita_sdk.cli.asking import sure
from tacita_sdk.cli.connection import Session, on_node
from tacita_sdk.cli.wording import identifier, slug

if TYPE_CHECKING:
    from tacita_sdk.node_api import AgreementSummary

app = typer.Typer(help="Confirm partners; propose, read, sign and revoke agreements with them.", no_args_is_help=True)

MAX_DRAFT_BYTES = 64 * 1024
COLUMNS = ("agreement", "peer", "state", "not_before", "not_after")
ENDINGS = {
    "revoked": "A party has revoked it",
    "void": "A card that it names was replaced",
    "partner-revoked": "The broker has revoked the other party",
}
"""Why an agreement is over, by its state."""
AgreementId = Annotated[str, typer.Argument(help="Agreement id.", callback=identifier)]
PartnerId = Annotated[str, typer.Argument(help="Partner id.", callback=slug)]


@app.command(epilog="Example: tacita agreements partners")
@on_node
def partners(session: Session) -> None:
    """List the federation's partners and their fingerprints as the broker claims them, and which count here.

    `changed`: another fingerprint was confirmed. Ask the partner whether it has replaced its keys; confirm the new one
    only then, and sign the agreements with it anew.
    """
    from tacita_sdk.cli.output import show_rows

    with session.connect() as node:
        rows = node.partners()
    columns = ("partner", "kind", "name", "standing", "fingerprint")
    show_rows(rows, as_json=session.as_json, columns=columns, empty="The broker lists no other partner yet.")


@app.command(epilog='Example: tacita agreements confirm harbour-hotels "9f2c 41aa …"')
@on_node
def confirm(
    session: Session,
    partner: PartnerId,
    fingerprint: Annotated[str, typer.Argument(help="As the partner read it out over another channel.")],
) -> None:
    """Confirm a partner's fingerprint. Never copy it from what the broker shows: ask the partner."""
    from tacita_sdk.cli.output import show

    with session.connect() as node:
        body = node.confirm_partner(partner, fingerprint)
    show(body, as_json=session.as_json, lines=[f"{body.partner} is confirmed: agreements with it may be signed now."])


@app.command(epilog="Example: tacita agreements distrust harbour-hotels")
@on_node
def distrust(
    session: Session,
    partner: PartnerId,
) -> None:
    """Take a confirmation back, at this node only: the partner is neither asked nor answered any more."""
    from tacita_sdk.cli.output import show

    with session.connect() as node:
        body = node.distrust_partner(partner)
    show(body, as_json=session.as_json, lines=[f"{body.partner} is not confirmed any more."])


@app.command(epilog="Example: tacita agreements propose agreement.json")
@on_node
def propose(
    session: Session,
    draft: Annotated[Path, typer.Argument(help="JSON file with the draft; see docs/operating.md.", exists=True)],
) -> None:
    """Make an agreement of a draft, sign it and send it to the partner, who signs next."""
    from pydantic import ValidationError

    from tacita_sdk.node_api import AgreementDraft

    with draft.open("rb") as file:
        text = file.read(MAX_DRAFT_BYTES)
    try:
        order = AgreementDraft.model_validate_json(text)
    except ValidationError as error:
        fields = ", ".join(
            ".".join(str(part) for part in item["loc"]) or "the file, which is no JSON" for item in error.errors()
        )
        raise typer.BadParameter(f"the draft does not fit; look at: {fields}", param_hint="DRAFT") from error
    with session.connect() as node:
        _show(node.propose_agreement(order), as_json=session.as_json)


@app.command("list", epilog="Example: tacita agreements list")
@on_node
def list_(session: Session) -> None:
    """List the agreements proposed by or to this node."""
    from tacita_sdk.cli.output import show_rows

    with session.connect() as node:
        rows = node.agreements()
    empty = "No agreement yet: `tacita agreements propose FILE`."
    show_rows(rows, as_json=session.as_json, columns=COLUMNS, empty=empty, times=("not_before", "not_after"))


@app.command("show", epilog="Example: tacita agreements show 6b1f…")
@on_node
def show_(
    session: Session,
    agreement: AgreementId,
) -> None:
    """Show what an agreement allows: read it before signing."""
    with session.connect() as node:
        _show(node.agreement(agreement), as_json=session.as_json)


@app.command(epilog="Example: tacita agreements sign 6b1f…")
@on_node
def sign(
    session: Session,
    agreement: AgreementId,
) -> None:
    """Sign an agreement that a confirmed partner proposed."""
    with session.connect() as node:
        _show(node.sign_agreement(agreement), as_json=session.as_json)


@app.command(epilog="Example: tacita agreements revoke 6b1f… --yes")
@on_node
def revoke(
    session: Session,
    agreement: AgreementId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Revoke an agreement for good: it covers nothing any more, and the other party is told."""
    from tacita_sdk.cli.output import TO_BE_DELIVERED, show

    sure(f"Revoke the agreement {agreement}? There is no way back.", yes=yes)
    with session.connect() as node:
        body = node.revoke_agreement(agreement)
    lines = [f"{agreement} with {body.agreement.peer}: {body.agreement.state}"]
    show(body, as_json=session.as_json, lines=lines if body.delivered else [*lines, TO_BE_DELIVERED])


def _show(body: "AgreementSummary", *, as_json: bool) -> None:
    from tacita_sdk.cli.output import show

    show(body, as_json=as_json, lines=lines_of(body))


def lines_of(body: "AgreementSummary") -> list[str]:
    """An agreement for a person: everything that a signature under it binds to."""
    from tacita_sdk.cli.output import in_utc

    return [
        f"{body.agreement} with {body.peer}, {body.class_}: {body.state}",
        *([f"  {ENDINGS[body.state]}: it covers nothing any more"] if body.state in ENDINGS else []),
        *(
            f"  {term.owner}/{term.dataset} ({term.kind}): {', '.join(term.modes)} by {', '.join(term.engines)} "
            f"for {', '.join(term.purposes)} on {', '.join(term.legal_bases)}; result to {', '.join(term.result_to)}"
            for term in body.terms
        ),
        *(
            f"  for {basis}: {', '.join(documents)}"
            for term in body.terms
            for basis, documents in sorted(term.documents.items())
        ),
        f"  at most {body.units} padded elements in {body.period_days} days"
        f"{'' if body.per_minute is None else f', {body.per_minute} in a minute'}; "
        f"from {in_utc(body.not_before)} until {in_utc(body.not_after)}",
        f"  approved here by {', '.join(body.approved_by)}; there by {', '.join(body.their_approvers)}",
    ]
