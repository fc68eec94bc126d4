"""The exception filter against a slow model, and the promises it makes."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.clock import NS
from controller.history.exception_filter import ExceptionFilter
from tests.support.history import Row, batch, make_tag, rows_of

DEADBAND, INTERVAL_S = 1.0, 10.0
TAGS = [make_tag(f"T{k}", deadband=DEADBAND, interval_s=INTERVAL_S) for k in range(3)]
QUALITIES = st.sampled_from([0, 0, 0, 64, 130])
VALUES = st.integers(-8, 8).map(lambda v: v / 4) | st.just(float("nan"))
STEPS = st.sampled_from([1, 1, 1, 3, 11])


@st.composite
def streams(draw: st.DrawFn) -> list[list[Row]]:
    """Batches; times of a tag go up, several samples of a tag may share a batch."""
    now = [0, 0, 0]
    batches = []
    for _ in range(draw(st.integers(1, 8))):
        rows: list[Row] = []
        for _ in range(draw(st.integers(1, 10))):
            tag = draw(st.integers(0, 2))
            now[tag] += draw(STEPS) * NS
            rows.append((tag, draw(VALUES), draw(QUALITIES), now[tag]))
        batches.append(rows)
    return batches


def run(batches: list[list[Row]]) -> list[Row]:
    chosen = ExceptionFilter(TAGS)
    out = [row for rows in batches for row in rows_of(chosen.apply(batch(rows)))]
    return out + rows_of(chosen.flush())


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def model(rows: list[Row]) -> list[Row]:
    """One tag, one sample after the other."""
    out: list[Row] = []
    base: Row | None = None
    held: Row | None = None
    for row in rows:
        if base is None:
            changed, over = False, True
        else:
            both_nan = math.isnan(row[1]) and math.isnan(base[1])
            one_nan = math.isnan(row[1]) != math.isnan(base[1])
            moved = one_nan or (not both_nan and abs(row[1] - base[1]) > DEADBAND)
            changed = moved or row[2] != base[2]
            over = row[3] - base[3] >= INTERVAL_S * NS
        if changed and held is not None:
            out.append(held)
        if changed or over:
            out.append(row)
            base, held = row, None
        else:
            held = row
    return out + ([held] if held is not None else [])


@settings(deadline=None)
@given(streams())
def test_filter_stores_what_the_model_stores(batches: list[list[Row]]) -> None:
    found = run(batches)
    for tag in range(3):
        mine = [row for row in found if row[0] == tag]
        wanted = model([row for rows in batches for row in rows if row[0] == tag])
        assert len(mine) == len(wanted)
        for a, b in zip(mine, wanted, strict=True):
            assert (a[2], a[3]) == (b[2], b[3])
            assert same(a[1], b[1])


@settings(deadline=None)
@given(streams())
def test_every_change_of_quality_is_stored_at_its_time(batches: list[list[Row]]) -> None:
    stored = {(tag, time) for tag, _, _, time in run(batches)}
    last: dict[int, int] = {}
    for tag, _, quality, time in (row for rows in batches for row in rows):
        if last.get(tag) != quality:
            assert (tag, time) in stored
        last[tag] = quality


@settings(deadline=None)
@given(streams())
def test_holding_the_stored_values_is_never_off_by_more_than_the_deadband(
    batches: list[list[Row]],
) -> None:
    stored = run(batches)
    for tag, value, quality, time in (row for rows in batches for row in rows):
        before = [row for row in stored if row[0] == tag and row[3] <= time]
        _, held, held_quality, held_time = max(before, key=lambda row: row[3])
        assert held_quality == quality
        assert same(held, value) or abs(held - value) <= 2 * DEADBAND
        assert time - held_time < INTERVAL_S * NS or held_time == time


@settings(deadline=None)
@given(streams())
def test_batching_makes_no_difference(batches: list[list[Row]]) -> None:
    single = [[row] for rows in batches for row in rows]
    joined = [[row for rows in batches for row in rows]]
    assert sorted(map(str, run(single))) == sorted(map(str, run(joined)))


LONG = [make_tag(f"L{k}", deadband=DEADBAND, interval_s=INTERVAL_S) for k in range(80)]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_polls_of_a_long_line_as_the_model(polls: list[int], seed: int) -> None:
    """Several polls a batch, each with nearly all tags in rising order."""
    noise, now_ns = np.random.default_rng(seed), 0
    chosen, given_rows, found = ExceptionFilter(LONG), [], []
    for count in polls:
        rows: list[Row] = []
        for _ in range(count):
            now_ns += int(noise.integers(1, 12)) * NS
            tags = np.flatnonzero(noise.random(80) < 0.95).tolist()
            values = (noise.integers(-8, 9, 80) / 4).tolist()
            rows += [(tag, values[tag], int(noise.choice([0, 0, 64])), now_ns) for tag in tags]
        found += rows_of(chosen.apply(batch(rows)))
        given_rows += rows
    found += rows_of(chosen.flush())
    for tag in range(80):
        assert [r for r in found if r[0] == tag] == model([r for r in given_rows if r[0] == tag])
