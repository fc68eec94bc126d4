"""Thinned stretches answer as their samples did, as far as a level can say."""

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.clock import NS
from controller.history import Reader, Store, rollup, ten_seconds, thinning
from controller.history import chunks as chunks_read
from controller.history import seal as sealing
from controller.history.codec import Columns, DamageError
from controller.history.holding import hold_ns
from controller.history.thinning import Ages
from tests.property.test_history_buckets import (
    HOUR_S,
    INTERVALS,
    OFFSETS,
    QUALITIES,
    VALUES,
    histories,
    windows,
    write,
)
from tests.support.history import (
    MINUTE_NS,
    T0_NS,
    Row,
    assert_buckets,
    batch,
    expected_buckets,
    new_store,
    seal,
    to_minutes,
    to_ten_seconds,
)

TEN_S_NS = 10 * NS
Steps = list[list[Row] | None]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "CHUNK_SAMPLES", 40)
    monkeypatch.setattr(sealing, "ALWAYS_EXTENDED", 10)


@pytest.fixture(autouse=True, params=["rows", "smaller"])
def forms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten-second rows even where samples are smaller; or what retention would choose."""
    if request.param == "rows":
        monkeypatch.setattr(thinning, "worth_keeping", lambda samples, ten_s: False)


@contextmanager
def thinned(steps: Steps, interval_s: float, *ages: Ages) -> Iterator[tuple[Reader, list[Row]]]:
    """A reader of a sealed history after one retention after another, and what was written."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        written = write(path, [*steps, None], interval_s)
        store = Store.open(path)
        for some in ages:
            store.retain(2**62, some)
        store.close()
        with Reader(path) as reader:
            yield reader, written


def whole_steps(window: tuple[int, int, int], step_ns: int) -> tuple[int, int, int]:
    """The window in so many buckets, at most 40, that all edges are whole steps."""
    start_ns, stop_ns, _ = window
    steps = (stop_ns - start_ns) // step_ns
    return start_ns, stop_ns, next(k for k in range(min(steps, 40), 0, -1) if steps % k == 0)


@settings(max_examples=60, deadline=None)
@given(histories(), windows(TEN_S_NS), INTERVALS, st.floats(0, 1))
def test_ten_second_rows_equal_brute_force_between_whole_ten_seconds(
    steps: Steps, window: tuple[int, int, int], interval_s: float, share: float
) -> None:
    ages = to_ten_seconds(share * 5 * HOUR_S)
    with thinned(steps, interval_s, ages) as (reader, written):
        found = reader.buckets("PV", *whole_steps(window, TEN_S_NS), aligned=False)
    assert found.damaged == found.inexact == 0
    assert_buckets(found, expected_buckets(written, 1, found.edges_ns.tolist(), interval_s))


@settings(max_examples=60, deadline=None)
@given(histories(), windows(MINUTE_NS), INTERVALS, st.floats(0, 1), st.floats(0, 1))
def test_all_levels_side_by_side_equal_brute_force_between_whole_minutes(
    steps: Steps, window: tuple[int, int, int], interval_s: float, first: float, second: float
) -> None:
    raw_s, ten_s = 5 * HOUR_S * min(first, second), 5 * HOUR_S * max(first, second)
    ages = (to_ten_seconds(raw_s), to_minutes(ten_s))
    with thinned(steps, interval_s, *ages) as (reader, written):
        found = reader.buckets("PV", *whole_steps(window, MINUTE_NS), aligned=False)
    assert found.damaged == found.inexact == 0
    assert_buckets(found, expected_buckets(written, 1, found.edges_ns.tolist(), interval_s))


@settings(max_examples=60, deadline=None)
@given(histories(), windows(), INTERVALS, st.sampled_from([to_ten_seconds(), to_minutes()]))
def test_cut_roll_ups_lose_no_sample_and_no_time(
    steps: Steps, window: tuple[int, int, int], interval_s: float, ages: Ages
) -> None:
    """Whatever edges cut: between the same outer edges, sums are those of uncut rows."""
    start_ns, stop_ns, n = window
    start_ns, stop_ns = start_ns // MINUTE_NS * MINUTE_NS, -(-stop_ns // MINUTE_NS) * MINUTE_NS
    with thinned(steps, interval_s, ages) as (reader, written):
        found = reader.buckets("PV", start_ns, stop_ns, n, aligned=False)
    (whole,) = expected_buckets(written, 1, [start_ns, stop_ns], interval_s)
    assert int(found.count.sum()) == len(whole.good)
    assert int(found.bad.sum()) == whole.bad
    assert np.fmin.reduce(found.minimum) == pytest.approx(
        min(whole.good, default=math.nan), nan_ok=True
    )
    lengths = np.diff(found.edges_ns)
    known_ns = found.known * lengths
    assert (found.known <= 1.0).all()
    assert known_ns.sum() == pytest.approx(whole.known_ns, rel=1e-9, abs=1.0)
    integral = np.where(known_ns > 0, found.mean, 0.0) @ known_ns
    wanted = math.fsum(v * ns for v, ns in whole.held)
    assert integral == pytest.approx(wanted, rel=1e-9, abs=1e-9 * (stop_ns - start_ns))


@settings(max_examples=60, deadline=None)
@given(
    histories(),
    st.lists(st.tuples(VALUES, QUALITIES, OFFSETS), min_size=1, max_size=20),
    st.sampled_from([to_ten_seconds(), to_minutes()]),
    st.integers(0, 2),
)
def test_late_samples_in_thinned_stretches_are_counted_whatever_becomes_of_them(
    steps: Steps, late: list[tuple[float, int, int]], ages: Ages, later: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        written = write(path, [*steps, None])
        store = Store.open(path)
        store.retain(2**62, ages)
        times = {row[3] for row in written}
        # Which of two samples of one time counts can no longer be told.
        rows = [(1, v, q, T0_NS + t) for v, q, t in late if T0_NS + t not in times]
        store.commit(batch(rows))
        if later > 0:
            seal(store)
        if later > 1:
            store.retain(2**62, ages)
        store.close()
        with Reader(path) as reader:
            found = reader.buckets("PV", T0_NS, T0_NS + 5 * HOUR_S * NS, 5 * 60)
            series = reader.raw("PV", 0, 2**62)
    whole = expected_buckets([*written, *rows], 1, found.edges_ns.tolist())
    assert found.damaged == 0
    for column, wanted in (
        (found.count, [len(b.good) for b in whole]),
        (found.uncertain, [b.uncertain for b in whole]),
        (found.bad, [b.bad for b in whole]),
        (found.minimum, [min(b.good, default=math.nan) for b in whole]),
        (found.maximum, [max(b.good, default=math.nan) for b in whole]),
    ):
        np.testing.assert_array_equal(column, wanted)
    assert (found.known <= 1.0).all()
    if not found.inexact:
        assert_buckets(found, whole)
    kept = dict(zip(series.time_ns.tolist(), series.values.tolist(), strict=True))
    for _, value, _, time_ns in {row[3]: row for row in rows}.values():
        stretches = [t for t in series.thinned if t.from_ns <= time_ns < t.to_ns]
        assert kept.get(time_ns, value) == value
        assert time_ns in kept or stretches


@settings(max_examples=60, deadline=None)
@given(
    histories(), windows(MINUTE_NS), st.sampled_from([to_ten_seconds(7200.0), to_minutes()]),
    st.sampled_from([0, 400, 8 * 2**20]),
)  # fmt: skip
def test_a_reader_that_stays_open_answers_as_one_that_is_new(
    steps: Steps, window: tuple[int, int, int], ages: Ages, room: int
) -> None:
    """What it has kept of earlier answers is never what is not so any more."""
    asked = whole_steps(window, MINUTE_NS)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(chunks_read, "MOST_KEPT", room)
        path = Path(folder) / "history.db"
        store = new_store(path, "PV", "OTHER")
        with Reader(path) as staying:
            for rows in (*steps, None, ages, None):
                if isinstance(rows, Ages):
                    store.retain(2**62, rows)
                elif rows is None:
                    seal(store)
                else:
                    store.commit(batch(rows))
                with Reader(path) as new:
                    fresh = new.buckets("PV", *asked)
                for _ in range(2):
                    found = staying.buckets("PV", *asked)
                    for column in fields(fresh):
                        a, b = getattr(found, column.name), getattr(fresh, column.name)
                        np.testing.assert_array_equal(a, b, column.name)
                kept = staying._stored._kept.values()
                assert room - staying._stored._room == sum(
                    len(k.curve) + len(k.shape) for k in kept
                )
                assert staying._stored._room >= 0
        store.close()


@settings(max_examples=60, deadline=None)
@given(histories(), OFFSETS, st.sampled_from([to_ten_seconds(7200.0), to_minutes(7200.0)]))
def test_one_value_at_a_time_is_true_at_its_own_time(steps: Steps, at_ns: int, ages: Ages) -> None:
    with thinned(steps, 60.0, ages) as (reader, written):
        found = reader.at("PV", T0_NS + at_ns)
        series = reader.raw("PV", 0, 2**62)
    kept = {t: (v, q) for tag, v, q, t in written if tag == 1}
    columns = (series.time_ns, series.values, series.quality)
    shown = {t: (v, q) for t, v, q in zip(*(c.tolist() for c in columns), strict=True)}
    newest_shown = max((t for t in shown if t <= T0_NS + at_ns), default=-1)
    if found is None:
        assert newest_shown < 0
        return
    assert newest_shown <= found.time_ns <= T0_NS + at_ns
    if found.time_ns in shown:
        assert (found.value, found.quality) == shown[found.time_ns] == kept[found.time_ns]
        return
    value, quality = kept[max(t for t in kept if t <= found.time_ns)]
    if found.quality < 128:
        assert (found.value, found.quality) == (value, 64)
    else:
        assert math.isnan(found.value)
        assert quality >= 64 or not math.isfinite(value)


@settings(max_examples=60, deadline=None)
@given(histories(), st.floats(0, 1), st.none() | st.integers(1, 50))
def test_every_sample_is_there_or_its_stretch_is_named(
    steps: Steps, share: float, limit: int | None
) -> None:
    with thinned(steps, 60.0, to_ten_seconds(share * 5 * HOUR_S)) as (reader, written):
        found = reader.raw("PV", T0_NS, T0_NS + 5 * HOUR_S * NS, limit)
    kept = {t for tag, _, _, t in written if tag == 1 and t < T0_NS + 5 * HOUR_S * NS}
    reached = int(found.time_ns[-1]) if found.truncated else 2**62
    shown = set(found.time_ns.tolist())
    for time_ns in kept:
        stretch = any(t.from_ns <= time_ns < t.to_ns for t in found.thinned)
        assert time_ns in shown or stretch or time_ns > reached
    assert all(a.to_ns <= b.from_ns for a, b in zip(found.thinned, found.thinned[1:], strict=False))


@st.composite
def chunks(draw: st.DrawFn) -> Columns:
    """Samples of one tag, in steps of 0.01 or of full precision."""
    values = draw(
        st.lists(VALUES | st.just(float("nan")), min_size=1, max_size=200)
        | st.lists(st.floats(allow_nan=False), min_size=1, max_size=50)
    )
    gaps = draw(st.lists(st.integers(1, 90 * NS), min_size=len(values), max_size=len(values)))
    if draw(st.booleans()):
        gaps = [draw(st.sampled_from([NS // 10, NS, 7 * NS]))] * len(values)
    quality = draw(st.lists(QUALITIES, min_size=len(values), max_size=len(values)))
    times = T0_NS + np.cumsum(np.array(gaps, np.int64))
    return Columns(times, np.array(values, float), np.array(quality, np.uint8))


@settings(max_examples=150, deadline=None)
@given(chunks(), st.sampled_from([0.0, 0.01, 0.3, 5.0]))
def test_ten_second_rows_come_back_but_for_the_last_bits_of_sums(
    chunk: Columns, resolution: float
) -> None:
    made = rollup.rows_over(chunk, TEN_S_NS, hold_ns(60.0))
    found = ten_seconds.unpack(ten_seconds.pack(made, resolution))
    for name in ("good", "uncertain", "bad", "minimum", "maximum", "first", "last", "held"):
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name), err_msg=name)
    for name in ("known_ns", "first_ns", "last_ns"):
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name), err_msg=name)
    usable = chunk.values[(chunk.quality < 64) & np.isfinite(chunk.values)]
    largest = float(np.abs(usable).max(initial=0.0))
    if largest < 1e290:
        np.testing.assert_allclose(found.total, made.total, 1e-12, 1e-11 * largest)
        np.testing.assert_allclose(found.integral, made.integral, 0, 3e-11 * largest * TEN_S_NS)


@settings(deadline=None)
@given(chunks(), st.data())
def test_unpacking_garbled_ten_second_rows_ends_in_damage_and_nothing_else(
    chunk: Columns, data: st.DataObject
) -> None:
    blob = bytearray(ten_seconds.pack(rollup.rows_over(chunk, TEN_S_NS, hold_ns(60.0)), 0.01))
    garbage = data.draw(st.binary(min_size=1, max_size=len(blob)))
    at = data.draw(st.integers(0, len(blob) - len(garbage)))
    blob[at : at + len(garbage)] = garbage
    try:
        found = ten_seconds.unpack(bytes(blob[: data.draw(st.integers(0, len(blob)))]))
    except DamageError:
        return
    assert len(found) == len(found.first) == len(found.known_ns)
