"""A deadline is a deadline, whatever kind of cancellation a library raises."""

import asyncio

import pytest

from controller.drivers.cancellation import plain_cancellation


class AtTheSameTime(asyncio.CancelledError):
    """As wait_for2 has it for an answer that comes with the cancellation."""


async def answers_at_the_deadline() -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise AtTheSameTime from None


async def test_a_deadline_passed_with_another_kind_of_cancellation_is_a_timeout():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), plain_cancellation():
            await answers_at_the_deadline()


async def test_who_is_cancelled_from_outside_stays_cancelled():
    async def work() -> None:
        async with asyncio.timeout(60), plain_cancellation():
            await answers_at_the_deadline()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_other_errors_pass():
    with pytest.raises(ValueError, match="mine"):
        async with plain_cancellation():
            raise ValueError("mine")
