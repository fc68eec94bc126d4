"""Every alarm of every station, raised by its cause in the simulated plant, and its whole life.

Each cause is played once, in a fork of a plant that is in production; the tests look at what came
of it. Nothing here is timed by the wall.
"""

from functools import cache
from typing import Any

import pytest

from controller.alarms.catalogue import OWN
from controller.alarms.definition import BAD
from controller.alarms.states import TABLE, AlarmState, Move
from tests.support import (
    alarm_causes_calender,
    alarm_causes_coater,
    alarm_causes_common,
    alarm_causes_enclosure,
)
from tests.support.alarm_branches import sensor_of
from tests.support.alarm_life import play
from tests.support.forked import in_fork
from tests.support.warm_lines import warm

CAUSES = {
    str(cause): cause
    for module in (
        alarm_causes_enclosure, alarm_causes_coater, alarm_causes_calender, alarm_causes_common,
    )
    for cause in module.CAUSES
}  # fmt: skip
ROWS = [(cause, alarm) for cause, it in CAUSES.items() for alarm in it.alarms]
STATIONS = tuple(alarm_causes_common.PREFIX)
# What no cause can raise, and why.
OUT_OF_REACH = {"CAL.INTERLOCK.BYPASSED.bypassed": "nothing of the calender may be bypassed"}
row = pytest.mark.parametrize(("cause", "alarm"), ROWS)
every_cause = pytest.mark.parametrize("cause", CAUSES)


@cache
def played(cause: str, *, shelves: bool = False) -> dict[str, Any]:
    """What came of a cause."""
    it = CAUSES[cause]
    line = warm(it.warm)
    return in_fork(lambda: play(line, it, shelves=shelves))


def definition_of(cause: str, alarm: str):
    it = CAUSES[cause]
    return warm(it.warm).stations[it.station].alarm_desk.board.alarms[alarm].definition


def moves_of(cause: str, alarm: str, *, shelves: bool = False) -> list[str]:
    return [e["move"] for e in played(cause, shelves=shelves)["journal"][alarm]]


@pytest.mark.parametrize("station", STATIONS)
def test_every_alarm_has_a_cause_that_raises_it(station: str) -> None:
    board = warm("line").stations[station].alarm_desk.board
    raised = {alarm for _, alarm in ROWS} | set(OUT_OF_REACH)
    assert {a for a in board.alarms if not a.endswith(f".{BAD}")} - raised == set()


@pytest.mark.parametrize("station", STATIONS)
def test_no_cause_names_an_alarm_that_there_is_not(station: str) -> None:
    known = set(warm("line").stations[station].alarm_desk.board.alarms)
    mine = {a for it in CAUSES.values() if it.station == station for a in it.alarms}
    assert mine <= known


def test_what_is_out_of_reach_is_so_for_its_reason() -> None:
    desk = warm("line").stations["calender"].interlock_desk
    assert not any(interlock["bypassable"] for interlock in desk.rows())


@row
def test_an_alarm_is_raised_by_its_cause(cause: str, alarm: str) -> None:
    assert played(cause)["came_s"][alarm] >= 0.0
    assert moves_of(cause, alarm)[0] == Move.RAISE


@row
def test_a_raised_alarm_is_acknowledged_and_not_twice(cause: str, alarm: str) -> None:
    entries = played(cause)["journal"][alarm]
    done = [e for e in entries if e["move"] == Move.ACKNOWLEDGE]
    assert done
    assert {e["actor"] for e in done} == {"ann"}
    assert played(cause)["refused"][alarm][:2] == ["occurrence", "state"]


@row
def test_a_raised_alarm_is_shelved_as_far_as_it_may_be(cause: str, alarm: str) -> None:
    definition = definition_of(cause, alarm)
    hidden = alarm in played(cause)["hidden"]
    refused = played(cause, shelves=hidden)["refused"][alarm]
    moves = moves_of(cause, alarm, shelves=hidden)
    if not definition.shelvable:
        assert Move.SHELVE not in moves
        assert refused[-1] == "shelvable"
        return
    if definition.priority == 1:
        assert "role" in refused  # an operator may not; the engineer does
    at = moves.index(Move.SHELVE)
    assert moves[at : at + 2] == [Move.SHELVE, Move.UNSHELVE]
    assert refused[-2:] == ["reason", "time"]
    if not hidden:  # back from the shelf it still holds: a new coming
        assert moves[at + 2] == Move.RAISE


@row
def test_a_shelf_ends_by_itself_and_repair_by_a_person(cause: str, alarm: str) -> None:
    told = played(cause)["aside"].get(alarm)
    if told is None or not told["judged"]:
        assert (told or played(cause))["station"] in ("ABORTING", "ABORTED", "HOLDING", "HELD")
        return
    out = [Move.REMOVE, Move.RETURN]
    again = [Move.RAISE] if told["active"] else []
    away = [Move.SHELVE, Move.UNSHELVE, *again] if told["shelvable"] else []
    assert [m for m in told["moves"] if m != Move.CLEAR] == [*away, *out, *again]


@row
def test_when_the_cause_has_gone_the_alarm_goes(cause: str, alarm: str) -> None:
    assert played(cause)["states"][alarm] in (AlarmState.NORMAL, AlarmState.SUPPRESSED)
    gone = {Move.CLEAR, Move.LATCH, Move.SUPPRESS}
    assert gone & set(moves_of(cause, alarm))
    if definition_of(cause, alarm).latching:
        assert moves_of(cause, alarm)[-2:] in (
            [Move.ACKNOWLEDGE, Move.RESET], [Move.LATCH, Move.RESET],
        )  # fmt: skip


@row
def test_the_journal_tells_every_step_in_order(cause: str, alarm: str) -> None:
    entries = played(cause)["journal"][alarm]
    state, occurrence, time_ns = entries[0]["before"], entries[0]["occurrence"] - 1, 0
    assert state in (AlarmState.NORMAL, AlarmState.SUPPRESSED)
    for e in entries:
        assert e["before"] == state
        assert TABLE[AlarmState(state)][Move(e["move"])] == e["after"]
        assert e["occurrence"] == occurrence + (e["move"] == Move.RAISE)
        assert e["time_ns"] >= time_ns
        assert bool(e["actor"]) is (e["move"] in PEOPLE), e
        state, occurrence, time_ns = e["after"], e["occurrence"], e["time_ns"]
    assert state == played(cause)["states"][alarm]


PEOPLE = {Move.ACKNOWLEDGE, Move.SHELVE, Move.UNSHELVE, Move.RESET, Move.REMOVE, Move.RETURN}


@every_cause
def test_the_figures_agree_with_a_count_of_our_own(cause: str) -> None:
    result = played(cause)
    report, counted = result["report"], result["counted"]
    assert report["alarms"] == sum(counted.values())
    assert dict(report["top"]) == counted or len(counted) > 10
    assert sum(report["priorities"].values()) == report["alarms"]
    done = sum(e["move"] == Move.ACKNOWLEDGE for own in result["journal"].values() for e in own)
    assert report["acknowledged"] == done


@row
def test_a_dead_sensor_clears_nothing_and_raises_its_own_alarm_only(cause: str, alarm: str) -> None:
    result = played(cause)["blind"]
    assert Move.CLEAR not in result["during"].get(alarm, [])
    definition = definition_of(cause, alarm)
    for tag in definition.tags:
        if tag in result["dead"] and result["judged"][tag]:
            assert result["during"].get(f"{tag}.{BAD}") == [Move.RAISE]
            assert result["after"].get(f"{tag}.{BAD}") == [Move.CLEAR]
    of_tags = {name for name in result["during"] if name.rpartition(".")[0] in definition.tags}
    raised = {n for n in of_tags if Move.RAISE in result["during"][n]}
    assert {n for n in raised if not n.endswith(f".{BAD}")} == set()


def test_every_sensor_behind_an_alarm_is_known() -> None:
    line = warm("line")
    own = {*OWN, ".TRIP", ".WDOG"}  # programs speak of themselves
    for name, station in line.stations.items():
        for alarm in station.alarm_desk.board.alarms.values():
            for tag in alarm.definition.tags:
                if tag.removeprefix(station.prefix) in own or tag.endswith(".SP"):
                    continue
                assert sensor_of(line, name, tag), tag


def test_every_trip_of_every_plc_has_a_cause() -> None:
    brought = {(it.station, it.trip) for it in CAUSES.values() if it.trip}
    every = {
        (name, text)
        for name, plc in warm("line").plcs.items()
        for text in plc.logic.TRIPS
        if text != "none"
    }
    assert every - brought == set()


@pytest.mark.parametrize("cause", [name for name, it in CAUSES.items() if it.trip])
def test_a_trip_is_told_with_its_name_and_reset_when_its_cause_has_gone(cause: str) -> None:
    result = played(cause)
    assert result["at_the_end"] == "none"
    prefix = alarm_causes_common.PREFIX[CAUSES[cause].station]
    assert f"{prefix}.TRIP.tripped" in result["counted"]
