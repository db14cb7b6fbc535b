"""Whether an address leads to this machine only."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """True for localhost, 127.0.0.0/8 and ::1, by name or address without brackets."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
