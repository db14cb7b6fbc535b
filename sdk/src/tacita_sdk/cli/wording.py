"""Errors in the words of the command line: options and arguments, not the fields of bodies that they are sent in."""

import re
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from pydantic import ValidationError

    from tacita_sdk.errors import NodeProblem

FIELDS: Final = {
    "name": "DATASET",
    "dataset": "--dataset",
    "kind": "--kind",
    "column": "--column",
    "region": "--region",
    "delimiter": "--delimiter",
    "source": "SOURCE",
    "line": "LINE",
    "partner": "PARTNER",
    "fingerprint": "FINGERPRINT",
    "agreement": "AGREEMENT",
    "match": "MATCH",
    "sensitivity": "--sensitivity",
    "discoverable_by": "--visible-to",
    "with": "--with",
    "mode": "--mode",
    "result_to": "--result-to",
    "purpose": "--purpose",
    "basis": "--basis",
    "case": "--case",
}
"""What a field of the local API is called where people type it."""

SHAPES: Final = {
    "DATASET": "a dataset's name: small letters, digits and hyphens",
    "--dataset": "small letters, digits and hyphens",
    "--kind": "one of phone, account, email, company, domain, handle, wallet, file",
    "--region": "two letters, as GB (not UK)",
    "--delimiter": "comma, semicolon or tab",
    "SOURCE": "32 hexadecimal digits, as an import reports them",
    "LINE": "a line's number, from 1",
    "PARTNER": "a partner's id: small letters, digits and hyphens",
    "AGREEMENT": "32 hexadecimal digits, as `tacita agreements list` shows them",
    "MATCH": "32 hexadecimal digits, as `tacita match list` shows them",
    "--sensitivity": "ordinary, financial or possible-victim",
    "--visible-to": "a kind of partner, as bank, hotel or ngo",
    "--with": "PARTNER/DATASET",
    "--mode": "intersection or cardinality",
    "--result-to": "requester, owner or both",
    "--purpose": "a code: small letters, digits, dots and hyphens",
    "--basis": "a code: small letters, digits, dots and hyphens",
    "--case": "1 to 300 characters",
    "--agreement": "32 hexadecimal digits, as `tacita agreements list` shows them",
}
"""What is expected there."""

_NOT_AGREED = "The request is not in the agreed form: "
_LOCATION = re.compile(
    r"\b(?:query|path|body)\.([a-z_]+)(?:\.[a-z0-9_]+)*(?: \(expected[^()]*(?:\([^()]*\)[^()]*)*\))?"
)
_ID = re.compile(r"[0-9a-f]{32}")
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def not_well_formed(error: "ValidationError", **options: str) -> typer.BadParameter:
    """A usage error that names the options whose values do not fit and what fits, and no value.

    Args:
        error: what building the body to send raised.
        options: the option of each field that is called otherwise by this command.
    """
    fields = [str(item["loc"][0]).rstrip("_") for item in error.errors()]
    named = dict.fromkeys(options.get(field, FIELDS.get(field, "--" + field.replace("_", "-"))) for field in fields)
    return typer.BadParameter(f"not well formed: {', '.join(_expected(option) for option in named)}")


def in_our_words(problem: "NodeProblem") -> str:
    """A node's sentence about a request that does not fit, with its fields called as people type them."""
    if problem.code == "invalid-request":
        rest = problem.detail.removeprefix(_NOT_AGREED)
        options = dict.fromkeys(FIELDS.get(field, f"--{field}") for field in _LOCATION.findall(rest))
        return f"Not well formed: {', '.join(_expected(option) for option in options)}." if options else problem.detail
    if problem.code == "unknown-word":
        field, _, choices = problem.detail.partition(" is one of: ")
        return f"{FIELDS.get(field, field)} is one of: {choices}"
    return problem.detail


def identifier(text: str) -> str:
    """An id of a match, an agreement or a source; else a usage error, before anybody is asked."""
    if not _ID.fullmatch(text):
        raise typer.BadParameter("an id has 32 hexadecimal digits; the list shows them.")
    return text


def identifier_or_none(text: str | None) -> str | None:
    """As `identifier`, for an option that need not be given."""
    return None if text is None else identifier(text)


def slug(text: str) -> str:
    """A name of a partner or a dataset; else a usage error, before anybody is asked."""
    if not _SLUG.fullmatch(text):
        raise typer.BadParameter("a name has small letters, digits and hyphens, as in harbour-ngo.")
    return text


def _expected(option: str) -> str:
    return f"{option} ({SHAPES[option]})" if option in SHAPES else option
