"""A flood of requests for rebirths is answered once in a while."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from controller.clock import SimClock
from controller.sinks.sparkplug_pace import Pace


async def births_of(asks: Callable[[Pace, SimClock], Awaitable[None]], for_s: float) -> list[float]:
    clock, at = SimClock(), []
    pace = Pace(clock, 5.0)

    async def born() -> None:
        at.append(clock.link_s())

    answering = asyncio.create_task(pace.answer(born))
    asking = asyncio.create_task(asks(pace, clock))
    await clock.run(for_s)
    for task in (answering, asking):
        task.cancel()
    await asyncio.gather(answering, asking, return_exceptions=True)
    return at


async def test_a_flood_is_answered_at_once_and_then_every_five_seconds() -> None:
    async def flood(pace: Pace, clock: SimClock) -> None:
        while True:
            pace.ask()
            await clock.sleep_link(0.01)

    assert await births_of(flood, 18.0) == pytest.approx([0.0, 5.0, 10.0, 15.0])


async def test_who_asks_again_soon_has_an_answer_a_little_later_and_only_one() -> None:
    async def twice(pace: Pace, clock: SimClock) -> None:
        await clock.sleep_link(1.0)
        pace.ask()
        for _ in range(3):
            await clock.sleep_link(1.0)
            pace.ask()

    assert await births_of(twice, 60.0) == pytest.approx([1.0, 6.0])


async def test_who_asks_seldom_is_answered_each_time_at_once() -> None:
    async def seldom(pace: Pace, clock: SimClock) -> None:
        for _ in range(3):
            await clock.sleep_link(6.0)
            pace.ask()

    assert await births_of(seldom, 60.0) == pytest.approx([6.0, 12.0, 18.0])


async def test_without_a_request_nothing_happens() -> None:
    async def nobody(_: Pace, clock: SimClock) -> None:
        await clock.sleep_link(30.0)

    assert await births_of(nobody, 60.0) == []
