"""When an import can be cancelled: at once while it waits or reads, between two transactions, not in the last."""

import asyncio

import pytest

from tacita_node.data.cancellation import CancelAsked, Cancellation


async def interrupted(cancellation: Cancellation, reached: asyncio.Event) -> str:
    """What the work below ends with."""
    try:
        with cancellation.interruptible():
            reached.set()
            await asyncio.Event().wait()
    except CancelAsked:
        await asyncio.sleep(0)  # what is left to do is not cancelled any more
        return "asked"
    return "done"


def test_what_waits_is_broken_off_at_once_and_may_clean_up_after_itself() -> None:
    async def scene() -> None:
        cancellation, reached = Cancellation(), asyncio.Event()
        work = asyncio.create_task(interrupted(cancellation, reached))
        await reached.wait()
        assert [cancellation.ask(), cancellation.ask()] == [True, True]
        assert (await work, work.cancelling(), cancellation.asked) == ("asked", 0, True)

    asyncio.run(scene())


def test_whoever_cancels_the_task_itself_ends_it_also_when_both_come_together() -> None:
    async def scene(*, asked: bool) -> None:
        cancellation, reached = Cancellation(), asyncio.Event()
        work = asyncio.create_task(interrupted(cancellation, reached))
        await reached.wait()
        if asked:
            cancellation.ask()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(scene(asked=False))
    asyncio.run(scene(asked=True))


def test_a_block_that_has_ended_is_not_broken_off_any_more() -> None:
    async def scene() -> None:
        cancellation = Cancellation()
        with cancellation.interruptible():
            await asyncio.sleep(0)
        assert cancellation.ask()
        await asyncio.sleep(0)
        for look in (cancellation.check, cancellation.begin_last_step):
            with pytest.raises(CancelAsked):
                look()
        with pytest.raises(CancelAsked), cancellation.interruptible():
            raise AssertionError("a block of a cancelled import does not begin")

    asyncio.run(scene())


def test_the_last_step_cannot_be_cancelled() -> None:
    cancellation = Cancellation()
    cancellation.begin_last_step()
    assert (cancellation.ask(), cancellation.asked) == (False, False)
    cancellation.check()
