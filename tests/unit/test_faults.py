"""Faults by name, and which are active when."""

from math import inf, nan

import pytest

from plc_sim.faults import FAULTS, FaultSchedule, Injection, Where, find

HEATER = find("enclosure", "heater_failure")
LEAK = find("enclosure", "door_seal_leak")


def leak(start_s, end_s=inf, level=5.0):
    return Injection(fault=LEAK, start_s=start_s, end_s=end_s, level=level)


def levels(schedule, times):
    """(time, level of the leak) for every time at which something changed."""
    return [(t, level) for t in times for fault, level in schedule.changes(t) if fault is LEAK]


def test_a_fault_begins_and_ends_in_time():
    schedule = FaultSchedule([leak(10.0, 20.0)])
    assert levels(schedule, range(30)) == [(10, 5.0), (20, 0.0)]


def test_changes_are_told_once():
    schedule = FaultSchedule([leak(0.0)])
    assert schedule.changes(1.0) == [(LEAK, 5.0)]
    assert schedule.changes(1.0) == schedule.changes(2.0) == []
    assert schedule.active() == {("enclosure", "door_seal_leak"): 5.0}


def test_the_last_injection_wins_and_the_one_below_comes_back():
    schedule = FaultSchedule([leak(0.0, 100.0, 5.0), leak(20.0, 40.0, 30.0)])
    assert levels(schedule, range(0, 120, 10)) == [(0, 5.0), (20, 30.0), (40, 5.0), (100, 0.0)]


def test_an_overlap_that_ends_last_ends_the_fault():
    schedule = FaultSchedule([leak(0.0, 30.0, 5.0), leak(20.0, 50.0, 5.0)])
    assert levels(schedule, range(0, 60, 10)) == [(0, 5.0), (50, 0.0)]


def test_a_gap_between_two_scans_is_not_missed_for_ever():
    schedule = FaultSchedule([leak(10.0, 20.0, 5.0), leak(30.0, 40.0, 7.0)])
    assert levels(schedule, [0, 35, 45]) == [(35, 7.0), (45, 0.0)]


def test_clear_ends_it_now_and_forgets_what_was_to_come():
    schedule = FaultSchedule([leak(0.0), leak(50.0, 60.0, 9.0)])
    schedule.add(Injection(fault=HEATER, start_s=0.0, level=1.0))
    assert len(schedule.changes(1.0)) == 2
    schedule.clear("enclosure", "door_seal_leak")
    assert schedule.changes(2.0) == [(LEAK, 0.0)]
    assert levels(schedule, range(3, 80)) == []
    assert schedule.active() == {("enclosure", "heater_failure"): 1.0}


def test_what_is_added_late_begins_at_once():
    schedule = FaultSchedule()
    assert schedule.changes(100.0) == []
    schedule.add(leak(50.0, 200.0))
    assert schedule.changes(100.0) == [(LEAK, 5.0)]


def test_one_station_s_fault_is_not_another_s():
    schedule = FaultSchedule(
        [Injection(fault=find(s, "comm_drop"), start_s=0.0, level=1.0) for s in ("coater",)]
    )
    ((fault, _),) = schedule.changes(0.0)
    assert fault.station == "coater"


@pytest.mark.parametrize("level", [-0.1, 50.1, nan, inf])
def test_a_level_outside_its_range_is_refused_with_the_range(level):
    with pytest.raises(ValueError, match=r"enclosure door_seal_leak: .* allowed 0 to 50 m3/h"):
        leak(0.0, level=level)


@pytest.mark.parametrize("end_s", [10.0, 9.0, nan])
def test_an_end_before_the_start_is_refused(end_s):
    with pytest.raises(ValueError, match="before its start"):
        leak(10.0, end_s)


def test_a_fault_is_found_by_name_and_by_number():
    assert find("enclosure", "F5") is HEATER
    with pytest.raises(LookupError, match="no fault 'x' for enclosure; faults: dew_point_drift,"):
        find("enclosure", "x")
    with pytest.raises(LookupError, match="stations: calender, coater, enclosure"):
        find("slitter", "x")


def test_the_table_is_sound():
    assert len({(f.station, f.name) for f in FAULTS}) == len(FAULTS)
    assert {f"F{k}" for k in range(1, 21)} <= {f.id for f in FAULTS}
    for fault in FAULTS:
        assert fault.low <= fault.level <= fault.high, fault.name
        assert fault.level != 0.0
        assert fault.effect


def test_every_station_has_the_faults_of_a_plc():
    for station in ("enclosure", "coater", "calender"):
        names = {f.name for f in FAULTS if f.station == station and f.where is Where.PLC}
        assert names >= {"comm_drop", "stale_values", "plc_restart", "clock_skew", "local_mode"}
