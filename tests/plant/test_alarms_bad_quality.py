"""Every sensor behind an alarm dies: nothing false comes, nothing goes, it has its own alarm.

What a sensor's death brings while an alarm of it stands is in test_alarms_raised.
"""

from functools import cache
from typing import Any

import pytest

from controller.alarms.catalogue import OWN, station_alarms
from controller.alarms.definition import BAD
from controller.alarms.states import AlarmState, Move
from controller.core.sample import FIRST_BAD
from plc_sim.instruments import InstrumentFault, Status
from plc_sim.lockstep import Lockstep
from tests.support.alarm_branches import sensor_of
from tests.support.alarm_causes_common import PREFIX
from tests.support.alarm_life import OPERATOR, journal_of
from tests.support.forked import in_fork
from tests.support.warm_lines import warm

DEAD_S = 20.0  # the slowest instrument is read each 10 s; the alarm waits 5 s
TAGS = [
    (name, definition.tag)
    for name, prefix in PREFIX.items()
    for definition in station_alarms(name, name, prefix)
    if definition.name == BAD
]
# Sensors that a PLC trusts for an interlock: their failure counts as the cause.
TRIPS = {
    "ENC.PRESS.PV": "pressure low", "ENC.H2S": "hydrogen sulfide", "ENC.O2": "oxygen low",
    "DHU.TREG.PV": "regeneration hot", "COAT.TORQUE": "torque high", "COAT.GAP1.PV": "gap low",
    "COAT.TENS.FILM": "web break", "CAL.LOAD.PV": "load difference",
    "CAL.LOAD.DS": "load difference", "CAL.LOAD.OS": "load difference",
}  # fmt: skip
# One sensor that several tags are made of.
SHARED = (
    {f"ENC.DOOR.{k}" for k in range(1, 5)}, {"CAL.LOAD.PV", "CAL.LOAD.DS", "CAL.LOAD.OS"},
    {"CAL.ECC", "CAL.THK.C"}, {"COAT.FEED.PV", "COAT.HOPPER.WT"},
)  # fmt: skip
every_tag = pytest.mark.parametrize(("station", "tag"), TAGS)


def kill(line: Lockstep, station: str, tag: str, dead: bool) -> None:
    """The sensor of a tag; where the PLC speaks of itself, its word."""
    if sensor := sensor_of(line, station, tag):
        rack = line.plant.sites[station].rack
        rack.set_fault(sensor, InstrumentFault.FAILED, float(dead))
        return
    image = line.plcs[station].image
    image.status[image.slot(tag)] = int(Status.FAILED if dead else Status.GOOD)


@cache
def death(station: str, tag: str) -> dict[str, Any]:
    """What the death of a sensor brings, and its repair; somebody acknowledges meanwhile."""
    line = warm(station)
    desk = line.stations[station].alarm_desk
    alarm = desk.board.alarms[f"{tag}.{BAD}"]

    def play() -> dict[str, Any]:
        begun = len(journal_of(line))
        kill(line, station, tag, dead=True)
        line.run(DEAD_S)
        quality = line.table.sample(tag).quality
        dying = [[e.alarm, e.move, e.quality, e.text] for e in journal_of(line)[begun:]]
        standing = alarm.state
        desk.told(desk.board.acknowledge(alarm.definition.id, 1, line.clock.utc_ns(), OPERATOR))
        plc = line.plcs[station]
        trip = plc.logic.TRIPS[plc.trip_code]
        mended = len(journal_of(line))
        kill(line, station, tag, dead=False)
        line.run(DEAD_S)
        return {"quality": quality, "dying": dying, "standing": standing, "trip": trip,
                "mended": [[e.alarm, e.move] for e in journal_of(line)[mended:]],
                "state": alarm.state}  # fmt: skip

    return in_fork(play)


@every_tag
def test_a_dead_sensor_raises_its_own_alarm_once(station: str, tag: str) -> None:
    told = death(station, tag)
    assert told["quality"] >= FIRST_BAD
    own = [(move, quality) for alarm, move, quality, _ in told["dying"] if alarm == f"{tag}.{BAD}"]
    (came,) = [(move, quality) for move, quality in own if move == Move.RAISE]
    assert came[1] >= FIRST_BAD
    assert told["standing"] == AlarmState.UNACKNOWLEDGED


@every_tag
def test_a_dead_sensor_raises_no_other_alarm_of_its_tag(station: str, tag: str) -> None:
    kin = next((group for group in SHARED if tag in group), {tag})
    raised = {alarm for alarm, move, *_ in death(station, tag)["dying"] if move == Move.RAISE}
    allowed = {f"{name}.{BAD}" for name in kin}
    if tag in TRIPS:
        allowed.add(f"{PREFIX[station]}.TRIP.tripped")
    assert raised <= allowed


@every_tag
def test_what_a_plc_trusts_for_an_interlock_trips_by_its_death(station: str, tag: str) -> None:
    assert death(station, tag)["trip"] == TRIPS.get(tag, "none")


@every_tag
def test_a_mended_sensor_clears_its_alarm(station: str, tag: str) -> None:
    told = death(station, tag)
    assert [f"{tag}.{BAD}", Move.CLEAR] in told["mended"]
    assert told["state"] == AlarmState.NORMAL
    assert Move.RAISE not in {move for _, move in told["mended"]}


def test_every_alarmed_tag_of_the_plc_has_an_alarm_of_its_own_death() -> None:
    line = warm("line")
    for name, station in line.stations.items():
        board = station.alarm_desk.board
        for alarm in board.alarms.values():
            tag = alarm.definition.tag
            own = tag.removeprefix(station.prefix) in OWN  # written by the station itself
            if not own and alarm.definition.name != BAD:
                assert f"{tag}.{BAD}" in board.alarms, name


@pytest.mark.parametrize("station", list(PREFIX))
@pytest.mark.parametrize("fault", ["comm_drop", "stale_values"])
def test_a_lost_link_has_one_alarm_in_two_steps_and_no_sensor_has_any(
    station: str, fault: str
) -> None:
    line = warm(station)

    def play() -> list[list[str]]:
        line.inject(station, fault, for_s=20.0)
        line.run(19.0)
        lost = [e.alarm for e in journal_of(line) if e.move is Move.RAISE]
        line.run(30.0)
        back = [e.alarm for e in journal_of(line) if e.move is Move.RAISE][len(lost) :]
        return [lost, back]

    lost, back = in_fork(play)
    prefix = PREFIX[station]
    assert lost == [f"{prefix}.LINK.AGE.hi", f"{prefix}.LINK.AGE.hihi"]
    assert back == []


@pytest.mark.parametrize("station", list(PREFIX))
def test_a_lost_link_clears_nothing_that_stands(station: str) -> None:
    """What stands when the link goes still stands, and is the same coming, when it is back."""
    line = warm(station)
    fault, level, alarm = {
        "enclosure": ("filter_loaded", 8.0, "DHU.DPFILT.hi"),
        "coater": ("jacket_stuck", 100.0, "COAT.TBARREL.PV.hi"),
        "calender": ("emergency_stop", 1.0, "CAL.ESTOP.pressed"),
    }[station]

    def play() -> list[object]:
        line.inject(station, fault, level)
        board = line.stations[station].alarm_desk.board
        line.run_until(lambda: board.alarms[alarm].active, 900.0)
        line.inject(station, "comm_drop", for_s=30.0)
        line.run(29.0)
        lost = [board.alarms[alarm].state, board.alarms[alarm].occurrence]
        line.run(30.0)
        return [lost, [board.alarms[alarm].state, board.alarms[alarm].occurrence]]

    lost, back = in_fork(play)
    assert lost == back == [AlarmState.UNACKNOWLEDGED, 1]
