"""Every driver in the folder keeps the contract of controller.core.ports.Driver.

What needs a server of the protocol is in tests/wire; here a refused port and, for the driver that
needs none, a PLC in memory.
"""

import asyncio
import importlib
import inspect
import socket
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from controller.clock import SimClock, SystemClock
from controller.config import installed_modules, load_line
from controller.core.errors import DriverError, LinkLost, WriteFailed
from controller.core.point import READ_BACK, Access
from controller.core.ports import Driver as DriverPort
from controller.core.sample import GOOD
from controller.drivers import memory
from controller.line import tag_table
from plc_sim.plc import MAP_VERSION, Plc
from tests.support.modbus_peers import IdleLogic

LINE = load_line(Path(__file__).parents[2] / "controller" / "lines" / "pilot")
PROTOCOLS = installed_modules().protocols
METHODS = ("connect", "read_all", "receive", "write", "close")


def module(protocol):
    return importlib.import_module(f"controller.drivers.{protocol}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def station_of(protocol):
    wanted = "modbus" if protocol == "memory" else protocol
    return next(s for s in LINE.stations if s.protocol == wanted)


def settings_of(protocol, link=None):
    """Settings that lead to a port where nobody listens, or to a wire in memory."""
    if protocol == "memory":
        return memory.Settings(prefix=station_of(protocol).prefix, link=link)
    given = station_of(protocol).settings
    port = free_port()
    if protocol == "opcua":
        return given.model_copy(update={"endpoint": f"opc.tcp://127.0.0.1:{port}/none"})
    return given.model_copy(update={"port": port})


class Bench:
    """A driver that finds nobody."""

    def __init__(self, protocol):
        self.config = station_of(protocol)
        self.table = tag_table(LINE)
        self.index = {t.name: k for k, t in enumerate(self.table.tags)}
        link = None
        self.clock = SystemClock()
        if protocol == "memory":
            link = memory.Link(Plc(self.config.prefix, self.config.points, IdleLogic()))
            link.outages.append(memory.Outage(memory.LinkFault.DOWN, -1e12))
        self.settings = settings_of(protocol, link)
        self.make = module(protocol).Driver

    def driver(self):
        return self.make(
            self.settings, self.config.points, self.index, self.clock, map_version=MAP_VERSION
        )


def test_the_folder_holds_the_protocols_we_know():
    assert set(PROTOCOLS) >= {"memory", "modbus", "opcua"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_has_settings_and_the_methods_of_the_port(protocol):
    m = module(protocol)
    assert issubclass(m.Settings, BaseModel)
    for name in METHODS:
        own = inspect.signature(getattr(m.Driver, name))
        port = inspect.signature(getattr(DriverPort, name))
        assert list(own.parameters) == list(port.parameters), name
        assert inspect.iscoroutinefunction(getattr(m.Driver, name))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_its_settings_are_strict_and_frozen(protocol):
    settings = module(protocol).Settings
    assert settings.model_config.get("extra") == "forbid"
    assert settings.model_config.get("frozen")
    with pytest.raises(ValidationError):
        settings.model_validate({"no_such_setting": 1})
    assert settings.model_fields["protocol"].annotation.__args__ == (protocol,)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_building_one_does_no_io(protocol):
    bench = Bench(protocol)
    tasks = asyncio.all_tasks()
    driver = bench.driver()
    assert asyncio.all_tasks() <= tasks
    await driver.close()


async def brings_nothing(call):
    """A call without a connection: refused, or empty."""
    try:
        return not await asyncio.wait_for(call(), 30.0)
    except DriverError:
        return True


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_nothing_is_read_before_it_is_connected(protocol):
    bench = Bench(protocol)
    driver = bench.driver()
    assert await brings_nothing(driver.read_all)
    with pytest.raises(DriverError):
        await asyncio.wait_for(driver.receive(), 30.0)
    await driver.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_where_nobody_answers_the_link_is_lost_and_nothing_stays_behind(protocol):
    bench = Bench(protocol)
    tasks = asyncio.all_tasks()
    for _ in range(3):
        driver = bench.driver()
        with pytest.raises(LinkLost):
            await asyncio.wait_for(driver.connect(), 30.0)
        assert await brings_nothing(driver.read_all)
        await driver.close()
        await driver.close()
    async with asyncio.timeout(30):
        while not asyncio.all_tasks() <= tasks:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


async def in_virtual_time(clock, call):
    pending = asyncio.ensure_future(call)
    while not pending.done():
        await clock.run(0.05)
    return pending.result()


async def test_in_memory_it_connects_reads_writes_is_lost_and_recovers():
    bench = Bench("memory")
    bench.clock = clock = SimClock()
    bench.settings.link.outages.clear()
    bench.settings.link.plc.scan(0.0, 0.0, (), ())
    device_tags = {
        bench.index[p.tag if p.access is Access.READ else p.tag + READ_BACK]
        for p in bench.config.points
    }
    driver = bench.driver()
    await in_virtual_time(clock, driver.connect())
    samples = await in_virtual_time(clock, driver.read_all())
    assert set(samples.tags.tolist()) == device_tags
    bench.table.apply(samples)
    written = [p for p in bench.config.points if p.access is Access.WRITE]
    outputs = np.array([p.default for p in written])
    at = [p.tag for p in written].index("DHU.FAN.SP")
    outputs[at] = 66.0
    await in_virtual_time(clock, driver.write(outputs))
    bench.table.apply(await in_virtual_time(clock, driver.receive()))
    assert bench.table.sample("DHU.FAN.SP.RB").value == 66.0
    assert bench.table.sample("DHU.FAN.SP.RB").quality == GOOD
    outputs[at] = 1e6
    with pytest.raises(WriteFailed):
        await in_virtual_time(clock, driver.write(outputs))
    now_s = clock.link_s()
    bench.settings.link.outages.append(memory.Outage(memory.LinkFault.DOWN, now_s, now_s + 1.0))
    with pytest.raises(LinkLost):
        await in_virtual_time(clock, driver.read_all())
    await clock.run(2.0)
    with pytest.raises(LinkLost):  # used once
        await in_virtual_time(clock, driver.read_all())
    await driver.close()
    fresh = bench.driver()
    await in_virtual_time(clock, fresh.connect())
    assert len(await in_virtual_time(clock, fresh.read_all())) == len(device_tags)
    await fresh.close()
