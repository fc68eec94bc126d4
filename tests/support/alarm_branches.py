"""What else may happen while an alarm stands: each in a fork of the moment at which it stands."""

from collections.abc import Iterable, Mapping
from typing import Any

from controller.alarms.alarm import NS, By
from controller.alarms.definition import BAD
from controller.alarms.journal import entries_of
from controller.alarms.states import AlarmState
from plc_sim.instruments import InstrumentFault
from plc_sim.lockstep import Lockstep
from tests.support.alarm_causes import Cause

ENGINEER = By(actor="eve", engineer=True)
BLIND_S, SEEING_S = 18.0, 18.0  # the slowest instrument is read each 10 s, a bad value waits 5 s
SHELF_S = 5.0
# Tags that the PLC computes, and a sensor on which they depend; all others show one sensor.
COMPUTED: Mapping[str, str] = {
    "CAL.LOAD.PV": "load_ds",
    "CAL.ECC": "angle",
    "COAT.ENIP": "nip_power_w",
    "COAT.FEED.PV": "hopper_kg",
    **{f"ENC.DOOR.{k}": "door_mask" for k in range(1, 5)},
}


def sensor_of(line: Lockstep, station: str, tag: str) -> str:
    """The sensor behind a tag; "" for what the PLC's program says of itself."""
    return line.plcs[station].logic.COPIES.get(tag, COMPUTED.get(tag, ""))


def blind(line: Lockstep, cause: Cause) -> dict[str, Any]:
    """Every sensor behind the alarms dies, and lives again."""
    board = line.stations[cause.station].alarm_desk.board
    rack = line.plant.sites[cause.station].rack
    tags = {tag for name in cause.alarms for tag in board.alarms[name].definition.tags}
    dead = {tag: sensor for tag in tags if (sensor := sensor_of(line, cause.station, tag))}
    for sensor in dead.values():
        rack.set_fault(sensor, InstrumentFault.FAILED, 1.0)
    line.run(0.3)  # what was still on its way when it died
    seen = len(line.log.events)
    line.run(BLIND_S)
    during = _moves(line, seen)
    judged = {tag: board.alarms[f"{tag}.{BAD}"].judged for tag in dead}
    was_active = {name: board.alarms[name].active for name in cause.alarms}
    for sensor in dead.values():
        rack.set_fault(sensor, InstrumentFault.FAILED, 0.0)
    seen = len(line.log.events)
    line.run(SEEING_S)
    return {
        "dead": dead,
        "judged": judged,
        "active": was_active,
        "during": during,
        "after": _moves(line, seen),
    }


def aside(line: Lockstep, cause: Cause) -> dict[str, Any]:
    """Every alarm on the shelf until its end, then out of service until somebody returns it.

    station: its state by then; a trip may have suppressed the alarm.
    """
    desk = line.stations[cause.station].alarm_desk
    board, told = desk.board, {}
    for name in cause.alarms:
        seen = len(line.log.events)
        alarm = board.alarms[name]
        if alarm.state is AlarmState.SUPPRESSED:
            continue
        utc_ns = line.clock.utc_ns()
        if alarm.definition.shelvable:
            until_ns = utc_ns + round(SHELF_S * NS)
            desk.told(board.shelve(name, until_ns, utc_ns, ENGINEER, "to see its end"))
        line.run(SHELF_S + 0.2)
        active = alarm.active
        if alarm.state not in (AlarmState.SUPPRESSED, AlarmState.OUT_OF_SERVICE):
            utc_ns = line.clock.utc_ns()
            desk.told(board.take_out(name, utc_ns, ENGINEER, "to be repaired"))
            line.run(1.0)
            assert alarm.state is AlarmState.OUT_OF_SERVICE
            desk.told(board.put_back(name, line.clock.utc_ns(), ENGINEER, "repaired"))
        told[name] = {
            "moves": _moves(line, seen).get(name, []),
            "active": active and alarm.active,
            "shelvable": alarm.definition.shelvable,
            "judged": alarm.judged,
            "station": line.stations[cause.station].procedure.state.name,
        }
    return told


def _moves(line: Lockstep, since: int) -> dict[str, list[str]]:
    moves: dict[str, list[str]] = {}
    for entry in _entries(line, since):
        moves.setdefault(entry.alarm, []).append(entry.move.value)
    return moves


def _entries(line: Lockstep, since: int) -> Iterable[Any]:
    return [entry for event in line.log.events[since:] for entry in entries_of(event)]
