"""Who may do what: one table of every route of the local API, and nothing is allowed that is not in it."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from re import Pattern

from starlette.routing import compile_path

from tacita_node.problems import ProblemError

Route = tuple[str, str]
"""A method and a path template, as `("POST", "/v1/datasets/{name}/publish")`."""


class Role(StrEnum):
    """What the bearer of a token is here for. One token may carry several; only an analyst's shows hits."""

    ANALYST = "analyst"
    """Imports data, orders matches, reads hits."""
    APPROVER = "approver"
    """Signs agreements and confirms partners."""
    ADMIN = "admin"
    """Publishes and withdraws data, proposes and revokes agreements, confirms partners."""
    AUDITOR = "auditor"
    """Reads and exports what was done, not what was found."""


READING = frozenset(Role)

OPEN: frozenset[Route] = frozenset({("GET", "/healthz")})
"""Answered without a token."""

RELAYED: frozenset[Route] = frozenset(
    {("GET", "/v1/node"), ("GET", "/v1/doctor"), ("GET", "/v1/catalogue"), ("GET", "/v1/partners")}
)
"""What everybody may read and the node asks the broker for, each time. The broker counts that as this partner's."""

TABLE: Mapping[Route, frozenset[Role]] = {
    ("GET", "/openapi.json"): READING,
    ("GET", "/v1/node"): READING,
    ("GET", "/v1/doctor"): READING,
    ("GET", "/v1/datasets"): READING,
    ("POST", "/v1/uploads"): frozenset({Role.ANALYST}),
    ("PUT", "/v1/uploads/{upload}/pieces/{number}"): frozenset({Role.ANALYST}),
    ("POST", "/v1/previews"): frozenset({Role.ANALYST}),
    ("POST", "/v1/datasets/{name}/imports"): frozenset({Role.ANALYST}),
    ("GET", "/v1/imports"): READING,
    ("POST", "/v1/imports/{source}/cancel"): frozenset({Role.ANALYST}),
    ("GET", "/v1/datasets/{name}/rejects"): READING,
    ("GET", "/v1/records/{source}/{line}"): READING,
    ("POST", "/v1/datasets/{name}/publish"): frozenset({Role.ADMIN}),
    ("POST", "/v1/datasets/{name}/withdraw"): frozenset({Role.ADMIN}),
    ("GET", "/v1/catalogue"): READING,
    ("GET", "/v1/partners"): READING,
    ("POST", "/v1/partners/{partner}/confirm"): frozenset({Role.APPROVER, Role.ADMIN}),
    ("POST", "/v1/partners/{partner}/distrust"): frozenset({Role.ADMIN}),
    ("GET", "/v1/agreements"): READING,
    ("POST", "/v1/agreements"): frozenset({Role.ADMIN}),
    ("GET", "/v1/agreements/{agreement}"): READING,
    ("POST", "/v1/agreements/{agreement}/sign"): frozenset({Role.APPROVER}),
    ("POST", "/v1/agreements/{agreement}/revoke"): frozenset({Role.ADMIN}),
    ("GET", "/v1/matches"): READING,
    ("POST", "/v1/matches"): frozenset({Role.ANALYST}),
    ("GET", "/v1/matches/{match}"): READING,
    ("POST", "/v1/matches/{match}/cancel"): frozenset({Role.ANALYST}),
    ("GET", "/v1/matches/{match}/hits"): frozenset({Role.ANALYST}),
    ("GET", "/v1/audit/records"): READING,
    ("GET", "/v1/audit/records/{match}"): READING,
    ("GET", "/v1/audit/export"): READING,
}
"""Every route that needs a token, and the roles of which one is enough."""


class Routes:
    """Finds the route of a request by the framework's own patterns, in the framework's order.

    Args:
        routes: the application's routes.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: list[tuple[Pattern[str], Route]] = [
            (compile_path(template)[0], (method, template)) for method, template in routes
        ]

    def find(self, method: str, path: str) -> Route:
        """The route that answers this request. Raises `ProblemError`: 404, or 405 when only the method is wrong."""
        found = [route for pattern, route in self._routes if pattern.match(path)]
        for route in found:
            if route[0] == method:
                return route
        if not found:
            raise ProblemError(404, "not-found", "There is nothing here.")
        allowed = ", ".join(sorted({known for known, _ in found}))
        raise ProblemError(
            405, "method-not-allowed", "This resource does not know that method.", headers={"allow": allowed}
        )


def check_permitted(roles: frozenset[Role], route: Route, table: Mapping[Route, frozenset[Role]] = TABLE) -> None:
    """Raises a 403 problem unless one of `roles` may use `route`. What is not in the table nobody may."""
    needed = table.get(route, frozenset())
    if not roles & needed:
        detail = (
            f"This takes a token of another role: {' or '.join(sorted(needed))}." if needed else "No role opens this."
        )
        raise ProblemError(403, "not-permitted", detail)
