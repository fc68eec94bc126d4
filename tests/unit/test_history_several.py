"""Several stores read as one: as if one historian had written them all."""

import numpy as np
import pytest

from controller.clock import NS, ManualClock
from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.core.sample import GOOD, Quality, Samples
from controller.core.tag import HistoryRule, Tag, Writer
from controller.historian import Historian, HistorianSettings
from controller.history import Reader
from controller.history.several import MergedReader

T0 = 1_767_225_600 * NS
EVERY = HistoryRule(deadband=0.0, max_interval_s=10.0)
COLUMNS = ("minimum", "maximum", "mean", "known", "first", "last", "sample_mean")
COUNTS = ("count", "uncertain", "bad")


def tag(name, unit="m"):
    return Tag(name=name, station="x", description="d", writer=Writer.DEVICE, unit=unit, high=1e6,
               history=EVERY)  # fmt: skip


def store(path, samples, events=(), names=("X.A",), unit="m"):
    """A history; samples: (second, value, quality) of the first tag."""
    historian = Historian(
        path, [tag(n, unit) for n in names], ManualClock(t_s=0.0), HistorianSettings(raw_days=3650)
    )
    historian.start()
    for second, value, quality in samples:
        historian.record(
            Samples(
                np.array([0], np.int32),
                np.array([value], np.float64),
                np.array([quality], np.uint8),
                np.array([T0 + round(second * NS)], np.int64),
            )
        )
    for second, text in events:
        time_ns = T0 + round(second * NS)
        historian.event(Event(time_ns=time_ns, kind=EventKind.SYSTEM, station="", subject="s",
                              text=text))  # fmt: skip
    assert historian.close(5.0)
    return path


def wave(start, stop):
    return [(s, float(s % 17), GOOD if s % 13 else Quality.BAD_SENSOR) for s in range(start, stop)]


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A tag that went from the line's store to a part's and back, and the same in one store."""
    folder = tmp_path_factory.mktemp("several")
    one = store(folder / "one.db", wave(0, 300))
    whole = store(folder / "history.db", wave(0, 100) + wave(200, 300))
    part = store(folder / "history-x.db", wave(100, 200))
    with Reader(one) as expected, MergedReader([whole, part]) as merged:
        yield expected, merged


def assert_same(a, b):
    for name in (*COLUMNS, *COUNTS, "edges_ns"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), err_msg=name, atol=1e-9)


def test_samples_come_in_the_order_of_time(moved):
    expected, merged = moved
    for window in ((0, 300), (50, 150), (120, 130), (250, 260), (400, 500)):
        start_ns, stop_ns = (T0 + s * NS for s in window)
        a, b = expected.raw("X.A", start_ns, stop_ns), merged.raw("X.A", start_ns, stop_ns)
        np.testing.assert_array_equal(a.time_ns, b.time_ns)
        np.testing.assert_array_equal(a.values, b.values)
        np.testing.assert_array_equal(a.quality, b.quality)
        assert not b.truncated


@pytest.mark.parametrize("limit", [1, 60, 100, 150, 299, 300])
def test_a_limit_takes_the_oldest_and_says_so(moved, limit):
    expected, merged = moved
    a = expected.raw("X.A", T0, T0 + 400 * NS, limit)
    b = merged.raw("X.A", T0, T0 + 400 * NS, limit)
    np.testing.assert_array_equal(a.time_ns, b.time_ns)
    assert a.truncated == b.truncated


@pytest.mark.parametrize("n", [3, 6, 30, 60])
def test_buckets_whose_edges_are_those_of_the_stores_are_exact(moved, n):
    expected, merged = moved
    window = (T0, T0 + 300 * NS, n)
    assert_same(merged.buckets("X.A", *window), expected.buckets("X.A", *window))


@pytest.mark.parametrize("n", [4, 7, 100])
def test_other_buckets_are_exact_where_one_store_has_news(moved, n):
    expected, merged = moved
    window = (T0 + 10 * NS, T0 + 290 * NS, n)
    a, b = merged.buckets("X.A", *window), expected.buckets("X.A", *window)
    edges = a.edges_ns
    seams = [(edges[:-1] < T0 + s * NS) & (edges[1:] > T0 + s * NS) for s in (100, 200)]
    inner = ~(seams[0] | seams[1])
    for name in COLUMNS:
        where = inner if name in ("mean", "known") else slice(None)
        np.testing.assert_allclose(
            getattr(a, name)[where], getattr(b, name)[where], err_msg=name, atol=1e-9
        )
    for name in COUNTS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert np.nanmax(np.abs(a.mean - b.mean)) < 16.0  # never outside what was there
    assert (a.known <= 1.0).all()


def test_what_holds_is_what_came_last_whatever_store_has_it(tmp_path):
    old = store(tmp_path / "history.db", [(0.0, 5.0, GOOD), (30.0, 5.0, GOOD)])
    new = store(tmp_path / "history-x.db", [(31.0, 9.0, GOOD), (31.5, 9.0, GOOD)])
    with MergedReader([old, new]) as merged:
        for start in (30, 40):  # the last news lies in the window, or before it
            b = merged.buckets("X.A", T0 + start * NS, T0 + (start + 10) * NS, 10)
            np.testing.assert_allclose(b.mean[2:], 9.0)
            np.testing.assert_allclose(b.known[2:], 1.0)


def test_one_value_at_a_time(moved):
    expected, merged = moved
    for second in (-5, 0.5, 99.5, 150.2, 199.9, 250, 1000):
        at_ns = T0 + round(second * NS)
        assert merged.at("X.A", at_ns) == expected.at("X.A", at_ns)
    assert merged.latest("X.A") == expected.latest("X.A")
    assert merged.span("X.A") == expected.span("X.A")


def test_events_are_in_order_and_a_limit_takes_the_newest(tmp_path):
    a = store(tmp_path / "a.db", [], [(1, "one"), (4, "four")])
    b = store(tmp_path / "b.db", [], [(2, "two"), (3, "three"), (5, "five")])
    with MergedReader([a, b]) as merged:
        assert [e.text for e in merged.events()] == ["one", "two", "three", "four", "five"]
        assert [e.text for e in merged.events(limit=3)] == ["three", "four", "five"]
        assert [e.text for e in merged.events(T0 + 2 * NS, T0 + 4 * NS)] == ["two", "three"]


def test_every_store_is_asked_only_for_tags_it_knows(tmp_path):
    a = store(tmp_path / "a.db", [(0, 1.0, GOOD)], names=("X.A",))
    b = store(tmp_path / "b.db", [(0, 2.0, GOOD)], names=("Y.B",))
    with MergedReader([a, b]) as merged:
        assert {t.name for t in merged.tags()} == {"X.A", "Y.B"}
        assert merged.raw("Y.B", T0, T0 + NS).values.tolist() == [2.0]
        with pytest.raises(StoreError, match=r"no tag 'X.AA'.* did you mean X.A"):
            merged.raw("X.AA", T0, T0 + NS)


def test_a_store_that_is_not_there_is_an_error_and_leaves_no_file_open(tmp_path):
    a = store(tmp_path / "a.db", [])
    with pytest.raises(StoreError, match="there is no history here"):
        MergedReader([a, tmp_path / "b.db"])


def test_two_units_are_never_one_curve_the_newest_counts(tmp_path):
    old = store(tmp_path / "history.db", [(0, 1.0, GOOD), (1, 2.0, GOOD)])
    new = store(tmp_path / "history-x.db", [(2, 3000.0, GOOD)], unit="mm")
    for paths in ([old, new], [new, old]):
        with MergedReader(paths) as merged:
            assert merged.tag("X.A").unit == "mm"
            assert merged.raw("X.A", T0, T0 + 9 * NS).values.tolist() == [3000.0]
            assert merged.span("X.A") == (T0 + 2 * NS, T0 + 2 * NS)
            assert merged.buckets("X.A", T0, T0 + 9 * NS, 1).count.tolist() == [1]


def test_one_time_in_two_stores_is_one_sample(tmp_path):
    one = store(tmp_path / "history.db", [(0, 1.0, GOOD), (1, 2.0, GOOD)])
    copy = store(tmp_path / "history-x.db", [(1, 2.0, GOOD), (2, 3.0, GOOD)])
    with MergedReader([one, copy]) as merged:
        found = merged.raw("X.A", T0, T0 + 9 * NS)
        assert found.values.tolist() == [1.0, 2.0, 3.0]
        assert not found.truncated
        assert merged.raw("X.A", T0, T0 + 9 * NS, 2).truncated
