"""The process of one simulated PLC: field bus in, program, protocol server out.

It can be killed, paused and restarted alone: the plant goes on, the other stations do not notice.
"""

import asyncio
import contextlib
import importlib
import logging
import os
from collections.abc import Awaitable
from pathlib import Path
from typing import Protocol, cast

from controller.clock import SystemClock
from controller.config import LineConfig, StationConfig
from plc_sim.fieldbus import FAULTS, FieldBus
from plc_sim.introduction import security_of, tls_of
from plc_sim.plc import SCAN_S, Logic, Plc
from plc_sim.servers import modbus, opcua
from plc_sim.set_point_log import FILE_END, SetPointFile

log = logging.getLogger("plc_sim.station")
RESTART = FAULTS.index("plc_restart")
PUBLISH_SCANS = 2
LATE_S = 0.5
PLANT_S = 10.0


class Server(Protocol):
    """What the station process needs of a protocol server."""

    async def start(self) -> None:
        """Begin to listen."""
        ...

    async def stop(self) -> None:
        """Stop listening and drop all connections."""
        ...

    def publish(self) -> Awaitable[None] | None:
        """Show the PLC's image on the wire."""
        ...


# Faults of the wire and the attribute of a server that plays them; a server without the
# attribute cannot show that fault (Modbus carries no time stamps, OPC UA swaps no words).
WIRE_FAULTS = {
    "comm_drop": "drop",
    "stale_values": "stale",
    "clock_skew": "clock_skew_s",
    "swapped_words": "swapped_words",
}


def logic_of(kind: str) -> Logic:
    """A fresh PLC program of a station kind: the name of the kind is the module name."""
    return cast(Logic, importlib.import_module(f"plc_sim.logic.{kind}").Logic())


def bus_path(run: Path, station: str) -> Path:
    """Where the field bus of a station lies in a run folder."""
    return run / f"{station}.bus"


def build_server(plc: Plc, config: StationConfig, clock: SystemClock, run: Path) -> Server:
    """The server of the protocol that the controller's driver is configured for."""
    settings = config.settings.model_dump()
    if config.protocol == "modbus":
        return modbus.Server(
            plc,
            host=settings["host"],
            port=settings["port"],
            unit_id=settings["unit_id"],
            clock=clock,
            tls=tls_of(config, run),
        )
    return opcua.Server(
        plc,
        endpoint=settings["endpoint"],
        namespace=settings["namespace"],
        clock=clock,
        security=security_of(config, run),
    )


async def run_station(
    config: LineConfig, station: str, run: Path, clock: SystemClock, *, logged: bool = False
) -> None:
    """Run one PLC until cancelled. logged: it keeps a log of its set points in the run folder."""
    own = next(s for s in config.stations if s.name == station)
    logic = logic_of(own.kind)
    with FieldBus(bus_path(run, station), len(logic.SENSORS), len(logic.ACTUATORS)) as bus:
        await _wait_for_plant(bus, station, clock)
        plc = Plc(own.prefix, own.points, logic, boot=bus.count_boot())
        with contextlib.ExitStack() as stack:
            notes = None
            if logged:
                notes = stack.enter_context(SetPointFile(run / f"{station}{FILE_END}"))
                notes.restarted(clock.now_s())
                plc.keep_journal(notes)
            server = build_server(plc, own, clock, run)
            await server.start()
            log.info("PLC of %s is up, boot %d", station, plc.boot)
            try:
                await _cycle(plc, bus, server, clock, notes)
            finally:
                await server.stop()


async def _wait_for_plant(bus: FieldBus, station: str, clock: SystemClock) -> None:
    deadline_s = clock.link_s() + PLANT_S
    while not bus.alive:
        if clock.link_s() > deadline_s:
            raise TimeoutError(f"{station}: no plant writes to the field bus; is plc_sim running?")
        await clock.sleep_link(0.05)


async def _cycle(
    plc: Plc, bus: FieldBus, server: Server, clock: SystemClock, notes: SetPointFile | None
) -> None:
    """Scan until the fault "plc_restart" ends this life, or the plant has died."""
    played = [0.0] * len(FAULTS)
    played[RESTART] = bus.faults()[RESTART]  # this life may be what that fault led to
    due_s = clock.now_s()
    turn = 0
    plant = os.getppid()
    while os.getppid() == plant:  # a PLC outlives no plant: it would keep the port of the next one
        await clock.sleep_until(due_s)
        levels = bus.faults()
        if levels != played:
            if levels[RESTART] and not played[RESTART]:
                return
            _play(plc, server, played, levels)
            played = levels
        readings, status = bus.readings()
        bus.drive(plc.scan(clock.link_s(), due_s, readings, status))
        turn += 1
        if turn % PUBLISH_SCANS == 0:
            shown = server.publish()
            if shown is not None:
                await shown
            if notes is not None:
                notes.flush()
        due_s += SCAN_S
        if clock.now_s() - due_s > LATE_S * clock.speed:
            due_s = clock.now_s()  # a PLC that was paused does not run after its lost cycles


def _play(plc: Plc, server: Server, old: list[float], new: list[float]) -> None:
    for name, before, level in zip(FAULTS, old, new, strict=True):
        if before == level or name == "plc_restart":
            continue
        if name == "local_mode":
            plc.remote = level == 0.0
        elif hasattr(server, attribute := WIRE_FAULTS[name]):
            setattr(server, attribute, level if name == "clock_skew" else level != 0.0)


def serve_forever(config: LineConfig, station: str, run: Path, clock: SystemClock) -> None:
    """Run one PLC in this process until it is told to stop."""
    asyncio.run(run_station(config, station, run, clock))
