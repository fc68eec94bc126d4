"""The OPC UA driver against the simulated PLC's server, on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from controller.clock import NS, SystemClock
from controller.core.errors import LinkLost, ProtocolFault, WriteFailed
from controller.core.point import READ_BACK, Access, Wire
from controller.core.sample import Quality, Samples
from controller.core.table import TagTable
from controller.drivers import opcua as module
from controller.drivers.opcua import Driver, Settings
from plc_sim.instruments import Status
from tests.support.opcua_peers import (
    PREFIX,
    Bench,
    connected,
    make_driver,
    point,
    small_map,
)
from tests.support.spied_bulk import Spied


@pytest.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    bench = Bench(patient=True)
    await bench.start()
    yield bench
    await bench.stop()


@pytest.fixture
async def driver(bench: Bench) -> AsyncIterator[Driver]:
    async with connected(bench.driver()) as driver:
        yield driver


def table_of(bench: Bench) -> TagTable:
    return TagTable(tag for p in bench.points for tag in p.tags())


async def until(driver: Driver, table: TagTable, name: str, value: float | None = None) -> Samples:
    """Receive until the tag was delivered (with this value); returns the batch that had it."""
    index = table.index(f"{PREFIX}.{name}")
    async with asyncio.timeout(30):
        while True:
            samples = await driver.receive()
            table.apply(samples)
            if index in samples.tags and (value is None or table.value[index] == value):
                return samples


async def shown(
    driver: Driver, table: TagTable, name: str, value: float | None = None,
    quality: Quality = Quality.GOOD,
) -> None:  # fmt: skip
    """Read until the server shows it so."""
    seen = None
    try:
        async with asyncio.timeout(30):
            while True:
                table.apply(await driver.read_all())
                seen = table.sample(f"{PREFIX}.{name}")
                near = value is None or seen.value == pytest.approx(value)
                if near and seen.quality == quality:
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"{name} is not shown as {value} {quality!r}: {seen}")


def outputs(bench: Bench, **changes: float) -> np.ndarray:
    """The output image: defaults, with some set points changed (SP=..., LOAD_SP=...)."""
    wanted = {f"{PREFIX}.{k.replace('_', '.')}": v for k, v in changes.items()}
    written = [p for p in bench.points if p.access is Access.WRITE]
    return np.array([wanted.get(p.tag, p.default) for p in written])


async def test_read_all_brings_every_device_tag_once(bench: Bench, driver: Driver) -> None:
    table = table_of(bench)
    samples = await driver.read_all()
    names = {table.tags[k].name for k in samples.tags}
    expected = {p.tag if p.access is Access.READ else p.tag + READ_BACK for p in bench.points}
    assert names == expected
    assert len(samples) == len(expected)
    assert samples.tags.dtype == np.int32
    assert samples.time_ns.dtype == np.int64


async def test_every_wire_type_arrives_as_its_engineering_value(
    bench: Bench, driver: Driver
) -> None:
    table = table_of(bench)
    for name, value in (
        ("LOAD.PV", 55.25),
        ("SCALED.PV", 12.3),
        ("COUNT", 3e9),
        ("FLAG", 1.0),
        ("STATE", 0.0),
    ):
        bench.set(name, value)
    await shown(driver, table, "STATE", 0.0)  # the last one set
    await shown(driver, table, "LOAD.PV", 55.25)
    assert table.sample(f"{PREFIX}.SCALED.PV").value == pytest.approx(12.3)
    assert table.sample(f"{PREFIX}.COUNT").value == 3e9
    assert table.sample(f"{PREFIX}.FLAG").value == 1.0
    assert (table.quality[samples_of(table, bench)] == Quality.GOOD).all()


def samples_of(table: TagTable, bench: Bench) -> list[int]:
    region = table.region("bench")
    return list(range(region.start, region.split))


async def test_a_change_arrives_by_subscription_with_the_devices_time(
    bench: Bench, driver: Driver
) -> None:
    table = table_of(bench)
    await until(driver, table, "PV")
    before = bench.clock.utc_ns()
    bench.pv = 17.0
    await until(driver, table, "PV", 17.0)
    stamp = table.sample(f"{PREFIX}.PV").time_ns
    assert before <= stamp <= bench.clock.utc_ns()
    assert abs(driver.clock_skew_s) < 1.0


@pytest.mark.parametrize(
    ("status", "quality"),
    [
        (Status.HELD, Quality.UNCERTAIN_HELD),
        (Status.SATURATED, Quality.UNCERTAIN_RANGE),
        (Status.FAILED, Quality.BAD_SENSOR),
        (Status.GOOD, Quality.GOOD),
    ],
)
async def test_instrument_status_becomes_quality(
    bench: Bench, driver: Driver, status: Status, quality: Quality
) -> None:
    table = table_of(bench)
    bench.pv_status = status
    try:
        await shown(driver, table, "PV", quality=quality)
    finally:
        bench.pv_status = Status.GOOD


async def test_numbers_that_are_none_or_out_of_range_are_marked_and_stay_finite(
    bench: Bench, driver: Driver
) -> None:
    table = table_of(bench)
    bench.set("LOAD.PV", 44.0)
    await shown(driver, table, "LOAD.PV", 44.0)
    for value, quality, seen in (
        (float("nan"), Quality.BAD_NOT_A_NUMBER, 44.0),
        (float("inf"), Quality.BAD_NOT_A_NUMBER, 44.0),
        (101.0, Quality.GOOD, 101.0),
        (104.0, Quality.UNCERTAIN_RANGE, 104.0),
        (-5.0, Quality.UNCERTAIN_RANGE, -5.0),
    ):
        bench.set("LOAD.PV", value)
        await shown(driver, table, "LOAD.PV", seen, quality)
    bench.set("LOAD.PV", 0.0)


async def test_an_accepted_write_is_held_by_the_device_and_read_back(
    bench: Bench, driver: Driver
) -> None:
    table = table_of(bench)
    await driver.write(outputs(bench, SP=42.5, SCALED_SP=7.7, SWITCH=1, CMD=1, RESET=9))
    held = [bench.held(name) for name in ("SP", "SCALED.SP", "SWITCH", "CMD", "RESET")]
    assert held == pytest.approx([42.5, 7.7, 1, 1, 9])
    table.apply(await driver.read_all())
    assert table.sample(f"{PREFIX}.SP{READ_BACK}").value == 42.5
    await driver.write(outputs(bench))
    assert bench.held("SP") == 25.0


async def test_a_ticket_alone_feeds_the_watchdog(bench: Bench, driver: Driver) -> None:
    table = table_of(bench)
    await shown(driver, table, "WDOG", 1.0)
    await driver.write(None)
    await until(driver, table, "WDOG", 0.0)


async def test_refused_writes_name_the_tag_change_nothing_and_do_not_cost_the_link(
    bench: Bench, driver: Driver
) -> None:
    await driver.write(outputs(bench, SP=30))
    with pytest.raises(WriteFailed, match=r"TST\.LOAD\.SP: outside its range"):
        await driver.write(outputs(bench, SP=31, LOAD_SP=500))
    with pytest.raises(WriteFailed, match=r"TST\.SP: nan cannot be sent"):
        await driver.write(outputs(bench, SP=float("nan")))
    with pytest.raises(WriteFailed, match=r"TST\.CMD: .* cannot be sent as int32"):
        await driver.write(outputs(bench, CMD=3e9))
    bench.plc.remote = False
    with pytest.raises(WriteFailed, match="switched to local"):
        await driver.write(outputs(bench, SP=32))
    bench.plc.remote = True
    assert bench.held("SP") == 30
    await driver.write(outputs(bench, SP=33))
    assert bench.held("SP") == 33


async def test_a_second_writer_is_noticed_and_not_repeated(bench: Bench, driver: Driver) -> None:
    async with connected(bench.driver()) as other:
        await other.write(outputs(bench, SP=50))
        with pytest.raises(WriteFailed, match="sequence number was used before"):
            await driver.write(outputs(bench, SP=60))
        assert bench.held("SP") == 50
        await driver.write(outputs(bench, SP=61))  # asked the device for the number first
        assert bench.held("SP") == 61


async def test_writes_go_on_when_the_sequence_number_wraps(bench: Bench) -> None:
    bench.plc.restart()
    bench.plc.write(bench.clock.link_s(), 32_000, bench.plc.heart(bench.clock.link_s()), [])
    bench.plc.write(bench.clock.link_s(), 64_000, bench.plc.heart(bench.clock.link_s()), [])
    bench.plc.write(bench.clock.link_s(), 65_534, bench.plc.heart(bench.clock.link_s()), [])
    await asyncio.sleep(0.3)
    async with connected(bench.driver()) as driver:
        for _ in range(3):
            await driver.write(None)
    async with asyncio.timeout(30):
        while bench.held("SEQ") != 1:  # noqa: ASYNC110 - waits for a real wire
            await asyncio.sleep(0.02)


async def test_a_stopped_heartbeat_makes_the_ticket_too_old(bench: Bench, driver: Driver) -> None:
    table = table_of(bench)
    bench.server.stale = True
    try:
        await bench.clock.sleep_link(1.3)
        table.apply(await driver.read_all())
        assert table.sample(f"{PREFIX}.HEART").quality == Quality.GOOD  # the link answers well
        with pytest.raises(WriteFailed, match="too late"):
            await driver.write(outputs(bench, SP=77))
    finally:
        bench.server.stale = False
    assert bench.held("SP") != 77


@pytest.mark.parametrize("skew_s", [30.0, -30.0, 5.0, -5.0])
async def test_a_skewed_device_clock_never_puts_samples_out_of_order(
    bench: Bench, driver: Driver, skew_s: float
) -> None:
    table = table_of(bench)
    index = table.index(f"{PREFIX}.PV")
    times: list[int] = []
    for k, skew in enumerate([0.0] * 4 + [skew_s] * 5 + [0.0] * 4):
        bench.server.clock_skew_s = skew
        bench.pv = float(k)
        samples = await until(driver, table, "PV", float(k))
        now_ns = bench.clock.utc_ns()
        for t in samples.time_ns[samples.tags == index].tolist():
            times.append(t)
            assert now_ns - 6 * NS < t <= now_ns + 1000
        if k == 8:
            assert driver.clock_skew_s == pytest.approx(skew_s, abs=1.5)
    assert all(later > earlier for earlier, later in pairwise(times))
    assert table.sample(f"{PREFIX}.PV").quality == Quality.GOOD


async def test_every_wrong_node_is_named_at_once(bench: Bench) -> None:
    points = [p for p in small_map() if p.tag not in (f"{PREFIX}.PV", f"{PREFIX}.FLAG")]
    points += [
        point("PV", Wire.INT32),
        point("NOWHERE"),
        point("FLAG", Wire.BOOL, Access.WRITE),
    ]
    driver = make_driver(bench.server.endpoint, points)
    with pytest.raises(ProtocolFault) as fault:
        await driver.connect()
    text = str(fault.value)
    assert "3 nodes" in text
    assert "TST.PV: is Double, must be Int32" in text
    assert "TST.NOWHERE: no such node" in text
    assert "TST.FLAG: not writable" in text


async def test_another_version_of_the_map_is_refused(bench: Bench) -> None:
    driver = make_driver(bench.server.endpoint, bench.points, map_version=2)
    with pytest.raises(ProtocolFault, match=r"tag map version 1, not 2"):
        await driver.connect()


async def test_an_unknown_namespace_is_refused_with_those_there_are(bench: Bench) -> None:
    driver = make_driver(bench.server.endpoint, bench.points, namespace="urn:else")
    with pytest.raises(ProtocolFault, match="urn:dryline:test"):
        await driver.connect()


async def test_nobody_listening_is_a_lost_link() -> None:
    driver = make_driver("opc.tcp://127.0.0.1:1/x", small_map())
    with pytest.raises(LinkLost):
        await driver.connect()


async def test_a_closed_driver_says_so_and_closes_twice(bench: Bench) -> None:
    driver = bench.driver()
    await driver.connect()
    waiting = asyncio.create_task(drain(driver))
    await asyncio.sleep(0.3)
    await driver.close()
    await driver.close()
    with pytest.raises(LinkLost):
        await asyncio.wait_for(waiting, 30)
    with pytest.raises(LinkLost):
        await driver.read_all()


async def drain(driver: Driver) -> None:
    while True:
        await driver.receive()


async def test_a_cancelled_receive_loses_nothing(bench: Bench, driver: Driver) -> None:
    table = table_of(bench)
    await until(driver, table, "HEART")
    beats: list[float] = []
    index = table.index(f"{PREFIX}.HEART")
    given_up = 0
    while len(beats) < 2 or given_up < 6:
        try:
            samples = await asyncio.wait_for(driver.receive(), 0.07)
        except TimeoutError:
            given_up += 1
            continue
        beats += samples.values[samples.tags == index].tolist()
    assert [b - beats[0] for b in beats] == list(range(len(beats)))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"endpoint": "http://127.0.0.1:4840"}, "opc.tcp://HOST:PORT"),
        ({"endpoint": "opc.tcp://127.0.0.1"}, "opc.tcp://HOST:PORT"),
        ({"security": "insecure", "user": "op", "password_env": "X"}, "in the clear"),
        ({"endpoint": "opc.tcp://op:pw@127.0.0.1:4840"}, "holds a user or a password"),
        ({"password_env": "X"}, "user"),
        ({"certificate": "a.der"}, "certificate and private_key go together"),
        ({"security": "Basic128Rsa15"}, "insecure"),
        ({"security": "none"}, "insecure"),
        ({"user": "op"}, "password_file"),
        ({"timeout": 1.0}, "Extra inputs"),
        ({"timeout_s": 0.0}, "0.05"),
    ],
)
def test_wrong_settings_are_told(change: dict[str, object], text: str) -> None:
    good = {"endpoint": "opc.tcp://127.0.0.1:4840/x", "namespace": "urn:x"}
    assert Settings(**good).timeout_s == 0.5
    with pytest.raises(ValidationError, match=text):
        Settings(**{**good, **change})


async def test_a_fast_clock_keeps_the_devices_times() -> None:
    clock = SystemClock(speed=60.0)
    bench = Bench(clock, patient=True)
    await bench.start()
    try:
        async with connected(bench.driver()) as driver:
            table = table_of(bench)
            await until(driver, table, "PV")
            bench.pv = 3.0
            await until(driver, table, "PV", 3.0)
            assert bench.clock.utc_ns() - table.sample(f"{PREFIX}.PV").time_ns > 0
            assert abs(driver.clock_skew_s) < 120
    finally:
        await bench.stop()


async def test_all_that_the_server_sends_of_values_is_decoded_in_bulk(
    bench: Bench, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    spied, table = Spied(monkeypatch), table_of(bench)
    bench.pv = 31.25
    await until(driver, table, "PV", 31.25)
    assert spied.found
    assert None not in spied.found


async def test_a_layout_that_changes_in_mid_stream_loses_nothing(
    bench: Bench, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    spied, table = Spied(monkeypatch), table_of(bench)
    bench.pv = 11.0
    await until(driver, table, "PV", 11.0)
    bench.pv, bench.pv_status = 12.0, Status.HELD
    await until(driver, table, "PV", 12.0)
    assert table.sample(f"{PREFIX}.PV").quality == Quality.UNCERTAIN_HELD
    bench.pv, bench.pv_status = 13.0, Status.GOOD
    await until(driver, table, "PV", 13.0)
    assert table.sample(f"{PREFIX}.PV").quality == Quality.GOOD
    assert None not in spied.found
    assert driver.losses == 0


async def test_what_is_not_decoded_in_bulk_comes_by_the_library(
    bench: Bench, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "changes", lambda body: None)
    table = table_of(bench)
    bench.pv, bench.pv_status = 14.5, Status.HELD
    await until(driver, table, "PV", 14.5)
    assert table.sample(f"{PREFIX}.PV").quality == Quality.UNCERTAIN_HELD
    bench.pv_status = Status.GOOD
