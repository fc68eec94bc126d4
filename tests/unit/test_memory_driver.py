"""The in-memory driver: virtual time, scripted faults of the link, and the lockstep gear."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import numpy as np
import pytest

from controller.clock import ManualClock, SimClock
from controller.core.errors import ConfigError, LinkLost, ProtocolFault, WriteFailed
from controller.core.point import READ_BACK, Access
from controller.core.sample import Quality
from controller.drivers.memory import Driver, Link, LinkFault, Outage, Settings
from plc_sim.instruments import Status
from plc_sim.plc import MAP_VERSION, Plc, Verdict
from tests.support.modbus_peers import IdleLogic, enclosure_points, index_of, table_of


class Bench:
    """A PLC, a link and a clock; everything in one process."""

    def __init__(self, *outages: Outage, clock: SimClock | ManualClock | None = None) -> None:
        self.clock = clock or SimClock()
        self.points = enclosure_points()
        self.table = table_of(self.points)
        self.plc = Plc("ENC", self.points, IdleLogic())
        self.scan()
        self.link = Link(self.plc, outages)

    def scan(self) -> None:
        self.plc.scan(self.clock.link_s(), self.clock.now_s(), (), ())

    def driver(self, map_version: int = MAP_VERSION) -> Driver:
        settings = Settings(prefix="ENC", link=self.link)
        return Driver(settings, self.points, index_of(self.table), self.clock, map_version)

    def outputs(self, command: float = 0.0) -> np.ndarray:
        written = [p for p in self.points if p.access is Access.WRITE]
        return np.array([command if p.tag == "ENC.CMD" else p.default for p in written])

    def get(self, tag: str) -> float:
        return self.plc.image.value[self.plc.image.slot(tag)]

    def set(self, tag: str, value: float, status: Status = Status.GOOD) -> None:
        slot = self.plc.image.slot(tag)
        self.plc.image.value[slot] = value
        self.plc.image.status[slot] = status

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The PLC's program runs in virtual time."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        assert isinstance(self.clock, SimClock)
        while True:
            self.scan()
            await self.clock.sleep_link(0.05)

    async def take(self, call: Awaitable[Any], at_most_s: float = 10.0) -> Any:
        """Let virtual time pass until a call ends; its result, or its exception raised."""
        assert isinstance(self.clock, SimClock)
        pending = asyncio.ensure_future(call)
        end_s = self.clock.link_s() + at_most_s
        while not pending.done() and self.clock.link_s() < end_s:
            await self.clock.run(0.01)
        assert pending.done()
        return pending.result()

    async def pass_time(self, seconds: float) -> None:
        assert isinstance(self.clock, SimClock)
        await self.clock.run(seconds)


async def test_every_tag_arrives_with_value_and_the_instruments_word() -> None:
    bench = Bench()
    bench.set("ENC.DP.ZONE", -61.23)
    bench.set("ENC.DP.RET", -60.0, Status.HELD)
    bench.set("ENC.DP.SUP", 20.0, Status.SATURATED)
    bench.set("ENC.DP.REF", 1.0, Status.FAILED)
    bench.set("ENC.PPM", float("nan"))
    driver = bench.driver()
    await bench.take(driver.connect())
    samples = await bench.take(driver.read_all())
    assert len(samples) == len(bench.points)
    bench.table.apply(samples)
    assert bench.table.sample("ENC.DP.ZONE").value == -61.23
    assert [
        bench.table.sample(f"ENC.{n}").quality
        for n in ("DP.ZONE", "DP.RET", "DP.SUP", "DP.REF", "PPM")
    ] == [
        Quality.GOOD,
        Quality.UNCERTAIN_HELD,
        Quality.UNCERTAIN_RANGE,
        Quality.BAD_SENSOR,
        Quality.BAD_NOT_A_NUMBER,
    ]
    assert bench.table.sample("ENC.DP.SP" + READ_BACK).value == -58.0
    age_ns = bench.clock.utc_ns() - bench.table.sample("ENC.DP.ZONE").time_ns
    assert 0 <= age_ns <= 20_000_000


async def test_batches_keep_their_period_and_never_catch_up() -> None:
    bench = Bench()
    driver = bench.driver()
    await bench.take(driver.connect())
    times = []
    for k in range(6):
        samples = await bench.take(driver.receive())
        times.append(samples.time_ns[0] / 1e9)
        if k == 2:
            await bench.pass_time(0.25)
    after_s = [round(t - times[0], 3) for t in times]
    assert after_s[:3] == [0.0, 0.1, 0.2]
    assert 0.44 < after_s[3] < 0.49
    assert after_s[4:] == [0.5, 0.6]


async def test_outputs_arrive_under_rising_tickets() -> None:
    bench = Bench()
    driver = bench.driver()
    await bench.take(driver.connect())
    await bench.take(driver.write(bench.outputs(2.0)))
    await bench.take(driver.write(None))
    bench.scan()
    assert (bench.get("ENC.CMD"), bench.get("ENC.SEQ"), bench.get("ENC.WDOG")) == (2.0, 2.0, 0.0)


async def test_a_refusal_names_its_reason_and_tickets_go_on() -> None:
    bench = Bench()
    driver = bench.driver()
    await bench.take(driver.connect())
    bench.plc.remote = False
    with pytest.raises(WriteFailed, match="local"):
        await bench.take(driver.write(None))
    bench.plc.remote = True
    await bench.take(driver.receive())
    await bench.take(driver.write(None))


@pytest.mark.parametrize("value", [5.0, -1.0, float("nan")])
async def test_a_value_out_of_range_is_refused_before_anything_is_sent(value: float) -> None:
    bench = Bench()
    driver = bench.driver()
    await bench.take(driver.connect())
    with pytest.raises(WriteFailed, match=r"ENC\.CMD"):
        await bench.take(driver.write(bench.outputs(value)))
    bench.scan()
    assert bench.get("ENC.REJECTS") == 0


async def test_a_link_that_is_down_fails_at_once_and_a_fresh_driver_recovers() -> None:
    bench = Bench(Outage(LinkFault.DOWN, 1.0, 2.0))
    driver = bench.driver()
    await bench.take(driver.connect())
    await bench.pass_time(1.0)
    with pytest.raises(LinkLost, match="down"):
        await bench.take(driver.read_all())
    assert bench.clock.link_s() < 1.1
    with pytest.raises(LinkLost):
        await bench.take(bench.driver().connect())
    await bench.pass_time(1.0)
    with pytest.raises(LinkLost, match="down"):
        await bench.take(driver.read_all())
    fresh = bench.driver()
    await bench.take(fresh.connect())
    assert len(await bench.take(fresh.read_all())) == len(bench.points)


async def test_silence_fails_after_the_time_out() -> None:
    bench = Bench(Outage(LinkFault.SILENT, 1.0))
    driver = bench.driver()
    await bench.take(driver.connect())
    await bench.pass_time(1.0 - bench.clock.link_s())
    with pytest.raises(LinkLost, match=r"0\.3 s"):
        await bench.take(driver.read_all())
    assert bench.clock.link_s() == pytest.approx(1.3, abs=0.02)


async def test_latency_delays_and_beyond_the_time_out_loses_the_link() -> None:
    bench = Bench(
        Outage(LinkFault.LATENCY, 1.0, 2.0, 0.1), Outage(LinkFault.LATENCY, 2.0, 9.0, 0.4)
    )
    driver = bench.driver()
    await bench.take(driver.connect())
    await bench.pass_time(1.0 - bench.clock.link_s())
    await bench.take(driver.read_all())
    assert bench.clock.link_s() == pytest.approx(1.1, abs=0.02)
    await bench.pass_time(1.0)
    with pytest.raises(LinkLost):
        await bench.take(driver.read_all())


async def test_a_stale_link_shows_the_same_image_heartbeat_included() -> None:
    bench = Bench(Outage(LinkFault.STALE, 1.0, 3.0))
    driver = bench.driver()
    async with bench.running():
        await bench.take(driver.connect())
        await bench.pass_time(0.9 - bench.clock.link_s())
        before = await bench.take(driver.read_all())
        await bench.pass_time(1.2)
        frozen = await bench.take(driver.read_all())
        assert (frozen.values == before.values).all()
        with pytest.raises(WriteFailed, match="stale"):
            await bench.take(driver.write(bench.outputs(3.0)))
        await bench.pass_time(1.0)
        fresh = await bench.take(driver.read_all())
        assert (fresh.values != before.values).any()
        await bench.take(driver.write(bench.outputs(3.0)))
    assert bench.get("ENC.CMD") == 3.0


@pytest.mark.parametrize(
    "outage",
    [Outage(LinkFault.SILENT, 1.0, 3.0), Outage(LinkFault.LATENCY, 1.0, 3.0, 1.5)],
)
async def test_a_write_that_was_given_up_arrives_late_and_is_refused(outage: Outage) -> None:
    bench = Bench(outage)
    driver = bench.driver()
    async with bench.running():
        await bench.take(driver.connect())
        await bench.pass_time(0.9 - bench.clock.link_s())
        await bench.take(driver.read_all())
        await bench.pass_time(0.1)
        with pytest.raises(LinkLost):
            await bench.take(driver.write(bench.outputs(3.0)))
        await bench.pass_time(2.0)
        fresh = bench.driver()
        await bench.take(fresh.connect())
        assert [a.verdict for a in bench.link.late] == [Verdict.STALE]
    assert bench.get("ENC.CMD") == 0.0


async def test_another_map_version_is_refused_naming_both() -> None:
    bench = Bench()
    with pytest.raises(ProtocolFault, match=r"version 1.*version 2"):
        await bench.take(bench.driver(map_version=2).connect())


def test_a_tag_that_the_plc_does_not_have_is_a_mistake_of_the_list() -> None:
    bench = Bench()
    few = [p for p in bench.points if p.tag != "ENC.PPM"]
    link = Link(Plc("ENC", few, IdleLogic()))
    with pytest.raises(ConfigError, match=r"ENC\.PPM"):
        Driver(
            Settings(prefix="ENC", link=link),
            bench.points,
            index_of(bench.table),
            bench.clock,
            MAP_VERSION,
        )


def test_lockstep_reads_and_writes_without_an_event_loop() -> None:
    clock = ManualClock()
    bench = Bench(Outage(LinkFault.DOWN, 5.0, 6.0), clock=clock)
    driver = bench.driver()
    for k in range(100):
        clock.t_s = 0.1 * k
        bench.scan()
        if 5.0 <= clock.t_s < 6.0:
            with pytest.raises(LinkLost):
                driver.read_now()
            with pytest.raises(LinkLost):
                driver.write_now(bench.outputs(2.0))
            continue
        bench.table.apply(driver.read_now())
        driver.write_now(bench.outputs(float(k % 5)))
        assert bench.get("ENC.CMD") == k % 5
    bench.scan()
    assert (bench.get("ENC.SEQ"), bench.get("ENC.REJECTS")) == (90.0, 0.0)


async def test_a_closed_driver_stays_closed() -> None:
    bench = Bench()
    driver = bench.driver()
    with pytest.raises(LinkLost, match="not connected"):
        await bench.take(driver.read_all())
    await bench.take(driver.connect())
    await bench.take(driver.close())
    with pytest.raises(LinkLost, match="closed"):
        await bench.take(driver.receive())
