"""Services keep running, each alone: failures are told once, siblings do not notice."""

import asyncio
import logging

import pytest

from controller.clock import SimClock
from controller.core.errors import DriverError, LinkLost
from controller.supervise import HEALTHY_S, LAST_BACK_OFF_S, Supervisor, together


@pytest.fixture
def clock():
    return SimClock()


class Service:
    """Runs for the seconds of its script, then fails with what the script says."""

    def __init__(self, clock, *script):
        self.clock, self.script = clock, list(script)
        self.starts = []

    async def run(self):
        self.starts.append(self.clock.now_s())
        seconds, error = self.script.pop(0) if self.script else (1e9, None)
        await self.clock.sleep_link(seconds)
        if error is not None:
            raise error


async def cancelled_inside():
    """As a library may do with a future of its own."""
    inner = asyncio.get_running_loop().create_future()
    inner.cancel()
    await inner


async def test_a_failed_service_starts_again_a_little_later_each_time(clock):
    service = Service(clock, *[(0.0, LinkLost("gone"))] * 8)
    async with Supervisor(clock) as supervisor:
        supervisor.keep("link", service.run)
        await clock.run(10.0)
    gaps = [b - a for a, b in zip(service.starts, service.starts[1:], strict=False)]
    assert gaps == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, LAST_BACK_OFF_S])


async def test_after_a_healthy_run_it_starts_again_quickly(clock):
    fails = [(0.0, LinkLost("gone"))] * 5
    service = Service(clock, *fails, (HEALTHY_S + 1.0, LinkLost("gone")))
    async with Supervisor(clock) as supervisor:
        supervisor.keep("link", service.run)
        await clock.run(30.0)
    assert service.starts[-1] - service.starts[-2] == pytest.approx(HEALTHY_S + 1.0 + 0.1)


async def test_a_service_that_ends_is_started_again(clock):
    service = Service(clock, (1.0, None), (1.0, None))
    async with Supervisor(clock) as supervisor:
        supervisor.keep("s", service.run)
        await clock.run(5.0)
    assert len(service.starts) == 3


async def test_siblings_run_on(clock):
    broken = Service(clock, *[(0.0, ZeroDivisionError("x"))] * 100)
    beats = []

    async def steady():
        while True:
            await clock.sleep_link(0.1)
            beats.append(clock.now_s())

    async with Supervisor(clock) as supervisor:
        supervisor.keep("broken", broken.run)
        supervisor.keep("steady", steady)
        await clock.run(20.05)
    assert len(beats) == 200


async def test_the_same_failure_is_told_once_and_another_one_again(clock, caplog):
    service = Service(
        clock, *[(0.0, LinkLost("gone"))] * 4, (0.0, LinkLost("mute")), (0.0, LinkLost("mute"))
    )
    seen = []
    with caplog.at_level(logging.WARNING, "dryline.supervise"):
        async with Supervisor(clock) as supervisor:
            supervisor.keep("link", service.run, seen.append)
            await clock.run(20.0)
    texts = [r.getMessage() for r in caplog.records]
    assert texts == ["link failed: LinkLost: gone", "link failed: LinkLost: mute"]
    assert [str(e) for e in seen] == ["gone"] * 4 + ["mute"] * 2


async def test_the_same_failure_after_a_healthy_run_is_news(clock, caplog):
    service = Service(clock, (0.0, LinkLost("gone")), (3600.0, LinkLost("gone")))
    with caplog.at_level(logging.WARNING, "dryline.supervise"):
        async with Supervisor(clock) as supervisor:
            supervisor.keep("link", service.run)
            await clock.run(4000.0)
    assert len(caplog.records) == 2


async def test_a_mistake_of_the_program_is_told_with_its_traceback(clock, caplog):
    service = Service(clock, (0.0, ZeroDivisionError("x")), (0.0, LinkLost("gone")))
    with caplog.at_level(logging.WARNING, "dryline.supervise"):
        async with Supervisor(clock) as supervisor:
            supervisor.keep("s", service.run)
            await clock.run(5.0)
    assert [r.exc_info is not None for r in caplog.records] == [True, False]


async def test_a_service_cancelled_from_inside_is_started_again(clock, caplog):
    starts = []

    async def service():
        starts.append(clock.now_s())
        await cancelled_inside()

    with caplog.at_level(logging.WARNING, "dryline.supervise"):
        async with Supervisor(clock) as supervisor:
            supervisor.keep("s", service)
            await clock.run(5.0)
    assert len(starts) > 3
    assert "cancelled from inside" in caplog.text


async def test_leaving_ends_all_tasks(clock):
    before = asyncio.all_tasks()
    service = Service(clock)
    async with Supervisor(clock) as supervisor:
        supervisor.keep("a", service.run)
        supervisor.keep("b", Service(clock, *[(0.0, LinkLost("x"))] * 9).run)
        await clock.run(1.0)
        assert len(asyncio.all_tasks() - before) == 2
    assert asyncio.all_tasks() <= before


async def test_together_ends_with_the_first_failure_and_takes_the_rest_along(clock):
    ended = []

    async def part(seconds, error=None):
        try:
            await clock.sleep_link(seconds)
            if error is not None:
                raise error
        finally:
            ended.append(seconds)

    task = asyncio.create_task(together(part(5.0), part(1.0, LinkLost("gone"))))
    await clock.run(2.0)
    with pytest.raises(LinkLost, match="gone"):
        await task
    assert sorted(ended) == [1.0, 5.0]


async def test_together_does_not_wait_for_a_part_cancelled_from_inside(clock):
    async def broken():
        await clock.sleep_link(1.0)
        raise asyncio.CancelledError

    task = asyncio.create_task(together(clock.sleep_link(1e9), broken()))
    await clock.run(2.0)
    with pytest.raises(DriverError, match="cancelled from inside"):
        await task


async def test_together_passes_a_cancellation_on(clock):
    task = asyncio.create_task(together(clock.sleep_link(10.0), clock.sleep_link(20.0)))
    await clock.run(1.0)
    task.cancel()
    await clock.run(1.0)
    assert task.cancelled()


async def test_a_service_whose_parts_have_failed_is_still_not_ended_from_inside(clock, caplog):
    """A cancellation that the end of some parts left behind must not pass for an order to end."""
    starts = []

    async def service():
        starts.append(clock.now_s())
        try:
            await together(clock.sleep_link(1e9), Service(clock, (0.2, LinkLost("gone"))).run())
        finally:  # the driver is closed, and the library cancels one of its own futures
            await cancelled_inside()

    with caplog.at_level(logging.WARNING, "dryline.supervise"):
        async with Supervisor(clock) as supervisor:
            supervisor.keep("link", service)
            await clock.run(10.0)
    assert len(starts) > 5
    assert "cancelled from inside" in caplog.text


async def test_together_leaves_no_cancellation_behind(clock):
    async def life():
        with pytest.raises(LinkLost):
            await together(clock.sleep_link(1e9), Service(clock, (0.2, LinkLost("gone"))).run())
        task = asyncio.current_task()
        return task.cancelling() if task else -1

    task = asyncio.create_task(life())
    await clock.run(1.0)
    assert await task == 0


async def test_together_ends_a_part_whose_library_swallows_a_cancellation(clock):
    swallowed = []

    async def deaf():
        while True:
            try:
                await clock.sleep_link(1e9)
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed.append(True)

    task = asyncio.create_task(together(deaf(), Service(clock, (0.2, LinkLost("gone"))).run()))
    await clock.run(1.0)
    with pytest.raises(LinkLost, match="gone"):
        await asyncio.wait_for(task, 30.0)
    assert swallowed


async def test_together_is_over_when_all_parts_are(clock):
    task = asyncio.create_task(together(clock.sleep_link(1.0), clock.sleep_link(2.0)))
    await clock.run(1.5)
    assert not task.done()
    await clock.run(1.0)
    assert await task is None
