"""Waiting for news without losing any."""

import asyncio

from tacita_broker.bell import Bell, Places
from tacita_broker.config import Limits
from tacita_broker.waiting import first_news


def test_a_ring_before_the_wait_is_heard() -> None:
    async def run() -> bool:
        bell = Bell()
        with bell.listen("a") as listener:
            bell.ring("a")
            return await listener.heard(1)

    assert asyncio.run(run()) is True


def test_other_keys_are_not_heard() -> None:
    async def run() -> bool:
        bell = Bell()
        with bell.listen("a") as listener:
            bell.ring("b")
            return await listener.heard(0.01)

    assert asyncio.run(run()) is False


def test_news_between_looking_and_waiting_is_found() -> None:
    async def run() -> str | None:
        bell, news = Bell(), list[str]()

        async def look() -> str | None:
            found = news[0] if news else None
            if not news:  # it comes right after the look, before the wait
                news.append("new")
                bell.ring("a")
            return found

        return await first_news(bell, Limits(), look, 5, "a")

    assert asyncio.run(run()) == "new"


def test_stopping_ends_every_wait_at_once() -> None:
    async def run() -> object:
        bell = Bell()

        async def look() -> None:
            return None

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            waiting = group.create_task(first_news(bell, Limits(), look, 25, "a"))
            await asyncio.sleep(0)
            bell.stop()
        return await first_news(bell, Limits(), look, 25, "a") or waiting.result()

    assert asyncio.run(run()) is None


def test_listeners_are_forgotten() -> None:
    bell = Bell()
    with bell.listen("a", "b"):
        pass
    assert bell._listeners == {}


def test_places_are_limited_and_given_back() -> None:
    places = Places()
    with places.take("a", 1) as first, places.take("a", 1) as second, places.take("b", 1) as other:
        assert (first, second, other) == (True, False, True)
    with places.take("a", 1) as again:
        assert again
