"""Interlocks of a station: trips with their first cause, unmet permissives, bypasses."""

import math
from dataclasses import asdict
from typing import ClassVar

import pytest

from controller.control.interlock import Comparison, OnBad, Permissive, Trip
from controller.control.states import State
from controller.control.station_memory import Memory
from controller.core.event import EventKind, Verb
from controller.core.sample import Quality
from controller.stations.common import PLC_READY, off
from tests.support.tiny_station import NS, UTC0_NS, Bench, Tiny

BYPASSED = "T.INTERLOCK.BYPASSED.bypassed"


class Guarded(Tiny):
    """Tiny with a door, and two trips on its value."""

    DOOR: ClassVar = off(".SEQ", "door open", "close the door")

    def start_permissives(self):
        return (*PLC_READY, self.DOOR)

    def trips(self):
        high = {"text": "PV", "compare": Comparison.ABOVE, "unit": "%"}
        return tuple(
            (".PV", Trip(cause=Permissive(name=n, limit=x, **high), on_bad=OnBad.IGNORE))
            for n, x in (("hot", 95.0), ("hotter", 98.0))
        )


@pytest.fixture
def bench():
    return Bench(kind=Guarded)


def row(bench, name):
    return next(r for r in bench.station.interlock_desk.rows() if r["name"] == name)


def bypass(bench, name, for_s=60.0):
    bench.ok(Verb.BYPASS, name, for_s)


def told(bench):
    return bench.told(EventKind.INTERLOCK)


def alarmed(bench):
    return bench.station.alarm_desk.board.alarms[BYPASSED].state.value


def test_a_bypassed_permissive_lets_the_station_start_and_is_told_with_who_and_why(bench):
    bench.plc(SEQ=1, PV=30)
    assert bench.refused(Verb.START).reasons == ("door open is on, must be off: close the door",)
    bypass(bench, "door open")
    assert told(bench) == ["door open is bypassed for 60 s: because"]
    event = next(e for e in bench.events if e.kind is EventKind.INTERLOCK)
    assert (event.actor, event.data["reason"]) == ("ann", "because")
    bench.ok(Verb.START)


def test_a_bypass_ends_by_itself_and_the_condition_is_in_force_again(bench):
    bench.plc(SEQ=1)
    bypass(bench, "door open", 5.0)
    bench.run(4.8)
    assert row(bench, "door open")["bypass"]["actor"] == "ann"
    bench.run(0.3)
    assert told(bench)[-1] == "door open is no longer bypassed: its time is over"
    assert row(bench, "door open")["bypass"] is None
    assert bench.refused(Verb.START).code == "permissive"


def test_an_alarm_stands_while_anything_is_bypassed(bench):
    bypass(bench, "door open")
    bench.scan(2)
    assert bench.table.sample("T.INTERLOCK.BYPASSED").value == 1.0
    assert alarmed(bench) == "unacknowledged"
    bypass(bench, "hot")
    bench.ok(Verb.UNBYPASS, "door open")
    bench.scan(2)
    assert alarmed(bench) == "unacknowledged"
    bench.ok(Verb.UNBYPASS, "hot")
    bench.scan(2)
    assert bench.table.sample("T.INTERLOCK.BYPASSED").value == 0.0
    assert alarmed(bench) == "returned-unacknowledged"
    assert told(bench)[-1] == "hot is no longer bypassed: because"


def test_a_bypassed_trip_does_not_hold_the_station_and_does_so_when_it_is_over(bench):
    bench.start()
    bypass(bench, "hot", 3.0)
    bench.plc(PV=96)
    bench.run(2.5)
    assert bench.state is State.EXECUTE
    assert not row(bench, "hot")["ok"]
    bench.run(1.0)
    assert bench.state in (State.HOLDING, State.HELD)
    assert row(bench, "hot")["latched"]


def test_the_first_of_several_trips_is_named_until_they_are_reset(bench):
    bench.start()
    bench.plc(PV=96)
    bench.scan()
    assert told(bench)[-1] == "PV is 96 %, trips when above 95 %"
    assert (row(bench, "hot")["first_out"], row(bench, "hotter")["latched"]) == (True, False)
    bench.station.procedure.force(State.EXECUTE, "both at work again")
    bench.plc(PV=99)
    bench.scan()
    assert told(bench)[-1] == "PV is 99 %, trips when above 98 %, after hot"
    firsts = [r["name"] for r in bench.station.interlock_desk.rows() if r["first_out"]]
    assert firsts == ["hot"]
    last = [e for e in bench.events if e.kind is EventKind.INTERLOCK][-1]
    assert last.data["first_out"] == "hot"
    bench.plc(PV=50)
    bench.run(1.0)
    bench.ok(Verb.UNHOLD)
    assert not any(r["latched"] for r in bench.station.interlock_desk.rows())


def test_rows_show_live_values_wanted_ones_and_remedies(bench):
    bench.plc(SEQ=1, PV=40)
    bench.scan()
    door, hot = row(bench, "door open"), row(bench, "hot")
    assert (door["kind"], door["tag"], door["shown"], door["wanted"], door["ok"]) == (
        "permissive", "T.SEQ", "on", "off", False,
    )  # fmt: skip
    assert door["remedy"] == "close the door"
    assert (hot["kind"], hot["shown"], hot["wanted"], hot["ok"]) == (
        "trip", "40 %", "above 95 %", True,
    )  # fmt: skip
    bench.plc(Quality.BAD_SENSOR, PV=40)
    bench.scan()
    assert row(bench, "hot")["shown"] == "unknown (Bad: sensor)"


@pytest.mark.parametrize("name", ["remote switch", "latched PLC trip"])
def test_what_the_plc_refuses_all_the_same_is_not_bypassed(bench, name):
    answer = bench.refused(Verb.BYPASS, name, 60.0)
    assert (answer.code, "may not be bypassed" in answer.reasons[0]) == ("bypass", True)
    assert not row(bench, name)["bypassable"]


@pytest.mark.parametrize(
    ("target", "value", "code"),
    [
        ("window", 60.0, "unknown"),
        ("door open", None, "value"),
        ("door open", "60", "value"),
        ("door open", math.nan, "value"),
        ("door open", math.inf, "value"),
        ("door open", -math.inf, "value"),
        ("door open", True, "value"),
        ("door open", 0.0, "bypass"),
        ("door open", -5.0, "bypass"),
        ("door open", 8 * 3600.0 + 1.0, "bypass"),
    ],
)
def test_a_bypass_that_makes_no_sense_is_refused(bench, target, value, code):
    assert bench.refused(Verb.BYPASS, target, value).code == code
    assert bench.station.interlock_desk.bypassed == 0.0


def test_ending_what_is_not_bypassed_is_refused(bench):
    assert bench.refused(Verb.UNBYPASS, "door open").code == "bypass"
    assert bench.refused(Verb.UNBYPASS, "window").code == "unknown"


def test_a_second_bypass_takes_the_place_of_the_first(bench):
    bypass(bench, "door open", 60.0)
    bypass(bench, "door open", 5.0)
    assert bench.station.interlock_desk.bypassed == 1.0
    bench.run(5.2)
    assert bench.station.interlock_desk.bypassed == 0.0


# -- restart -----------------------------------------------------------------------------------


def after_restart(bench, down_s=0.0):
    """Another program with the memory of the first, as JSON has left it."""
    plain = asdict(bench.station.memory())
    again = Bench(kind=Guarded, adopted=False)
    again.now_s = bench.now_s + down_s
    again.station.recall(Memory.of(plain), again.utc_ns)
    again.adopt()
    return again


def test_a_bypass_survives_a_restart_and_ends_at_the_same_time(bench):
    bypass(bench, "door open", 60.0)
    bench.run(20.0)
    again = after_restart(bench, down_s=10.0)
    again.plc(SEQ=1)
    again.run(29.0)
    assert row(again, "door open")["bypass"]["reason"] == "because"
    again.run(2.0)
    assert row(again, "door open")["bypass"] is None


def test_a_bypass_that_was_over_meanwhile_is_told_and_in_force_again(bench):
    bypass(bench, "door open", 60.0)
    again = after_restart(bench, down_s=61.0)
    assert told(again) == [
        "door open is no longer bypassed: its time was over when the controller started"
    ]
    assert again.station.interlock_desk.bypassed == 0.0


def test_a_clock_set_back_lets_no_bypass_last_longer_than_a_shift(bench):
    bypass(bench, "door open", 8 * 3600.0)
    again = after_restart(bench, down_s=-100_000.0)
    (remembered,) = again.station.interlock_desk.memory()
    assert remembered["until_ns"] == again.utc_ns + 8 * 3600 * NS


def test_a_bypass_of_a_condition_that_is_gone_or_unreadable_ends(bench):
    memory = bench.station.memory()
    given = {"name": "window", "actor": "ann", "reason": "x", "since_ns": UTC0_NS}
    memory.bypasses = [{**given, "until_ns": UTC0_NS + NS}, given]
    again = Bench(kind=Guarded, adopted=False)
    again.station.recall(memory, UTC0_NS)
    assert "no interlock 'window'" in told(again)[0]
    assert "could not be read" in told(again)[1]
    assert again.station.interlock_desk.bypassed == 0.0
