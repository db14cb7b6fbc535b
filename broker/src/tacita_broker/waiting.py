"""Long polls: look, wait for a ring, look again, until there is news or the time is up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tacita_broker.bell import Bell
from tacita_broker.config import Limits

T = TypeVar("T")


async def first_news(
    bell: Bell, limits: Limits, look: Callable[[], Awaitable[T | None]], wait: float, *keys: str
) -> T | None:
    """What `look` finds, asked again at each ring of `keys`, for at most `wait` seconds; None when nothing came.

    Returns at once when the broker is stopping, so that it can stop with requests held open.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + min(wait, limits.long_poll_seconds)
    with bell.listen(*keys) as listener:
        while True:
            news = await look()
            left = end - loop.time()
            if news is not None or left <= 0 or bell.stopping:
                return news
            await listener.heard(left)
