"""One connection to a node's local API: calls with a token, bounded answers, and errors that say what to do."""

from types import TracebackType
from typing import Self, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from tacita_sdk.errors import NodeProblem, NodeUnreachable, ResponseUntrusted

Body = TypeVar("Body", bound=BaseModel)

REQUEST_TIMEOUT_SECONDS = 30.0
MAX_RESPONSE_BYTES = 256 * 2**20


class NodeConnection:
    """Calls to one node with a token of one role.

    Every call raises `NodeUnreachable` when nothing answers, `NodeProblem` when the node says no and why, and
    `ResponseUntrusted` when what answers is no Tacita node.
    """

    def __init__(self, url: str, *, token: str, transport: httpx2.BaseTransport | None = None) -> None:
        self._http = httpx2.Client(
            base_url=url,
            headers={"authorization": f"Bearer {token}"},
            timeout=REQUEST_TIMEOUT_SECONDS,
            transport=transport,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _call(
        self,
        model: type[Body],
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: BaseModel | None = None,
        content: bytes | None = None,
        content_type: str = "application/json",
        timeout: float = REQUEST_TIMEOUT_SECONDS,
    ) -> Body:
        if body is not None:
            content = body.model_dump_json(by_alias=True).encode()
        headers = {"content-type": content_type} if content is not None else {}
        try:
            with self._http.stream(
                method, path, params=params, content=content, headers=headers, timeout=timeout
            ) as response:
                data = _read_bounded(response)
        except httpx2.TransportError as error:
            raise NodeUnreachable(
                f"No node answers at {self._http.base_url}: start it with `tacita-node run DIR`, or name another one."
            ) from error
        if response.is_error:
            raise NodeProblem.from_response(response.status_code, data)
        try:
            return model.model_validate_json(data)
        except ValidationError as error:
            raise ResponseUntrusted(f"What answers at {self._http.base_url} does not speak this node API.") from error


def _read_bounded(response: httpx2.Response) -> bytes:
    data = bytearray()
    for chunk in response.iter_bytes():
        data += chunk
        if len(data) > MAX_RESPONSE_BYTES:
            raise ResponseUntrusted(f"The answer is larger than {MAX_RESPONSE_BYTES} bytes.")
    return bytes(data)
