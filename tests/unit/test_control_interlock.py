"""Permissives, trips, bypasses."""

import math
from dataclasses import replace

import pytest

from controller.control.interlock import (
    NS,
    Bypass,
    Comparison,
    OnBad,
    Permissive,
    Permissives,
    Trip,
    Trips,
)
from controller.core.errors import ConfigError, Refused
from controller.core.sample import Quality

GOOD, BAD = 0, int(Quality.BAD_LINK)
DRY = Permissive(name="dry", text="Frost point", compare=Comparison.BELOW, limit=-50.0, unit="degC")
FLOW = Permissive(name="flow", text="Flow", compare=Comparison.ABOVE, limit=25.0, unit="%")
DOOR = Permissive(name="door", text="Door", compare=Comparison.OFF)
ROTOR = Permissive(name="rotor", text="Rotor", compare=Comparison.ON)
ALL = (DRY, FLOW, DOOR, ROTOR)
FINE = [-60.0, 80.0, 0.0, 1.0]
CLEAN = [GOOD] * 4
T0_NS = 1_767_225_600 * NS


def bypass_of(name: str, actor: str, reason: str, for_s: float) -> Bypass:
    until_ns = T0_NS + int(for_s * NS)
    return Bypass(name=name, actor=actor, reason=reason, since_ns=T0_NS, until_ns=until_ns)


def at_ns(now_s: float) -> int:
    return T0_NS + round(now_s * NS)


@pytest.mark.parametrize(
    ("condition", "met", "unmet"),
    [(DRY, -50.1, -50.0), (FLOW, 25.1, 25.0), (DOOR, 0.0, 1.0), (ROTOR, 1.0, 0.0)],
)
def test_each_comparison(condition, met, unmet):
    assert condition.met(met, GOOD)
    assert not condition.met(unmet, GOOD)


@pytest.mark.parametrize("condition", ALL)
def test_bad_quality_and_nan_never_meet_a_permissive(condition):
    for value in (-1e6, 0.0, 1.0, 1e6):
        assert not condition.met(value, BAD)
    assert not condition.met(math.nan, GOOD)


def test_uncertain_value_may_meet_a_permissive():
    assert DRY.met(-60.0, int(Quality.UNCERTAIN_SUSPECT))


def test_reasons_carry_live_value_limit_unit_and_quality():
    start = Permissives(ALL)
    reasons = start.unmet([-38.2, 80.0, 1.0, 0.0], [GOOD, BAD, GOOD, GOOD])
    assert reasons == (
        "Frost point is -38.2 degC, must be below -50 degC",
        "Flow is unknown (Bad: link), must be above 25 %: wait for the link, or check the sensor",
        "Door is on, must be off",
        "Rotor is off, must be on",
    )


def test_nothing_in_the_way_gives_no_reasons():
    start = Permissives(ALL)
    assert start.met(FINE, CLEAN)
    assert start.unmet(FINE, CLEAN) == ()
    start.require(FINE, CLEAN)


def test_require_refuses_with_all_reasons():
    with pytest.raises(Refused) as caught:
        Permissives(ALL).require([0.0, 0.0, 1.0, 0.0], CLEAN)
    assert caught.value.code == "permissive"
    assert len(caught.value.reasons) == 4


def test_bypass_puts_one_condition_out_of_force_until_it_expires():
    start = Permissives(ALL)
    wet = [-38.0, 80.0, 0.0, 1.0]
    start.bypasses.add(bypass_of("dry", "ana", "probe in calibration", 600.0))
    assert start.bypasses.expire(at_ns(599.9)) == ()
    assert start.met(wet, CLEAN)
    assert start.bypasses.in_force[0].actor == "ana"
    (over,) = start.bypasses.expire(at_ns(600.0))
    assert over.name == "dry"
    assert not start.met(wet, CLEAN)
    assert start.bypasses.in_force == ()
    assert start.bypasses.expire(at_ns(601.0)) == ()


def test_each_bypass_ends_at_its_own_time():
    start = Permissives(ALL)
    for name, for_s in (("dry", 600.0), ("flow", 60.0)):
        start.bypasses.add(bypass_of(name, "ana", "probe in calibration", for_s))
    assert [b.name for b in start.bypasses.expire(at_ns(60.0))] == ["flow"]
    assert [b.name for b in start.bypasses.expire(at_ns(600.0))] == ["dry"]


def test_what_is_not_bypassable_stays_in_force():
    start = Permissives([replace(DRY, bypassable=False)])
    with pytest.raises(Refused, match="may not be bypassed"):
        start.bypasses.add(bypass_of("dry", "ana", "probe in calibration", 60.0))


def test_bypass_does_not_cover_its_neighbours():
    start = Permissives(ALL)
    start.bypasses.add(bypass_of("dry", "ana", "probe in calibration", 600.0))
    assert len(start.unmet([0.0, 0.0, 0.0, 1.0], CLEAN)) == 1


def test_bypass_can_be_ended_early():
    start = Permissives(ALL)
    start.bypasses.add(bypass_of("dry", "ana", "probe in calibration", 600.0))
    start.bypasses.remove("dry")
    assert not start.met([-38.0, 80.0, 0.0, 1.0], CLEAN)


@pytest.mark.parametrize(
    ("bypass", "said"),
    [
        (bypass_of("dry", "ana", " ", 60.0), "needs a reason"),
        (bypass_of("dry", "ana", "x", 0.0), "not within"),
        (bypass_of("dry", "ana", "x", 1e6), "not within"),
        (bypass_of("dry", "ana", "x", 8 * 3600.1), "not within"),
        (bypass_of("dry", "ana", "x" * 501, 60.0), "at most 500"),
        (bypass_of("wet", "ana", "x", 60.0), "no such condition"),
    ],
)
def test_bypass_without_reason_end_or_condition_is_refused(bypass, said):
    with pytest.raises(Refused, match=said):
        Permissives(ALL).bypasses.add(bypass)


def test_repeated_names_are_a_config_error():
    with pytest.raises(ConfigError, match="repeated"):
        Permissives((DRY, DRY))


# --- trips

TORQUE = Permissive(name="torque", text="Torque", compare=Comparison.ABOVE, limit=95.0, unit="%")
WET = Permissive(name="wet", text="Frost point", compare=Comparison.ABOVE, limit=-50.0, unit="degC")


def group(**torque) -> Trips:
    return Trips((Trip(cause=TORQUE, **torque), Trip(cause=WET)))


def test_trip_latches_after_its_delay_and_tells_once():
    trips = group(on_delay_s=5.0)
    assert trips.scan(0.0, [99.0, -60.0], [GOOD, GOOD]) == ()
    assert trips.scan(4.9, [99.0, -60.0], [GOOD, GOOD]) == ()
    (told,) = trips.scan(5.0, [99.0, -60.0], [GOOD, GOOD])
    assert (told.name, told.first_out, told.time_s) == ("torque", True, 5.0)
    assert told.text == "Torque is 99 %, trips when above 95 %"
    assert trips.scan(6.0, [99.0, -60.0], [GOOD, GOOD]) == ()
    trips.scan(7.0, [0.0, -60.0], [GOOD, GOOD])
    assert trips.tripped


def test_delay_starts_anew_when_the_cause_goes_away():
    trips = group(on_delay_s=5.0)
    for t, torque in [(0, 99), (4, 99), (4.5, 50), (5, 99), (9, 99)]:
        trips.scan(float(t), [torque, -60.0], [GOOD, GOOD])
    assert not trips.tripped
    trips.scan(10.0, [99.0, -60.0], [GOOD, GOOD])
    assert trips.tripped


def test_first_out_names_the_first_of_several():
    trips = group()
    trips.scan(0.0, [0.0, -40.0], [GOOD, GOOD])
    (later,) = trips.scan(1.0, [99.0, -40.0], [GOOD, GOOD])
    assert trips.first_out == "wet"
    assert not later.first_out
    assert trips.latched == [True, True]


def test_reset_is_refused_while_a_cause_is_there_and_lists_it():
    trips = group()
    trips.scan(0.0, [99.0, -60.0], [GOOD, GOOD])
    with pytest.raises(Refused) as caught:
        trips.reset([97.0, -60.0], [GOOD, GOOD])
    assert caught.value.reasons == ("Torque is still 97 %",)
    with pytest.raises(Refused, match="unknown"):
        trips.reset([0.0, -60.0], [BAD, GOOD])
    trips.reset([50.0, -60.0], [GOOD, GOOD])
    assert (trips.tripped, trips.first_out, trips.latched) == (False, "", [False, False])


def test_after_a_reset_the_trip_works_again():
    trips = group()
    trips.scan(0.0, [99.0, -60.0], [GOOD, GOOD])
    trips.reset([0.0, -60.0], [GOOD, GOOD])
    assert trips.scan(2.0, [99.0, -60.0], [GOOD, GOOD])[0].first_out


@pytest.mark.parametrize(("value", "quality"), [(0.0, BAD), (math.nan, GOOD)])
def test_bad_value_trips_when_so_configured(value, quality):
    trips = group(on_bad=OnBad.TRIP)
    assert trips.scan(0.0, [value, -60.0], [quality, GOOD])[0].name == "torque"


@pytest.mark.parametrize(("value", "quality"), [(99.0, BAD), (math.nan, GOOD)])
def test_bad_value_is_ignored_when_so_configured(value, quality):
    trips = group(on_bad=OnBad.IGNORE)
    for t in range(100):
        assert trips.scan(float(t), [value, -60.0], [quality, GOOD]) == ()


def test_bad_value_that_is_ignored_does_not_clear_a_running_delay():
    trips = group(on_bad=OnBad.IGNORE, on_delay_s=5.0)
    trips.scan(0.0, [99.0, -60.0], [GOOD, GOOD])
    trips.scan(3.0, [99.0, -60.0], [GOOD, GOOD])
    trips.scan(4.0, [0.0, -60.0], [BAD, GOOD])
    trips.scan(5.0, [99.0, -60.0], [GOOD, GOOD])
    assert not trips.tripped  # the second without a value does not count
    trips.scan(6.0, [99.0, -60.0], [GOOD, GOOD])
    assert trips.tripped


def test_bypassed_trip_does_not_act_and_trips_after_the_bypass_ends():
    trips = group()
    trips.bypasses.add(bypass_of("torque", "ana", "sensor exchanged", 60.0))
    assert trips.scan(1.0, [99.0, -60.0], [GOOD, GOOD]) == ()
    trips.bypasses.expire(at_ns(60.0))
    assert trips.scan(60.0, [99.0, -60.0], [GOOD, GOOD])[0].name == "torque"
