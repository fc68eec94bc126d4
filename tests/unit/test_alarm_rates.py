"""Chattering of one alarm and flood of all."""

import pytest

from controller.alarms.rates import CHATTER_NS, Chatter, FloodWatch

S = 1_000_000_000
MIN = 60 * S


def chatter(*times_s: float) -> Chatter:
    made = Chatter()
    for t in times_s:
        made.came(round(t * S))
    return made


def test_three_comings_within_a_minute_are_chattering_until_the_minute_has_passed():
    assert not chatter(0, 30).at(30 * S)
    made = chatter(0, 30, 60)
    assert made.at(60 * S)
    assert not made.at(60 * S + 1)
    assert not chatter(0, 30, 60.001).at(61 * S)


def test_the_burst_counts_comings_without_a_quiet_minute_between():
    assert chatter(0, 50, 100, 150).burst == 4
    assert chatter(0, 50, 100, 160.001).burst == 1


def test_a_memory_brings_chattering_back():
    made = Chatter()
    made.recall(chatter(0, 10, 20, 30).plain())
    assert (made.burst, made.at(30 * S)) == (4, True)
    made.came(30 * S + CHATTER_NS)
    assert made.burst == 5


def test_a_clock_that_runs_back_does_not_end_chattering():
    assert chatter(100, 110, 50).at(110 * S)


def flood(*times_s: float) -> FloodWatch:
    watch = FloodWatch()
    for t in times_s:
        watch.came(round(t * S), "coater", f"a{t}")
    return watch


def test_ten_alarms_in_ten_minutes_are_no_flood_and_eleven_are():
    assert flood(*range(10)).now is None
    watch = flood(*range(11))
    assert watch.now.since_ns == 10 * S
    assert watch.now.stations == {"coater": (11, "a0")}


def test_an_alarm_is_ten_minutes_old_when_it_no_longer_counts():
    assert flood(0, *range(1, 10), 600).now is None
    assert flood(0, *range(1, 10), 599.999).now is not None


def test_a_flood_ends_when_fewer_than_five_lie_within_ten_minutes():
    watch = flood(*range(11))
    assert not watch.look(6 * S + 10 * MIN - 1)
    assert watch.now is not None
    assert watch.look(6 * S + 10 * MIN)
    assert watch.now is None
    assert watch.ended == [(10 * S, 6 * S + 10 * MIN)]


def test_a_flood_that_was_over_before_the_next_alarm_ended_then():
    watch = flood(*range(11), 5000)
    assert watch.ended == [(10 * S, 606 * S)]
    assert watch.now is None


def test_an_operator_has_the_flood_of_his_stations():
    watch = FloodWatch("east", frozenset({"coater"}))
    for k in range(20):
        watch.came(k, "calender")
    assert watch.now is None
    assert [watch.came(100 + k, "coater", f"a{k}") for k in range(11)][-1] is True


@pytest.mark.parametrize("n", [11, 5000])
def test_a_flood_costs_the_same_memory_whatever_its_rate(n):
    watch = flood(*(k / 1000 for k in range(n)))
    assert watch.now.count == n
    assert len(watch._last) == 11
