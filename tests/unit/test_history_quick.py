"""Ten-second roll-ups beside the samples of fast tags: what they spare; they may be missing."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from controller.backup.history_check import check_history
from controller.clock import NS
from controller.history import Reader, Store
from controller.history.bucketing import equal_edges
from controller.history.results import Buckets
from tests.support.history import (
    MINUTE_NS,
    T0_NS,
    Row,
    as_version,
    assert_buckets,
    batch,
    expected_buckets,
    new_store,
    seal,
    to_minutes,
    to_ten_seconds,
)

FAR = 2**62
QUARTER_S = 900
START_NS = T0_NS + 3 * NS + 7  # of a query: on no whole step
STOP_NS = T0_NS + QUARTER_S * NS - 11


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def fast(tag: int = 1, start_s: int = 0, stop_s: int = QUARTER_S) -> list[Row]:
    """Samples at 10 Hz, some of them Bad."""
    noise = np.random.default_rng(tag).integers(-500, 500, (stop_s - start_s) * 10).tolist()
    start_ns = T0_NS + start_s * NS
    return [
        (tag, v / 100, 130 if k % 997 == 5 else 0, start_ns + k * NS // 10)
        for k, v in enumerate(noise)
    ]


def slow(tag: int) -> list[Row]:
    """One sample a second."""
    return [(tag, float(k % 7), 0, T0_NS + k * NS) for k in range(QUARTER_S)]


def put(path: Path, *batches: list[Row]) -> None:
    store = new_store(path, "FAST", "SLOW")
    for rows in batches:
        store.commit(batch(rows))
        seal(store)
    store.close()


def told(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


def queried(path: Path) -> Buckets:
    with Reader(path) as reader:
        return reader.buckets("FAST", START_NS, STOP_NS, 8)


def check(path: Path, rows: list[Row]) -> None:
    """The answer is whole, and equals brute force."""
    found = queried(path)
    assert found.damaged == found.inexact == 0
    assert_buckets(found, expected_buckets(rows, 1, found.edges_ns.tolist()))


def test_edges_of_buckets_of_minutes_lie_on_whole_ten_seconds() -> None:
    for minutes in (1, 1.44, 9.99):
        edges = equal_edges(START_NS, START_NS + round(20 * minutes * MINUTE_NS), 20, aligned=True)
        assert not (edges[1:-1] % (10 * NS)).any()
        assert edges[0] == START_NS
    narrow = equal_edges(START_NS, START_NS + 20 * MINUTE_NS - 20, 20, aligned=True)
    assert narrow.tolist() == [START_NS + (20 * MINUTE_NS - 20) * k // 20 for k in range(21)]
    wide = equal_edges(START_NS, START_NS + 200 * MINUTE_NS, 20, aligned=True)
    assert not (wide[1:-1] % MINUTE_NS).any()


def test_only_chunks_of_fast_tags_have_them(path: Path) -> None:
    put(path, fast(), slow(2))
    kept = told(path, "SELECT tag, quick IS NOT NULL, quick_crc IS NOT NULL FROM chunk")
    assert sorted(kept) == [(1, 1, 1), (2, 0, 0)]


def test_samples_of_uncut_steps_are_not_read(path: Path) -> None:
    """Here the samples are unreadable, and no edge cuts a step: the answer is whole."""
    rows = fast()
    put(path, rows)
    told(path, "UPDATE chunk SET samples = x'00'")
    with Reader(path) as reader:
        found = reader.buckets("FAST", T0_NS, T0_NS + QUARTER_S * NS, 8)
    assert found.damaged == 0
    assert_buckets(found, expected_buckets(rows, 1, found.edges_ns.tolist()))


def test_what_is_late_or_not_sealed_is_counted(path: Path) -> None:
    rows = [*fast(stop_s=500), *fast(start_s=520, stop_s=700)]
    late = [(1, 9.0, 0, T0_NS + 123 * NS + 1), (1, 8.0, 0, T0_NS + 505 * NS)]
    put(path, rows)
    store = Store.open(path)
    store.commit(batch(late))
    store.commit(batch(fast(start_s=700)))
    check(path, rows := [*rows, *late, *fast(start_s=700)])
    seal(store)
    store.close()
    check(path, rows)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE chunk SET quick = x'00'",
        "UPDATE chunk SET quick_crc = quick_crc + 1",
        "UPDATE chunk SET quick = NULL, quick_crc = NULL",
        "UPDATE chunk SET quick = NULL, quick_crc = NULL WHERE id = 1",
    ],
)
def test_without_sound_ones_the_samples_answer(path: Path, change: str) -> None:
    rows = fast(stop_s=400), fast(start_s=400)
    put(path, *rows)
    before = queried(path)
    told(path, change)
    check(path, [*rows[0], *rows[1]])
    np.testing.assert_array_equal(queried(path).edges_ns, before.edges_ns)


def test_those_of_other_samples_are_passed_over(path: Path) -> None:
    """Rows of equal times but other values, as after a mistake in a copy."""
    put(path, fast())
    other = path.with_name("other.db")
    rows = [(tag, v + 1, q, t) for tag, v, q, t in fast()]
    put(other, rows)
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS first", (str(path),))
        connection.execute(
            "UPDATE chunk SET (quick_crc, quick) = (SELECT quick_crc, quick FROM first.chunk)"
        )
    check(other, rows)


@pytest.mark.parametrize("ages", [to_ten_seconds(), to_minutes()])
def test_they_go_with_the_samples(path: Path, ages: Any) -> None:
    put(path, fast())
    store = Store.open(path)
    store.retain(FAR, ages)
    store.close()
    assert told(path, "SELECT samples, quick_crc, quick FROM chunk") == [(None, None, None)]


def test_they_go_when_the_samples_come_to_quarantine(path: Path) -> None:
    put(path, fast())
    told(path, "UPDATE chunk SET samples = x'00'")
    store = Store.open(path)
    assert len(store.found_broken) == 1
    store.close()
    assert told(path, "SELECT samples, quick_crc, quick FROM chunk") == [(None, None, None)]


@pytest.mark.parametrize("version", [3, 4, 5, 6])
def test_an_earlier_version_is_read_as_it_is_and_brought_up(path: Path, version: int) -> None:
    rows = fast(stop_s=400)
    put(path, rows)
    as_version(path, version)
    reader = Reader(path)
    whole = reader.raw("FAST", 0, FAR)
    check(path, rows)
    store = Store.open(path)
    store.commit(batch(fast(start_s=400)))
    seal(store)
    store.close()
    assert told(path, "PRAGMA user_version") == [(7,)]
    assert [q for (q,) in told(path, "SELECT quick IS NOT NULL FROM chunk ORDER BY t_min")][-1] == 1
    check(path, [*rows, *fast(start_s=400)])
    after = reader.raw("FAST", 0, FAR)  # there before: it sees what came
    reader.close()
    assert len(after) == QUARTER_S * 10
    n = len(whole)
    np.testing.assert_array_equal(after.values[:n], whole.values)
    np.testing.assert_array_equal(after.time_ns[:n], whole.time_ns)


def test_a_look_at_a_history_finds_damaged_ones(path: Path) -> None:
    put(path, fast())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert check_history(connection, lambda _: None).damage == []
        connection.execute("UPDATE chunk SET quick = x'00'")
        (damage,) = check_history(connection, lambda _: None).damage
    assert "quick rows of tag 1" in damage
