"""What the commands of `tacita-broker` share: how they answer, and how they fail."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tacita_broker.answers import PartnerRow

EXIT_REFUSED = 1
EXIT_USAGE = 2
"""An option is missing or does not fit; typer's, too."""


@contextmanager
def refusals() -> Iterator[None]:
    """A broker's error is one sentence on stderr and an exit code, and so is a place where nothing can be written."""
    from tacita_broker.errors import BrokerError, UsageRefused

    code = EXIT_REFUSED

    try:
        yield
    except BrokerError as error:
        typer.echo(f"tacita-broker: {error}", err=True)
        code = EXIT_USAGE if isinstance(error, UsageRefused) else EXIT_REFUSED
    except OSError as error:
        if error.filename is None:
            raise  # none of a file that the operator could look at
        typer.echo(f"tacita-broker: {error.filename} cannot be used: {error.strerror}", err=True)
    else:
        return
    raise typer.Exit(code)


def show(body: "BaseModel | Sequence[BaseModel]", lines: list[str], as_json: bool) -> None:
    """Prints one body or several: as JSON, or as the lines for a person."""
    if as_json:
        if isinstance(body, Sequence):
            typer.echo(json.dumps([row.model_dump(mode="json") for row in body]))
        else:
            typer.echo(body.model_dump_json())
        return
    for line in lines:
        typer.echo(line)


def show_info(settings: Any, as_json: bool) -> None:
    """Prints the broker's public facts."""
    from tacita_broker.answers import BrokerFacts

    body = BrokerFacts(**{name: getattr(settings, name) for name in BrokerFacts.model_fields})
    show(body, [f"{name}: {value}" for name, value in body], as_json)


def row_of(item: Any) -> "PartnerRow":
    """A partner of the broker as it is listed."""
    from tacita_broker.answers import PartnerRow

    return PartnerRow(
        partner=item.partner,
        name=item.name,
        kind=item.kind.value,
        status=item.status.value,
        fingerprint=item.fingerprint,
    )
