"""`tacita agreements`: confirm a partner, propose, read, sign and revoke."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacita_sdk.cli.connection import DEFAULT_NODE_URL, AsJson, NodeUrl, TokenFile, connect

if TYPE_CHECKING:
    from tacita_sdk.node_api import AgreementSummary

app = typer.Typer(help="Confirm partners; propose, read, sign and revoke agreements with them.", no_args_is_help=True)

MAX_DRAFT_BYTES = 64 * 1024
COLUMNS = ("agreement", "peer", "state", "not_before", "not_after")
AgreementId = Annotated[str, typer.Argument(help="Agreement id.")]


@app.command(epilog="Example: tacita agreements partners")
def partners(node_url: NodeUrl = DEFAULT_NODE_URL, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """List the federation's partners and their fingerprints as the broker claims them, and which count here.

    `changed`: another fingerprint was confirmed. Ask the partner whether it has replaced its keys; confirm the new one
    only then, and sign the agreements with it anew.
    """
    from tacita_sdk.cli.output import show_rows

    with connect(node_url, token_file) as node:
        rows = node.partners()
    columns = ("partner", "kind", "name", "standing", "fingerprint")
    show_rows(rows, as_json=as_json, columns=columns, empty="The broker lists no other partner yet.")


@app.command(epilog='Example: tacita agreements confirm harbour-hotels "9f2c 41aa …"')
def confirm(
    partner: Annotated[str, typer.Argument(help="Partner id.")],
    fingerprint: Annotated[str, typer.Argument(help="As the partner read it out over another channel.")],
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Confirm a partner's fingerprint. Never copy it from what the broker shows: ask the partner."""
    from tacita_sdk.cli.output import show

    with connect(node_url, token_file) as node:
        body = node.confirm_partner(partner, fingerprint)
    show(body, as_json=as_json, lines=[f"{body.partner} is confirmed: agreements with it may be signed now."])


@app.command(epilog="Example: tacita agreements distrust harbour-hotels")
def distrust(
    partner: Annotated[str, typer.Argument(help="Partner id.")],
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Take a confirmation back, at this node only: the partner is neither asked nor answered any more."""
    from tacita_sdk.cli.output import show

    with connect(node_url, token_file) as node:
        body = node.distrust_partner(partner)
    show(body, as_json=as_json, lines=[f"{body.partner} is not confirmed any more."])


@app.command(epilog="Example: tacita agreements propose agreement.json")
def propose(
    draft: Annotated[Path, typer.Argument(help="JSON file with the draft; see docs/operating.md.", exists=True)],
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Make an agreement of a draft, sign it and send it to the partner, who signs next."""
    from pydantic import ValidationError

    from tacita_sdk.node_api import AgreementDraft

    with draft.open("rb") as file:
        text = file.read(MAX_DRAFT_BYTES)
    try:
        order = AgreementDraft.model_validate_json(text)
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in item["loc"]) or "the file" for item in error.errors())
        raise typer.BadParameter(f"the draft does not fit; look at: {fields}", param_hint="DRAFT") from error
    with connect(node_url, token_file) as node:
        _show(node.propose_agreement(order), as_json=as_json)


@app.command("list", epilog="Example: tacita agreements list")
def list_(node_url: NodeUrl = DEFAULT_NODE_URL, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """List the agreements proposed by or to this node."""
    from tacita_sdk.cli.output import show_rows

    with connect(node_url, token_file) as node:
        rows = node.agreements()
    empty = "No agreement yet: `tacita agreements propose FILE`."
    show_rows(rows, as_json=as_json, columns=COLUMNS, empty=empty, times=("not_before", "not_after"))


@app.command("show", epilog="Example: tacita agreements show 6b1f…")
def show_(
    agreement: AgreementId,
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what an agreement allows: read it before signing."""
    with connect(node_url, token_file) as node:
        _show(node.agreement(agreement), as_json=as_json)


@app.command(epilog="Example: tacita agreements sign 6b1f…")
def sign(
    agreement: AgreementId,
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Sign an agreement that a confirmed partner proposed."""
    with connect(node_url, token_file) as node:
        _show(node.sign_agreement(agreement), as_json=as_json)


@app.command(epilog="Example: tacita agreements revoke 6b1f… --yes")
def revoke(
    agreement: AgreementId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    node_url: NodeUrl = DEFAULT_NODE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Revoke an agreement for good: it covers nothing any more, and the other party is told."""
    from tacita_sdk.cli.output import TO_BE_DELIVERED, show

    if not yes:
        typer.confirm(f"Revoke the agreement {agreement}? There is no way back.", abort=True, err=True)
    with connect(node_url, token_file) as node:
        body = node.revoke_agreement(agreement)
    lines = [f"{agreement} with {body.agreement.peer}: {body.agreement.state}"]
    show(body, as_json=as_json, lines=lines if body.delivered else [*lines, TO_BE_DELIVERED])


def _show(body: "AgreementSummary", *, as_json: bool) -> None:
    from tacita_sdk.cli.output import show

    show(body, as_json=as_json, lines=lines_of(body))


def lines_of(body: "AgreementSummary") -> list[str]:
    """An agreement for a person: everything that a signature under it binds to."""
    from tacita_sdk.cli.output import in_utc

    return [
        f"{body.agreement} with {body.peer}, {body.class_}: {body.state}",
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
