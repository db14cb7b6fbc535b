"""Registrable domains: one label more than the public suffix, in IDNA's ASCII form (RFC 5891).

The suffix decides who can own the name, and it comes from a list that changes weekly. Two partners with different
lists would cut names differently and miss each other in silence. So the list is part of what the version means: the
wheel that carries it is pinned, its digest stands here, and any other list is an error of installation. A newer list
is a new `VERSION`. Suffixes of both sections count: under `github.io` strangers register as under `co.uk`.
"""

import re
from functools import cache
from pathlib import Path

import idna
from publicsuffixlist import PSLFILE, PublicSuffixList

from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import RejectionReason
from tacita_protocol.identifiers.spelling import MAX_ADDRESS_LENGTH, plain_spelling, refuse_look_alikes
from tacita_protocol.identifiers.weblink import read_web_link

RULES = "domain/1"
"""The rules that the list belongs to: another list, another version (`normalise.py`)."""

LIST_SHA256 = "0232f4df0831911356e8ee1f4d5c3b6b12c0ed3f6bd66b0f81c8ab5d3d49e9ca"
"""The list of 2026-10-22 08:36:41 UTC, as publicsuffixlist 1.1.2.20261023 carries it."""

MAX_DOMAIN = 253
"""Characters of a domain name in ASCII (RFC 1035)."""

_JOINERS = re.compile("[\u200c\u200d]")
_DOTS = re.compile("[\u3002\uff0e\uff61]")
_HOST_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_IP_ADDRESS = re.compile(r"\[.*\]|[0-9.]+|0x[0-9a-f]+|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*", re.IGNORECASE | re.ASCII)


def normalise(text: str, region: str | None) -> str:  # noqa: ARG001 - one signature for all kinds
    """The registrable domain of a host name or a web address, in lower-case ASCII.

    Args:
        text: a host name, a web address, or either of them defanged (`hxxp://example[.]com`).
        region: not used.

    Raises:
        InvalidIdentifier: with one `RejectionReason`.
        RuntimeError: the installed public suffix list is not the one of this version.
    """
    link = read_web_link(_DOTS.sub(".", plain_spelling(text, max_length=MAX_ADDRESS_LENGTH)))
    if not link.host or "@" in link.host:
        raise InvalidIdentifier("not written as a domain or a web address", reason=RejectionReason.NOT_OF_THE_KIND)
    if _IP_ADDRESS.fullmatch(link.host):
        raise InvalidIdentifier("an IP address, which changes hands", reason=RejectionReason.UNSUPPORTED)
    if not link.host.isascii() and _JOINERS.search(text):
        raise InvalidIdentifier("invisible joiners may be part of this domain", reason=RejectionReason.AMBIGUOUS)
    host = ".".join(_ascii_label(label) for label in link.host.removesuffix(".").split("."))
    if len(host) > MAX_DOMAIN:
        raise InvalidIdentifier(f"longer than {MAX_DOMAIN} characters", reason=RejectionReason.INVALID)
    return _registrable(host)


def _ascii_label(label: str) -> str:
    refuse_look_alikes(label)
    try:
        mapped = label.lower() if label.isascii() else idna.uts46_remap(label, std3_rules=False)
        checked = idna.alabel(mapped).decode("ascii") if not mapped.isascii() or mapped.startswith("xn--") else mapped
    except (idna.IDNAError, UnicodeError):  # from None: the message shows the label
        raise InvalidIdentifier("a label that IDNA does not allow", reason=RejectionReason.INVALID) from None
    if not _HOST_LABEL.fullmatch(checked):
        raise InvalidIdentifier("not a label of a domain name", reason=RejectionReason.INVALID)
    return checked


def _registrable(host: str) -> str:
    suffixes = _suffixes()
    if suffixes.publicsuffix(host) is None:
        raise InvalidIdentifier("ends in no public suffix", reason=RejectionReason.UNKNOWN_SUFFIX)
    found = suffixes.privatesuffix(host)
    if found is None:
        raise InvalidIdentifier(
            "a public suffix, under which anybody registers", reason=RejectionReason.NOT_REGISTRABLE
        )
    if "_" in found:
        raise InvalidIdentifier("no registry takes an underscore", reason=RejectionReason.INVALID)
    return found


@cache
def _suffixes() -> PublicSuffixList:
    return read_suffixes(Path(PSLFILE).read_bytes())


def read_suffixes(content: bytes) -> PublicSuffixList:
    """The public suffix list of this version.

    Raises:
        RuntimeError: `content` is another list.
    """
    if digest_of(content) != LIST_SHA256:
        raise RuntimeError(f"the installed public suffix list is not the one that {RULES} is defined by")
    return PublicSuffixList(content, accept_unknown=False)
