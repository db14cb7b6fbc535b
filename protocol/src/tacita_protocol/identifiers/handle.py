"""Names of people on platforms, as `platform:name` in lower case: a name alone belongs to another person on each."""

import re

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import RejectionReason
from tacita_protocol.identifiers.platforms import BY_PHONE, HOSTS, PHONE_HOSTS, PLATFORMS, Platform
from tacita_protocol.identifiers.spelling import MAX_ADDRESS_LENGTH, plain_spelling, refuse_look_alikes
from tacita_protocol.identifiers.weblink import WebLink, read_web_link

_NAMED = re.compile(r"([a-z][a-z. ]*[a-z]|x)\s*[:/]\s*(?!//)(.*)", re.IGNORECASE | re.ASCII)
_WORD_AND_NAME = re.compile(r"([a-z]+) ([@$][^ ]+)", re.IGNORECASE | re.ASCII)
_SUBDOMAIN = re.compile(r"^(?:www|m|mobile|web)\.")
_BARE = re.compile(r"[@$]?[\w.-]+")
_FACEBOOK_ID = re.compile(r"(?:^|&)id=([0-9]+)(?:&|$)")


def normalise(text: str, region: str | None) -> str:  # noqa: ARG001 - one signature for all kinds
    """The handle as `platform:name`, in lower case.

    Args:
        text: `platform:name`, with or without `@`, or the web address of the person's page.
        region: not used.

    Raises:
        InvalidIdentifier: with one `RejectionReason`.
    """
    plain = plain_spelling(text, max_length=MAX_ADDRESS_LENGTH)
    if link := _link(plain):
        return _from_link(link)
    named = _NAMED.fullmatch(plain) or _WORD_AND_NAME.fullmatch(plain)
    if named is None:
        if _BARE.fullmatch(plain):
            raise InvalidIdentifier("a name without its platform", reason=RejectionReason.AMBIGUOUS)
        raise InvalidIdentifier("not written as platform:name", reason=RejectionReason.NOT_OF_THE_KIND)
    word = named.group(1).lower()
    if word in BY_PHONE:
        raise InvalidIdentifier("known by phone number: import that", reason=RejectionReason.UNSUPPORTED)
    if word not in PLATFORMS:
        raise InvalidIdentifier("a platform that this version does not know", reason=RejectionReason.UNKNOWN_PLATFORM)
    return _handle(PLATFORMS[word], named.group(2))


def _link(plain: str) -> WebLink | None:
    """The text as a web address of a known platform; None when it is something else."""
    first = re.sub(r"^(?:https?:)?//", "", plain.lower()).partition("/")[0]
    host = _SUBDOMAIN.sub("", first)
    if "://" not in plain and not ("/" in plain and (host in HOSTS or host in PHONE_HOSTS)):
        return None
    return read_web_link(plain)


def _from_link(link: WebLink) -> str:
    host = _SUBDOMAIN.sub("", link.host.lower())
    if host in PHONE_HOSTS:
        raise InvalidIdentifier("known by phone number: import that", reason=RejectionReason.UNSUPPORTED)
    if host not in HOSTS:
        raise InvalidIdentifier("a site that this version does not know", reason=RejectionReason.UNKNOWN_PLATFORM)
    platform = HOSTS[host]
    if link.path == "profile.php" and platform.name == "facebook" and (found := _FACEBOOK_ID.search(link.query)):
        return _handle(platform, found.group(1))
    page = platform.page.fullmatch(link.path)
    if page is None or page.group(1).lower() in platform.reserved:
        raise InvalidIdentifier("shows something else than a person's page", reason=RejectionReason.UNSUPPORTED)
    return _handle(platform, platform.sigil + page.group(1))


def _handle(platform: Platform, written: str) -> str:
    if platform.name == "line" and written.startswith("@"):
        raise InvalidIdentifier(
            "a shop's account, or a name: only the web address tells", reason=RejectionReason.AMBIGUOUS
        )
    if not written.startswith(platform.sigil):
        raise InvalidIdentifier("without its sign it may be another person's name", reason=RejectionReason.AMBIGUOUS)
    name = written.removeprefix("$" if platform.name == "cashapp" else "@")
    refuse_look_alikes(name)
    if platform.name == "discord" and re.fullmatch(r".+#[0-9]{4}", name):
        raise InvalidIdentifier("a tag that Discord has withdrawn", reason=RejectionReason.UNSUPPORTED)
    if re.search(r"[\s,;|]", name) and platform.name != "skype":
        raise InvalidIdentifier("may be more than one name", reason=RejectionReason.AMBIGUOUS)
    if not name.isascii():
        raise InvalidIdentifier("no name of this platform", reason=RejectionReason.INVALID)
    folded = name.lower()
    for character in platform.ignored:
        folded = folded.replace(character, "")
    if not platform.pattern.fullmatch(folded) or folded in platform.reserved:
        raise InvalidIdentifier("no name of this platform", reason=RejectionReason.INVALID)
    return f"{platform.name}:{platform.sigil}{folded}"
