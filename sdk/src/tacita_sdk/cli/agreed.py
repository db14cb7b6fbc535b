"""Why a match may have been denied, from what this node knows itself: a denial never says what others agreed."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tacita_sdk.node_api import AgreementSummary


def other_purposes(agreements: Iterable["AgreementSummary"], with_: str, purpose: str) -> str | None:
    """A sentence that names the purposes of the own agreements about a dataset; None when `purpose` is among them, or
    when there is no agreement about it.

    Args:
        agreements: those of this node, of which the signed ones count.
        with_: PARTNER/DATASET that was asked about.
        purpose: for what.
    """
    owner, _, dataset = with_.partition("/")
    agreed = {
        one
        for agreement in agreements
        if agreement.state == "signed"
        for term in agreement.terms
        if (term.owner, term.dataset) == (owner, dataset)
        for one in term.purposes
    }
    if not agreed or purpose in agreed:
        return None
    return f"What you agreed about {with_} is for another purpose: {', '.join(sorted(agreed))}."
