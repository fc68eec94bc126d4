"""What goes into a chunk comes out of it, bit for bit."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.sample import Samples
from controller.history import batches, rollup
from controller.history.codec import (
    Columns,
    DamageError,
    decode,
    encode,
    in_order,
    merge,
    not_shared,
)
from controller.history.rows import pack_batch, pack_chunk, unpack_batch, unpack_chunk
from tests.support.history import MINUTE_NS, batch

TIMES = st.lists(st.integers(-(2**61), 2**61), min_size=1, max_size=80, unique=True) | st.builds(
    lambda start, steps: np.cumsum([start, *steps]).tolist(),
    st.integers(0, 2 * 10**18),
    st.lists(st.sampled_from([1, 100, 10**6, 10**8, 10**9, 10**9 + 1]), max_size=200),
)
ANY_BITS = st.binary(min_size=8, max_size=8).map(lambda b: struct.unpack("<d", b)[0])
DECIMALS = st.integers(-(10**7), 10**7).map(lambda q: q / 100)
SPECIAL = st.sampled_from([0.0, -0.0, float("nan"), float("inf"), -float("inf"), 5e-324, 2.0**53])
VALUES = st.one_of(ANY_BITS, DECIMALS, SPECIAL, st.floats(width=32))
RESOLUTIONS = st.sampled_from([0.0, 0.001, 0.01, 0.3, 1.0, 5.0, 1e-12, 1e300, float("nan")])


@st.composite
def columns(draw: st.DrawFn) -> Columns:
    times = sorted(draw(TIMES))
    n = len(times)
    kind = draw(st.sampled_from([VALUES, DECIMALS, DECIMALS | SPECIAL, st.just(20.5)]))
    values = draw(st.lists(kind, min_size=n, max_size=n))
    quality = draw(st.lists(st.integers(0, 255), min_size=n, max_size=n) | st.just([0] * n))
    return Columns(
        np.array(times, np.int64), np.array(values, np.float64), np.array(quality, np.uint8)
    )


def assert_same(found: Columns, wanted: Columns) -> None:
    np.testing.assert_array_equal(found.time_ns, wanted.time_ns)
    np.testing.assert_array_equal(found.values.view(np.int64), wanted.values.view(np.int64))
    np.testing.assert_array_equal(found.quality, wanted.quality)


@settings(max_examples=400, deadline=None)
@given(columns(), RESOLUTIONS)
def test_chunk_round_trip_is_exact_to_the_bit(chunk: Columns, resolution: float) -> None:
    assert_same(decode(encode(chunk, resolution)), chunk)


@settings(deadline=None)
@given(columns(), st.data())
def test_any_changed_bit_of_a_chunk_is_found(chunk: Columns, data: st.DataObject) -> None:
    row = pack_chunk(7, chunk, 0.01, MINUTE_NS)
    place = data.draw(st.integers(0, 8 * len(row.samples) - 1))
    changed = bytearray(row.samples)
    changed[place // 8] ^= 1 << (place % 8)
    with pytest.raises(DamageError):
        unpack_chunk(7, row.t_min, row.t_max, row.n, row.crc, bytes(changed), not_shared)


@settings(deadline=None)
@given(columns(), st.data())
def test_decoding_garbage_ends_in_damage_and_nothing_else(
    chunk: Columns, data: st.DataObject
) -> None:
    blob = bytearray(encode(chunk, 0.01))
    header = data.draw(st.binary(min_size=1, max_size=len(blob)))
    blob[: len(header)] = header
    blob[4:8] = len(chunk.time_ns).to_bytes(4, "little")  # a wild length is a matter of memory
    try:
        decode(bytes(blob))
    except DamageError:
        return


@settings(deadline=None)
@given(columns(), st.data())
def test_unpacking_a_garbled_roll_up_ends_in_damage_and_nothing_else(
    chunk: Columns, data: st.DataObject
) -> None:
    blob = bytearray(rollup.pack(rollup.rows_over(chunk, MINUTE_NS, MINUTE_NS)))
    garbage = data.draw(st.binary(min_size=1, max_size=len(blob)))
    blob[: len(garbage)] = garbage
    try:
        found = rollup.unpack(bytes(blob[: data.draw(st.integers(0, len(blob)))]))
    except DamageError:
        return
    assert len(rollup.rows_of(found)) == len(found)


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=500), st.sampled_from([1, 7, 20, 61]))
def test_roll_ups_come_back_but_for_the_last_bits_of_the_integral(
    values: list[float], step_s: int
) -> None:
    times = 10**18 + step_s * 10**9 * np.arange(len(values))
    chunk = Columns(times, np.array(values), np.zeros(len(values), np.uint8))
    made = rollup.rows_over(chunk, MINUTE_NS, MINUTE_NS)
    found = rollup.rows_of(rollup.unpack(rollup.pack(made)))
    for name in ("good", "minimum", "maximum", "total", "first", "last", "known_ns", "held"):
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name), err_msg=name)
    np.testing.assert_array_equal(found.first_ns, made.first_ns)
    np.testing.assert_array_equal(found.last_ns, made.last_ns)
    scale = np.maximum(np.abs(made.minimum), np.abs(made.maximum)).max() * MINUTE_NS
    np.testing.assert_allclose(found.integral, made.integral, rtol=0, atol=1e-10 * scale)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2**31 - 1), VALUES, st.integers(0, 255), st.integers(0, 2**62)),
        min_size=1,
    )
)
def test_journal_row_round_trip_is_exact(rows: list[tuple[int, float, int, int]]) -> None:
    samples = batch(rows)
    found = unpack_batch(pack_batch(3, samples))
    np.testing.assert_array_equal(found.tags, samples.tags)
    np.testing.assert_array_equal(found.values.view(np.int64), samples.values.view(np.int64))
    np.testing.assert_array_equal(found.quality, samples.quality)
    np.testing.assert_array_equal(found.time_ns, samples.time_ns)


@st.composite
def polls(draw: st.DrawFn) -> Samples:
    """Parts of a line that were polled one after the other, some with tags left out."""
    parts = draw(
        st.lists(
            st.tuples(
                st.integers(0, 50), st.integers(1, 60), st.integers(0, 255), st.integers(0, 2**62)
            ),
            min_size=1, max_size=8,
        )
    )  # fmt: skip
    columns = [
        (np.arange(first, first + n), np.full(n, quality), np.full(n, time_ns))
        for first, n, quality, time_ns in parts
    ]
    tags, quality, time_ns = (np.concatenate(column) for column in zip(*columns, strict=True))
    kept = np.ones(len(tags), np.bool_)
    kept[np.array(draw(st.lists(st.integers(0, len(tags) - 1), max_size=10)), int)] = False
    kept[0] = True
    for column in (quality, time_ns):
        column[draw(st.integers(0, len(tags) - 1))] = draw(st.integers(0, 255))
    values = np.random.default_rng(len(tags)).normal(size=len(tags))
    return Samples(
        tags[kept].astype(np.int32), values[kept], quality[kept].astype(np.uint8), time_ns[kept]
    )


@settings(deadline=None)
@given(polls())
def test_polls_come_back_exactly_and_are_never_longer_than_plain(samples: Samples) -> None:
    blob = batches.pack(samples)
    assert len(blob) <= batches.BYTES_PER_SAMPLE * len(samples)
    found = batches.unpack(len(samples), blob)
    for name in ("tags", "values", "quality", "time_ns"):
        was = getattr(samples, name)
        np.testing.assert_array_equal(getattr(found, name), was)
        assert getattr(found, name).dtype == was.dtype


@settings(deadline=None)
@given(polls(), st.data())
def test_bytes_that_are_no_batch_are_told(samples: Samples, data: st.DataObject) -> None:
    """Without a checksum: what is read is of the right length, or it is told."""
    blob = bytearray(batches.pack(samples))
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, min(len(blob), 60) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(blob[: data.draw(st.integers(0, len(blob)))] if data.draw(st.booleans()) else blob)
    n = data.draw(st.sampled_from([len(samples), len(samples) + 1, 1]))
    try:
        found = batches.unpack(n, cut)
    except DamageError:
        return
    assert {len(column) for column in (found.tags, found.values, found.quality, found.time_ns)} == {
        n
    }


def test_a_line_that_is_polled_whole_takes_little_more_than_its_values() -> None:
    rows = [(tag, tag / 7, 0, turn * 10**8) for turn in range(5) for tag in range(1_000)]
    assert len(batches.pack(batch(rows))) < 8.1 * len(rows)


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9)), max_size=20)))
def test_of_samples_with_equal_times_the_last_written_stays(
    parts: list[list[tuple[int, int]]],
) -> None:
    written: dict[int, float] = {}
    columns = []
    for part in parts:
        written |= {t: float(v) for t, v in part}
        times, values = zip(*part, strict=True) if part else ((), ())
        columns.append(
            Columns(
                np.array(times, np.int64), np.array(values, float), np.zeros(len(part), np.uint8)
            )
        )
    merged = merge(columns)
    assert dict(zip(merged.time_ns.tolist(), merged.values.tolist(), strict=True)) == written
    assert merged.time_ns.tolist() == sorted(written)
    assert in_order(merged) is merged
