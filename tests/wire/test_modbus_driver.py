"""The Modbus driver against the simulated PLC over real sockets."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from controller.core.errors import ConfigError, ProtocolFault, WriteFailed
from controller.core.point import READ_BACK, Access, Point, Wire
from controller.core.sample import Quality
from plc_sim.instruments import Status
from plc_sim.plc import MAP_VERSION
from tests.support.modbus_peers import LyingServer, Piece, Rig, soon


def _outputs(rig: Rig, **changes: float) -> np.ndarray:
    points = [p for p in rig.points if p.access is Access.WRITE]
    return np.array([changes.get(p.tag.replace(".", "_"), p.default) for p in points])


def _in_range(point: Point, rng: np.random.Generator) -> float:
    """A random value that the wire can carry exactly."""
    top = {Wire.INT16: 32767, Wire.UINT16: 65535, Wire.UINT32: 2**32 - 1, Wire.BIT: 1}[point.wire]
    low = int(np.ceil(max(point.low / point.scale, -32767 if point.wire is Wire.INT16 else 0)))
    high = int(np.floor(min(point.high / point.scale, top)))
    return round(int(rng.integers(low, high + 1)) * point.scale, 6)


@pytest.mark.parametrize("seed", range(5))
async def test_every_tag_of_the_map_arrives_as_it_was_set(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kept = {f"ENC.{n}" for n in ("HEART", "MAP", "SEQ", "STATE", "TRIP", "REMOTE", "WDOG")}
    kept |= {"ENC.REJECTS"}
    async with Rig(patient=True) as rig, rig.connected() as driver:
        rig.hold()  # a scan would work some of them out anew
        wanted = {p.tag: _in_range(p, rng) for p in rig.points if p.tag not in kept}
        for tag, value in wanted.items():
            rig.set(tag, value)
        samples = await driver.read_all()
        assert sorted(samples.tags) == sorted(
            rig.index[p.tag + (READ_BACK if p.access is Access.WRITE else "")] for p in rig.points
        )
        rig.table.apply(samples)
        for point in rig.points:
            if point.tag in wanted:
                name = point.tag + (READ_BACK if point.access is Access.WRITE else "")
                sample = rig.table.sample(name)
                assert sample.value == pytest.approx(wanted[point.tag], abs=1e-9), name
                assert sample.quality == Quality.GOOD, name


async def test_all_groups_come_and_together_bring_every_tag() -> None:
    async with Rig(patient=True) as rig, rig.connected() as driver:
        seen: set[int] = set()
        for _ in range(4):
            seen |= set((await driver.receive()).tags.tolist())
        assert len(seen) == len(rig.points)


async def test_qualities() -> None:
    async with Rig(patient=True) as rig, rig.connected() as driver:
        rig.set("ENC.DP.ZONE", -61.2)
        rig.table.apply(await driver.read_all())
        rig.set("ENC.DP.ZONE", -61.2, Status.FAILED)
        rig.set("ENC.DP.RET", 20.1)
        rig.set("ENC.DP.SUP", -100.0)
        rig.set("ENC.PRESS.PV", 3000.0)
        rig.table.apply(await driver.read_all())
        dead = rig.table.sample("ENC.DP.ZONE")
        assert (dead.quality, dead.value) == (Quality.BAD_SENSOR, -61.2)
        assert rig.table.sample("ENC.DP.RET").quality == Quality.UNCERTAIN_RANGE
        assert rig.table.sample("ENC.DP.SUP").quality == Quality.GOOD
        assert rig.table.sample("ENC.PRESS.PV").quality == Quality.UNCERTAIN_RANGE
        assert rig.table.sample("ENC.PRESS.PV").value == 3000.0


async def test_batches_come_at_the_pace_of_the_heartbeat_with_source_times() -> None:
    async with Rig(patient=True) as rig, rig.connected() as driver:
        heart = rig.index["ENC.HEART"]
        hearts, times = [], []
        for _ in range(8):
            samples = await driver.receive()
            row = samples.tags.tolist().index(heart)
            hearts.append(samples.values[row])
            times.append(samples.time_ns[row])
        assert times == sorted(times)
        assert hearts[-1] - hearts[0] >= 3
        assert abs(times[-1] - rig.clock.utc_ns()) < 1e9


async def test_outputs_arrive_under_rising_tickets_and_read_back() -> None:
    async with Rig(patient=True) as rig, rig.connected() as driver:
        outputs = _outputs(rig, ENC_DP_SP=-61.27, DHU_NROT_SP=7.77, ENC_CMD=3, ENC_RESET=65535)
        await driver.write(outputs)
        assert rig.get("ENC.DP.SP") == -61.3
        assert rig.get("DHU.NROT.SP") == 7.77
        assert rig.get("ENC.CMD") == 3
        assert rig.get("ENC.RESET") == 65535
        await driver.write(None)
        await driver.write(outputs)
        rig.scan()
        assert rig.get("ENC.SEQ") == 3
        rig.table.apply(await driver.receive())
        for point, value in zip(
            (p for p in rig.points if p.access is Access.WRITE), outputs, strict=True
        ):
            held = rig.table.sample(point.tag + READ_BACK)
            assert held.value == pytest.approx(value, abs=point.scale / 2 + 1e-9)


async def test_the_bare_ticket_feeds_the_watchdog_and_changes_nothing() -> None:
    async with Rig(patient=True) as rig, rig.connected() as driver:
        assert rig.get("ENC.WDOG") == 1
        before = [rig.get(p.tag) for p in rig.points if p.access is Access.WRITE]
        await driver.write(None)
        rig.scan()
        assert rig.get("ENC.WDOG") == 0
        assert [rig.get(p.tag) for p in rig.points if p.access is Access.WRITE] == before


async def test_words_between_the_outputs_keep_what_the_device_holds() -> None:
    async with Rig(patient=True) as rig:
        hidden = rig.points
        rig.points = [p for p in hidden if p.tag != "DHU.FAN.SP"]
        async with rig.connected() as driver:
            rig.set("DHU.FAN.SP", 33.3)
            await driver.receive()
            await driver.write(_outputs(rig, ENC_DP_SP=-59.0))
            assert (rig.get("ENC.DP.SP"), rig.get("DHU.FAN.SP")) == (-59.0, 33.3)


@pytest.mark.parametrize("value", [-80.06, -19.9, float("nan"), float("inf"), 1e300])
async def test_a_value_out_of_range_is_refused_before_anything_is_sent(value: float) -> None:
    async with Rig(patient=True) as rig, rig.connected() as driver:
        with pytest.raises(WriteFailed, match=r"ENC\.DP\.SP"):
            await driver.write(_outputs(rig, ENC_DP_SP=value))
        await driver.write(None)
        rig.scan()
        assert (rig.get("ENC.SEQ"), rig.get("ENC.REJECTS")) == (1, 0)


async def test_a_refusal_names_its_reason_and_the_link_goes_on() -> None:
    async with Rig(patient=True) as rig, rig.connected() as driver:
        rig.plc.remote = False
        with pytest.raises(WriteFailed, match="local"):
            await driver.write(None)
        rig.plc.remote = True
        rig.scan()
        await driver.receive()
        await driver.write(_outputs(rig))
        rig.scan()
        assert (rig.get("ENC.SEQ"), rig.get("ENC.REJECTS")) == (1, 1)


async def test_a_ticket_with_an_old_heartbeat_is_refused_as_late() -> None:
    async with Rig(patient=True) as rig, rig.connected() as driver:
        rig.server.stale = True
        await rig.clock.sleep_link(1.1)
        await driver.receive()
        with pytest.raises(WriteFailed, match="too late"):
            await driver.write(_outputs(rig, ENC_CMD=3))
        assert rig.get("ENC.CMD") == 0


async def test_tickets_go_on_after_the_plc_restarted_under_an_open_connection() -> None:
    async with Rig(patient=True) as rig, rig.connected() as driver:
        driver._sequence = 65000
        rig.plc._last_seq = 65000
        await driver.write(None)
        rig.plc.restart()
        rig.scan()
        with pytest.raises(WriteFailed, match="used before"):
            await driver.write(None)
        await driver.receive()
        await driver.write(None)
        rig.scan()
        assert rig.get("ENC.SEQ") == 1


async def test_sequence_numbers_wrap_around() -> None:
    async with Rig(patient=True) as rig:
        rig.plc._last_seq = 65534
        rig.scan()
        async with rig.connected() as driver:
            for expected in (65535, 0, 1):
                await driver.write(None)
                rig.scan()
                assert rig.get("ENC.SEQ") == expected


async def test_another_map_version_is_refused_naming_both() -> None:
    async with Rig(patient=True) as rig:
        rig.set("ENC.MAP", 7)
        driver = rig.driver()
        with pytest.raises(ProtocolFault, match=f"version 7.*version {MAP_VERSION}"):
            await driver.connect()
        await driver.close()


async def test_a_device_that_starts_to_swap_bytes_is_found_out_in_every_batch() -> None:
    async with Rig(patient=True) as rig:
        for batches in range(4):
            rig.server.swapped_words = False
            rig.scan()
            async with rig.connected() as driver:
                for _ in range(batches):
                    await driver.receive()
                rig.server.swapped_words = True
                rig.scan()
                with pytest.raises(ProtocolFault, match="map version 256"):
                    await driver.receive()


async def test_an_undefined_address_in_the_settings_is_a_fault_that_names_the_read() -> None:
    async with Rig(patient=True) as rig:
        rig.points = [
            replace(p, address="hr:125") if p.tag == "DHU.MAKEUP.FLOW" else p for p in rig.points
        ]
        driver = rig.driver(holding_ranges=[[0, 130], [200, 229]])
        with pytest.raises(ProtocolFault, match="read of hr:125-125: exception 2"):
            await driver.connect()
        await driver.close()


async def test_a_tag_that_the_ticket_needs_may_not_be_missing() -> None:
    rig = Rig(patient=True)
    rig.points = [p for p in rig.points if p.tag != "ENC.SEQ"]
    with pytest.raises(ConfigError, match=r"ENC\.SEQ"):
        rig.driver(port=1)


async def test_reads_and_writes_at_once_share_the_connection_one_by_one() -> None:
    async with Rig(patient=True) as rig, rig.connected() as driver:

        async def write() -> None:
            for _ in range(50):
                await driver.write(_outputs(rig))

        async def read() -> None:
            for _ in range(30):
                await driver.read_all()

        await asyncio.gather(write(), read(), driver.receive())
        assert await soon(lambda: rig.get("ENC.SEQ") == 50)
        assert rig.get("ENC.REJECTS") == 0


async def test_a_write_does_not_wait_for_the_rest_of_a_poll() -> None:
    asked: list[int] = []

    def slow(q: bytes, a: bytes) -> list[Piece]:
        asked.append(q[7])
        return [0.02, a]

    async with (
        Rig(patient=True) as rig,
        LyingServer(rig) as server,
        rig.connected(server.port) as driver,
    ):
        asked.clear()
        server.lie = slow
        reading = asyncio.ensure_future(driver.read_all())
        assert await soon(lambda: len(asked) == 1)
        await driver.write(None)
        assert asked == [asked[0], 16]
        samples = await reading
    assert len(samples) == len(rig.points)
    assert len(asked) > 3
    assert asked.count(16) == 1
