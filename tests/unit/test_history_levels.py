"""Levels of the history: when a chunk goes to the next one, what is told, what damage does."""

import math
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from controller.clock import NS, ManualClock
from controller.core.sample import Quality
from controller.history import Reader, Store, thinning
from controller.history.backlog import Loss
from controller.history.feed import Feed
from controller.history.results import Thinned
from controller.history.retention import ages_of
from controller.history.schema import open_for_reading
from controller.history.seal import plan_seal
from controller.history.several import MergedReader
from controller.history.status import HistorianSettings
from controller.history.thinning import DAY_NS, FOR_EVER, Ages, LetGo, Level
from controller.history.writer import Writer
from tests.support.history import (
    MINUTE_NS,
    T0_NS,
    Row,
    as_version,
    batch,
    make_tag,
    new_store,
    seal,
    to_minutes,
    to_ten_seconds,
)

TEN_S_NS = 10 * NS
HOUR_S, DAY_S = 3600, 86_400
FAR = 2**62


def fast(day: int, n: int = 4000, tag: int = 1) -> list[Row]:
    """Samples at 10 Hz: ten-second rows are smaller."""
    noise = np.random.default_rng(day).integers(-50, 50, n).tolist()
    start_ns = T0_NS + day * DAY_NS
    return [(tag, v / 100, 0, start_ns + k * NS // 10) for k, v in enumerate(noise)]


def slow(day: int, tag: int = 1) -> list[Row]:
    """Three samples an hour: they are smaller than ten-second rows."""
    start_ns = T0_NS + day * DAY_NS
    return [(tag, float(k), 0, start_ns + k * 1200 * NS) for k in range(9)]


def put(store: Store, *batches: list[Row]) -> None:
    """Each batch in chunks of its own."""
    for rows in batches:
        store.commit(batch(rows))
        seal(store)


def levels(path: Path, tag: int = 1) -> list[tuple[bool, bool]]:
    """Of each chunk in the order of time: are there samples, are there ten-second rows?"""
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT samples IS NOT NULL, coalesce(length(ten_s), 0) > 0 FROM chunk WHERE tag = ?"
        " ORDER BY t_min",
        (tag,),
    ).fetchall()
    connection.close()
    return [(bool(samples), bool(ten_s)) for samples, ten_s in rows]


def execute(path: Path, statement: str, *values: int) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


RAW, TEN_S, MINUTES = (True, False), (False, True), (False, False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def test_every_level_ends_at_its_own_age(path: Path) -> None:
    store = new_store(path, "A")
    put(store, *(fast(day) for day in range(5)))
    newest = T0_NS + 4 * DAY_NS + 3999 * NS // 10
    ages = Ages(DAY_NS, 2 * DAY_NS, 3 * DAY_NS)
    gone = store.retain(newest, ages)
    assert levels(path) == [MINUTES, TEN_S, RAW]
    assert gone[Level.NOTHING] == LetGo(2, 8000, T0_NS, newest - 3 * DAY_NS)
    assert (gone[Level.TEN_S].samples, gone[Level.MINUTE].samples) == (4000, 12_000)
    store.close()
    with Reader(path) as reader:
        assert reader.span("A") == (T0_NS + 2 * DAY_NS, newest)


def test_a_chunk_of_few_samples_keeps_them_through_the_ten_second_level(path: Path) -> None:
    store = new_store(path, "A", "B")
    put(store, slow(0) + fast(0, tag=2), slow(9) + fast(9, tag=2))
    gone = store.retain(FAR, to_ten_seconds(5 * DAY_S))
    assert (levels(path, 1), levels(path, 2)) == ([RAW, RAW], [TEN_S, RAW])
    assert gone == {Level.TEN_S: LetGo(1, 4000, T0_NS, T0_NS + 3999 * NS // 10)}
    assert store.retain(FAR, to_ten_seconds(5 * DAY_S)) == {}
    with Reader(path) as reader:
        assert len(reader.raw("A", 0, FAR)) == 18
        assert reader.raw("A", 0, FAR).thinned == ()
    gone = store.retain(FAR, to_minutes(5 * DAY_S))
    assert gone[Level.MINUTE].samples == 9 + 4000
    assert (levels(path, 1), levels(path, 2)) == ([MINUTES, RAW], [MINUTES, RAW])
    store.close()


def test_samples_that_stayed_are_still_extended_by_late_ones(path: Path) -> None:
    store = new_store(path, "A")
    put(store, slow(0), slow(9))
    store.retain(FAR, to_ten_seconds(5 * DAY_S))
    put(store, [(1, 7.0, 0, T0_NS + 30 * NS)])
    store.retain(FAR, to_ten_seconds(5 * DAY_S))
    store.close()
    with Reader(path) as reader:
        assert len(reader.raw("A", 0, FAR)) == 19
        found = reader.buckets("A", T0_NS, T0_NS + MINUTE_NS, 6)
    assert (found.count.tolist(), found.inexact) == ([1, 0, 0, 1, 0, 0], 0)


def test_narrow_buckets_come_from_ten_second_rows(path: Path) -> None:
    store = new_store(path, "A")
    put(store, fast(0), fast(1))
    with Reader(path) as reader:
        before = reader.buckets("A", T0_NS + TEN_S_NS, T0_NS + 10 * TEN_S_NS, 9)
        store.retain(FAR, to_ten_seconds(HOUR_S))
        after = reader.buckets("A", T0_NS + TEN_S_NS, T0_NS + 10 * TEN_S_NS, 9)
        shifted = reader.buckets("A", T0_NS + 3 * NS, T0_NS + 93 * NS, 9)
    store.close()
    assert (after.count.tolist(), after.inexact) == ([100] * 9, 0)
    for name in ("minimum", "maximum", "first", "last", "known"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    np.testing.assert_allclose(after.mean, before.mean, rtol=1e-10, atol=1e-12)
    assert shifted.inexact == 10


def test_buckets_narrower_than_the_roll_ups_share_their_time(path: Path) -> None:
    store = new_store(path, "A")
    put(store, [(1, 2.0, 0, T0_NS + k * NS) for k in range(600)], fast(1))
    store.retain(FAR, to_minutes(HOUR_S))
    store.close()
    with Reader(path) as reader:
        found = reader.buckets("A", T0_NS, T0_NS + 4 * MINUTE_NS, 16)
    assert found.known.tolist() == pytest.approx([1.0] * 16)
    assert found.mean.tolist() == pytest.approx([2.0] * 16)
    assert found.count.tolist() == [60, 0, 0, 0] * 4
    assert found.inexact == 4


def test_raw_names_the_stretches_that_were_thinned(path: Path) -> None:
    store = new_store(path, "A")
    put(store, *(fast(day) for day in range(6)))
    store.retain(FAR, to_minutes(4 * DAY_S))
    store.retain(FAR, to_ten_seconds(2 * DAY_S))
    store.close()
    lasts = [T0_NS + day * DAY_NS + 3999 * NS // 10 + 1 for day in range(6)]
    wanted = (
        Thinned(T0_NS, lasts[1], 60),
        Thinned(T0_NS + 2 * DAY_NS, lasts[3], 10),
    )
    with Reader(path) as reader:
        series = reader.raw("A", 0, FAR)
        assert (len(series), series.thinned) == (8000, wanted)
        cut = reader.raw("A", T0_NS + NS, T0_NS + 2 * DAY_NS + NS)
        assert cut.thinned == (
            Thinned(T0_NS + NS, lasts[1], 60),
            Thinned(T0_NS + 2 * DAY_NS, T0_NS + 2 * DAY_NS + NS, 10),
        )
        assert reader.raw("A", T0_NS + 4 * DAY_NS, FAR).thinned == ()
    with MergedReader([path, path]) as merged:
        assert set(merged.raw("A", 0, FAR).thinned) == set(wanted)


def test_where_roll_ups_are_left_the_end_of_the_last_one_is_the_value(path: Path) -> None:
    store = new_store(path, "A")
    rows: list[Row] = [(1, float(k), 0, T0_NS + k * NS) for k in range(1800)]
    rows[1200:1260] = [(1, math.nan, 132, t) for _, _, _, t in rows[1200:1260]]
    put(store, rows, fast(1))
    store.retain(FAR, to_minutes(HOUR_S))
    store.close()
    with Reader(path) as reader:
        held = reader.at("A", T0_NS + 150 * NS)
        bad = reader.at("A", T0_NS + 1265 * NS)
        last = reader.at("A", T0_NS + 20 * HOUR_S * NS)
        assert reader.at("A", T0_NS - 1) is None
        newest = reader.latest("A")
    assert held is not None
    assert bad is not None
    assert (held.value, held.quality, held.time_ns) == (119.0, 64, T0_NS + 120 * NS)
    assert (bad.quality, bad.time_ns) == (int(Quality.BAD), T0_NS + 1260 * NS)
    assert math.isnan(bad.value)
    assert last is not None
    assert (last.value, last.time_ns) == (1799.0, T0_NS + 1799 * NS)
    assert newest is not None
    assert newest.quality == 0


@pytest.mark.parametrize("ages", [to_ten_seconds(HOUR_S), to_minutes(HOUR_S)])
def test_damaged_samples_go_to_quarantine_and_their_roll_ups_stay(path: Path, ages: Ages) -> None:
    store = new_store(path, "A")
    put(store, fast(0), fast(1))
    execute(path, "UPDATE chunk SET samples = x'00' WHERE t_min = ?", T0_NS)
    store.retain(FAR, ages)
    store.close()
    assert levels(path) == [MINUTES, RAW]
    with Reader(path) as reader:
        whole = reader.buckets("A", T0_NS, T0_NS + 7 * MINUTE_NS, 1)
        damage = reader.damage()
    assert (whole.count.tolist(), whole.damaged) == ([4000], 0)
    # On the way to minutes samples are not looked at: they go in any case.
    assert len(damage) == (1 if ages.ten_s_ns > ages.raw_ns else 0)


@pytest.mark.parametrize("steps", [[to_ten_seconds], [to_minutes], [to_ten_seconds, to_minutes]])
def test_a_damaged_roll_up_is_made_anew_from_what_goes(path: Path, steps) -> None:
    store = new_store(path, "A")
    put(store, fast(0), fast(1))
    with Reader(path) as reader:
        before = reader.buckets("A", T0_NS, T0_NS + 7 * MINUTE_NS, 7)
    for k, ages in enumerate(steps):
        if k == len(steps) - 1:
            execute(path, "UPDATE chunk SET rollup = x'00' WHERE t_min = ?", T0_NS)
        store.retain(FAR, ages(HOUR_S))
    store.close()
    with Reader(path) as reader:
        after = reader.buckets("A", T0_NS, T0_NS + 7 * MINUTE_NS, 7)
        assert reader.damage() == []
    assert (after.count.tolist(), after.damaged) == (before.count.tolist(), 0)
    np.testing.assert_allclose(after.mean, before.mean, rtol=1e-9, atol=1e-12)


def test_damaged_ten_second_rows_leave_the_minutes(path: Path) -> None:
    store = new_store(path, "A")
    put(store, fast(0), fast(1))
    store.retain(FAR, to_ten_seconds(HOUR_S))
    execute(path, "UPDATE chunk SET ten_s = x'00' WHERE samples IS NULL")
    with Reader(path) as reader:
        found = reader.buckets("A", T0_NS, T0_NS + 6 * MINUTE_NS, 36)
        assert reader.at("A", T0_NS + 3 * MINUTE_NS) is not None
    assert (int(found.count.sum()), found.damaged, found.inexact) == (3600, 1, 6)
    assert [b.origin for b in store.check(None)] == ["chunk"]
    store.close()
    assert levels(path) == [MINUTES, RAW]
    with Reader(path) as reader:
        assert [n for _, _, _, n, _ in reader.damage()] == [4000]
        assert reader.buckets("A", T0_NS, T0_NS + 6 * MINUTE_NS, 36).damaged == 0


def test_the_size_limit_keeps_the_levels_in_proportion_and_the_newest_day(path: Path) -> None:
    store = new_store(path, "A")
    put(store, *(fast(day) for day in range(40)))
    ages = Ages(10 * DAY_NS, 40 * DAY_NS)
    before = store.used_bytes
    raw_bytes = 40 * 3000
    store.shrink(before - raw_bytes // 2, ages)
    found = levels(path)
    raw = found.count(RAW)
    assert found == sorted(found, key=[MINUTES, TEN_S, RAW].index)
    assert 5 < raw < 35
    store.shrink(before - 5 * raw_bytes // 6, ages)
    found = levels(path)
    assert found == sorted(found, key=[MINUTES, TEN_S, RAW].index)
    assert 0 < found.count(RAW) < raw
    store.shrink(0, ages)
    assert levels(path) == [MINUTES]  # the newest day keeps its minutes whatever the limit
    store.close()


def test_ages_of_settings_never_end_before_those_of_the_level_above() -> None:
    assert ages_of(HistorianSettings()) == Ages(30 * DAY_NS, 365 * DAY_NS, FOR_EVER)
    settings = HistorianSettings(raw_days=400.0, ten_s_days=2.0, minute_days=1.0)
    assert ages_of(settings) == Ages(400 * DAY_NS, 400 * DAY_NS, 400 * DAY_NS)


def test_version_4_is_brought_up_in_place_and_read_as_it_is(path: Path) -> None:
    store = new_store(path, "A")
    put(store, fast(0), fast(9))
    store.retain(FAR, to_minutes(5 * DAY_S))
    identity = store.identity
    store.close()
    as_version(path, 4)
    with Reader(path) as reader:
        assert len(reader.raw("A", 0, FAR)) == 4000
        assert reader.raw("A", 0, FAR).thinned[0].step_s == 60
        store = Store.open(path)
        assert store.identity == identity  # sinks go on where they were
        put(store, fast(20))
        store.retain(FAR, to_ten_seconds(5 * DAY_S))
        assert levels(path) == [MINUTES, TEN_S, RAW]
        # The reader was there before: it sees the new level.
        assert [t.step_s for t in reader.raw("A", 0, FAR).thinned] == [60, 10]
    store.close()


class FailingOnce(sqlite3.Connection):
    """Carries out one commit and reports it as failed."""

    armed = False

    def execute(self, *args):  # type: ignore[no-untyped-def]
        cursor = super().execute(*args)
        if type(self).armed and args[0] == "COMMIT":
            type(self).armed = False
            raise sqlite3.OperationalError("disk I/O error")
        return cursor


def test_an_event_of_thinning_is_there_exactly_when_the_thinning_is(path: Path) -> None:
    new_store(path, "A").close()
    store = Store.open(path, FailingOnce)
    put(store, fast(0), fast(1))
    row = (T0_NS, "system", "", "historian", "thinned", "", "")
    with closing(open_for_reading(path)) as connection:
        piece = thinning.plan_by_age(connection, to_ten_seconds(HOUR_S), FAR)
    FailingOnce.armed = True
    with pytest.raises(sqlite3.OperationalError):
        store.thin(piece, [row])
    store.commit(batch([]), [(T0_NS + 1, "system", "", "historian", "next", "", "")])
    store.close()
    assert levels(path) == [TEN_S, RAW]
    with Reader(path) as reader:
        assert [event.text for event in reader.events()] == ["thinned", "next"]


def old_store(path: Path, days: int) -> ManualClock:
    """A store of one fast chunk a day, and a clock that stands at its end."""
    store = new_store(path, "A")
    put(store, *(fast(day) for day in range(days)))
    store.close()
    clock = ManualClock()
    clock.t_s += (T0_NS + days * DAY_NS - clock.utc_ns()) / NS
    return clock


def writer_of(path: Path, clock: ManualClock, **settings: float) -> Writer:
    """A writer driven by the test instead of a thread."""
    wanted = HistorianSettings(**{"seal_samples": 1, "seal_per_tag": 0} | settings)  # type: ignore[arg-type]
    return Writer(Store.open(path), [make_tag("A", resolution=0.01)], clock, wanted)


def one_step(writer: Writer) -> None:
    for planned in (writer._sealing, writer._thinning):
        if planned is not None:
            planned.exception()
    writer.upkeep()


def test_the_writer_thins_a_piece_at_a_time_and_seals_in_between(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thinning, "PIECE_CHUNKS", 1)
    clock = old_store(path, 8)
    writer = writer_of(path, clock, raw_days=2.0)
    thin, seals = [0], []
    for k in range(40):
        if k == 6:
            writer.take(batch([(0, 1.0, 0, clock.utc_ns())]), [], Loss())
        assert writer.commit()
        one_step(writer)
        thin.append(levels(path).count(TEN_S))
        seals.append(writer.status().seals)
    writer.close()
    assert np.diff(thin).max() == 1
    assert thin[-1] == 6
    assert thin[seals.index(1)] < 6  # it did not wait until all was thinned


def test_what_the_size_limit_takes_is_told_exactly(path: Path) -> None:
    clock = old_store(path, 30)
    store = Store.open(path)
    limit = store.used_bytes - 50_000
    store.close()
    writer = writer_of(path, clock, raw_days=100.0, max_bytes=limit)
    for _ in range(30):
        assert writer.commit()
        one_step(writer)
    assert writer.status().used_bytes <= limit
    writer.close()
    with Reader(path) as reader:
        told = [event for event in reader.events() if "size limit" in event.text]
        series = reader.raw("A", 0, FAR)
    let_go = sum(e.data["samples"] for e in told if e.data["level"] == "ten_s")
    assert 0 < let_go == 30 * 4000 - len(series)
    assert min(e.data["from_ns"] for e in told) == T0_NS
    assert max(e.data["to_ns"] for e in told) == series.thinned[-1].to_ns - 1


def test_minutes_deleted_at_their_age_are_told(path: Path) -> None:
    clock = old_store(path, 9)
    writer = writer_of(path, clock, raw_days=1.0, ten_s_days=2.0, minute_days=5.0)
    for _ in range(30):
        assert writer.commit()
        one_step(writer)
    writer.close()
    assert levels(path) == [MINUTES] * 3 + [TEN_S, RAW]
    with Reader(path) as reader:
        (told,) = reader.events()
        assert (told.data["level"], told.data["samples"]) == ("nothing", 16_000)
        assert reader.span("A") == (T0_NS + 4 * DAY_NS, T0_NS + 8 * DAY_NS + 3999 * NS // 10)


def test_a_limit_that_cannot_be_kept_is_not_tried_for_ever(path: Path) -> None:
    clock = old_store(path, 2)
    writer = writer_of(path, clock, max_bytes=1)
    for _ in range(20):
        one_step(writer)
    assert writer._thinning is None
    assert levels(path) == [MINUTES]
    writer.close()


def test_what_sinks_have_not_sent_stays_in_the_outbox_whatever_is_thinned(path: Path) -> None:
    store = new_store(path, "A")
    for day in range(4):
        store.commit(batch(fast(day)))
        with closing(open_for_reading(path)) as connection:
            plan = plan_seal(connection, store.last_seq, None, sent_seq=0)
        store.apply(plan)
    store.retain(FAR, Ages(0, 0, DAY_NS))
    assert levels(path) == [MINUTES]
    store.close()
    with Feed(path) as feed:
        rows = feed.rows(1, FAR, FAR)
    assert [row.seq for row in rows] == [1, 2, 3, 4]
    values = [row.samples.values.tolist() for row in rows if row.samples is not None]
    assert values == [[v for _, v, _, _ in fast(day)] for day in range(4)]
