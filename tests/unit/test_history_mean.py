"""Means weighted by time: what a value holds, for how long, and what is known."""

import math
from pathlib import Path

import numpy as np
import pytest

from controller.clock import NS
from controller.core.sample import Quality
from controller.history import Buckets, Reader, Store
from controller.history.holding import LONGEST_NS, hold_ns
from tests.support.history import (
    MINUTE_NS,
    T0_NS,
    Row,
    batch,
    make_tag,
    new_store,
    seal,
    to_minutes,
)

HELD, BAD = int(Quality.UNCERTAIN_HELD), int(Quality.BAD_LINK)
LIMIT_S = 125  # of a tag that is stored every 60 s at least


def at(second: float, value: float, quality: int = 0) -> Row:
    return (1, value, quality, T0_NS + round(second * NS))


def ask(path: Path, start_s: float, stop_s: float, n: int = 1) -> Buckets:
    with Reader(path) as reader:
        return reader.buckets("A", T0_NS + round(start_s * NS), T0_NS + round(stop_s * NS), n)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture(params=["journal", "chunk"])
def stored(path: Path, request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    """Stores rows of tag A, in the journal or sealed."""

    def write(*rows: Row) -> Path:
        store = new_store(path, "A")
        store.commit(batch(rows))
        if request.param == "chunk":
            seal(store)
        store.close()
        return path

    return write


def test_a_burst_of_changes_weighs_no_more_than_its_time(stored) -> None:
    burst = [at(50 + k / 10, 100.0) for k in range(100)]
    found = ask(stored(at(0, 0.0), *burst), 0, 60)
    assert found.mean[0] == pytest.approx(100 / 6, rel=1e-12)
    assert found.sample_mean[0] == pytest.approx(100 * 100 / 101)
    assert found.known[0] == 1.0


def test_a_value_holds_through_buckets_without_samples(stored) -> None:
    found = ask(stored(at(0, 7.0), at(90, 9.0)), 30, 90, 3)
    assert found.mean.tolist() == [7.0] * 3
    assert found.known.tolist() == [1.0] * 3
    assert found.count.tolist() == [0] * 3
    for column in (found.minimum, found.maximum, found.first, found.last, found.sample_mean):
        assert np.isnan(column).all()


def test_a_tag_that_is_no_longer_stored_holds_to_the_limit_only(stored) -> None:
    found = ask(stored(at(0, 7.0)), 0, 200, 4)
    assert found.known.tolist() == [1.0, 1.0, 0.5, 0.0]
    assert found.mean[:3].tolist() == [7.0] * 3
    assert math.isnan(found.mean[3])


def test_a_gap_longer_than_the_limit_is_unknown_from_the_limit_on(stored) -> None:
    found = ask(stored(at(0, 2.0), at(LIMIT_S + 125, 4.0), at(LIMIT_S + 130, 4.0)), 0, 250)
    assert (found.mean[0], found.known[0]) == (2.0, 0.5)


@pytest.mark.parametrize("quality", [HELD, BAD])
def test_time_after_a_sample_that_is_not_good_counts_for_nothing(stored, quality: int) -> None:
    rows = [at(0, 5.0), at(10, 99.0, quality), at(20, 1.0)]
    found = ask(stored(*rows), 0, 40)
    assert found.mean[0] == (5.0 * 10 + 1.0 * 20) / 30
    assert found.known[0] == 0.75


def test_a_good_sample_that_is_no_number_ends_what_held(stored) -> None:
    found = ask(stored(at(0, 5.0), at(10, math.nan), at(20, math.inf)), 0, 40)
    assert (found.mean[0], found.known[0], found.bad[0]) == (5.0, 0.25, 2)


def test_before_the_first_sample_nothing_is_known(stored) -> None:
    found = ask(stored(at(30, 3.0)), 0, 60, 2)
    assert found.known.tolist() == [0.0, 1.0]
    assert math.isnan(found.mean[0])


@pytest.mark.parametrize("hours", [1, 24])
def test_of_a_tag_without_samples_nothing_is_known(path: Path, hours: int) -> None:
    new_store(path, "A").close()
    found = ask(path, 0, hours * 3600, 2)
    assert found.known.tolist() == [0.0, 0.0]
    assert np.isnan(found.mean).all()


def test_values_at_the_end_of_the_range_raise_no_warning(stored) -> None:
    found = ask(stored(at(0, 1.7e308), at(1, 1.7e308), at(2, -1.7e308)), 0, 4)
    assert found.known[0] == 1.0
    assert found.minimum[0] == -1.7e308


def test_a_shorter_interval_does_not_turn_old_curves_into_gaps(path: Path) -> None:
    store = Store.open(path)
    store.catalogue([make_tag("A", interval_s=600)])
    store.commit(batch([at(0, 1.0), at(600, 2.0)]))
    seal(store)
    store.catalogue([make_tag("A", interval_s=5)])
    store.close()
    assert ask(path, 0, 600).known[0] == 1.0
    with Reader(path) as reader:
        assert [tag.max_interval_s for tag in reader.tags()] == [600.0]


def test_rollups_stay_right_when_the_interval_grows(path: Path) -> None:
    store = Store.open(path)
    store.catalogue([make_tag("A", interval_s=1)])
    store.commit(batch([at(0, 1.0), at(59, 3.0), at(1200, 0.0)]))
    seal(store)
    store.catalogue([make_tag("A", interval_s=60)])
    store.close()
    whole, cut = ask(path, 0, 1200), ask(path, 0, 599)
    assert whole.known[0] * 1200 == pytest.approx(59 + LIMIT_S)
    assert cut.known[0] * 599 == pytest.approx(59 + LIMIT_S)
    assert whole.mean[0] == pytest.approx(cut.mean[0])


def test_a_late_sample_in_a_minute_without_raw_samples_is_told_as_inexact(path: Path) -> None:
    store = new_store(path, "A")
    store.commit(batch([at(k, 2.0) for k in range(60)]))
    seal(store)
    store.commit(batch([at(86_400 * 3, 2.0)]))
    seal(store)
    store.retain(2**62, to_minutes(86_400))
    store.commit(batch([at(30, 8.0)]))
    fresh = ask(path, 0, 600)
    seal(store)
    store.close()
    sealed = ask(path, 0, 600)
    assert fresh.inexact == 1
    for found in (fresh, sealed):
        assert found.count[0] == 61
        assert found.mean[0] == 2.0  # the row that reaches farther tells what holds on
        assert found.known[0] * 600 == pytest.approx(59 + LIMIT_S)


@pytest.mark.parametrize(
    ("interval_s", "limit"),
    [
        (60.0, 125 * NS),
        (0.0, MINUTE_NS),
        (-1.0, MINUTE_NS),
        (27.5, MINUTE_NS),
        (3600.0, 7205 * NS),
        (1e300, LONGEST_NS),
        (math.inf, LONGEST_NS),
    ],
)
def test_the_limit_is_two_intervals_and_a_margin_but_a_minute_at_least(
    interval_s: float, limit: int
) -> None:
    assert hold_ns(interval_s) == limit
