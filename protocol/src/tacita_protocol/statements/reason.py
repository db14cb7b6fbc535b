"""A reason that a person can read, given with every denial and refusal."""

from typing import Annotated

from pydantic import Field

from tacita_protocol.statements.statement import Part
from tacita_protocol.statements.vocabulary import Code, Text


class Reason(Part):
    """`code` for programs, `message` a plain sentence for people; neither ever quotes an identifier."""

    code: Code
    message: Text


Reasons = Annotated[tuple[Reason, ...], Field(min_length=1, max_length=16)]
