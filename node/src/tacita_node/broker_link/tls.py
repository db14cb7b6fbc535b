"""Whose certificates a node believes when it calls its broker."""

import ssl
from pathlib import Path


class AuthorityUnreadable(Exception):
    """The file with the certificate authority cannot be used; the message says why."""


def trusted(authority: Path | None) -> ssl.SSLContext | bool:
    """What an HTTP client takes as `verify`: this authority and no other, or the system's. Never the environment's.

    Raises:
        AuthorityUnreadable: the file is not there, or holds no certificate.
    """
    if authority is None:
        return True
    try:
        return ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise AuthorityUnreadable(
            f"{authority} holds no certificates that can be read: {type(error).__name__}"
        ) from error
