"""What a name on each platform may look like, and where the platform shows a person's page.

The rules are the platforms' own, as far as they publish them; where they are silent, the wider rule stands here, for
a rule that is too narrow loses matches and one that is too wide only keeps a name that nobody can have.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Platform:
    """One platform.

    Attributes:
        name: in canonical forms.
        aliases: other words for it in front of a name.
        hosts: of its web addresses, without `www.`, `m.` or `mobile.`.
        pattern: of a name after folding its case, which all of them ignore.
        page: of a path that shows a person; its group is the name.
        reserved: first parts of paths that are no names.
        ignored: characters that the platform ignores in a name.
        sigil: what a name begins with, also in its canonical form, where names without it are another name space.
    """

    name: str
    aliases: tuple[str, ...]
    hosts: tuple[str, ...]
    pattern: re.Pattern[str]
    page: re.Pattern[str] = re.compile(r"@?([^/@]+)/?")
    reserved: frozenset[str] = frozenset()
    ignored: str = ""
    sigil: str = ""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_AT_PAGE = re.compile(r"@([^/@]+)/?")

_ALL = (
    Platform("cashapp", ("cash app",), ("cash.app",), re.compile(r"[a-z][a-z0-9_-]{0,19}"), re.compile(r"\$([^/]+)/?")),
    Platform("discord", (), (), re.compile(r"(?!.*\.\.)[a-z0-9._]{2,32}")),
    Platform(
        "facebook",
        ("fb",),
        ("facebook.com", "fb.com"),
        re.compile(r"[0-9]{5,20}|(?=[0-9]*[a-z])[a-z0-9]{5,50}"),
        reserved=_words(
            "events gaming groups hashtag help login marketplace messages pages people permalink.php "
            "photo photo.php photos posts profile.php public reel search share sharer.php story.php "
            "watch"
        ),
        ignored=".",
    ),
    Platform(
        "instagram",
        ("ig", "insta"),
        ("instagram.com", "instagr.am"),
        re.compile(r"(?!\.)(?!.*\.\.)[a-z0-9._]{1,30}(?<!\.)"),
        reserved=_words("accounts direct explore p reel reels s stories tv"),
    ),
    Platform("kik", (), ("kik.me",), re.compile(r"[a-z0-9._]{2,20}")),
    Platform("line", (), ("line.me",), re.compile(r"[a-z0-9._-]{4,20}"), re.compile(r"(?:R/)?ti/p/~([^/]+)/?")),
    Platform("linkedin", (), ("linkedin.com",), re.compile(r"[a-z0-9-]{3,100}"), re.compile(r"in/([^/]+)/?")),
    Platform("onlyfans", (), ("onlyfans.com",), re.compile(r"[a-z0-9._-]{3,30}"), reserved=_words("my posts")),
    Platform("paypal", ("paypal.me",), ("paypal.me",), re.compile(r"[a-z0-9]{1,20}")),
    Platform(
        "reddit",
        (),
        ("reddit.com", "old.reddit.com"),
        re.compile(r"[a-z0-9_-]{3,20}"),
        re.compile(r"u(?:ser)?/([^/]+)/?"),
    ),
    Platform("signal", (), (), re.compile(r"[a-z_][a-z0-9_]{2,31}\.[0-9]{2,20}")),
    Platform("skype", (), (), re.compile(r"(?:live:)?[a-z0-9.][a-z0-9._,-]{4,63}")),
    Platform(
        "snapchat",
        ("snap",),
        ("snapchat.com",),
        re.compile(r"(?=.{3,15}$)[a-z][a-z0-9]*(?:[._-][a-z0-9]+)?"),
        re.compile(r"(?:add/|@)([^/@]+)/?"),
    ),
    Platform(
        "telegram",
        ("tg",),
        ("t.me", "telegram.me", "telegram.dog"),
        re.compile(r"(?=.{4,32}$)[a-z](?:_?[a-z0-9])*"),
        re.compile(r"(?:s/)?@?([^/@+]+)/?"),
        reserved=_words("addlist addstickers c iv joinchat login proxy share socks"),
    ),
    Platform("tiktok", ("tik tok",), ("tiktok.com",), re.compile(r"[a-z0-9_.]{2,24}(?<!\.)"), _AT_PAGE),
    Platform(
        "venmo",
        (),
        ("venmo.com", "account.venmo.com"),
        re.compile(r"[a-z0-9_-]{5,30}"),
        re.compile(r"(?:u/)?([^/]+)/?"),
    ),
    Platform("vk", ("vkontakte",), ("vk.com", "vk.ru"), re.compile(r"[a-z][a-z0-9_.]{2,31}")),
    Platform("wechat", ("weixin",), (), re.compile(r"[a-z][a-z0-9_-]{5,19}")),
    Platform(
        "x",
        ("twitter",),
        ("x.com", "twitter.com"),
        re.compile(r"[a-z0-9_]{1,15}"),
        reserved=_words("compose explore hashtag home i intent login messages search settings share"),
    ),
    Platform(
        "youtube",
        ("yt",),
        ("youtube.com",),
        re.compile(r"(?=.{3,30}$)[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?"),
        _AT_PAGE,
        sigil="@",
    ),
)

PLATFORMS: Mapping[str, Platform] = {word: platform for platform in _ALL for word in (platform.name, *platform.aliases)}
"""By every word for them, in lower case."""

HOSTS: Mapping[str, Platform] = {host: platform for platform in _ALL for host in platform.hosts}

BY_PHONE = frozenset({"imo", "viber", "whatsapp", "zalo"})
"""Platforms on which people are found by their phone number."""

PHONE_HOSTS = frozenset({"wa.me", "api.whatsapp.com", "chat.whatsapp.com", "zalo.me"})
