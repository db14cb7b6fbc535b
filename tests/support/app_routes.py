"""The routes of an application as it really is, so that a table over them cannot miss one."""

import re
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_PARAMETER = re.compile(r"\{([a-z_]+)(?::path)?\}")


@dataclass(frozen=True, order=True)
class AppRoute:
    """A method and a path template, such as `/v1/partners/{partner}`."""

    method: str
    template: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its path parameters."""
        return tuple(_PARAMETER.findall(self.template))

    def path(self, values: dict[str, str]) -> str:
        """The path with these values (percent-encoded already) in place of the parameters."""
        return _PARAMETER.sub(lambda found: values[found[1]], self.template)

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def routes_of(app: FastAPI) -> list[AppRoute]:
    """Every route of the application, sorted, except the framework's own OPTIONS and HEAD."""
    found = (
        AppRoute(method, context.path)
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
        if context.path is not None and method in _METHODS
    )
    return sorted(found)
