"""A broker that lies about a match to one node: its answers are changed on the way and signed again with its key."""

from collections.abc import Callable

import httpx2

from tacita_protocol.api import LoggedDecision, MatchView
from tacita_protocol.crypto.httpsig import RequestParts, sign_response
from tacita_protocol.tlog.entry import LoggedEntry
from tests.support.match_federation import Intercept, MatchFederation, Send, system_clock

Lie = Callable[[MatchView], MatchView]


def lying(federation: MatchFederation, lie: Lie) -> Intercept:
    """An interceptor that tells `lie` instead of every view of a match."""

    async def intercept(request: httpx2.Request, send: Send) -> httpx2.Response:
        response = await send()
        path = request.url.path.split("/")
        if (
            request.method != "GET"
            or path[:3] != ["", "v1", "matches"]
            or len(path) != 4
            or response.status_code != 200
        ):
            return response
        told = lie(MatchView.model_validate_json(await response.aread())).model_dump_json().encode()
        parts = RequestParts(
            method=request.method,
            authority=request.headers["host"],
            path=request.url.path,
            query=request.url.query.decode(),
            content_type=request.headers.get("content-type"),
            body=b"",
        )
        headers = sign_response(
            200,
            told,
            request=parts,
            request_headers=dict(request.headers),
            key=federation.broker.keys.signing,
            keyid=federation.broker.settings.broker,
            now=system_clock(),
        )
        return httpx2.Response(200, headers=headers, stream=httpx2.ByteStream(told))

    return intercept


def unwitnessed(entry: LoggedEntry) -> LoggedEntry:
    """The entry with a proof that only the log itself has signed."""
    text, _, signatures = entry.proof.rpartition("\n\n")
    log_signature, *_ = signatures.splitlines()
    return entry.model_copy(update={"proof": f"{text}\n\n{log_signature}\n"})


def with_decision(view: MatchView, change: Callable[[LoggedDecision], LoggedDecision]) -> MatchView:
    """The view with its decision changed, if it has one."""
    return view if view.decision is None else view.model_copy(update={"decision": change(view.decision)})
