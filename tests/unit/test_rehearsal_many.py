"""Many plants: intervals against published values, ranks, and what does not run never passes."""

from math import nan

import numpy as np
import pytest

from controller.alarms.definition import Priority
from controller.control.states import State
from plc_sim.rehearsal.case import Case
from plc_sim.rehearsal.facts import AlarmTime, Facts, Move
from plc_sim.rehearsal.figure import Figure
from plc_sim.rehearsal.many import Study, clopper_pearson, rank_correlation
from plc_sim.rehearsal.many_text import study_as_plain
from plc_sim.rehearsal.result import Result
from plc_sim.rehearsal.seeds import Outcome
from plc_sim.rehearsal.spread import Row, Spread, Uniform, spreadables
from plc_sim.rehearsal.verdict import Criteria, Verdict
from tests.support.documents import ROOT

NAMES = ("calender.run_out_m", "calender.gamma_n_per_m")
SPREAD = Spread("two", tuple(
    Row(spreadables()[n], Uniform(low=spreadables()[n].low, high=spreadables()[n].high))
    for n in NAMES
))  # fmt: skip


@pytest.mark.parametrize(
    ("passed", "of", "low", "high"),
    [  # quantiles of the beta distribution, as scipy 1.17 has them
        (0, 10, 0.0, 0.3084971),
        (5, 10, 0.1870860, 0.8129140),
        (10, 10, 0.6915029, 1.0),
        (95, 100, 0.8871651, 0.9835681),
        (999, 1000, 0.9944411, 0.9999747),
        (3, 10000, 0.0000618715, 0.0008764745),
    ],
)
def test_the_interval_is_that_of_clopper_and_pearson(passed, of, low, high):
    found = clopper_pearson(passed, of)
    assert found == pytest.approx((low, high), abs=1e-7)


def test_the_interval_agrees_with_quantiles_of_the_beta_distribution():
    stats = pytest.importorskip("scipy.stats")
    for passed, of in ((1, 3), (17, 20), (250, 300), (1, 1)):
        low, high = clopper_pearson(passed, of)
        assert low == pytest.approx(stats.beta.ppf(0.025, passed, of - passed + 1), abs=1e-9)
        expected = 1.0 if passed == of else stats.beta.ppf(0.975, passed + 1, of - passed)
        assert high == pytest.approx(expected, abs=1e-9)


def test_nothing_tried_is_nothing_known():
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def test_rank_correlation_is_spearmans_with_shared_ranks():
    a = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert rank_correlation(a, a**3) == pytest.approx(1.0)
    assert rank_correlation(a, -np.exp(a)) == pytest.approx(-1.0)
    tied = np.array([0.0, 0.0, 1.0, 0.0, 1.0])
    assert rank_correlation(a, tied) == pytest.approx(0.5773502692)  # scipy.stats.spearmanr
    assert rank_correlation(a, np.zeros(5)) == 0.0


def alarm(name: str) -> AlarmTime:
    return AlarmTime(tag="CAL.THK.C", name=name, priority=Priority.LOW, at_s=5.0, for_s=2.0,
                     value=1.0, limit=0.5, over=True)  # fmt: skip


def outcome(seed, run_out, *, reasons=(), alarms=(), thickness=104.0, produced_s=60.0):
    facts = Facts(ended_s=100.0, moves=(Move(at_s=1.0, old=State.IDLE, new=State.COMPLETED,
                                             reason=""),), phases=(), alarms=tuple(alarms),
                  told=(), execute=((10.0, 10.0 + produced_s),))  # fmt: skip
    verdict = Verdict(criteria=Criteria.GOOD_RUN, reasons=tuple(reasons), warnings=())
    result = Result(recipe="r", content_hash="h", station="calender", seed=seed, minutes=1.0,
                    verdict=verdict, facts=facts, production_from_s=10.0, loops=(),
                    figures=(Figure("thickness", "thickness", thickness, "um"),), digest=str(seed),
                    trace=None)  # fmt: skip
    drawn = {NAMES[0]: run_out, NAMES[1]: 4e5 + seed}
    return Outcome(Case(line=ROOT, station="calender", master=None, seed=seed, drawn=drawn), result)


def died(seed):
    case = Case(line=ROOT, station="calender", master=None, seed=seed,
                drawn={NAMES[0]: 1e-6, NAMES[1]: 4e5})  # fmt: skip
    return Outcome(case, None, "its process died (exit code -9)")


def study(*outcomes, least=0.5):
    return Study(outcomes=outcomes, spread=SPREAD, least=least)


def test_a_plant_that_did_not_run_is_named_and_counts_as_not_passed():
    good = [outcome(k, 1e-6) for k in range(9)]
    whole, short = study(*good), study(*good, died(9))
    assert (whole.passed, short.passed) == (9, 9)
    assert short.interval == whole.interval
    assert short.sure_of == clopper_pearson(9, 10)[0] < whole.sure_of
    assert "1 not run" in short.summary()
    plain = study_as_plain(short, "r", "h", "0")
    assert plain["not_run"] == [{"seed": 9, "error": "its process died (exit code -9)"}]
    assert (plain["plants"], plain["ran"], plain["passed"]) == (10, 9, 9)
    assert "passed" not in {k for k, v in plain.items() if v is True}


def test_none_that_ran_is_not_sure_of_anything():
    none = study(died(1), died(2))
    assert (none.passed, none.sure_of, none.enough) == (0, 0.0, False)
    assert none.points() == none.causes() == none.worst() == []


def test_the_lower_end_of_the_interval_decides_and_not_the_share():
    few, many = ([outcome(k, 1e-6) for k in range(n)] for n in (20, 40))
    assert not study(*few, least=0.9).enough  # 20 of 20: sure of 83 %
    assert study(*many, least=0.9).enough  # 40 of 40: sure of 91 %


def test_what_goes_with_failure_comes_first_and_is_marked():
    outcomes = [outcome(k, 1e-6 + 1e-7 * k, reasons=("thick",) if k >= 15 else ())
                for k in range(20)]  # fmt: skip
    for k, one in enumerate(outcomes):
        one.case.drawn[NAMES[1]] = 4e5 + (7 * k) % 20  # as good as unordered
    first, second = study(*outcomes).causes()
    assert (first.name, first.likely) == (NAMES[0], True)
    assert first.rank > 0.7
    assert first.failed_median > first.passed_median
    assert abs(second.rank) < abs(first.rank)


def test_points_are_percentiles_and_limits_are_counted_by_plants():
    outcomes = [outcome(k, 1e-6, thickness=100.0 + k) for k in range(19)]
    outcomes.append(outcome(99, 1e-6, alarms=(alarm("hi"), alarm("hi"), alarm("hihi")),
                            reasons=("hihi",), thickness=119.0))  # fmt: skip
    found = study(*outcomes)
    row = next(p for p in found.points() if p.key == "thickness")
    assert (row.plants, row.low, row.middle, row.high) == pytest.approx((20, 100.95, 109.5, 118.05))
    assert [(o.limit, o.seeds, o.failed) for o in found.outside()] == [
        ("CAL.THK.C hi", (99,), 1), ("CAL.THK.C hihi", (99,), 1),
    ]  # fmt: skip


def test_the_worst_plants_are_those_that_failed_earliest_then_those_in_alarm():
    outcomes = [outcome(1, 1e-6), outcome(2, 1e-6, alarms=(alarm("hi"),)),
                outcome(3, 1e-6, reasons=("late",), produced_s=50.0),
                outcome(4, 1e-6, reasons=("at once",), produced_s=1.0)]  # fmt: skip
    assert [r.seed for r in study(*outcomes).worst()] == [4, 3, 2]


def test_numbers_that_json_does_not_know_are_left_out():
    plain = study_as_plain(study(outcome(1, 1e-6, thickness=nan)), "r", "h", "0")
    assert plain["each"][0]["figures"]["thickness"] is None
