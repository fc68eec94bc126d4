"""Queries of a store equal brute force over what was written into it."""

import itertools
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.clock import NS
from controller.history import Reader, Store
from controller.history import rows as rows_module
from controller.history import seal as sealing
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
)

HOUR_S = 3600
VALUES = st.integers(-500, 500).map(lambda q: q / 100) | st.just(float("inf"))
INTERVALS = st.sampled_from([1.0, 60.0, 170.5, 7200.0])
QUALITIES = st.sampled_from([0, 0, 0, 0, 65, 130])
OFFSETS = st.integers(0, 4 * HOUR_S).map(lambda s: s * NS) | st.integers(0, 4 * HOUR_S * NS)


@st.composite
def histories(draw: st.DrawFn) -> list[list[Row] | None]:
    """Batches as they were committed; None means: seal the journal now."""
    steps: list[list[Row] | None] = []
    for _ in range(draw(st.integers(1, 6))):
        if steps and draw(st.booleans()):
            steps.append(None)
            continue
        start, step = draw(OFFSETS), draw(st.sampled_from([1, 7, 60, 400])) * NS
        values = draw(st.lists(st.tuples(VALUES, QUALITIES), min_size=1, max_size=60))
        rows = [(1, v, q, T0_NS + start + k * step) for k, (v, q) in enumerate(values)]
        strays = draw(st.lists(st.tuples(st.integers(1, 2), VALUES, QUALITIES, OFFSETS)))
        rows += [(tag, v, q, T0_NS + t) for tag, v, q, t in strays]
        steps.append(rows)
    return steps


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "CHUNK_SAMPLES", 40)
    monkeypatch.setattr(sealing, "ALWAYS_EXTENDED", 10)


def write(path: Path, steps: list[list[Row] | None], interval_s: float = 60.0) -> list[Row]:
    """Write a history; returns every row in the order it was written."""
    store = new_store(path, "PV", "OTHER", interval_s=interval_s)
    written: list[Row] = []
    for rows in steps:
        if rows is None:
            seal(store)
        else:
            store.commit(batch(rows))
            written += rows
    store.close()
    return written


@st.composite
def windows(draw: st.DrawFn, step_ns: int = 1) -> tuple[int, int, int]:
    """Start, stop and number of buckets; the ends are multiples of the step."""
    start = draw(st.integers(-HOUR_S * NS, 5 * HOUR_S * NS) | st.integers(-60, 300).map(minutes))
    span = draw(st.integers(1, 8 * HOUR_S * NS) | st.integers(1, 480).map(minutes))
    n = draw(st.integers(1, 40))
    start_ns = (T0_NS + start) // step_ns * step_ns
    return start_ns, start_ns + max(span // step_ns, 1) * step_ns, n


def minutes(n: int) -> int:
    return n * MINUTE_NS


@settings(max_examples=150, deadline=None)
@given(histories(), windows(), INTERVALS, st.booleans())
def test_buckets_equal_brute_force(
    steps: list[list[Row] | None], window: tuple[int, int, int], interval_s: float, aligned: bool
) -> None:
    start_ns, stop_ns, n = window
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        written = write(path, steps, interval_s)
        with Reader(path) as reader:
            found = reader.buckets("PV", start_ns, stop_ns, n, aligned=aligned)
    assert (found.edges_ns[0], found.edges_ns[-1]) == (start_ns, stop_ns)
    assert found.damaged == found.inexact == 0
    assert_buckets(found, expected_buckets(written, 1, found.edges_ns.tolist(), interval_s))


@settings(max_examples=100, deadline=None)
@given(histories(), windows(MINUTE_NS), INTERVALS, st.floats(0, 1))
def test_rollups_alone_equal_brute_force_between_whole_minutes(
    steps: list[list[Row] | None], window: tuple[int, int, int], interval_s: float, share: float
) -> None:
    start_ns, stop_ns, _ = window
    n = (stop_ns - start_ns) // MINUTE_NS
    n = next(k for k in range(min(n, 40), 0, -1) if n % k == 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        written = write(path, [*steps, None], interval_s)
        store = Store.open(path)
        store.retain(2**62, to_minutes(share * 5 * HOUR_S))
        store.close()
        with Reader(path) as reader:
            found = reader.buckets("PV", start_ns, stop_ns, n)
    assert (found.edges_ns % MINUTE_NS == 0).all()
    assert found.damaged == found.inexact == 0
    assert_buckets(found, expected_buckets(written, 1, found.edges_ns.tolist(), interval_s))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 150), VALUES, QUALITIES), min_size=10, max_size=60),
    st.lists(st.tuples(st.integers(0, 1800), VALUES, QUALITIES), min_size=1, max_size=5),
    INTERVALS,
)
def test_late_samples_among_roll_ups_equal_brute_force(
    sealed: list[tuple[int, float, int]], late: list[tuple[int, float, int]], interval_s: float
) -> None:
    times = itertools.accumulate(step for step, _, _ in sealed)
    rows = [(1, v, q, T0_NS + t * NS) for t, (_, v, q) in zip(times, sealed, strict=True)]
    rows_late = [(1, v, q, T0_NS + t * NS) for t, v, q in late]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        written = write(path, [rows, None, rows_late], interval_s)
        with Reader(path) as reader:
            found = reader.buckets("PV", T0_NS, T0_NS + HOUR_S * NS, 4)
    assert_buckets(found, expected_buckets(written, 1, found.edges_ns.tolist(), interval_s))


@settings(max_examples=100, deadline=None)
@given(histories(), OFFSETS, OFFSETS, st.none() | st.integers(0, 50))
def test_raw_samples_equal_what_was_written_last(
    steps: list[list[Row] | None], a: int, b: int, limit: int | None
) -> None:
    start_ns, stop_ns = T0_NS + min(a, b), T0_NS + max(a, b)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        written = write(path, steps)
        with Reader(path) as reader:
            found = reader.raw("PV", start_ns, stop_ns, limit)
            held = reader.at("PV", stop_ns)
            span = reader.span("PV")
    kept = {t: (v, q) for tag, v, q, t in written if tag == 1}
    wanted = [(t, *kept[t]) for t in sorted(kept) if start_ns <= t < stop_ns]
    columns = (found.time_ns, found.values, found.quality)
    rows = list(zip(*(c.tolist() for c in columns), strict=True))
    assert rows == wanted[:limit]
    assert found.truncated == (limit is not None and len(wanted) > limit)
    earlier = [t for t in kept if t <= stop_ns]
    assert (held is None) == (not earlier)
    if held is not None:
        assert (held.time_ns, held.value, held.quality) == (max(earlier), *kept[max(earlier)])
    assert span == ((min(kept), max(kept)) if kept else None)


def test_aligned_edges_of_long_windows_lie_on_whole_minutes(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    rows: list[Row] = [(1, k % 100 / 10, 0, T0_NS + k * 30 * NS) for k in range(4000)]
    write(path, [rows, None])
    start_ns = T0_NS + 17
    with Reader(path) as reader:
        found = reader.buckets("PV", start_ns, start_ns + 30 * HOUR_S * NS, 100)
        equal = reader.buckets("PV", start_ns, start_ns + 30 * HOUR_S * NS, 100, aligned=False)
    assert (found.edges_ns[1:-1] % MINUTE_NS == 0).all()
    assert np.ptp(np.diff(equal.edges_ns)) <= 1
    for result in (found, equal):
        assert_buckets(result, expected_buckets(rows, 1, result.edges_ns.tolist()))


@settings(max_examples=150, deadline=None)
@given(histories(), windows(), INTERVALS, st.integers(1, 10))
def test_buckets_of_minutes_from_rows_beside_samples_equal_brute_force(
    steps: list[list[Row] | None], window: tuple[int, int, int], interval_s: float, width: int
) -> None:
    start_ns, stop_ns, _ = window
    n = max((stop_ns - start_ns) // (width * MINUTE_NS), 1)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(rows_module, "WORTH_QUICK", 1)  # of slow tags, too
        path = Path(folder) / "history.db"
        written = write(path, steps, interval_s)
        with Reader(path) as reader:
            found = reader.buckets("PV", start_ns, stop_ns, n)
    assert found.damaged == found.inexact == 0
    assert_buckets(found, expected_buckets(written, 1, found.edges_ns.tolist(), interval_s))
