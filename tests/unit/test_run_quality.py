"""What a run came to: figures of histories that are known exactly."""

import json
from pathlib import Path

import numpy as np
import pytest

from controller.clock import NS
from controller.config import installed_modules, load_line
from controller.control.states import State
from controller.core.errors import Refused
from controller.core.recipe import Limits
from controller.core.sample import Quality
from controller.history import Reader
from controller.line import tag_table
from controller.runs.correlation import batch_means, correlation_time, effective_n
from controller.runs.course import read_length
from controller.runs.measure import full_name, measures_of
from controller.runs.quality import summarise
from controller.runs.quality_text import as_json, notes, percent, table_rows
from plc_sim.score import SHIPPED_LINE
from tests.support.history import T0_NS
from tests.support.run_history import (
    THICKNESS,
    RunHistory,
    ar1,
    head,
    let_samples_go,
    recipe,
    summary,
)

LENGTH_S = 600


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def noise(seed: int, n: int = LENGTH_S, sd: float = 0.5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, sd, n)


@pytest.mark.parametrize("kind", installed_modules().kinds)
def test_every_measure_of_a_kind_is_made_of_tags_of_the_shipped_line(kind):
    config = load_line(SHIPPED_LINE)
    prefix = next(s.prefix for s in config.stations if s.kind == kind)
    units = {tag.name: tag.unit for tag in tag_table(config).tags}
    measures = measures_of(kind)
    for measure in measures.all:
        for tag, _ in measure.terms:
            assert units[full_name(tag, prefix)] == measure.unit
        assert 60 % measure.step_s == 0
    if measures.meter:
        assert units[full_name(measures.meter, prefix)] == "m"
    names = [measure.name for measure in measures.all]
    assert len(set(names)) == len(names)


def test_a_kind_without_measures_is_refused_with_the_file_it_needs():
    with pytest.raises(Refused, match=r"controller/runs/measures/slitter\.py"):
        measures_of("slitter")


def test_mean_sd_share_and_cpk_are_those_of_the_values_in_execute(path):
    values = 104.6 + noise(1)
    with RunHistory(path, "calender") as history:
        history.run(0, 100, 100 + LENGTH_S)
        history.put(".THK.C", np.arange(100), 300.0)  # threading does not count
        history.put(".THK.C", 100 + np.arange(LENGTH_S), values)
        history.put(".THK.C", [100 + LENGTH_S], 300.0)
    figure = summary(path, "calender", 0, 100 + LENGTH_S, THICKNESS).figures["thickness"]
    assert figure.n == LENGTH_S
    assert figure.mean == pytest.approx(values.mean(), abs=1e-9)
    assert figure.sd == pytest.approx(values.std(ddof=1), abs=1e-9)
    assert (figure.minimum, figure.maximum) == (values.min(), values.max())
    assert figure.inside == pytest.approx((np.abs(values - 104.0) <= 2.0).mean(), abs=1e-9)
    assert figure.inside < 1.0
    assert (figure.known, figure.uncertain) == (1.0, 0.0)
    assert figure.capability.cpk == pytest.approx((106.0 - values.mean()) / 3 / values.std(ddof=1))
    assert (figure.spec.low, figure.spec.high) == (102.0, 106.0)
    assert figure.spec.text == "thickness 104 um +-2 um"


def test_many_samples_of_a_restless_stretch_weigh_no_more_than_its_time(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 100)
        history.put(".THK.C", [0, 45], 100.0)
        restless = 90 + np.arange(1000) / 100.0
        history.put(".THK.C", restless, 110.0 + 0.01 * (-1.0) ** np.arange(1000))
    figure = summary(path, "calender", 0, 100, THICKNESS).figures["thickness"]
    assert figure.mean == pytest.approx(101.0, abs=1e-3)
    assert figure.sd == pytest.approx(3.0151, abs=1e-3)  # of 90 times 100 and 10 times 110
    assert figure.inside == 0.0


def test_bad_samples_never_count_and_the_time_without_value_is_told(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 100)
        history.put(".THK.C", np.arange(60), 104.0)
        history.put(".THK.C", 60 + np.arange(40), 999.0, Quality.BAD_SENSOR)
    figure = summary(path, "calender", 0, 100, THICKNESS).figures["thickness"]
    assert (figure.mean, figure.maximum, figure.n) == (104.0, 104.0, 60)
    assert figure.known == pytest.approx(0.6)
    assert figure.inside == 1.0


def test_uncertain_values_count_in_shares_and_extremes_but_not_in_mean_and_sd(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 100)
        history.put(".THK.C", np.arange(75), 104.0)
        history.put(".THK.C", 75 + np.arange(25), 110.0, Quality.UNCERTAIN_SUSPECT)
    figure = summary(path, "calender", 0, 100, THICKNESS).figures["thickness"]
    assert (figure.mean, figure.n, figure.maximum) == (104.0, 75, 110.0)
    assert figure.inside == pytest.approx(0.75)
    assert (figure.known, figure.uncertain) == (1.0, 0.25)


def test_a_sensor_that_was_dead_all_the_time_is_said_to_be(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 100)
        history.put(".THK.C", np.arange(100), 104.0, Quality.BAD_LINK)
    figure = summary(path, "calender", 0, 100, THICKNESS).figures["thickness"]
    assert (figure.mean, figure.sd, figure.minimum, figure.inside) == (None, None, None, None)
    assert (figure.n, figure.known) == (0, 0.0)
    assert figure.notes[0] == "no usable value in EXECUTE"
    assert figure.capability.why_not == "too few values"


def test_a_tag_the_history_never_knew_is_named(path):
    with RunHistory(path, "calender", without=("CAL.ECC", "CAL.PWR")) as history:
        history.run(0, 0, 100)
    found = summary(path, "calender", 0, 100, THICKNESS)
    assert found.figures["run_out"].notes[0] == "this history has no tag CAL.ECC"
    assert (found.energy.run_kwh, found.energy.known) == (None, 0.0)


def test_a_side_difference_counts_only_while_both_sides_are_known(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 100)
        history.put(".THK.DS", np.arange(100), 105.5)
        history.put(".THK.OS", np.arange(80), 104.0)
        history.put(".THK.OS", 80 + np.arange(20), 50.0, Quality.BAD_SENSOR)
    figure = summary(path, "calender", 0, 100, THICKNESS).figures["side_difference"]
    assert (figure.mean, figure.minimum, figure.maximum, figure.n) == (1.5, 1.5, 1.5, 80)
    assert figure.known == pytest.approx(0.8)
    assert figure.capability.why_not == "nothing is demanded of it"


@pytest.mark.parametrize(
    ("control", "why"),
    [
        (None, "the run has no recipe"),
        (recipe("calender", {}), "the recipe has no lo or hi limit for .DENS"),
    ],
)
def test_without_limits_there_is_no_cpk_but_a_reason(path, control, why):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 100)
        history.put(".DENS", np.arange(100), 2.9 + noise(2, 100, 0.01))
    figure = summary(path, "calender", 0, 100, control).figures["density"]
    assert figure.spec is None
    assert figure.inside is None
    assert (figure.capability.cpk, figure.capability.why_not) == (None, why)


def test_limits_on_one_side_only_give_a_cpk_of_that_side(path):
    values = 1.0 + noise(3, 1000, 0.1)
    control = recipe("calender", {}, {".ECC": Limits(hi=3.0)})
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 1000)
        history.put(".ECC", np.arange(0, 1000, 10), values[:100])
    figure = summary(path, "calender", 0, 1000, control).figures["run_out"]
    few = values[:100]
    assert (figure.n, figure.step_s) == (100, 10)
    assert figure.capability.cpk == pytest.approx((3.0 - few.mean()) / 3 / few.std(ddof=1))


def test_one_sample_holds_its_time_and_gives_no_cpk(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 300)
        history.put(".THK.C", [10.0], 104.5)
    figure = summary(path, "calender", 0, 300, THICKNESS).figures["thickness"]
    assert (figure.mean, figure.sd, figure.n) == (104.5, 0.0, 125)  # two intervals and 5 s
    assert figure.known == pytest.approx(125 / 300)
    assert figure.effective_n == 1.0
    assert figure.capability.why_not == "it does not vary"


def test_a_drifting_record_is_worth_too_little_for_a_cpk(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, LENGTH_S)
        history.put(".THK.C", np.arange(LENGTH_S), 103.0 + np.arange(LENGTH_S) / 300.0)
    figure = summary(path, "calender", 0, LENGTH_S, THICKNESS).figures["thickness"]
    assert figure.effective_n < 5.0
    assert figure.capability.cpk is None
    assert figure.capability.why_not.endswith("independent values, 10 are needed")


def test_states_have_their_times_and_a_silent_controller_leaves_them_unknown(path):
    steps = [(0, State.STARTING), (200, State.EXECUTE), (500, State.HELD)]
    with RunHistory(path, "calender") as history:
        history.states(steps, 600)
        history.states([(1000, State.EXECUTE), (1300, State.COMPLETED)], 1301)
        history.put(".THK.C", np.arange(1300), np.where(np.arange(1300) < 500, 104.0, 105.0))
        history.put(".METER", np.arange(1300), np.arange(1300) / 10.0)
    found = summary(path, "calender", 0, 1300, THICKNESS)
    # The last HELD sample is at 590 s and holds for 125 s.
    assert found.course.seconds == {"STARTING": 200.0, "EXECUTE": 600.0, "HELD": 215.0}
    assert found.course.unknown_s == pytest.approx(285.0)
    assert found.ready_s == 200.0
    assert found.figures["thickness"].mean == pytest.approx(104.5)
    assert found.metres == pytest.approx(129.9)
    assert found.execute_metres == pytest.approx(30.0 + 29.9)


def test_a_run_that_never_came_to_execute_says_so(path):
    with RunHistory(path, "calender") as history:
        history.states([(0, State.STARTING), (50, State.STOPPING)], 60)
        history.put(".THK.C", np.arange(60), 104.0)
    found = summary(path, "calender", 0, 60, THICKNESS)
    assert (found.ready_s, found.course.execute_s, found.execute_metres) == (None, 0.0, 0.0)
    figure = found.figures["thickness"]
    assert (figure.n, figure.mean, figure.known) == (0, None, 0.0)
    assert figure.notes[0] == "the station was never in EXECUTE"


def test_dose_peak_and_energy_of_an_enclosure(path):
    control = recipe("enclosure", {}, {".H2S": Limits(hi=1.0)})
    with RunHistory(path, "enclosure") as history:
        history.run(0, 300, 1200)
        history.put(".PPM", np.arange(0, 300, 10), 1000.0)  # while it is being dried
        history.put(".PPM", np.arange(300, 900, 10), 5.0)
        history.put(".PPM", np.arange(900, 1200, 10), 10.0)
        history.put(".H2S", np.arange(0, 1200, 10), 0.5)
        history.put(".H2S", [603.0], 2.5)
        history.put(".H2S", [606.0], 0.5)
        for tag, kw in (("DHU.PWR.REG", 3.0), ("DHU.PWR.FAN", 1.0), ("DHU.PWR.COOL", 2.0)):
            history.put(tag, np.arange(0, 300, 30), 2 * kw)
            history.put(tag, np.arange(300, 1200, 30), kw)
    found = summary(path, "enclosure", 0, 1200, control)
    dose, peak = found.figures["moisture_dose"], found.figures["h2s"]
    assert dose.dose == pytest.approx(5.0 * 10 + 10.0 * 5)
    assert peak.maximum == 2.5
    assert peak.inside == pytest.approx(1 - 3 / 900)
    assert peak.capability.why_not == "a peak has none"
    assert found.energy.run_kwh == pytest.approx(2.5)
    assert found.energy.execute_kwh == pytest.approx(1.5)
    assert (found.energy.mean_kw, found.energy.known) == (6.0, 1.0)
    assert (found.metres, found.energy.per_metre_kwh) == (None, None)


def test_energy_counts_what_is_known_and_says_how_much_that_is(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 1000)
        history.put(".PWR", np.arange(0, 750, 10), 12.0)
        history.put(".PWR", np.arange(750, 1000, 10), 50.0, Quality.BAD_SENSOR)
        history.put(".METER", np.arange(1000), np.arange(1000) / 10.0)
    energy = summary(path, "calender", 0, 1000, THICKNESS).energy
    assert energy.run_kwh == pytest.approx(12.0 * 750 / 3600)
    assert (energy.mean_kw, energy.known) == (12.0, 0.75)
    assert energy.per_metre_kwh == pytest.approx(energy.execute_kwh / 99.9)


def test_the_value_that_held_when_execute_began_is_carried_in(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 100)
        history.put(".LOAD.PV", [-50.0, 40.0], [600.0, 700.0])
    figure = summary(path, "calender", 0, 100, THICKNESS).figures["line_load"]
    assert (figure.known, figure.minimum, figure.n) == (1.0, 600.0, 100)
    assert figure.mean == pytest.approx(600.0 * 0.4 + 700.0 * 0.6)


def test_a_step_of_which_less_than_half_is_known_stays_open(path):
    at_s = np.arange(0, 100, 10)
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 100)
        history.put(".PWR", at_s, 10.0)
        for bad_s, good_s in ((22.0, 30.0), (54.0, 59.0)):
            history.put(".PWR", [bad_s], 99.0, Quality.BAD_SENSOR)
            history.put(".PWR", [good_s], 10.0)
    curve = summary(path, "calender", 0, 100, THICKNESS).curves["power"]
    assert np.flatnonzero(np.isnan(curve.values)).tolist() == [2]  # 2 s of 10; of the other 5 s
    assert len(curve.coarser(60).values) == 1
    with pytest.raises(ValueError, match="steps of 10 s do not make up 15 s"):
        curve.coarser(15)


def test_a_loading_is_held_to_a_share_of_what_the_recipe_asks_for(path):
    control = recipe("coater", {"areal_loading": (30.0, "mg/cm2")})
    with RunHistory(path, "coater") as history:
        history.run(0, 0, 100)
        history.put(".METER", np.arange(100), np.arange(100) * 2.0)
        history.put(".LOAD.C", np.arange(100), np.where(np.arange(100) < 51, 30.5, 30.7))
    figure = summary(path, "coater", 0, 100, control).figures["loading"]
    assert (figure.spec.low, figure.spec.high) == (29.4, 30.6)
    assert figure.spec.text == "areal_loading 30 mg/cm2 +-2 %"
    assert figure.inside == pytest.approx(50 / 99)  # the first second is of web from before
    other = recipe("coater", {})
    assert summary(path, "coater", 0, 100, other).figures["loading"].capability.why_not == (
        "the recipe has no areal_loading"
    )


def test_an_open_run_is_read_to_its_newest_state(path):
    with RunHistory(path, "calender") as history:
        history.states([(0, State.EXECUTE)], 100)
        history.put(".THK.C", np.arange(100), 104.0)
    found = summary(path, "calender", 0, None, THICKNESS)
    assert found.duration_s == 90.0
    assert found.figures["thickness"].n == 90


def test_when_samples_were_let_go_minutes_take_their_place(path):
    values = np.repeat(104.0 + noise(4, 10), 60)
    with RunHistory(path, "calender") as history:
        history.run(-30, 10, LENGTH_S)
        history.put(".THK.C", np.arange(LENGTH_S), values)
        history.put(".METER", np.arange(LENGTH_S), np.arange(LENGTH_S) / 10.0)
        history.put(".PWR", np.arange(0, LENGTH_S, 10), 12.0)
    let_samples_go(path)
    found = summary(path, "calender", -30, LENGTH_S, THICKNESS)
    figure = found.figures["thickness"]
    assert (found.course.seconds, found.ready_s) == ({"STARTING": 40.0, "EXECUTE": 590.0}, 40.0)
    assert (figure.step_s, figure.n) == (60, 9)  # in the first minute there is web from before
    assert figure.mean == pytest.approx(values[60:].mean())
    assert figure.sd == pytest.approx(values[60::60].std(ddof=1))
    assert figure.notes == ("samples are no longer kept: from means over minutes",)
    assert found.metres == pytest.approx(59.9, abs=0.1)
    assert found.energy.execute_kwh == pytest.approx(12.0 * 590 / 3600)


def test_the_grid_has_no_seam_between_the_pages_it_is_read_in(path):
    n = 20_100  # one page is 20 000 steps
    values = 104.0 + np.sin(np.arange(n) / 7.0)
    with RunHistory(path, "calender") as history:
        history.run(0, 0, n)
        history.put(".THK.C", np.arange(n), values)
    found = summary(path, "calender", 0, n, THICKNESS)
    np.testing.assert_allclose(found.curves["thickness"].values, values, rtol=1e-12)


def test_web_made_before_execute_does_not_count_when_it_comes_to_the_gauge(path):
    steps = [(0, State.STARTING), (100, State.EXECUTE), (400, State.HELD), (500, State.EXECUTE)]
    at_s = np.arange(800)
    late = ((at_s >= 100) & (at_s < 115)) | ((at_s >= 500) & (at_s < 515))
    metres = np.where(at_s < 400, at_s, np.where(at_s < 500, 400, at_s - 100)) / 12.0
    with RunHistory(path, "calender") as history:
        history.states(steps, 800)
        history.put(".THK.C", at_s, np.where(late, 146.0, 104.0 + noise(8, 800)))
        history.put(".LOAD.PV", at_s, np.where(late, 700.0, 600.0))
        history.put(".ECC", at_s[::10], np.where(at_s[::10] < 300, 9.0, 1.0))
        history.put(".METER", at_s, metres)
    found = summary(path, "calender", 0, 800, THICKNESS)
    thickness = found.figures["thickness"]
    assert (thickness.n, thickness.known) == (300 + 300 - 2 * 15, 1.0)
    assert thickness.maximum < 106.0
    assert found.figures["line_load"].maximum == 700.0  # is measured where it acts
    run_out = found.figures["run_out"]  # 17.25 m, 207 s, after each entry
    assert run_out.n == pytest.approx(93 / 10 + 93 / 10, abs=2)
    assert run_out.maximum == 1.0


def test_without_length_counter_all_of_execute_counts_and_that_is_said(path):
    with RunHistory(path, "calender", without=("CAL.METER",)) as history:
        history.run(0, 0, 100)
        history.put(".THK.C", np.arange(100), 104.0 + noise(9, 100))
    found = summary(path, "calender", 0, 100, THICKNESS)
    figure = found.figures["thickness"]
    assert figure.n == 100
    assert figure.notes == ("the length is not known: web made before EXECUTE is in it",)
    assert found.figures["line_load"].notes == ("no usable value in EXECUTE",)


def test_a_run_too_short_for_its_web_to_reach_the_gauge_has_no_thickness(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 100)
        history.put(".THK.C", np.arange(100), 104.0)
        history.put(".METER", np.arange(100), np.arange(100) / 100.0)
    figure = summary(path, "calender", 0, 100, THICKNESS).figures["thickness"]
    assert (figure.n, figure.mean, figure.known) == (0, None, 0.0)
    assert figure.notes == ("no web made in EXECUTE came to the gauge",)


@pytest.mark.parametrize(
    ("reading", "made"),
    [
        ([5000.0, 5010.0, 5020.0], [0, 10, 20]),
        ([5000.0, 5010.0, 0.0, 8.0], [0, 10, 10, 18]),  # set to 0 while threading
        ([100.0, 120.0, 7.0, 9.0], [0, 20, 27, 29]),  # restarted while nobody looked
        ([100.0, 120.0, 119.0, 121.0], [0, 20, 20, 21]),  # pulled back by hand
        ([0.4, 0.8, 0.0, 0.6, 1.8], [0, 0.4, 0.4, 0.4, 1.4]),  # too little to tell
    ],
)
def test_metres_go_on_when_the_counter_starts_again(path, reading, made):
    with RunHistory(path, "calender") as history:
        history.put(".METER", np.arange(len(reading)) * 10.0, reading)
    with Reader(path) as reader:
        begin, end = T0_NS, T0_NS + 100 * NS
        length = read_length(reader, {"CAL.METER": 60.0}, "CAL.METER", begin, end)
        at = T0_NS + np.arange(len(reading)) * 10 * NS
        np.testing.assert_allclose(length.at(at), made, atol=1e-9)
        half = length.at(np.array([T0_NS + 5 * NS]))[0]
        assert half == pytest.approx(0.5 * (made[0] + made[1]))


def test_a_bad_length_reading_is_not_taken_for_a_restart(path):
    with RunHistory(path, "calender") as history:
        history.put(".METER", [0, 10], [500.0, 510.0])
        history.put(".METER", [20], [0.0], Quality.BAD_LINK)
        history.put(".METER", [30], [530.0])
    with Reader(path) as reader:
        end = T0_NS + 60 * NS
        length = read_length(reader, {"CAL.METER": 60.0}, "CAL.METER", T0_NS, end)
    assert length.made_m == 30.0


def test_correlation_time_of_noise_with_known_memory():
    for phi in (0.0, 0.5, 0.9):
        found = [
            correlation_time(ar1(np.random.default_rng(seed), 2000, phi)) for seed in range(30)
        ]
        assert np.mean(found) == pytest.approx((1 + phi) / (1 - phi), rel=0.1)


def test_alternating_values_are_never_worth_more_than_their_number():
    values = np.tile([1.0, -1.0], 100) + noise(5, 200, 0.1)
    assert 195.0 < effective_n(values) <= 200.0


def test_batches_hold_all_values_and_are_none_where_the_record_is_too_short():
    values = noise(6, 1000)
    means = batch_means(values)
    assert len(means) == 30
    assert means.mean() == pytest.approx(values.mean(), abs=1e-12)
    share = (values[:33].sum() + values[33] / 3) * 30 / 1000
    assert means[0] == pytest.approx(share, abs=1e-12)
    assert len(batch_means(np.linspace(0.0, 1.0, 1000))) == 0
    assert len(batch_means(np.full(1000, 3.0))) == 0
    assert len(batch_means(values[:3])) == 0


def test_json_is_plain_and_carries_the_method(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 100)
        history.put(".THK.C", np.arange(100), 104.0 + noise(7, 100))
    found = summary(path, "calender", 0, 100, THICKNESS)
    said = json.loads(json.dumps(as_json(found), allow_nan=False))
    figure = said["figures"]["thickness"]
    assert figure["method"] == "time in EXECUTE; mean and sd of 1 s means of Good values"
    assert figure["mean"] == found.figures["thickness"].mean
    assert figure["spec"] == {"low": 102.0, "high": 106.0, "from": "thickness 104 um +-2 um"}
    assert said["figures"]["side_difference"]["tags"] == [".THK.DS", "-.THK.OS"]
    assert said["states_s"] == {"EXECUTE": 100.0}
    row = table_rows(found)[0]
    assert (row["measure"], row["limits"], row["known"]) == (
        "thickness, centre, um",
        "102 .. 106",
        "100 %",
    )
    assert "coating density: no Cpk, the recipe has no lo or hi limit for .DENS" in notes(found)


def test_almost_all_is_never_shown_as_all():
    assert percent(0.99999) == "99.9 %"
    assert percent(1.0) == "100 %"
    assert percent(None) == "-"


def test_a_run_of_an_unknown_kind_is_refused(path):
    with RunHistory(path, "calender"):
        pass
    with Reader(path) as reader, pytest.raises(Refused, match="measures/slitter"):
        summarise(head("slitter", 0, 1), None, "SLIT", reader)
