"""The option that says under whose law a partner stands. Policies compare it: a code that nobody has fits nothing."""

from typing import Annotated

import typer

_MEANT = {"UK": "GB", "EL": "GR"}
"""What is written in other places and is no code of ISO 3166-1."""


def _countries(given: list[str]) -> list[str]:
    from tacita_protocol.identifiers.countries import countries

    codes = list(dict.fromkeys(code.strip().upper() for code in given))
    for code in codes:
        if code not in countries():
            meant = f": {_MEANT[code]} is meant" if code in _MEANT else ", as GB, DE or KE"
            raise typer.BadParameter(f"{code!r} is no country code of two letters by ISO 3166-1{meant}.")
    return codes


Jurisdiction = Annotated[
    list[str],
    typer.Option(
        help="Country under whose law you stand: its two letters by ISO 3166-1, as GB; repeat it for several.",
        callback=_countries,
    ),
]
