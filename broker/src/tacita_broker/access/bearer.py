"""Bearer tokens for the hot paths: obtained by a signed request and bound to its key, for frames also to a match.

Here a token itself is checked. That its partner is approved and has this key still, each transaction looks at
(`holder`): the last one before an answer leaves too, since the partner may have been revoked in a long wait.
"""

from re import ASCII
from re import compile as pattern

from fastapi import APIRouter, Request, Response

from tacita_broker.access.answers import json_answer
from tacita_broker.access.gate import belongs_to
from tacita_broker.access.holder import Holder, token_refused
from tacita_broker.access.openapi import signed
from tacita_broker.access.signed import Signature, exchange_of
from tacita_broker.services import services_of
from tacita_protocol.api import TokenBody, TokenRequest, TokenScope, parse_body
from tacita_protocol.crypto.bearer import check_token, issue_token
from tacita_protocol.errors import ProtocolError

router = APIRouter()

_BEARER = pattern(r"Bearer ([A-Za-z0-9_.-]{1,2048})", ASCII)


@router.post("/v1/tokens", **signed({200: TokenBody}, 404, body=TokenRequest))
async def token(request: Request, call: Signature) -> Response:
    """A token for the inbox, or for the frames of one match that the caller is a party of."""
    services = services_of(request)
    body = parse_body(TokenRequest, call.body)
    if body.match is not None:
        await services.matches.require_party(body.match, call.caller.partner)
    now = services.clock()
    expires = now + services.settings.token_seconds
    claims = {
        "partner": call.caller.partner,
        "key": call.caller.key.text,
        "scope": body.scope.value,
        "match": body.match,
    }
    text = issue_token(services.bearer_key.at(now), claims, expires=expires)
    return json_answer(TokenBody(token=text, expires=expires))


def bearer(request: Request, scope: TokenScope, match: str | None = None) -> Holder:
    """The token's holder. Raises a 401 problem unless the token is one of this broker's and scope and match fit."""
    services = services_of(request)
    found = _BEARER.fullmatch(exchange_of(request).headers.get("authorization", ""))
    now = services.clock()
    try:
        claims = check_token(services.bearer_key.at(now), found[1] if found else "", now=now)
    except ProtocolError:
        raise token_refused() from None
    partner, key = claims.get("partner"), claims.get("key")
    if not isinstance(partner, str) or not isinstance(key, str):
        raise token_refused()
    if claims.get("scope") != scope.value or claims.get("match") != match:
        raise token_refused()
    belongs_to(exchange_of(request), partner, services.rates, services.rates.bearer)
    return Holder(partner, key)
