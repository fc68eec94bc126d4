"""What is compared with limits: differences, imbalance, the silence of pulses."""

import math

import pytest

from controller.alarms.definition import Measure
from controller.alarms.measures import Silence, reader
from controller.core.sample import Quality
from tests.support.alarm_rig import definition

AT = {"T.PV": 0, "T.SP": 1}
GOOD = [0, 0]
PERIOD_S = 75.0  # one of 12 pulses a turn at 4 turns an hour


def measured(measure: Measure, a: float, b: float, q: list[int] = GOOD) -> float:
    return reader(definition(measure=measure, reference="T.SP"), AT)(0.0, [a, b], q)


@pytest.mark.parametrize(
    ("measure", "a", "b", "value"),
    [
        (Measure.DEVIATION, 5.0, 8.0, -3.0),
        (Measure.APART, 5.0, 8.0, 3.0),
        (Measure.IMBALANCE, 630.0, 570.0, 10.0),
        (Measure.IMBALANCE, 570.0, 630.0, 10.0),
        (Measure.IMBALANCE, 100.0, 0.0, 0.0),  # both sides are all but released
        (Measure.IMBALANCE, 0.0, 0.0, 0.0),
    ],
)
def test_two_values_make_one(measure, a, b, value):
    assert measured(measure, a, b) == pytest.approx(value)


@pytest.mark.parametrize("measure", [Measure.DEVIATION, Measure.APART, Measure.IMBALANCE])
@pytest.mark.parametrize("q", [[Quality.BAD, 0], [0, Quality.BAD]])
def test_one_bad_value_makes_all_unknown(measure, q):
    assert math.isnan(measured(measure, 5.0, 8.0, q))


def silent(*rows: tuple[float, float, float]) -> list[float]:
    """Time, pulses, speed in rev/h -> periods of silence."""
    silence = Silence(0, 1)
    return [silence(t, [pulses, speed], GOOD) for t, pulses, speed in rows]


def test_silence_counts_periods_since_the_last_pulse():
    values = silent((0, 10, 4), (75, 11, 4), (150, 11, 4), (225, 11, 4), (226, 12, 4))
    assert values == pytest.approx([0.0, 0.0, 1.0, 2.0, 0.0])


def test_a_rotor_that_has_just_begun_has_a_period_more():
    assert silent((0, 10, 4), (75, 10, 4), (225, 10, 4)) == pytest.approx([0.0, 0.0, 2.0])


def test_a_faster_rotor_is_missed_sooner():
    assert silent((0, 0, 12), (25, 1, 12), (75, 1, 12))[-1] == pytest.approx(2.0)


def test_a_rotor_that_shall_stand_is_not_missed():
    assert silent((0, 10, 4), (500, 10, 0), (1000, 10, 0), (1001, 10, 4))[1:] == [0.0, 0.0, 0.0]


def test_a_counter_that_wraps_or_restarts_has_turned():
    assert silent((0, 65535, 4), (75, 0, 4), (76, 0, 4))[1] == 0.0


def test_after_bad_values_silence_begins_anew():
    silence = Silence(0, 1)
    silence(0.0, [10, 4], GOOD)
    assert math.isnan(silence(500.0, [10, 4], [Quality.BAD_LINK, 0]))
    assert silence(501.0, [10, 4], GOOD) == 0.0
    assert silence(501.0 + 2 * PERIOD_S, [10, 4], GOOD) == pytest.approx(1.0)
