"""What a trip stops must not hide why it came: alarms whose delay runs when it stops them."""

import pytest

from controller.alarms.states import AlarmState
from controller.control.states import State
from controller.core.sample import Quality
from tests.support.alarm_rig import Rig, definition

NOT_EXECUTE = frozenset(State) - {State.EXECUTE}


def rig(on_delay_s: float, suppressed_in=NOT_EXECUTE) -> Rig:
    rig = Rig(definition(on_delay_s=on_delay_s, suppressed_in=suppressed_in))
    rig.station = State.EXECUTE
    rig.scan(0.0)
    return rig


def test_a_trip_that_waits_as_long_as_the_alarm_of_its_cause_does_not_take_it_away():
    bench = rig(2.0)
    bench.scan(91.0)
    for _ in range(18):
        assert bench.scan() == ""
    bench.station = State.ABORTING
    assert bench.scan() == "raise suppress"
    assert bench.state() is AlarmState.RETURNED
    bench.ack()
    assert bench.state() is AlarmState.SUPPRESSED


def test_what_the_stop_itself_brings_stays_suppressed():
    bench = rig(2.0)
    bench.scan(91.0)
    bench.scan(after_s=0.8)
    bench.station = State.ABORTING
    assert bench.scan() == "suppress"
    assert bench.occurrence() == 0


def test_an_alarm_without_a_delay_is_judged_with_the_value_of_the_trip():
    bench = rig(0.0)
    bench.station = State.ABORTING
    assert bench.scan(91.0) == "raise suppress"
    again = rig(0.0)
    again.station = State.ABORTING
    assert again.scan(50.0) == "suppress"


def test_a_value_that_is_back_inside_by_then_raises_nothing():
    bench = rig(2.0)
    bench.scan(91.0)
    bench.scan(after_s=1.5)
    bench.station = State.ABORTING
    assert bench.scan(50.0) == "suppress"


def test_a_bad_value_raises_nothing_at_a_trip():
    bench = rig(2.0)
    bench.scan(91.0)
    bench.scan(after_s=1.5)
    bench.q["T.PV"] = int(Quality.BAD_SENSOR)
    bench.station = State.ABORTING
    assert bench.scan() == "suppress"


@pytest.mark.parametrize("state", [State.HOLDING, State.STOPPING, State.COMPLETING])
def test_a_stop_that_is_no_trip_cuts_no_delay_short(state: State):
    bench = rig(2.0)
    bench.scan(91.0)
    bench.scan(after_s=1.5)
    bench.station = state
    assert bench.scan() == "suppress"


def test_an_alarm_that_is_judged_in_an_aborted_station_waits_as_ever():
    bench = rig(2.0, suppressed_in=frozenset({State.IDLE}))
    bench.scan(91.0)
    bench.scan(after_s=1.5)
    bench.station = State.ABORTING
    assert bench.scan() == ""
    assert bench.scan(after_s=0.5) == "raise"


def test_an_alarm_that_has_come_before_the_trip_comes_once():
    bench = rig(0.0)
    assert bench.scan(91.0) == "raise"
    bench.station = State.ABORTING
    assert bench.scan() == "suppress"
    assert bench.occurrence() == 1
