"""Where a node may be called at: who gets the token is you, so it travels encrypted or stays on this machine."""

import httpx2

from tacita_sdk.errors import AddressRefused
from tacita_sdk.loopback import is_loopback


def require_address(address: str, *, plain_http: bool = False) -> str:
    """The address of a node's local API as it was given.

    Args:
        address: `http(s)://host[:port]`; http only for localhost, 127.0.0.0/8 and ::1.
        plain_http: whether http is taken for any host, because the network between is trusted with the token.

    Raises `AddressRefused`.
    """
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL:
        raise AddressRefused(_WANTED) from None
    if not all("!" <= character <= "~" for character in address):  # what the client would quietly write otherwise
        raise AddressRefused(_WANTED)
    if url.scheme not in ("http", "https") or not url.host:
        raise AddressRefused(_WANTED)
    if url.userinfo:  # it would be shown wherever the address is, and a node knows tokens only
        raise AddressRefused(
            "A node's address holds no user name or password: give it without, and the token in a file of its own."
        )
    if url.scheme == "http" and not plain_http and not is_loopback(url.host):
        raise AddressRefused(
            "Over http the token could be read on its way to another machine: use https, or reach the node by a tunnel "
            "that begins at http://127.0.0.1 (`ssh -L`)."
        )
    return address


_WANTED = "A node's address begins with http:// or https:// and names a host, for example http://127.0.0.1:8441."
