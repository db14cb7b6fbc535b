"""The broker's two public witness routes over HTTP, with bounded answers. Nothing here is secret or signed by HTTP:
checkpoints and cosignatures prove themselves.
"""

from typing import Final

import httpx2

from tacita_protocol.api import CosignatureBody, WitnessNext, parse_body
from tacita_protocol.errors import ProtocolError
from tacita_sdk.errors import ArgumentRefused, BrokerProblem, BrokerUnreachable, ResponseUntrusted

ANSWER_MAX_BYTES: Final = 128 * 1024
"""A note of 64 KiB with JSON escapes, and 64 hashes."""

_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 30.0
_UNAVAILABLE: Final = frozenset({429, 502, 503, 504})


class WitnessHttp:
    """Implements `runner.WitnessApi` for a witness that is not a partner. The caller closes `client`."""

    def __init__(self, broker_url: str, *, client: httpx2.AsyncClient) -> None:
        self._origin = self.require_url(broker_url)
        self._client = client

    @staticmethod
    def require_url(broker_url: str) -> str:
        """The broker's address without a final slash. Raises ArgumentRefused unless it is http(s)://host[:port]."""
        try:
            url = httpx2.URL(broker_url)
        except httpx2.InvalidURL:
            raise ArgumentRefused("The broker's address is not an address.") from None
        if url.scheme not in ("http", "https") or not url.host or url.path != "/" or url.query or url.userinfo:
            raise ArgumentRefused("The broker's address is http(s)://host[:port] and nothing more.")
        return f"{url.scheme}://{url.netloc.decode('ascii')}"

    async def witness_next(self, old: int, *, wait: int) -> WitnessNext | None:
        """The next checkpoint to cosign, None when there is none within `wait` seconds."""
        status, body = await self._exchange("GET", f"/v1/witness/next?old={old}&wait={wait}", wait=wait)
        if status == 204:
            return None
        try:
            return parse_body(WitnessNext, body, max_bytes=ANSWER_MAX_BYTES)
        except ProtocolError as error:
            raise ResponseUntrusted("the broker's answer is not in the agreed form") from error

    async def post_cosignature(self, size: int, line: str) -> None:
        """Hand over a cosignature line."""
        body = CosignatureBody(size=size, line=line).model_dump_json().encode()
        await self._exchange("POST", "/v1/witness/cosignatures", body=body)

    async def _exchange(self, method: str, target: str, *, body: bytes = b"", wait: int = 0) -> tuple[int, bytes]:
        headers = {"accept-encoding": "identity"}
        if body:
            headers["content-type"] = "application/json"
        timeout = httpx2.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS, read=_ANSWER_SECONDS + wait)
        try:
            request = self._client.build_request(
                method, f"{self._origin}{target}", content=body, headers=headers, timeout=timeout
            )
            response = await self._client.send(request, stream=True, follow_redirects=False)
            try:
                answer = await _read(response)
            finally:
                await response.aclose()
        except httpx2.RequestError as error:
            raise BrokerUnreachable("the broker could not be reached") from error
        if response.status_code in _UNAVAILABLE:
            raise BrokerUnreachable("the broker is not available at the moment")
        if response.status_code >= 400:
            raise BrokerProblem.from_response(response.status_code, answer)
        if response.status_code not in (200, 204):
            raise ResponseUntrusted("the broker's answer has an unexpected status")
        return response.status_code, answer


async def _read(response: httpx2.Response) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise ResponseUntrusted("the broker's answer is compressed, which nobody asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > ANSWER_MAX_BYTES:
            raise ResponseUntrusted("the broker's answer is larger than allowed")
    return bytes(body)
