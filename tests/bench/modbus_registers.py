"""Goal A4: what a register costs the Modbus driver, beside loops on other and on no libraries.

    python -m tests.bench.modbus_registers

Every turn polls one device, in a process of its own, as fast as it answers. The driver verifies
each answer, scales and qualifies every value and writes it into the tag table; the other loops stop
at a list of numbers. The turns alternate (A B A B), and the median counts.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median

from controller.clock import SystemClock
from controller.core.point import Access, Point, Wire
from controller.core.tag import HistoryRule, Kind
from controller.drivers.modbus import Driver, Settings
from plc_sim.plc import MAP_VERSION
from tests.bench.goals import Figure, goals_of, table
from tests.bench.modbus_device import HEART, MAP, SEQ, Device
from tests.bench.modbus_loops import LOOPS, Missing, Turn, measured
from tests.support.modbus_peers import index_of, table_of

SIZES = (300, 2_000, 10_000)
GOAL_SIZES = (2_000, 10_000)
BOUNDS = {"raw": 1.3, "pymodbus": 0.6}
NAMES = {
    "raw": "struct on asyncio",
    "streams": "struct on asyncio streams",
    "pymodbus": "pymodbus async",
    "pyModbusTCP": "pyModbusTCP",
    "libmodbus": "libmodbus in C",
}


def _point(tag: str, start: int, wire: Wire, scale: float) -> Point:
    return Point(
        tag=tag,
        station="enclosure",
        description=tag,
        unit="",
        low=0.0,
        high=1e10,
        kind=Kind.REAL,
        access=Access.READ,
        address=f"hr:{start}",
        wire=wire,
        scale=scale,
        scan_s=0.1,
        resolution=scale,
        history=HistoryRule(),
    )


def points_on(registers: int) -> list[Point]:
    """Tags on every register: most int16 in tenths, one in ten uint16, one in ten uint32."""
    special = {HEART: "ENC.HEART", MAP: "ENC.MAP", SEQ: "ENC.SEQ"}
    found, start = [], 0
    while start < registers:
        if start in special:
            found.append(_point(special[start], start, Wire.UINT16, 1.0))
        elif start % 10 == 8 and start % 120 != 118 and start + 1 < registers:
            found.append(_point(f"T{start}", start, Wire.UINT32, 0.1))
            start += 1
        else:
            wire = Wire.UINT16 if start % 10 == 7 else Wire.INT16
            found.append(_point(f"T{start}", start, wire, 0.1))
        start += 1
    return found


@asynccontextmanager
async def driver(port: int, registers: int) -> AsyncIterator[Turn]:
    """The driver and the tag table of the line."""
    points = points_on(registers)
    table = table_of(points)
    keys = {"prefix": "ENC", "host": "127.0.0.1", "port": port}
    settings = Settings.model_validate(keys | {"holding_ranges": [[0, registers - 1]]})
    link = Driver(settings, points, index_of(table), SystemClock(), MAP_VERSION)
    await link.connect()

    async def poll() -> None:
        table.apply(await link.read_all())

    try:
        yield lambda seconds: measured(poll, seconds)
    finally:
        await link.close()


async def cost_of(
    registers: int, names: Sequence[str], seconds: float, rounds: int
) -> tuple[dict[str, float], dict[str, str]]:
    """CPU seconds per million registers of "driver" and the named loops; what is missing, why."""
    cost: dict[str, list[float]] = {}
    missing: dict[str, str] = {}
    turns: dict[str, Turn] = {}
    with Device(registers) as device:
        async with AsyncExitStack() as open_loops:
            for name, loop in {"driver": driver, **{name: LOOPS[name] for name in names}}.items():
                try:
                    turns[name] = await open_loops.enter_async_context(loop(device.port, registers))
                except Missing as error:
                    missing[name] = str(error)
            for turn in turns.values():
                await turn(0.05)  # the first is slower
            for _ in range(rounds):
                for name, turn in turns.items():
                    polls, cpu_s = await turn(seconds)
                    cost.setdefault(name, []).append(1e6 * cpu_s / (polls * registers))
    return {name: median(found) for name, found in cost.items()}, missing


def _figures(registers: int, cost: dict[str, float], missing: dict[str, str]) -> list[Figure]:
    found = []
    for name, words in NAMES.items():
        what = f"CPU at {registers:,} registers, to {words}"
        if name in missing:
            nothing = float("nan")
            found.append(Figure("A4", what, nothing, note=f"not measured: {missing[name]}"))
        elif name in cost:
            bound = BOUNDS.get(name) if registers in GOAL_SIZES else None
            found.append(Figure("A4", what, cost["driver"] / cost[name], bound))
    if registers in GOAL_SIZES:
        what = f"CPU at {registers:,} registers, to Node-RED"
        note = "not measured: this benchmark installs no Node-RED"
        found.append(Figure("A4", what, float("nan"), 0.15, note=note))
    return found


def run(sizes: Sequence[int] = SIZES, seconds: float = 0.5, rounds: int = 5) -> dict[str, object]:
    """CPU seconds per million registers by size and loop, and the goals."""
    result: dict[str, object] = {}
    goals: list[Figure] = []
    for registers in sizes:
        cost, missing = asyncio.run(cost_of(registers, tuple(LOOPS), seconds, rounds))
        result[f"{registers}_registers_cpu_s_per_million"] = cost
        goals += _figures(registers, cost, missing)
    return {**result, "goals": goals}


if __name__ == "__main__":
    print("\n".join(table(goals_of({"modbus": run(seconds=0.2)}))))
