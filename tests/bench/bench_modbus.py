"""The Modbus driver beside pymodbus on the plant's own map, and goal A4, interleaved A B A B.

    python -m tests.bench.bench_modbus [--seconds 1.0] [--rounds 3]

On the map both send the same requests to the same simulated PLC (a process of its own) as fast as
it answers: the enclosure's map, and one full block. The driver verifies, scales, qualifies and
stamps; the thin loop only takes pymodbus's lists. A value is one tag of the map (driver) or the
same tag's registers or bit in pymodbus's lists (thin loop). A4 is in `modbus_registers`.
"""

import argparse
import asyncio
import pprint
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from statistics import median

from pymodbus.client import AsyncModbusTcpClient

from controller.core.point import Access, Point, Wire
from controller.drivers.modbus import Driver, Settings
from controller.drivers.modbus_codec import Area
from plc_sim.plc import MAP_VERSION
from tests.bench import modbus_registers
from tests.support.modbus_peers import ChildServer, Rig, index_of, table_of


def _full_block(points: list[Point]) -> list[Point]:
    """Points on every register from 0 to 119, as one device with a dense map would have."""
    heart = next(p for p in points if p.tag == "ENC.HEART")
    special = {0: "ENC.HEART", 3: "ENC.MAP", 5: "ENC.SEQ"}
    return [
        replace(
            heart,
            tag=special.get(k, f"T{k}"),
            address=f"hr:{k}",
            wire=Wire.UINT16 if k in special else Wire.INT16,
            low=-1e6,
            high=1e6,
            scale=1.0 if k in special else 0.1,
            access=Access.READ,
        )
        for k in range(120)
    ]


async def _measure(call: Callable[[], Awaitable[object]], seconds: float) -> tuple[float, float]:
    """Calls per second, and CPU seconds of this process per call."""
    n = 0
    cpu, start = time.process_time(), time.perf_counter()
    while (wall := time.perf_counter() - start) < seconds:
        await call()
        n += 1
    return n / wall, (time.process_time() - cpu) / n


async def _compare(
    port: int, rig: Rig, points: list[Point], ranges: object, seconds: float, rounds: int
) -> dict[str, float]:
    table = table_of(points)
    settings = Settings.model_validate(
        {"prefix": "ENC", "host": "127.0.0.1", "port": port, "holding_ranges": ranges}
    )
    driver = Driver(settings, points, index_of(table), rig.clock, MAP_VERSION)
    await driver.connect()
    blocks = driver._plan.blocks
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=1, retries=0)
    await client.connect()

    async def ours() -> None:
        table.apply(await driver.read_all())

    async def thin() -> None:
        for block in blocks:
            if block.area is Area.HOLDING:
                await client.read_holding_registers(block.start, count=block.count)
            else:
                await client.read_discrete_inputs(block.start, count=block.count)

    results: dict[str, list[tuple[float, float]]] = {"driver": [], "thin": []}
    for _ in range(rounds):
        results["driver"].append(await _measure(ours, seconds))
        results["thin"].append(await _measure(thin, seconds))
    client.close()
    await driver.close()
    values = sum(len(b.names) for b in blocks)
    addresses = sum(b.count for b in blocks)
    out: dict[str, float] = {"values": values, "requests": len(blocks), "addresses": addresses}
    for name, rows in results.items():
        rate, cpu = median(r for r, _ in rows), median(c for _, c in rows)
        out[f"{name}_values_per_s"] = round(rate * values)
        out[f"{name}_addresses_per_s"] = round(rate * addresses)
        out[f"{name}_cpu_us_per_value"] = round(1e6 * cpu / values, 3)
    return out


async def _run(seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    rig = Rig()
    with ChildServer() as child:
        return {
            "enclosure": await _compare(
                child.port,
                rig,
                rig.points,
                [[0, 39], [40, 79], [80, 119], [200, 229]],
                seconds,
                rounds,
            ),
            "full_block": await _compare(
                child.port, rig, _full_block(rig.points), [[0, 119]], seconds, rounds
            ),
        }


def run(seconds: float = 1.0, rounds: int = 3) -> dict[str, object]:
    """Measure and return the figures."""
    return {
        **asyncio.run(_run(seconds, rounds)),
        **modbus_registers.run(seconds=seconds / 2, rounds=rounds + 2),
    }


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=1.0)
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    pprint.pp(run(chosen.seconds, chosen.rounds))
