"""What leaves a station: within range, no faster than the rate of its point, whoever asked."""

from dataclasses import replace
from itertools import pairwise
from math import inf, isnan, nan

import pytest

from controller.control.output_stage import OutputStage
from controller.control.states import State
from controller.core.event import EventKind, Verb
from controller.core.point import Access
from tests.support import tiny_recipe, tiny_station
from tests.support.tiny_recipe import RecipeBench, master, phase, pv_at
from tests.support.tiny_station import Bench, Tiny, point

SLOW = replace(point("T.SLOW.SP", Access.WRITE, default=10.0), rate_per_s=2.0)
SWITCH = point("T.SWITCH", Access.WRITE, high=1.0)


class Staged:
    """A slow point, a switch and a free point at the offsets 3, 5 and 7 of an image."""

    def __init__(self, resting=None):
        self.told = []
        points = {3: SLOW, 5: SWITCH, 7: point("T.FREE.SP", Access.WRITE)}
        self.stage = OutputStage(points, lambda tag, text: self.told.append((tag, text)), resting)
        self.v = [0.0] * 8
        self.v[3] = 10.0
        self.stage.follow(self.v)
        self.step(0.0)

    def step(self, now_s):
        return self.stage.step(now_s, self.v)


def test_a_step_is_sent_as_a_ramp_and_what_has_no_rate_at_once():
    staged = Staged()
    staged.v[3], staged.v[7] = 20.0, 55.0
    assert staged.step(1.0) == [12.0, 0.0, 55.0]
    assert staged.stage.on_its_way(3)
    assert staged.step(4.0) == [18.0, 0.0, 55.0]
    assert staged.step(9.0) == [20.0, 0.0, 55.0]
    assert not staged.stage.on_its_way(3)
    staged.v[3] = 0.0
    assert staged.step(10.0)[0] == 18.0


def test_nothing_moves_without_time_and_never_backwards_in_time():
    staged = Staged()
    staged.step(5.0)
    staged.v[3] = 20.0
    assert [staged.step(t)[0] for t in (5.0, 5.0, 4.0, 4.5)] == [10.0, 10.0, 10.0, 11.0]


def test_following_the_plc_begins_anew_without_the_time_between():
    staged = Staged()
    staged.v[3] = 80.0
    staged.step(1.0)
    staged.v[3] = 40.0
    staged.stage.follow(staged.v)
    assert not staged.stage.on_its_way(3)
    staged.v[3] = 50.0
    assert staged.step(100.0)[0] == 40.0
    assert staged.step(100.5)[0] == 41.0


@pytest.mark.parametrize(("asked", "sent"), [(nan, 10.0), (inf, 10.0), (-inf, 10.0)])
def test_what_is_no_number_is_not_sent_and_told_once(asked, sent):
    staged = Staged()
    staged.v[3] = asked
    assert [staged.step(t)[0] for t in (1.0, 2.0, 3.0)] == [sent] * 3
    assert len(staged.told) == 1
    assert staged.told[0][0] == "T.SLOW.SP"
    assert "is not sent: allowed 0 to 100 %" in staged.told[0][1]
    staged.v[3] = 11.0
    assert staged.step(4.0)[0] == 11.0
    staged.v[3] = asked
    staged.step(5.0)
    assert len(staged.told) == 2


@pytest.mark.parametrize(("asked", "sent"), [(500.0, 100.0), (-1e-9, 0.0), (-1e300, 0.0)])
def test_what_is_out_of_range_goes_to_the_end_of_the_range_at_the_rate(asked, sent):
    staged = Staged()
    staged.v[3] = asked
    assert abs(staged.step(1.0)[0] - 10.0) == pytest.approx(2.0)
    assert staged.step(1000.0)[0] == sent
    assert len(staged.told) == 1


def test_a_point_that_nothing_follows_is_sent_at_once():
    staged = Staged({3: (5, 0.0)})
    staged.v[3] = 90.0
    assert staged.step(1.0)[0] == 90.0


def test_what_comes_with_its_switch_is_at_its_value_before_it_comes_into_force():
    staged = Staged({3: (5, 0.0)})
    staged.v[3], staged.v[5] = 90.0, 1.0
    assert staged.step(1.0) == [90.0, 1.0, 0.0]
    staged.v[3] = 80.0
    assert staged.step(2.0) == [88.0, 1.0, 0.0]


def slowed(points):
    names = ("T.FREE.SP", "T.OUT.SP")
    return tuple(replace(p, rate_per_s=2.0) if p.tag in names else p for p in points)


@pytest.fixture
def slow(monkeypatch):
    """A tiny station whose two numbers have a rate of 2 %/s."""
    monkeypatch.setattr(tiny_station, "POINTS", slowed(tiny_station.POINTS))
    monkeypatch.setattr(tiny_recipe, "WEB_POINTS", slowed(tiny_recipe.WEB_POINTS))


def free_of(bench, seconds):
    seen = []
    for _ in range(round(seconds / 0.1)):
        bench.run(0.1)
        seen.append(bench.table.value[bench.table.index("T.FREE.SP.RB")])
    return seen


def test_a_set_of_a_person_is_taken_and_led_there(slow):
    bench = Bench()
    bench.run(0.5)
    bench.ok(Verb.SET, "T.FREE.SP", 15.0)
    seen = free_of(bench, 6.0)
    assert max(b - a for a, b in pairwise(seen)) <= 0.2 + 1e-9
    assert seen[-1] == 15.0
    assert bench.table.value[bench.table.index("T.FREE.SP")] == 15.0


def test_a_loop_moves_its_output_no_faster_than_its_point(slow):
    bench = Bench()
    assert bench.station.loops["L1"].pid.config.out_rate == 2.0
    assert bench.station.loops["L2"].pid.config.out_rate == inf


def test_a_lost_link_leaves_the_machine_where_it_was_and_says_what_did_not_arrive(slow):
    bench = Bench()
    bench.run(0.5)
    bench.ok(Verb.SET, "T.FREE.SP", 15.0)
    bench.run(1.0)
    held = bench.table.value[bench.table.index("T.FREE.SP.RB")]
    assert 6.0 < held < 9.0
    bench.lose()
    bench.scan(3)
    bench.adopt()
    bench.run(2.0)
    assert bench.table.value[bench.table.index("T.FREE.SP.RB")] == held
    assert any("T.FREE.SP = 15 did not arrive" in e.text for e in bench.events)


def test_what_is_on_its_way_is_no_drift(slow):
    bench = RecipeBench()
    bench.execute(master(phase("go", sets={".FREE.SP": 60, ".OUT.SP": 20}, until=[pv_at(20)])))
    bench.run(10.0)
    assert 20.0 < bench.table.value[bench.table.index("T.FREE.SP.RB")] < 40.0
    assert bench.tag("RUN.DRIFT") == 0
    bench.run(30.0)
    assert bench.table.value[bench.table.index("T.FREE.SP.RB")] == 60.0
    assert bench.tag("RUN.DRIFT") == 0


class Poisoned(Tiny):
    """A kind whose program has a mistake."""

    def control(self, now_s):
        super().control(now_s)
        self.v[self.at(".FREE.SP")] = self.poison

    poison = 5.0


def test_a_mistake_in_a_program_never_reaches_the_machine_as_no_number():
    bench = Bench(kind=Poisoned)
    bench.run(0.5)
    bench.station.poison = nan
    bench.run(0.5)
    assert isnan(bench.station.v[bench.station.at(".FREE.SP")])
    assert bench.table.value[bench.table.index("T.FREE.SP.RB")] == 5.0
    told = [e for e in bench.events if e.kind is EventKind.SYSTEM and "is not sent" in e.text]
    assert len(told) == 1
    assert bench.state is State.IDLE
