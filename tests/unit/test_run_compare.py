"""Trial against base: differences that are known, and how often the intervals hold them."""

import builtins
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from controller.control.states import State
from controller.core.errors import DrylineError, Refused
from controller.core.recipe import Limits
from controller.core.sample import Quality
from controller.runs.alignment import Axis, align, extent
from controller.runs.compare import Comparison, Row, compare
from controller.runs.compare_plot import save_comparison_plot, side_band
from controller.runs.compare_text import as_json, energy_rows, table_rows
from controller.runs.correlation import batch_means
from controller.runs.measure import measures_of
from controller.runs.quality import RunSummary
from controller.runs.statistics import mean_interval, one_against, turned, welch
from controller.runs.verdict import Evidence
from tests.support.run_history import (
    LEAD_S,
    THICKNESS,
    RunHistory,
    ar1,
    let_samples_go,
    recipe,
    summary,
    thickness_runs,
)

MEASURES = {measure.name: measure for measure in measures_of("calender").all}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def row_of(comparison: Comparison, name: str = "thickness") -> Row:
    return next(row for row in comparison.rows if row.measure.name == name)


def white(seed: int, n: int, sd: float = 0.5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, sd, n)


def counted(seed: int, n: int, sd: float = 0.5) -> np.ndarray:
    """What of it counts in a run of `thickness_runs`."""
    return white(seed, n, sd)[LEAD_S:]


def shifted(*means: float, sd: float = 0.5):
    """Runs of white noise around these means."""

    def make(run: int, at_s: np.ndarray) -> np.ndarray:
        return means[run] + white(run, len(at_s), sd)

    return make


# -- what the intervals are worth ------------------------------------------------------------------


def test_intervals_of_records_with_memory_cover_where_naive_ones_fail():
    n, phi, repetitions = 3600, 0.95, 200
    covered = naive = 0
    for seed in range(repetitions):
        values = 104.0 + ar1(np.random.default_rng(seed), n, phi)
        low, high = mean_interval(batch_means(values))
        covered += low <= 104.0 <= high
        half = 1.96 * values.std(ddof=1) / np.sqrt(n)
        naive += abs(values.mean() - 104.0) <= half
    assert naive < 0.4 * repetitions
    assert 0.90 * repetitions <= covered <= 0.985 * repetitions


def test_two_records_with_memory_and_one_mean_seldom_seem_to_differ():
    n, phi, repetitions = 1800, 0.9, 200
    ours = naive = 0
    for seed in range(repetitions):
        first, second = (ar1(np.random.default_rng((seed, k)), n, phi) for k in range(2))
        ours += welch(batch_means(first), batch_means(second)).p < 0.05
        naive += stats.ttest_ind(first, second).pvalue < 0.05
    assert naive > 0.5 * repetitions
    assert 0.01 * repetitions <= ours <= 0.10 * repetitions


def test_welch_is_that_of_a_worked_example():
    # Two samples of unequal spread; the figures below are by hand from the formulas of Welch.
    first, second = np.array([10.0, 12.0, 14.0]), np.array([5.0, 9.0])
    found = welch(first, second)
    error = np.sqrt(4.0 / 3 + 8.0 / 2)
    df = (4.0 / 3 + 4.0) ** 2 / ((4.0 / 3) ** 2 / 2 + 4.0**2)
    quantile = stats.t.ppf(0.975, df)
    assert found.difference == 5.0
    assert found.df == pytest.approx(df)
    assert found.high == pytest.approx(5.0 + quantile * error)
    assert found.low == pytest.approx(5.0 - quantile * error)
    assert found.p == pytest.approx(2 * stats.t.sf(5.0 / error, df))
    assert found.detectable == pytest.approx((quantile + stats.t.ppf(0.8, df)) * error)
    narrow = welch(first, second, 0.5)
    assert narrow.high == pytest.approx(5.0 + stats.t.ppf(0.75, df) * error)
    assert narrow.p == found.p


def test_one_run_against_several_is_judged_by_their_spread():
    several = np.array([104.0, 105.0, 106.0, 105.0])
    found = one_against(108.0, several)
    error = several.std(ddof=1) * np.sqrt(1 + 1 / 4)
    assert found.difference == 3.0
    assert (found.df, found.high) == (3.0, pytest.approx(3.0 + stats.t.ppf(0.975, 3) * error))
    assert found.p == pytest.approx(2 * stats.t.sf(3.0 / error, 3))
    back = turned(found)
    assert (back.difference, back.low, back.high) == (-3.0, -found.high, -found.low)
    assert back.p == found.p


def test_one_run_of_the_same_recipe_seldom_seems_to_differ_from_several():
    rng = np.random.default_rng(11)
    runs = rng.normal(104.0, 1.0, (400, 5))
    wrong = sum(one_against(float(r[0]), r[1:]).p < 0.05 for r in runs)
    assert 8 <= wrong <= 36


def test_values_that_do_not_vary_give_no_interval():
    assert welch(np.full(3, 2.0), np.full(4, 3.0)) is None
    assert one_against(2.0, np.full(4, 3.0)) is None
    assert welch(np.full(3, 2.0), np.array([1.0, 2.0])) is None
    assert welch(np.array([1.0, 2.0]), np.full(3, 2.0)) is None


# -- one run a side --------------------------------------------------------------------------------


def test_a_shift_of_one_run_is_found_with_its_size(path):
    base, trial = thickness_runs(path, shifted(104.0, 105.2), 2)
    found = compare([trial], [base])
    row = row_of(found)
    truth = [counted(k, 600) + m for k, m in ((0, 104.0), (1, 105.2))]
    assert row.difference == pytest.approx(truth[1].mean() - truth[0].mean(), abs=1e-6)
    assert row.evidence is Evidence.BATCHES
    assert (row.trial.units, row.base.units) == (30, 30)
    assert row.interval.low < 1.2 < row.interval.high
    assert row.interval.high - row.interval.low == pytest.approx(
        4 * 0.5 * np.sqrt(2 / 600), rel=0.3
    )
    assert row.verdict.startswith("higher by 1.185 um, 95 % ")
    assert row.verdict.endswith(f"CI {row.interval.low:.3f} to {row.interval.high:.3f}")
    assert row.method.startswith(
        "Welch t on batch means, 30 against 30 batches of at least 5 correlation times"
    )
    assert row.trial.sd == pytest.approx(truth[1].std(ddof=1))
    cpk = (106.0 - truth[1].mean()) / 3 / truth[1].std(ddof=1)
    assert row.trial.capability.cpk == pytest.approx(cpk, rel=1e-6)
    assert any("these two runs apart, not their recipes" in note for note in found.notes)


def test_exchanged_sides_say_lower(path):
    base, trial = thickness_runs(path, shifted(104.0, 105.2), 2)
    row = row_of(compare([base], [trial]))
    assert row.verdict.startswith("lower by 1.185 um, 95 % ")
    assert row.interval.low < -1.2 < row.interval.high
    near, far = (float(x) for x in row.verdict.split("CI ")[1].split(" to "))
    assert (near, far) == pytest.approx((-row.interval.high, -row.interval.low), abs=6e-4)


def test_no_difference_is_said_with_what_could_have_been_seen(path):
    base, trial = thickness_runs(path, shifted(104.0, 104.0), 2)
    row = row_of(compare([trial], [base]))
    assert row.interval.low < 0.0 < row.interval.high
    error = 0.5 * np.sqrt(2 / 600)
    assert row.interval.detectable == pytest.approx(2.85 * error, rel=0.3)
    text = "no difference seen; smallest difference this data could show is about"
    assert row.verdict == f"{text} {row.interval.detectable:.2g} um"


def test_runs_that_drift_give_no_interval_but_their_means(path):
    base, trial = thickness_runs(path, lambda k, at_s: 104.0 + k + at_s / 600.0, 2)
    row = row_of(compare([trial], [base]))
    assert (row.evidence, row.interval) == (Evidence.NONE, None)
    assert row.difference == pytest.approx(1.0)
    assert row.verdict.startswith("cannot be judged: a run is worth 1 independent values, 20 are")


def test_a_side_says_how_many_independent_values_it_is_worth(path):
    def make(run: int, at_s: np.ndarray) -> np.ndarray:
        return 104.0 + ar1(np.random.default_rng(run), len(at_s), 0.8)

    runs = thickness_runs(path, make, 3, 3000)
    row = row_of(compare(runs[2:], runs[:2]))
    assert row.base.n == 2 * (3000 - LEAD_S)
    assert row.base.effective_n == pytest.approx(2 * 3000 / 9.0, rel=0.25)  # (1 + 0.8) / (1 - 0.8)
    assert row.trial.effective_n == pytest.approx(3000 / 9.0, rel=0.25)


def test_the_level_is_that_asked_for(path):
    base, trial = thickness_runs(path, shifted(104.0, 105.2), 2)
    wide, narrow = (row_of(compare([trial], [base], level=p)).interval for p in (0.99, 0.8))
    ratio = stats.t.ppf(0.995, wide.df) / stats.t.ppf(0.9, wide.df)
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(ratio)
    assert "99 % CI" in row_of(compare([trial], [base], level=0.99)).verdict


# -- several runs a side ---------------------------------------------------------------------------

MEANS = (104.0, 104.6, 103.7, 105.9, 106.4, 106.1)


def test_several_runs_are_compared_by_their_means(path):
    runs = thickness_runs(path, shifted(*MEANS, sd=0.05), 6)
    row = row_of(compare(runs[3:], runs[:3]))
    means = [m + counted(k, 600, 0.05).mean() for k, m in enumerate(MEANS)]
    wanted = stats.ttest_ind(means[3:], means[:3], equal_var=False)
    assert row.evidence is Evidence.RUNS
    assert row.method.startswith("Welch t on run means, 3 against 3 runs; mean and sd of 1 s means")
    assert row.interval.p == pytest.approx(wanted.pvalue, rel=1e-6)
    assert row.interval.low == pytest.approx(wanted.confidence_interval().low, rel=1e-6)
    assert row.difference == pytest.approx(np.mean(means[3:]) - np.mean(means[:3]))
    values = np.concatenate([MEANS[k] + counted(k, 600, 0.05) for k in range(3)])
    assert row.base.sd == pytest.approx(values.std(ddof=1))  # between runs as well


def test_runs_that_differ_among_themselves_do_not_pass_for_a_difference(path):
    runs = thickness_runs(path, shifted(104.0, 106.0, 105.5, 103.9, sd=0.05), 4)
    by_runs = row_of(compare(runs[2:], runs[:2]))
    by_batches = row_of(compare(runs[2:], runs[:2], by=Evidence.BATCHES))
    assert by_runs.interval.low < 0.0 < by_runs.interval.high
    assert by_batches.trial.units == 60
    half = [0.5 * (r.interval.high - r.interval.low) for r in (by_runs, by_batches)]
    assert half[1] < 0.2 * half[0]


@pytest.mark.parametrize("exchanged", [False, True])
def test_one_trial_run_is_held_against_the_spread_of_the_base_runs(path, exchanged):
    runs = thickness_runs(path, shifted(*MEANS[:4], sd=0.05), 4)
    sides = [runs[3:], runs[:3]]
    row = row_of(compare(*(reversed(sides) if exchanged else sides)))
    means = np.array([m + counted(k, 600, 0.05).mean() for k, m in enumerate(MEANS[:4])])
    error = means[:3].std(ddof=1) * np.sqrt(4 / 3)
    sign = -1.0 if exchanged else 1.0
    assert row.evidence is Evidence.ONE_RUN
    assert row.method.startswith("Student t of one run against the spread of 3 runs")
    difference = sign * (means[3] - means[:3].mean())
    assert row.interval.difference == pytest.approx(difference, rel=1e-6)
    half = stats.t.ppf(0.975, 2) * error
    assert row.interval.high == pytest.approx(difference + half, rel=1e-6)


def test_doses_and_peaks_are_one_figure_a_run(path):
    ppm, peaks = (5.0, 5.5, 8.0, 9.0), (0.1, 0.3, 0.2, 2.0)
    begins = [2000 * k for k in range(4)]
    control = recipe("enclosure", {}, {".H2S": Limits(hi=1.0)})
    with RunHistory(path, "enclosure") as history:
        for begin_s, level, peak in zip(begins, ppm, peaks, strict=True):
            history.run(begin_s, begin_s, begin_s + 1200)
            history.put(".PPM", begin_s + np.arange(0, 1200, 10), level)
            history.put(".H2S", begin_s + np.arange(0, 1200, 10), 0.0)
            history.put(".H2S", begin_s + np.array([601.3, 601.6]), [peak, 0.0])
    runs = [summary(path, "enclosure", b, b + 1200, control) for b in begins]
    found = compare(runs[2:], runs[:2])
    dose, peak = row_of(found, "moisture_dose"), row_of(found, "h2s")
    assert (dose.trial.mean, dose.base.mean) == pytest.approx((8.5 * 20, 5.25 * 20))
    assert dose.trial.sd == pytest.approx(np.std([160.0, 180.0], ddof=1))
    assert dose.interval.df == pytest.approx(1.47, abs=0.01)
    assert dose.method.endswith("of every run the integral of 10 s means in EXECUTE")
    assert (peak.trial.mean, peak.base.mean) == pytest.approx((1.1, 0.2))
    assert peak.method.endswith("of every run the largest value in EXECUTE, from maxima of 1 s")
    alone = row_of(compare([runs[2]], [runs[0]]), "moisture_dose")
    assert alone.verdict == "cannot be judged: one figure a run: two runs on one side are needed"
    assert alone.difference == pytest.approx(60.0)


# -- alignment -------------------------------------------------------------------------------------


def late_and_early(path: Path) -> list[RunSummary]:
    """A change of thickness 300 s after EXECUTE and 30 m into the run; warm-ups that differ."""
    runs = []
    with RunHistory(path, "calender") as history:
        for begin_s, ready_s, speed in ((0, 100, 0.1), (2000, 400, 0.05)):
            end_s = begin_s + ready_s + 900
            history.run(begin_s, begin_s + ready_s, end_s)
            at_s = np.arange(ready_s + 900)
            after = at_s - ready_s
            thickness = np.where(after < 300, 104.0, 106.0) + white(begin_s, len(at_s), 0.1)
            history.put(".THK.C", begin_s + at_s, thickness)
            history.put(".METER", begin_s + at_s, 700.0 + np.maximum(after, 0) * speed)
            runs.append((begin_s, end_s))
    return [summary(path, "calender", *run, THICKNESS) for run in runs]


def test_curves_lie_one_on_another_from_execute_on(path):
    first, second = late_and_early(path)
    for axis, wanted in ((Axis.EXECUTE, (0.0, 900.0)), (Axis.START, (100.0, 1000.0))):
        assert extent(first, axis) == wanted
    assert extent(second, Axis.START) == (400.0, 1300.0)
    for run in (first, second):
        curve = align(run, run.curves["thickness"], Axis.EXECUTE)
        step = curve.position[np.flatnonzero(curve.values > 105.0)[0]]
        assert step == 300.5
        assert not curve.counts[curve.position < 0.0].any()
    assert row_of(compare([first], [second], window=(0, 300))).difference == pytest.approx(
        0.0, abs=0.05
    )


def test_a_window_takes_only_its_part_of_the_axis(path):
    first, second = late_and_early(path)
    found = compare([first], [second], Axis.METRES, window=(20.0, 25.0))
    assert (found.low, found.high) == (20.0, 25.0)
    row = row_of(found)  # at the gauge the first run is 212.5..262.5 s in, the second 425..525 s
    assert (row.trial.n, row.base.n) == (51, 100)  # with both ends of the window
    assert (row.trial.mean, row.base.mean) == pytest.approx((104.0, 106.0), abs=0.1)


def test_metres_are_counted_from_start_across_a_restart_of_the_counter(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 400)
        history.put(".THK.C", np.arange(400), 104.0 + white(1, 400))
        reading = 900.0 + np.arange(400) / 10.0
        reading[250:] = np.arange(150) / 10.0  # the PLC restarted
        history.put(".METER", np.arange(400), reading)
    run = summary(path, "calender", 0, 400, THICKNESS)
    position = align(run, run.curves["thickness"], Axis.METRES).position
    assert (np.diff(position) >= 0.0).all()
    assert position[100] == pytest.approx(10.05)
    assert position[350] == pytest.approx(24.9 + 10.05, abs=0.01)
    assert extent(run, Axis.METRES) == pytest.approx((0.0, 24.9 + 14.9), abs=0.01)


def test_standing_web_does_not_count_by_metres(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 300)
        history.put(".THK.C", np.arange(300), np.where(np.arange(300) < 200, 104.0, 110.0))
        history.put(".METER", np.arange(300), np.minimum(np.arange(300), 200) / 10.0)
    run = summary(path, "calender", 0, 300, THICKNESS)
    curve = align(run, run.curves["thickness"], Axis.METRES, 1.25)
    # The first 12.5 s are of web from before, and 1.25 m were not yet at the gauge when it stood.
    assert curve.between(-100.0, 100.0).tolist() == [104.0] * 187
    assert align(run, run.curves["thickness"], Axis.START).between(0.0, 1e9).max() == 110.0


def test_by_metres_a_value_belongs_to_the_web_it_was_measured_on(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 400)
        at_s = np.arange(400)
        # The load falls when 20 m are made; that web comes to the gauge 12.5 s later.
        history.put(".LOAD.PV", at_s, np.where(at_s < 200, 600.0, 500.0) + white(1, 400, 0.1))
        history.put(".THK.C", at_s, np.where(at_s < 213, 104.0, 106.0) + white(2, 400, 0.1))
        history.put(".METER", at_s, at_s / 10.0)
    run = summary(path, "calender", 0, 400, THICKNESS)
    for measure, step in ((MEASURES["line_load"], 550.0), (MEASURES["thickness"], 105.0)):
        curve = align(run, run.curves[measure.name], Axis.METRES, measure.gauge_m)
        crossing = np.flatnonzero(np.diff(np.sign(curve.values - step)))
        assert curve.position[crossing].tolist() == pytest.approx([20.0], abs=0.1)


def test_an_enclosure_makes_no_metres(path):
    with RunHistory(path, "enclosure") as history:
        history.run(0, 0, 100).run(200, 200, 300)
    runs = [summary(path, "enclosure", b, b + 100) for b in (0, 200)]
    with pytest.raises(Refused, match="'enclosure' makes no web: align at start or execute"):
        compare(runs[:1], runs[1:], Axis.METRES)


# -- what cannot be compared -----------------------------------------------------------------------


def test_runs_of_two_kinds_are_refused(path):
    run = thickness_runs(path, shifted(104.0), 1)[0]
    other = replace(run, head=replace(run.head, id="x", kind="coater"))
    with pytest.raises(Refused, match="these are of calender and coater"):
        compare([run], [other])


def test_a_side_without_runs_and_a_run_against_itself_are_refused(path):
    run = thickness_runs(path, shifted(104.0), 1)[0]
    with pytest.raises(Refused, match="a run on either side"):
        compare([run], [])
    with pytest.raises(Refused, match="run calender-0 is there more than once"):
        compare([run], [run])


def test_runs_without_a_common_stretch_are_refused_with_their_own(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 10, 110).run(1000, 1500, 1700)
    runs = [summary(path, "calender", 0, 110), summary(path, "calender", 1000, 1700)]
    with pytest.raises(Refused) as caught:
        compare(runs[:1], runs[1:], Axis.START)
    assert caught.value.code == "no_overlap"
    assert caught.value.reasons == (
        "run calender-0: 10 to 110 s in EXECUTE",
        "run calender-1000: 500 to 700 s in EXECUTE",
    )
    with pytest.raises(Refused, match="asked for: 150 to 200 s"):
        compare(runs[:1], runs[1:], Axis.EXECUTE, window=(150, 200))


def test_a_run_that_was_never_in_execute_is_refused(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 10, 110)
        history.states([(1000, State.STARTING), (1100, State.ABORTED)], 1101)
    runs = [summary(path, "calender", b, b + 110) for b in (0, 1000)]
    with pytest.raises(Refused, match="calender-1000 was never in EXECUTE"):
        compare(runs[:1], runs[1:])


def test_a_short_run_bounds_the_stretch_and_is_named(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 300).run(1000, 1000, 1900)
        for begin_s, n in ((0, 300), (1000, 900)):
            history.put(".THK.C", begin_s + np.arange(n), 104.0 + white(begin_s, n))
    runs = [summary(path, "calender", b, b + n, THICKNESS) for b, n in ((0, 300), (1000, 900))]
    found = compare(runs[:1], runs[1:])
    assert (found.low, found.high) == (0.0, 300.0)
    assert found.notes[0] == (
        "compared up to 300 s, where run calender-0 ends; the longest goes on to 900 s"
    )
    assert (row_of(found).trial.n, row_of(found).base.n) == (300, 300)


def test_a_dead_sensor_on_one_side_is_said_and_the_others_are_compared(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 300).run(1000, 1000, 1300)
        history.put(".THK.C", np.arange(300), 104.0 + white(1, 300))
        history.put(".THK.C", 1000 + np.arange(300), 104.0, Quality.BAD_SENSOR)
        for begin_s, dens in ((0, 2.9), (1000, 2.8)):
            history.put(".DENS", begin_s + np.arange(300), dens + white(begin_s, 300, 0.01))
    runs = [summary(path, "calender", b, b + 300, THICKNESS) for b in (0, 1000)]
    found = compare(runs[:1], runs[1:])
    row = row_of(found)
    assert row.verdict == "cannot be judged: nothing is known of the base in this stretch"
    assert (row.trial.known, row.base.known, row.difference) == (1.0, 0.0, None)
    assert row_of(found, "density").verdict.startswith("higher by 0.099")
    assert as_json(found)["measures"]["thickness"]["base"]["mean"] is None


def test_a_bad_stretch_lowers_the_known_share_and_takes_no_part(path):
    with RunHistory(path, "calender") as history:
        history.run(0, 0, 600).run(1000, 1000, 1600)
        history.put(".THK.C", np.arange(600), 104.0 + white(1, 600))
        history.put(".THK.C", 1000 + np.arange(300), 104.0 + white(2, 300))
        history.put(".THK.C", 1300 + np.arange(150), 500.0, Quality.BAD_SENSOR)
        history.put(".THK.C", 1450 + np.arange(150), 104.0 + white(3, 150))
    runs = [summary(path, "calender", b, b + 600, THICKNESS) for b in (0, 1000)]
    row = row_of(compare(runs[1:], runs[:1]))
    assert (row.trial.n, row.trial.known, row.base.known) == (450, 0.75, 1.0)
    both = np.concatenate([white(2, 300), white(3, 150)])
    assert row.difference == pytest.approx(both.mean() - white(1, 600).mean(), abs=1e-6)


def test_old_runs_of_which_minutes_are_left_are_compared_by_minutes(path, tmp_path):
    length_s = 2400
    old = thickness_runs(path, shifted(104.0), 1, length_s)[0]
    let_samples_go(path)
    old = summary(path, "calender", 0, length_s, THICKNESS)
    fresh = thickness_runs(tmp_path / "b.db", shifted(0.0, 104.5), 2, length_s)[1]
    row = row_of(compare([fresh], [old]))
    assert (row.step_s, row.trial.n, row.base.n) == (60, 39, 39)
    assert row.method.endswith("mean and sd of 60 s means of Good values in EXECUTE")
    assert row.interval.low < 0.5 < row.interval.high


def test_sides_with_recipes_of_their_own_keep_their_own_limits(path):
    base, trial = thickness_runs(path, shifted(104.0, 110.0), 2)
    thicker = recipe("calender", {"thickness": (110.0, "um")})
    trial = summary(path, "calender", 1000, 1600, thicker)
    row = row_of(compare([trial], [base]))
    assert (row.trial.spec.low, row.base.spec.low) == (108.0, 102.0)
    assert row.trial.capability.cpk == pytest.approx(1.33, abs=0.1)


def test_runs_of_a_side_with_different_limits_have_no_cpk_together(path):
    runs = thickness_runs(path, shifted(104.0, 104.0, 104.0), 3)
    wider = recipe("calender", {"thickness": (105.0, "um")})
    other = summary(path, "calender", 1000, 1600, wider)
    row = row_of(compare(runs[2:], [runs[0], other]))
    assert row.base.spec is None
    assert row.base.capability.why_not == "its runs have different limits"
    assert row.trial.capability.cpk == pytest.approx(1.33, abs=0.1)


def test_the_known_share_of_a_side_is_that_of_its_worst_run(path):
    with RunHistory(path, "calender") as history:
        for k, known_s in enumerate((200, 100, 200)):
            history.run(1000 * k, 1000 * k, 1000 * k + 200)
            at_s = 1000 * k + np.arange(known_s)
            history.put(".LOAD.PV", at_s, 600.0 + white(k, known_s))
            history.put(".LOAD.PV", [1000 * k + known_s], 0.0, Quality.BAD_SENSOR)
    runs = [summary(path, "calender", 1000 * k, 1000 * k + 200) for k in range(3)]
    row = row_of(compare(runs[2:], runs[:2]), "line_load")
    assert (row.base.known, row.trial.known) == (0.5, 1.0)
    assert row.base.n == 300


# -- what is shown ---------------------------------------------------------------------------------


def test_energy_is_told_side_by_side_and_judged_as_power(path):
    with RunHistory(path, "calender") as history:
        for begin_s, kw in ((0, 10.0), (2000, 13.0)):
            history.run(begin_s, begin_s, begin_s + 1800)
            history.put(".PWR", begin_s + np.arange(0, 1800, 10), kw + white(begin_s, 180, 0.1))
            history.put(".METER", begin_s + np.arange(1800), np.arange(1800) / 10.0)
    runs = [summary(path, "calender", b, b + 1800) for b in (0, 2000)]
    found = compare(runs[1:], runs[:1])
    assert found.trial_energy.run_kwh == pytest.approx(6.5, abs=0.02)
    assert found.base_energy.per_metre_kwh == pytest.approx(5.0 / 179.9, abs=1e-3)
    assert found.rows[-1].verdict.startswith("higher by 3.0")
    assert [row["unit"] for row in energy_rows(found)] == ["kWh", "kWh", "kW", "kWh/m"]
    assert float(energy_rows(found)[2]["base"]) == pytest.approx(10.0, abs=0.02)


def test_json_and_rows_carry_verdict_and_method_of_every_measure(path):
    base, trial = thickness_runs(path, shifted(104.0, 105.2), 2)
    found = compare([trial], [base])
    said = json.loads(json.dumps(as_json(found), allow_nan=False))
    names = [measure.name for measure in measures_of("calender").all]
    assert list(said["measures"]) == names
    thickness = said["measures"]["thickness"]
    row = row_of(found)
    assert thickness["interval"]["low"] == row.interval.low
    assert (thickness["verdict"], thickness["method"]) == (row.verdict, row.method)
    assert said["stretch"] == {"low": 0.0, "high": 600.0, "unit": "s"}
    shown = table_rows(found)
    assert [r["verdict"] for r in shown] == [r.verdict for r in found.rows]
    assert shown[0]["trial"] == "105.18 (sd 0.48)"


def test_the_picture_shows_both_sides_of_every_measure(path, tmp_path):
    base, trial = thickness_runs(path, shifted(104.0, 105.2), 2)
    found = compare([trial], [base])
    save_comparison_plot(found, [trial], [base], tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    band = side_band(found, [trial], measures_of("calender").measures[0])
    assert band.position[0] == pytest.approx(1.25)  # 600 s in 240 bins
    assert np.nanmean(band.mean) == pytest.approx(105.2, abs=0.1)
    assert np.nanmean(band.sd) == pytest.approx(0.5 * np.sqrt(0.5), abs=0.12)  # 2 or 3 values each
    part = side_band(found, [trial], measures_of("calender").measures[0], counted=True)
    # From the bin on in which web from EXECUTE comes to the gauge.
    assert part.position[np.isfinite(part.mean)][0] == pytest.approx(16.25)
    nothing = side_band(found, [trial], measures_of("calender").measures[2])
    assert len(nothing.mean) == 0


@pytest.mark.parametrize(("module", "extra"), [("scipy", "trial"), ("matplotlib", "plot")])
def test_a_missing_extra_is_named(path, tmp_path, monkeypatch, module, extra):
    base, trial = thickness_runs(path, shifted(104.0, 105.2), 2)
    found = compare([trial], [base])
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == module:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    calls = {
        "scipy": lambda: compare([trial], [base]),
        "matplotlib": lambda: save_comparison_plot(found, [trial], [base], tmp_path / "c.png"),
    }
    with pytest.raises(DrylineError, match=rf"pip install 'dryline\[{extra}\]'"):
        calls[module]()
