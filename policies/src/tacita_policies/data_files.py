"""Checking the data of the shipped policies: strict shapes, and references that lead somewhere.

A misspelt field or a purpose that no other file knows would not fail: the rule that reads it would find nothing, and a
match that should be allowed, or a limit that should hold, would silently not be. So the files are checked when a bundle
is loaded, before anything is evaluated.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from tacita_policies.shapes import SHAPES
from tacita_policies.source import PolicyRefused
from tacita_protocol.crypto.jcs import JSONValue, canonical_json
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import AgreementClass, PartnerKind, Sensitivity


def check_data(data: Mapping[str, JSONValue]) -> None:
    """Check the data of the shipped policies: every file known, complete and without loose ends.

    Raises:
        PolicyRefused: names the file and the field.
    """
    for name, value in data.items():
        if name not in SHAPES:
            raise PolicyRefused(f"data/{name}.json: no policy reads data of this name")
        try:
            SHAPES[name].validate_json(canonical_json(value))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(step) for step in first["loc"])
            raise PolicyRefused(f"data/{name}.json: {field}: {first['msg']}") from None
    for name, field, used, known in _references(data):
        for word in used:
            if word not in known:
                raise PolicyRefused(f"data/{name}.json: {field} names {word}, which no other file knows")


def _references(data: Mapping[str, Any]) -> Iterator[tuple[str, str, Collection[str], Collection[str]]]:
    """File, field, the words that it uses, and those that another file defines."""
    purposes, bases = data.get("purposes", {}), data.get("legal_bases", {})
    classes = data.get("budgets", {}).get("classes", {})
    for name in ("matrix", "disclosures"):
        for number, row in enumerate(data.get(name, ())):
            yield name, f"{number}.purposes", row["purposes"], purposes
            yield name, f"{number}.legal_bases", row["legal_bases"], bases
            yield name, f"{number}.classes", row.get("classes", ()), classes
    for code, basis in bases.items():
        scheme = basis["scheme"]
        yield "legal_bases", f"{code}.scheme", () if scheme is None else (scheme,), data.get("eligibility", {})
        yield "legal_bases", f"{code}.documents", basis["documents"], data.get("document_kinds", {})
        yield "legal_bases", f"{code}.kept", basis["kept"], data.get("document_kinds", {})
        regions = [place for place in basis["jurisdictions"] if len(place) > 2]
        yield "legal_bases", f"{code}.jurisdictions", regions, data.get("regions", {})
    if "budgets" in data:
        yield "budgets", "the list of classes", [one.value for one in AgreementClass], classes
    for words, kinds in (("partner_kinds", PartnerKind), ("identifier_kinds", Kind), ("sensitivities", Sensitivity)):
        if words in data:
            yield words, "the whole list", [kind.value for kind in kinds], data[words]
