"""Bearer tokens for the hot paths: obtained by a signed request and bound to its key, for frames also to a match.

After a long wait the token is checked once more before the answer leaves: its partner may have been revoked meanwhile.
"""

from dataclasses import dataclass
from re import ASCII
from re import compile as pattern

from fastapi import APIRouter, Request, Response

from tacita_broker.access.answers import json_answer
from tacita_broker.access.gate import belongs_to
from tacita_broker.access.openapi import signed
from tacita_broker.access.signed import Signature, exchange_of
from tacita_broker.problems import ProblemError
from tacita_broker.services import services_of
from tacita_protocol.api import TokenBody, TokenRequest, TokenScope, parse_body
from tacita_protocol.crypto.bearer import check_token, issue_token
from tacita_protocol.errors import ProtocolError

router = APIRouter()

_BEARER = pattern(r"Bearer ([A-Za-z0-9_.-]{1,2048})", ASCII)


@dataclass(frozen=True)
class Bearer:
    """Whom a token speaks for; `match` is set for frames."""

    partner: str
    match: str | None


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
        "key": call.caller.key.keyid,
        "scope": body.scope.value,
        "match": body.match,
    }
    text = issue_token(services.bearer_key.at(now), claims, expires=expires)
    return json_answer(TokenBody(token=text, expires=expires))


async def bearer(request: Request, scope: TokenScope, match: str | None = None) -> Bearer:
    """The token's holder. Raises a 401 problem unless scope and match fit, and the key is an approved partner's."""
    services = services_of(request)
    found = _BEARER.fullmatch(exchange_of(request).headers.get("authorization", ""))
    now = services.clock()
    try:
        claims = check_token(services.bearer_key.at(now), found[1] if found else "", now=now)
    except ProtocolError:
        raise _unauthorised() from None
    partner = claims.get("partner")
    if not isinstance(partner, str) or claims.get("scope") != scope.value or claims.get("match") != match:
        raise _unauthorised()
    known = await services.partners.find(partner)
    if known is None or not known.approved or claims.get("key") != known.key.keyid:
        raise _unauthorised()
    belongs_to(exchange_of(request), partner, services.rates, services.rates.bearer)
    return Bearer(partner, match)


def _unauthorised() -> ProblemError:
    return ProblemError(
        401, "token", "The bearer token does not open this; ask for a new one.", headers={"www-authenticate": "Bearer"}
    )
