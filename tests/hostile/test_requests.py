"""Requests that are not what an approved partner signed, to the real broker: one answer, nothing kept. And its answers
changed on the way back: the client takes none of them.

What the signature profile itself refuses, spelling by spelling, is in `tests/unit/protocol/crypto/test_httpsig.py`.
"""

import hmac
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tacita_protocol.api import StatementBody
from tacita_protocol.crypto.httpsig import RequestParts, content_digest
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.crypto.randomness import random_hex
from tacita_sdk.broker import BrokerClient
from tacita_sdk.errors import ResponseUntrusted
from tests.support.broker_harness import URL, BrokerHarness, HostClock, broker_at
from tests.support.broker_match import federation, match_request
from tests.support.broker_partner import JSON_TYPE, Partner
from tests.support.signed_request import COMPONENTS, Headers, crafted, params_of

pytestmark = pytest.mark.anyio

TARGET = "/v1/matches"


@dataclass
class Scene:
    """A broker with two partners, and a request for a match that the bank is about to send."""

    harness: BrokerHarness
    bank: Partner
    ngo: Partner
    body: bytes = b""

    @property
    def parts(self) -> RequestParts:
        return self.bank.parts("POST", TARGET, self.body)

    @property
    def now(self) -> int:
        return self.harness.clock()

    def honest(self) -> Headers:
        return self.bank.sign("POST", TARGET, self.body)

    def crafted(self, **changes: Any) -> Headers:
        """Signed by the bank's own key, under other parameters."""
        return crafted(self.parts, self.bank.key.sign, params_of(self.bank.name, self.now, random_hex(16), **changes))

    def covering(self, *components: str) -> Headers:
        """Signed by the bank's own key, over these components."""
        params = params_of(self.bank.name, self.now, random_hex(16))
        return crafted(self.parts, self.bank.key.sign, params, components=components)

    async def send(self, headers: Headers | list[tuple[str, str]], body: bytes | None = None) -> httpx2.Response:
        fields = list(headers.items()) if isinstance(headers, dict) else headers
        content = self.body if body is None else body
        return await self.harness.client.post(TARGET, content=content, headers=[("content-type", JSON_TYPE), *fields])


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with broker_at(tmp_path_factory.mktemp("broker"), clock=HostClock(stopped=int(time.time()))) as harness:
        yield Scene(harness, *await federation(harness))


@pytest.fixture
def scene(broker: Scene) -> Scene:
    request = match_request(broker.bank, broker.ngo)
    broker.body = StatementBody(envelope=request.envelope).model_dump_json().encode()
    return broker


Attack = Callable[[Scene], Headers]


def digest_swapped(scene: Scene) -> Headers:
    return scene.honest() | {"content-digest": content_digest(b"{}")}


def without(*names: str) -> Attack:
    return lambda scene: {name: value for name, value in scene.honest().items() if name not in names}


def made(**changes: int | str | None) -> Attack:
    return lambda scene: scene.crafted(**changes)


def at(seconds: int, *, valid: int = 60) -> Attack:
    return lambda scene: scene.crafted(created=scene.now + seconds, expires=scene.now + seconds + valid)


def not_covering(component: str) -> Attack:
    return lambda scene: scene.covering(*(name for name in COMPONENTS if name != component))


def two_signatures(scene: Scene) -> Headers:
    first = scene.honest()
    second = crafted(
        scene.parts, scene.ngo.key.sign, params_of(scene.ngo.name, scene.now, random_hex(16)), label="other"
    )
    return first | {name: f"{first[name]}, {second[name]}" for name in ("signature-input", "signature")}


def same_label_twice(scene: Scene) -> Headers:
    first, second = scene.honest(), scene.honest()
    return first | {name: f"{first[name]}, {second[name]}" for name in ("signature-input", "signature")}


def public_key_as_secret(scene: Scene) -> Headers:
    """The classic confusion: whoever knows the public key can make such a "signature"."""
    params = params_of(scene.bank.name, scene.now, random_hex(16), alg="hmac-sha256")
    return crafted(scene.parts, lambda text: hmac.digest(scene.bank.key.verify_key.raw, text, "sha256") * 2, params)


def by(key: Callable[[Scene], SigningKey], keyid: Callable[[Scene], str]) -> Attack:
    return lambda scene: crafted(scene.parts, key(scene).sign, params_of(keyid(scene), scene.now, random_hex(16)))


def key_id_changed_on_the_way(scene: Scene) -> Headers:
    honest = scene.honest()
    return honest | {"signature-input": honest["signature-input"].replace(scene.bank.name, scene.ngo.name)}


def signed_elsewhere(method: str, target: str) -> Attack:
    return lambda scene: scene.bank.sign(method, target, scene.body)


TABLE: dict[str, Attack] = {
    "body swapped, its digest too": digest_swapped,
    "no signature": without("signature", "signature-input"),
    "no digest": without("content-digest"),
    **{f"signature without {component}": not_covering(component) for component in COMPONENTS},
    "signature that covers nothing": lambda scene: scene.covering(),
    "signature made for another method": signed_elsewhere("PUT", TARGET),
    "signature made for another path": signed_elsewhere("POST", "/v1/agreements"),
    "signature made for another query": signed_elsewhere("POST", f"{TARGET}?a=1"),
    "no nonce": made(nonce=None),
    "no tag": made(tag=None),
    "no key id": made(keyid=None),
    "no algorithm": made(alg=None),
    "tag of an answer": made(tag="tacita-response-v1"),
    "two signatures": two_signatures,
    "two signatures under one label": same_label_twice,
    "algorithm confusion: the public key as an HMAC secret": public_key_as_secret,
    "algorithm confusion: RSA": made(alg="rsa-v1_5-sha256"),
    "algorithm confusion: ECDSA": made(alg="ecdsa-p256-sha256"),
    "algorithm confusion: none": made(alg="none"),
    "another's key id": by(lambda scene: scene.bank.key, lambda scene: scene.ngo.name),
    "another's key": by(lambda scene: scene.ngo.key, lambda scene: scene.bank.name),
    "the broker's key id": by(lambda scene: scene.bank.key, lambda scene: scene.bank.settings.broker),
    "nobody's key id": by(lambda scene: scene.bank.key, lambda _scene: "nobody"),
    "key id changed on the way": key_id_changed_on_the_way,
}
OUT_OF_TIME: dict[str, Attack] = {
    "created ten minutes ago": at(-600),
    "created in ten minutes": at(600),
    "created just over the skew ahead": at(31),
    "expired a second ago": at(-61),
    "expiry a second too long": at(0, valid=61),
    "expiry in ten years": at(0, valid=10 * 365 * 86_400),
    "no creation time": made(created=None),
    "no expiry": made(expires=None),
}


def assert_refused(answer: httpx2.Response, status: int, code: str) -> None:
    """A constant problem document, without a signature: nobody has proven who asks."""
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:tacita:problem:{code}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "signature" not in answer.headers


@pytest.fixture
def nothing_kept(scene: Scene) -> Iterator[None]:
    before = scene.harness.row_counts()
    yield
    assert scene.harness.row_counts() == before


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("attack", TABLE.values(), ids=TABLE.keys())
async def test_refused_for_its_signature(scene: Scene, attack: Attack) -> None:
    assert_refused(await scene.send(attack(scene)), 401, "signature")


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("attack", OUT_OF_TIME.values(), ids=OUT_OF_TIME.keys())
async def test_refused_for_its_time(scene: Scene, attack: Attack) -> None:
    assert_refused(await scene.send(attack(scene)), 401, "signature-time")


@pytest.mark.usefixtures("nothing_kept")
async def test_body_swapped_under_an_unchanged_digest(scene: Scene) -> None:
    other = match_request(scene.bank, scene.ngo, padded_count=256)
    swapped = StatementBody(envelope=other.envelope).model_dump_json().encode()
    assert_refused(await scene.send(scene.honest(), swapped), 401, "signature")


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("name", ["signature", "signature-input", "content-digest", "content-type"])
async def test_a_field_that_comes_twice(scene: Scene, name: str) -> None:
    headers = {"content-type": JSON_TYPE, **scene.honest()}
    twice = [(key, value) for key, value in headers.items() if key != "content-type"] + [(name, headers[name])]
    assert_refused(await scene.send(twice), 400, "duplicate-header")


@pytest.mark.usefixtures("nothing_kept")
async def test_unknown_partner_and_wrong_key_are_answered_alike(scene: Scene) -> None:
    wrong_key = await scene.send(TABLE["another's key"](scene))
    unknown = await scene.send(TABLE["nobody's key id"](scene))
    assert (wrong_key.content, dict(wrong_key.headers)) == (unknown.content, dict(unknown.headers))


async def test_a_nonce_is_stale_also_after_a_restart(scene: Scene) -> None:
    headers = scene.honest()
    assert (await scene.send(headers)).status_code == 201
    before = scene.harness.row_counts("log_entries", "log_queue", "inbox")["matches"]
    assert_refused(await scene.send(headers), 401, "replayed")
    await scene.harness.restart()
    assert_refused(await scene.send(headers), 401, "replayed")
    assert scene.harness.row_counts()["matches"] == before


async def test_a_nonce_is_one_partners_own(scene: Scene) -> None:
    """Another partner cannot use up a nonce before its owner does."""
    nonce = random_hex(16)
    for partner, status in ((scene.ngo, 200), (scene.bank, 200), (scene.bank, 401)):
        parts = partner.parts("GET", "/v1/catalogue", b"")
        signed = crafted(parts, partner.key.sign, params_of(partner.name, scene.now, nonce), components=COMPONENTS[:-1])
        assert (await scene.harness.client.get("/v1/catalogue", headers=signed)).status_code == status


Tamper = Callable[[httpx2.Response, list[httpx2.Response]], httpx2.Response]
"""From the broker's answer and those before it, what reaches the partner."""


def changed(answer: httpx2.Response, **parts: Any) -> httpx2.Response:
    kept = {name: value for name, value in answer.headers.items() if name != "content-length"}
    headers = parts.get("headers", kept)
    body = parts.get("body", answer.content)
    return httpx2.Response(parts.get("status", answer.status_code), headers=headers, stream=httpx2.ByteStream(body))


def stripped(answer: httpx2.Response, _before: list[httpx2.Response]) -> httpx2.Response:
    return changed(answer, headers={"content-type": JSON_TYPE})


def body_swapped(answer: httpx2.Response, _before: list[httpx2.Response]) -> httpx2.Response:
    return changed(answer, body=b'{"v":1,"datasets":[]}')


def digest_swapped_too(answer: httpx2.Response, _before: list[httpx2.Response]) -> httpx2.Response:
    body = b'{"v":1,"datasets":[]}'
    return changed(answer, body=body, headers={**answer.headers, "content-digest": content_digest(body)})


def of_an_earlier_request(_answer: httpx2.Response, before: list[httpx2.Response]) -> httpx2.Response:
    return changed(before[0])


ANSWERS: dict[str, Tamper] = {
    "signature stripped": stripped,
    "body swapped under an unchanged digest": body_swapped,
    "body and digest swapped": digest_swapped_too,
    "status changed": lambda answer, _before: changed(answer, status=203),
    "the answer to an earlier, equal request": of_an_earlier_request,
}


@pytest.mark.parametrize("tamper", ANSWERS.values(), ids=ANSWERS.keys())
async def test_a_partner_takes_no_answer_that_was_changed(scene: Scene, tamper: Tamper) -> None:
    inner = httpx2.ASGITransport(app=scene.harness.app)
    before: list[httpx2.Response] = []
    honest = True

    class Line(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            answer = await inner.handle_async_request(request)
            await answer.aread()
            before.append(answer)
            return changed(answer) if honest else tamper(answer, before)

    async with httpx2.AsyncClient(transport=Line()) as line:
        client = BrokerClient(
            URL,
            broker_key=VerifyKey.from_text(scene.bank.settings.signing_key),
            broker_id=scene.bank.settings.broker,
            partner=scene.bank.name,
            signing_key=scene.bank.key,
            clock=scene.harness.clock,
            client=line,
        )
        assert len((await client.catalogue()).datasets) == 1
        honest = False
        with pytest.raises(ResponseUntrusted):
            await client.catalogue()
