"""Chunks of tags that are packed together are those that each would have been packed into alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.history.codec import Columns, Ints, decode
from controller.history.packing import MOST_WAITING, Packer, Rule
from controller.history.rows import ChunkRow, pack_chunk, unpack_chunk
from controller.history.shared_times import SHARED_FROM, TimesRow, unpack_times
from tests.property.test_history_codec import DECIMALS, RESOLUTIONS, SPECIAL, VALUES
from tests.support.history import MINUTE_NS, T0_NS

STEPS = st.sampled_from([1, 100, 10**8, 10**8 + 100, 10**9, 30 * 10**9, 70 * 10**9])
QUALITIES = st.sampled_from([0, 0, 0, 1, 64, 65, 128, 192, 255])


@st.composite
def times(draw: st.DrawFn) -> Ints:
    steps = draw(st.lists(STEPS, max_size=60))
    regular = draw(st.booleans())
    start = draw(st.integers(0, 10**10))
    return T0_NS + start + np.cumsum([0, *(steps[:1] * len(steps) if regular else steps)])


@st.composite
def tag(draw: st.DrawFn, columns: list[Ints]) -> tuple[Columns, Rule]:
    time_ns = draw(st.sampled_from(columns))
    if draw(st.booleans()):  # the exception filter takes some
        kept = draw(st.lists(st.booleans(), min_size=len(time_ns), max_size=len(time_ns)))
        time_ns = time_ns[np.array(kept)] if any(kept) else time_ns
    n = len(time_ns)
    kind = draw(st.sampled_from([DECIMALS, DECIMALS, VALUES, DECIMALS | SPECIAL, st.just(20.5)]))
    values = draw(st.lists(kind, min_size=n, max_size=n))
    quality = draw(st.just([0] * n) | st.lists(QUALITIES, min_size=n, max_size=n))
    hold_ns = draw(st.sampled_from([MINUTE_NS, 3 * MINUTE_NS]))
    both = np.array(values, np.float64), np.array(quality, np.uint8)
    return Columns(time_ns, *both), Rule(draw(RESOLUTIONS), hold_ns)


@st.composite
def tags(draw: st.DrawFn) -> list[tuple[Columns, Rule]]:
    columns = draw(st.lists(times(), min_size=1, max_size=3))
    return draw(st.lists(tag(columns), min_size=1, max_size=12))


def packed(members: list[tuple[Columns, Rule]]) -> tuple[list[ChunkRow], list[TimesRow]]:
    chunks: list[ChunkRow] = []
    shared: list[TimesRow] = []
    packer = Packer(chunks, shared)
    for number, (columns, rule) in enumerate(members):
        packer.add(number, columns, rule)
    packer.finish()
    return chunks, shared


@settings(max_examples=300, deadline=None)
@given(tags())
def test_together_as_alone(members: list[tuple[Columns, Rule]]) -> None:
    chunks, shared = packed(members)
    known = {row.number: unpack_times(*row) for row in shared}
    assert sorted(row.tag for row in chunks) == list(range(len(members)))
    assert len(known) == len(shared)  # none twice
    for row in chunks:
        columns, rule = members[row.tag]
        alone = pack_chunk(row.tag, columns, *rule)
        assert (row.t_min, row.t_max, row.n) == (alone.t_min, alone.t_max, alone.n)
        assert row.rollup == alone.rollup
        assert row.rollup_crc == alone.rollup_crc
        assert row.quick == alone.quick
        found = unpack_chunk(
            row.tag, row.t_min, row.t_max, row.n, row.crc, row.samples, known.__getitem__
        )
        for name, wanted in zip(Columns._fields, decode(alone.samples), strict=True):
            assert getattr(found, name).tobytes() == wanted.tobytes(), name
        if row.times is None:
            assert row.samples == alone.samples
        else:
            assert len(row.samples) <= len(alone.samples)
    assert {row.times for row in chunks} - {None} == set(known)  # none for nothing


@settings(max_examples=50, deadline=None)
@given(times(), st.integers(2, 40))
def test_the_same_irregular_times_are_stored_once(time_ns: Ints, count: int) -> None:
    n = len(time_ns)
    columns = Columns(time_ns, np.arange(float(n)), np.zeros(n, np.uint8))
    chunks, shared = packed([(columns, Rule(0.0, MINUTE_NS))] * count)
    irregular = len(set(np.diff(time_ns).tolist())) > 1
    assert len(shared) == (irregular and n >= SHARED_FROM)
    assert {row.times is None for row in chunks} == {not shared}


def test_fast_tags_that_are_packed_in_several_goes_share_their_times() -> None:
    n, count = 3_000, 3 * MOST_WAITING // 3_000
    noise = np.random.default_rng(3)
    time_ns = T0_NS + np.cumsum(noise.integers(99_000_000, 101_000_000, n))
    members = [
        (
            Columns(time_ns, noise.integers(0, 9000, n) / 1000.0, np.zeros(n, np.uint8)),
            Rule(0.001, MINUTE_NS),
        )
        for _ in range(count)
    ]
    chunks, shared = packed(members)
    assert len(shared) == 1
    assert {row.times for row in chunks} == {shared[0].number}
    for row in chunks:
        assert row.quick is not None
        assert row.quick == pack_chunk(row.tag, *members[row.tag][:1], *members[row.tag][1]).quick
