"""What every body of the local API is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_TEXT = 300
MAX_LIST = 32

Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
HexId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
HexDigest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Cursor = Annotated[str, StringConstraints(pattern=r"^[a-z0-9/-]{1,128}$")]
"""Where a page of a list begins: taken from the page before it, and not to be made up."""
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class NodeModel(BaseModel):
    """Base of every body: frozen, nothing extra, and no input repeated in error messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class NodePage(NodeModel):
    """A part of a list that may be long; `next` leads to the part after it."""

    next: Cursor | None = Field(default=None, description="`after` of the next page; null at the end")
