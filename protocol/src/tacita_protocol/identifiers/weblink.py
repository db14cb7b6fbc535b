"""The host and the path of a web address as people paste it: with or without `https://`, and as analysts defang it.

Stricter than a browser on purpose: where a browser and a reader would see different hosts, the text is refused.
"""

import re
from dataclasses import dataclass

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import RejectionReason

_SCHEME = re.compile(r"^(?:(?:https?|hxxps?|ftp|wss?)(?:\[?:\]?//)|//)", re.IGNORECASE | re.ASCII)
_OTHER_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE | re.ASCII)
_DEFANGED = re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)|\[\.|\.\]", re.IGNORECASE | re.ASCII)
_PORT = re.compile(r":[0-9]{1,5}$")
_ENDS_HOST = re.compile(r"[/?#]")


@dataclass(frozen=True)
class WebLink:
    """`host` without port, `path` without `/` in front, `query` without `?`: as written; the last two may be empty."""

    host: str
    path: str
    query: str


def read_web_link(plain: str) -> WebLink:
    """The parts of a web address, or of a bare host name.

    Raises:
        InvalidIdentifier: credentials, a backslash or percent signs where the host is, which hide the true host; a
            space inside; a scheme of another use.
    """
    rest = _SCHEME.sub("", plain)
    with_scheme = rest != plain
    rest = _DEFANGED.sub(".", rest)
    if _OTHER_SCHEME.match(rest):
        raise InvalidIdentifier("an address of another use than the web's", reason=RejectionReason.UNSUPPORTED)
    if re.search(r"[\s,;|<>\"]", rest):
        raise InvalidIdentifier("may be more than one address", reason=RejectionReason.AMBIGUOUS)
    end = _ENDS_HOST.search(rest)
    host = rest[: end.start()] if end else rest
    if "\\" in host or "%" in host or (with_scheme and "@" in host):
        raise InvalidIdentifier("people and programs read different hosts in it", reason=RejectionReason.AMBIGUOUS)
    path, _, query = (rest[end.start() :] if end else "").partition("#")[0].partition("?")
    return WebLink(_PORT.sub("", host), path.removeprefix("/"), query)
