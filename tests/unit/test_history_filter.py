"""What the exception filter stores, case by case."""

import numpy as np

from controller.clock import NS
from controller.core.sample import Quality
from controller.history.exception_filter import ExceptionFilter
from controller.history.rounding import Rounding
from tests.support.history import Row, batch, make_tag, rows_of

BAD = int(Quality.BAD_LINK)


def feed(*rows: Row, deadband: float = 1.0, interval_s: float = 10.0) -> list[Row]:
    """One sample a batch through a fresh filter of two tags."""
    tag = {"deadband": deadband, "interval_s": interval_s}
    chosen = ExceptionFilter([make_tag("A", **tag), make_tag("B", **tag)])
    return [row for row_in in rows for row in rows_of(chosen.apply(batch([row_in])))]


def at(second: float, value: float, quality: int = 0, tag: int = 0) -> Row:
    return (tag, value, quality, round(second * NS))


def test_first_sample_is_stored() -> None:
    assert feed(at(0, 5.0)) == [at(0, 5.0)]


def test_values_inside_the_deadband_are_suppressed() -> None:
    assert feed(at(0, 5.0), at(1, 5.9), at(2, 4.1)) == [at(0, 5.0)]


def test_a_step_brings_the_last_suppressed_sample_with_it() -> None:
    stored = feed(at(0, 5.0), at(1, 5.1), at(2, 5.2), at(3, 9.0))
    assert stored == [at(0, 5.0), at(2, 5.2), at(3, 9.0)]


def test_a_slow_drift_is_stored_when_it_has_left_the_deadband() -> None:
    stored = feed(*(at(k, 5 + k / 4) for k in range(9)))
    assert stored == [at(0, 5.0), at(4, 6.0), at(5, 6.25), at(8, 7.0)][:3]


def test_maximum_interval_stores_a_steady_value_without_its_predecessor() -> None:
    stored = feed(*(at(k, 5.0) for k in range(22)))
    assert stored == [at(0, 5.0), at(10, 5.0), at(20, 5.0)]


def test_every_quality_change_is_stored_with_the_sample_before() -> None:
    stored = feed(at(0, 5.0), at(1, 5.0), at(2, 5.0, BAD), at(3, 5.0, BAD), at(4, 5.0))
    assert stored == [at(0, 5.0), at(1, 5.0), at(2, 5.0, BAD), at(3, 5.0, BAD), at(4, 5.0)]


def test_deadband_zero_stores_every_change_and_no_repetition() -> None:
    stored = feed(at(0, 5.0), at(1, 5.0), at(2, 5.001), deadband=0.0)
    assert stored == [at(0, 5.0), at(1, 5.0), at(2, 5.001)]


def test_not_a_number_is_a_change_once() -> None:
    nan = float("nan")
    stored = feed(at(0, 5.0), at(1, nan, BAD), at(2, nan, BAD), at(3, nan, BAD))
    assert [row[3] // NS for row in stored] == [0, 1]


def test_a_late_sample_is_stored_and_leaves_the_filter_alone() -> None:
    stored = feed(at(5, 5.0), at(7, 5.0), at(6, 5.0), at(8, 5.0))
    assert stored == [at(5, 5.0), at(6, 5.0)]


def test_a_clock_set_back_starts_the_filter_again() -> None:
    stored = feed(at(3600, 5.0), at(10, 5.0), at(11, 5.0), at(21, 5.0))
    assert stored == [at(3600, 5.0), at(10, 5.0), at(21, 5.0)]


def test_several_samples_of_a_tag_in_one_batch_are_taken_in_turn() -> None:
    chosen = ExceptionFilter([make_tag("A", deadband=1.0), make_tag("B", deadband=1.0)])
    rows = [at(0, 0.0), at(0, 7.0, tag=1), at(1, 0.5), at(2, 3.0), at(2, 7.5, tag=1)]
    stored = rows_of(chosen.apply(batch(rows)))
    assert [r for r in stored if r[0] == 0] == [at(0, 0.0), at(1, 0.5), at(2, 3.0)]
    assert [r for r in stored if r[0] == 1] == [at(0, 7.0, tag=1)]


def test_an_orderly_end_gives_the_samples_kept_back() -> None:
    chosen = ExceptionFilter([make_tag("A", deadband=1.0)])
    chosen.apply(batch([at(0, 0.0), at(1, 0.5)]))
    assert chosen.held == 1
    assert rows_of(chosen.flush()) == [at(1, 0.5)]
    assert chosen.held == 0


def test_after_a_reset_the_next_sample_is_stored() -> None:
    chosen = ExceptionFilter([make_tag("A", deadband=1.0)])
    chosen.apply(batch([at(0, 0.0)]))
    chosen.reset()
    assert rows_of(chosen.apply(batch([at(1, 0.0)]))) == [at(1, 0.0)]


def test_rounding_gives_the_double_a_person_would_write() -> None:
    tags = [make_tag(n, resolution=r) for n, r in (("A", 0.01), ("B", 5.0), ("C", 0.0))]
    index = np.array([0, 0, 1, 2, 0, 0], np.int32)
    values = np.array([12.3449, -0.001, 12.4, 1 / 3, np.inf, 1e300])
    rounded = Rounding(tags).apply(index, values)
    assert rounded.tolist() == [12.34, 0.0, 10.0, 1 / 3, np.inf, 1e300]
    assert not np.signbit(rounded[1])
    assert np.isnan(Rounding(tags).apply(index[:1], np.array([np.nan])))[0]
