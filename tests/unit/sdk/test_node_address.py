"""Where the token may be sent: encrypted, or not off this machine, unless the network is said to be trusted with it."""

import asyncio

import httpx2
import pytest

from tacita_sdk.async_node import AsyncNode
from tacita_sdk.errors import AddressRefused
from tacita_sdk.node import Node
from tacita_sdk.node_address import require_address


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:8441",
        "http://LOCALHOST",
        "http://127.0.0.1:8441",
        "http://127.255.0.9",
        "http://[::1]:8441",
        "https://node.example",
        "HTTPS://10.0.0.1:8441",
    ],
)
def test_what_is_encrypted_or_stays_here_is_taken(address: str) -> None:
    assert require_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "http://node.example",
        "http://node:8441",
        "http://10.0.0.1:8441",
        "http://0.0.0.0:8441",
        "http://[::2]:8441",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://128.0.0.1",
        "HTTP://node.example",
    ],
)
def test_http_to_another_machine_is_refused_unless_it_is_allowed(address: str) -> None:
    with pytest.raises(AddressRefused, match=r"use https, or .* a tunnel"):
        require_address(address)
    assert require_address(address, plain_http=True) == address


@pytest.mark.parametrize("address", ["", "node:8441", "ftp://127.0.0.1", "http://", "http://[::", "http://two words"])
def test_what_is_no_address_is_refused_even_where_http_is_allowed(address: str) -> None:
    with pytest.raises(AddressRefused, match="begins with http"):
        require_address(address, plain_http=True)


@pytest.mark.parametrize(
    "address",
    ["http://me:hidden-word@127.0.0.1:8441", "https://hidden-word@node.example", "https://:hidden-word@node.example"],
)
def test_a_password_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(AddressRefused, match="no user name or password") as refused:
        require_address(address, plain_http=True)
    assert "hidden-word" not in str(refused.value)


def test_neither_client_is_made_for_such_an_address_unless_it_is_allowed() -> None:
    answering = httpx2.MockTransport(lambda _: httpx2.Response(200, json={"matches": []}))
    for client in (Node, AsyncNode):
        with pytest.raises(AddressRefused):
            client("http://node:8441", token="t", transport=answering)
    with Node("http://node:8441", token="t", transport=answering, plain_http=True) as node:
        assert node.matches() == ()

    async def ask() -> None:
        async with AsyncNode("http://node:8441", token="t", transport=answering, plain_http=True) as node:
            assert await node.matches() == ()

    asyncio.run(ask())
