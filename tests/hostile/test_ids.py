"""Ids of others on every route of the broker: what is not the caller's is answered exactly as what does not exist.

The routes are read from the application, so a new one fails here until somebody says what its ids give away.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx2
import pytest

from tacita_protocol.api import AgreementBody, Inbox, MatchState, StatementBody, TokenRequest, TokenScope, parse_body
from tacita_protocol.crypto.bearer import issue_token
from tacita_protocol.crypto.encoding import b64u, from_b64u
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.statements.statement import Part, sign_statement
from tacita_protocol.statements.vocabulary import PartnerKind, Role
from tests.support.app_routes import AppRoute, routes_of
from tests.support.broker_harness import ALLOW, DENY, BrokerHarness, broker_at
from tests.support.broker_match import ScriptedMatch, dataset_card, federation, match_request, requested
from tests.support.broker_partner import Partner
from tests.support.statements import AGREEMENT

pytestmark = pytest.mark.anyio

ABSENT = "0" * 32


@dataclass
class Scene:
    """Two partners with a match, an agreement and a hidden dataset; a third with a match of its own; a fourth that is
    not approved."""

    harness: BrokerHarness
    match: ScriptedMatch
    denied: ScriptedMatch
    own: ScriptedMatch
    stranger: Partner
    agreement: str
    pending: Partner

    async def frames(self, method: str, match: str) -> httpx2.Response:
        """The stranger asks for a frame under the token of its own match."""
        headers = {"authorization": f"Bearer {await self.stranger.token(self.own.id)}"}
        path = f"/v1/matches/{match}/frames/requester/0"
        content = b"frame" if method == "PUT" else None
        headers["content-type"] = "application/octet-stream"
        return await self.harness.client.request(method, path, content=content, headers=headers)


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with broker_at(tmp_path_factory.mktemp("broker")) as harness:
        bank, ngo = await federation(harness)
        stranger = await harness.partner("second-bank", PartnerKind.BANK)
        pending = await harness.partner("third-bank", PartnerKind.BANK, approve=False)
        match = await requested(harness, bank, ngo)
        await match.run_to_open()
        own = await requested(harness, stranger, ngo)
        await own.run_to_open()
        harness.policy.verdict = DENY
        denied = await requested(harness, bank, ngo)
        await denied.until(MatchState.DENIED, MatchState.CLOSED)
        harness.policy.verdict = ALLOW
        hidden = dataset_card(ngo, dataset="hidden", seen_by=(PartnerKind.NGO,))
        assert (await ngo.put("/v1/datasets/hidden/1", StatementBody(envelope=hidden.envelope))).status_code == 201
        agreement = await agreed(harness, bank, ngo)
        yield Scene(harness, match, denied, own, stranger, agreement, pending)


async def agreed(harness: BrokerHarness, bank: Partner, ngo: Partner) -> str:
    """An agreement that the bank has proposed; its id."""
    parties = tuple(
        party.model_copy(update={"partner": partner.name})
        for party, partner in zip(AGREEMENT.parties, (bank, ngo), strict=True)
    )
    now = harness.clock()
    changes = {"parties": parties, "not_before": now, "not_after": now + 86_400, "agreement": "ab" * 16}
    signed = sign_statement(AGREEMENT.model_copy(update=changes), bank.key)
    answer = await bank.post("/v1/agreements", AgreementBody(envelope=signed.envelope))
    assert answer.status_code == 201, answer.text
    return "ab" * 16


Ask = Callable[[Scene, str], Awaitable[httpx2.Response]]
"""The stranger's (or another third party's) request about an id."""


def getting(template: str) -> Ask:
    return lambda scene, name: scene.stranger.get(template.format(name))


def saying(what: str, make: Callable[[ScriptedMatch], Part]) -> Ask:
    async def ask(scene: Scene, name: str) -> httpx2.Response:
        return await scene.stranger.post(f"/v1/matches/{name}/{what}", make(scene.own))

    return ask


def body(envelope: str) -> StatementBody:
    return StatementBody(envelope=envelope)


MATCH_ROUTES: dict[AppRoute, Ask] = {
    AppRoute("GET", "/v1/matches/{match}"): getting("/v1/matches/{}"),
    AppRoute("POST", "/v1/matches/{match}/acceptance"): saying(
        "acceptance", lambda own: body(own.make_acceptance().envelope)
    ),
    AppRoute("POST", "/v1/matches/{match}/refusal"): saying("refusal", lambda own: body(own.make_refusal().envelope)),
    AppRoute("POST", "/v1/matches/{match}/open"): saying("open", lambda own: body(own.make_open().envelope)),
    AppRoute("POST", "/v1/matches/{match}/receipt"): saying(
        "receipt", lambda own: body(own.make_receipt(Role.REQUESTER).envelope)
    ),
    AppRoute("GET", "/v1/matches/{match}/frames/{direction}/{seq}"): lambda scene, name: scene.frames("GET", name),
    AppRoute("PUT", "/v1/matches/{match}/frames/{direction}/{seq}"): lambda scene, name: scene.frames("PUT", name),
    AppRoute("POST", "/v1/tokens"): lambda scene, name: scene.stranger.post(
        "/v1/tokens", TokenRequest(scope=TokenScope.FRAMES, match=name)
    ),
}
OTHER_ROUTES: dict[AppRoute, Ask] = {
    AppRoute("GET", "/v1/agreements/{agreement}"): getting("/v1/agreements/{}"),
    AppRoute("GET", "/v1/partners/{partner}"): getting("/v1/partners/{}"),
    AppRoute("POST", "/v1/matches"): lambda scene, name: scene.stranger.post(
        "/v1/matches",
        body(match_request(scene.stranger, scene.match.responder, dataset=name).envelope),
    ),
}
GIVE_NOTHING_AWAY = {
    AppRoute("GET", "/log/{path:path}"): "the log is public",
    AppRoute("PUT", "/v1/datasets/{name}/{epoch}"): "the name is one of the caller's own",
}


def same(one: httpx2.Response, other: httpx2.Response) -> None:
    """The same answer: status, body and headers, but for the signature, which covers the address."""
    assert (one.status_code, one.content) == (other.status_code, other.content)
    changing = ("signature", "signature-input", "date")
    assert {k: v for k, v in one.headers.items() if k not in changing} == {
        k: v for k, v in other.headers.items() if k not in changing
    }
    assert one.headers.keys() == other.headers.keys()


async def test_every_route_with_an_id_is_in_a_table(scene: Scene) -> None:
    with_ids = {route for route in routes_of(scene.harness.app) if route.parameters}
    assert with_ids <= {*MATCH_ROUTES, *OTHER_ROUTES, *GIVE_NOTHING_AWAY}


@pytest.mark.parametrize("route", MATCH_ROUTES, ids=str)
@pytest.mark.parametrize("whose", ["others' open match", "others' denied match"])
async def test_a_match_of_others(scene: Scene, route: AppRoute, whose: str) -> None:
    foreign = scene.match if whose == "others' open match" else scene.denied
    ask = MATCH_ROUTES[route]
    refused = await ask(scene, foreign.id)
    assert refused.status_code in (401, 404), refused.text
    same(refused, await ask(scene, ABSENT))


async def test_a_denied_match_does_not_exist_for_whom_it_would_have_asked(scene: Scene) -> None:
    responder = scene.denied.responder
    views = [await responder.get(f"/v1/matches/{match}") for match in (scene.denied.id, ABSENT)]
    tokens = [
        await responder.post("/v1/tokens", TokenRequest(scope=TokenScope.FRAMES, match=match))
        for match in (scene.denied.id, ABSENT)
    ]
    assert (views[0].status_code, tokens[0].status_code) == (404, 404)
    same(*views)
    same(*tokens)


@pytest.mark.parametrize(
    ("route", "whose"),
    [
        (AppRoute("GET", "/v1/agreements/{agreement}"), "agreement"),
        (AppRoute("GET", "/v1/partners/{partner}"), "pending"),
        (AppRoute("POST", "/v1/matches"), "hidden"),
    ],
    ids=["an agreement of others", "a partner who is not approved", "a dataset that the caller may not discover"],
)
async def test_other_things_of_others(scene: Scene, route: AppRoute, whose: str) -> None:
    names = {"agreement": scene.agreement, "pending": scene.pending.name, "hidden": "hidden"}
    absent = {"agreement": ABSENT, "pending": "nobody", "hidden": "nothing"}
    ask = OTHER_ROUTES[route]
    refused = await ask(scene, names[whose])
    assert refused.status_code == 404, refused.text
    same(refused, await ask(scene, absent[whose]))


async def test_a_taken_match_id_does_not_say_whose(scene: Scene) -> None:
    """Ids are drawn by their makers, so one that is taken has to be refused, whoever has taken it, in the same way."""
    answers = []
    for match in (scene.own.id, scene.match.id, scene.denied.id):
        request = match_request(scene.stranger, scene.match.responder, match=match)
        answers.append(await scene.stranger.post("/v1/matches", body(request.envelope)))
    assert answers[0].status_code == 409
    same(answers[0], answers[1])
    same(answers[0], answers[2])


# The inbox has no id in its address: the token alone says whose it is.

Token = Callable[[Scene], Awaitable[str]]


async def of_a_match(scene: Scene) -> str:
    return await scene.stranger.token(scene.own.id)


async def edited(scene: Scene) -> str:
    """The stranger's own token, with the bank's name written into it."""
    claims, _, mac = (await scene.stranger.token()).partition(".")
    said = json.loads(from_b64u(claims)) | {"partner": scene.match.requester.name}
    return f"{b64u(json.dumps(said).encode())}.{mac}"


def issued(**changes: object) -> Token:
    """A token that the broker itself could have issued to the bank, but for these claims."""

    async def token(scene: Scene) -> str:
        bank = scene.match.requester
        claims = {"partner": bank.name, "key": bank.key.verify_key.text, "scope": TokenScope.INBOX.value, "match": None}
        expires = scene.harness.clock() + 600
        key = scene.harness.services.bearer_key.at(scene.harness.clock())
        return issue_token(key, {**claims, **changes}, expires=expires)  # type: ignore[dict-item]  # a table

    return token


async def expired(scene: Scene) -> str:
    claims = {"partner": scene.match.requester.name, "scope": TokenScope.INBOX.value, "match": None}
    now = scene.harness.clock()
    return issue_token(scene.harness.services.bearer_key.at(now), claims, expires=now - 1)


async def of_another_broker(scene: Scene) -> str:
    claims = {"partner": scene.match.requester.name, "scope": TokenScope.INBOX.value, "match": None}
    return issue_token(bytes(32), claims, expires=scene.harness.clock() + 600)


async def cut_off(scene: Scene) -> str:
    return (await scene.stranger.token())[:-1]


async def none_at_all(_scene: Scene) -> str:
    return ""


TOKENS: dict[str, Token] = {
    "no token": none_at_all,
    "a token for a match": of_a_match,
    "a token with another's name written in": edited,
    "a token of another broker": of_another_broker,
    "an expired token": expired,
    "a token cut off": cut_off,
    "a token of another scope": issued(scope="witness"),
    "a token of a partner who is not approved": issued(partner="third-bank"),
    "a token of nobody": issued(partner="nobody"),
    "a token of a key that is no longer the partner's": issued(key=SigningKey.generate().verify_key.text),
    "a token without a partner": issued(partner=None),
    "a token for inbox and match": issued(match="ab" * 16),
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
async def test_no_inbox_under(scene: Scene, token: Token) -> None:
    headers = {"authorization": f"Bearer {await token(scene)}"}
    answer = await scene.harness.client.get("/v1/inbox?after=0&wait=0", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:tacita:problem:token")
    same(answer, await scene.harness.client.get("/v1/inbox?after=0&wait=0", headers={"authorization": "Bearer x.y"}))


@pytest.mark.parametrize("query", ["", "&partner=first-bank", "&keyid=first-bank", "&match=" + "ab" * 16])
async def test_an_inbox_shows_its_owners_events_only(scene: Scene, query: str) -> None:
    headers = {"authorization": f"Bearer {await scene.stranger.token()}"}
    answer = await scene.harness.client.get(f"/v1/inbox?after=0&wait=0{query}", headers=headers)
    events = parse_body(Inbox, answer.content).events
    assert events
    assert {event.match for event in events} == {scene.own.id}
