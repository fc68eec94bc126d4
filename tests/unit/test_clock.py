"""The clocks: plant time and link time, and virtual time that wakes sleepers in order."""

import asyncio
import time

import pytest

from controller.clock import NS, ManualClock, SimClock, SystemClock


def test_plant_time_runs_at_speed_from_a_common_epoch(monkeypatch):
    now = {"utc": 1000.0, "mono": 5.0}
    monkeypatch.setattr(time, "time", lambda: now["utc"])
    monkeypatch.setattr(time, "monotonic", lambda: now["mono"])
    first = SystemClock(10.0, epoch_utc_s=990.0)
    now["utc"], now["mono"] = 1002.0, 7.0
    second = SystemClock(10.0, epoch_utc_s=990.0)  # another process, started later
    assert first.now_s() == second.now_s() == 990.0 + 12.0 * 10.0
    assert first.utc_ns() == int(first.now_s() * NS)
    assert first.link_s() == 7.0


def test_a_step_of_the_wall_clock_does_not_reach_plant_time(monkeypatch):
    now = {"utc": 1000.0, "mono": 5.0}
    monkeypatch.setattr(time, "time", lambda: now["utc"])
    monkeypatch.setattr(time, "monotonic", lambda: now["mono"])
    clock = SystemClock()
    now["utc"], now["mono"] = -500.0, 6.0
    assert clock.now_s() == 1001.0


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_time_that_does_not_run_forward_is_refused(speed):
    with pytest.raises(ValueError, match="must be above 0"):
        SystemClock(speed)


async def test_sleeping_until_the_past_returns_at_once():
    clock = SystemClock()
    await asyncio.wait_for(clock.sleep_until(clock.now_s() - 100.0), 1.0)


async def test_plant_seconds_pass_faster_at_speed(monkeypatch):
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    clock = SystemClock(20.0)
    await clock.sleep_until(clock.now_s() + 10.0)
    await clock.sleep_link(3.0)
    assert waited == [pytest.approx(0.5, abs=0.05), 3.0]


async def test_the_manual_clock_does_not_sleep():
    clock = ManualClock(t_s=2.5)
    assert (clock.now_s(), clock.link_s()) == (2.5, 2.5)
    assert clock.utc_ns() == clock.utc0_ns + 2_500_000_000
    with pytest.raises(RuntimeError):
        await clock.sleep_until(3.0)
    with pytest.raises(RuntimeError):
        await clock.sleep_link(1.0)


async def test_sleepers_wake_in_the_order_of_their_deadlines():
    clock, woken = SimClock(), []

    async def sleeper(name, *seconds):
        for s in seconds:
            await clock.sleep_link(s)
            woken.append((name, clock.now_s()))

    tasks = [
        asyncio.create_task(sleeper("a", 3.0, 3.0)),
        asyncio.create_task(sleeper("b", 1.0, 3.5)),
        asyncio.create_task(sleeper("c", 3.0)),
    ]
    await clock.run(10.0)
    assert woken == [("b", 1.0), ("a", 3.0), ("c", 3.0), ("b", 4.5), ("a", 6.0)]
    assert clock.now_s() == clock.link_s() == 10.0
    await asyncio.gather(*tasks)


async def test_time_stops_where_it_was_told_to():
    clock, woken = SimClock(), []

    async def sleeper():
        await clock.sleep_until(5.0)
        woken.append(clock.now_s())

    task = asyncio.create_task(sleeper())
    await clock.run(4.999)
    assert woken == []
    await clock.run(0.001)
    assert woken == [5.0]
    assert clock.utc_ns() == clock.utc0_ns + 5 * NS
    await task


async def test_a_cancelled_sleeper_does_not_hold_time_up():
    clock = SimClock()
    task = asyncio.create_task(clock.sleep_link(1.0))
    await clock.run(0.5)
    task.cancel()
    await clock.run(1.0)
    assert task.cancelled()
    assert clock.now_s() == 1.5


async def test_a_sleep_of_nothing_lets_the_others_run():
    clock, ran = SimClock(), []

    async def other():
        ran.append(1)

    task = asyncio.create_task(other())
    await clock.sleep_link(0.0)
    assert ran == [1]
    await task
