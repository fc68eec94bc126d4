"""Weather, shifts and hands around the enclosure."""

import pytest

from plc_sim.models.parameter import Parameter, Source, values
from plc_sim.models.surroundings import DAY_S, HOUR_S, STEADY, Scenario, Surroundings


def day(seed, scenario=None, every_s=10.0):
    around = Surroundings(seed, scenario)
    rows = []
    for k in range(int(DAY_S / every_s)):
        around.step(k * every_s)
        rows.append(
            (
                k * every_s,
                around.outdoor_degc,
                around.outdoor_w,
                around.people,
                around.glove_mask,
                around.pass_box_requests,
            )
        )
    return rows


def test_same_seed_gives_the_same_day_and_another_seed_another():
    assert day(3) == day(3)
    assert day(3) != day(4)


def test_afternoon_is_warmer_than_the_small_hours():
    rows = day(1, Scenario(weather_noise=False, start_hour=0.0))
    by_hour = {int(t / HOUR_S): degc for t, degc, *_ in rows}
    assert by_hour[15] - by_hour[3] == pytest.approx(10.0, abs=0.5)


def test_nobody_is_there_at_night():
    rows = day(1, Scenario(start_hour=0.0))
    night = [row for row in rows if row[0] < 5.5 * HOUR_S]
    assert all(row[3] == 0 and row[4] == 0 and row[5] == 0 for row in night)


def test_glove_work_takes_ten_of_forty_five_minutes_with_four_gloves():
    rows = day(1)
    shift = [row for row in rows if row[0] < 16 * HOUR_S]
    share = sum(row[4].bit_count() == 4 for row in shift) / len(shift)
    assert share == pytest.approx(10 / 45, abs=0.03)
    assert max(row[4].bit_count() for row in rows) == 4


def test_pass_box_is_wanted_every_25_minutes_of_a_shift():
    assert day(1)[-1][5] == pytest.approx(16 * 60 / 25, abs=2)


def test_steady_scenario_disturbs_nothing():
    rows = day(1, STEADY)
    assert {row[1:3] for row in rows} == {(20.0, 0.010)}
    assert all(row[4] == 0 and row[5] == 0 for row in rows)


def test_air_is_never_oversaturated_in_winter():
    rows = day(2, Scenario(outdoor_degc=2.0, outdoor_w=0.010))
    assert max(row[2] for row in rows) < 0.009


def test_parameter_outside_its_own_range_is_refused():
    with pytest.raises(ValueError, match="allowed 0 to 1"):
        Parameter(name="x", value=2.0, unit="-", low=0.0, high=1.0, source=Source.ASSUMED)


def test_parameter_named_twice_is_refused():
    x = Parameter(name="x", value=0.5, unit="-", low=0.0, high=1.0, source=Source.ASSUMED)
    with pytest.raises(ValueError, match="twice"):
        values((x, x))
