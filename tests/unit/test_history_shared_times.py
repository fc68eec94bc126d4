"""Columns of times that chunks share: when there are any, when they go, what damage does."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from controller.backup.history_check import check_history
from controller.clock import NS
from controller.history import Reader, Store
from controller.history.schema import open_for_reading
from tests.support.history import (
    T0_NS,
    Row,
    as_version,
    batch,
    new_store,
    seal,
    to_minutes,
    to_ten_seconds,
)

TAGS = ("A", "B", "C")
FAR = T0_NS + 10**6 * NS
SHARED = "SELECT count(*) FROM times"
SHARING = "SELECT count(*) FROM chunk WHERE times IS NOT NULL"


def polled(tag: int, start_s: int = 0, stop_s: int = 60, **other: int) -> list[Row]:
    """Ten samples a second at times that jitter, the same for every tag."""
    n = (stop_s - start_s) * 10
    jitter = np.random.default_rng(start_s).integers(0, 10**6, n).tolist()
    values = np.random.default_rng(tag).integers(0, 9000, n).tolist()
    first_ns = T0_NS + start_s * NS + other.get("later_ns", 0)
    return [
        (tag, v / 100, 0, first_ns + k * NS // 10 + j)
        for k, (j, v) in enumerate(zip(jitter, values, strict=True))
    ]


def told(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


def number(path: Path, statement: str) -> int:
    return int(told(path, statement)[0][0])


def put(path: Path, *batches: list[Row]) -> None:
    store = Store.open(path) if path.exists() else new_store(path, *TAGS)
    for rows in batches:
        store.commit(batch(rows))
        seal(store)
    store.close()


def all_polled(start_s: int = 0, stop_s: int = 60) -> list[Row]:
    return [row for tag in (1, 2, 3) for row in polled(tag, start_s, stop_s)]


def check(path: Path, rows: list[Row]) -> None:
    """Every tag has exactly these samples."""
    with Reader(path) as reader:
        for tag, name in enumerate(TAGS, 1):
            found = reader.raw(name, 0, FAR)
            wanted = sorted((t, v, q) for g, v, q, t in rows if g == tag)
            lists = (found.time_ns.tolist(), found.values.tolist(), found.quality.tolist())
            assert list(zip(*lists, strict=True)) == wanted


def damage(path: Path) -> list[str]:
    with closing(open_for_reading(path)) as connection:
        return check_history(connection, lambda _: None).damage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def test_tags_of_one_poll_share_their_times(path: Path) -> None:
    rows = all_polled()
    put(path, rows)
    assert (number(path, SHARED), number(path, SHARING)) == (1, 3)
    check(path, rows)
    assert damage(path) == []


def test_other_times_are_not_shared(path: Path) -> None:
    rows = [*polled(1), *polled(2, later_ns=1), *polled(3)[:-1]]
    put(path, rows)
    assert (number(path, SHARED), number(path, SHARING)) == (0, 0)
    check(path, rows)


def test_what_is_added_has_other_times_and_the_old_ones_go(path: Path) -> None:
    put(path, all_polled())
    before = told(path, "SELECT id FROM times")
    put(path, all_polled(60, 120))
    assert (number(path, SHARED), number(path, SHARING)) == (1, 3)
    assert told(path, "SELECT id FROM times") != before
    check(path, all_polled() + all_polled(60, 120))


def test_a_late_sample_takes_one_tag_out_of_the_column(path: Path) -> None:
    late: Row = (2, -1.0, 0, T0_NS + 30 * NS - 7)
    put(path, all_polled(), [late])
    assert (number(path, SHARED), number(path, SHARING)) == (1, 2)
    check(path, [*all_polled(), late])
    assert damage(path) == []


@pytest.mark.parametrize("ages", [to_minutes(), to_ten_seconds()])
def test_times_go_with_the_samples(path: Path, ages: Any) -> None:
    put(path, all_polled(), all_polled(86_400, 86_460))
    assert number(path, SHARED) == 2
    store = Store.open(path)
    store.retain(T0_NS + 86_460 * NS, ages)
    store.close()
    left = number(path, "SELECT count(DISTINCT times) FROM chunk")
    assert number(path, SHARED) == left < 2
    assert damage(path) == []


def test_times_stay_while_one_chunk_needs_them(path: Path) -> None:
    put(path, all_polled())
    told(path, "DELETE FROM chunk WHERE tag IN (1, 2)")
    assert number(path, SHARED) == 1
    check(path, polled(3))
    told(path, "DELETE FROM chunk")
    assert number(path, SHARED) == 0


@pytest.mark.parametrize(
    "change",
    ["UPDATE times SET packed = zeroblob(100)", "UPDATE times SET spare = zeroblob(100)"],
)
def test_one_damaged_copy_loses_nothing_and_is_told(path: Path, change: str) -> None:
    put(path, all_polled())
    told(path, change)
    check(path, all_polled())
    (told_of,) = damage(path)
    assert "column of times" in told_of
    store = Store.open(path)
    assert store.found_broken == []
    store.commit(batch(all_polled(60, 120)))
    seal(store)
    store.close()
    check(path, all_polled() + all_polled(60, 120))
    assert damage(path) == []  # both were written anew


@pytest.mark.parametrize("how", ["UPDATE times SET packed = x'', spare = x''", "DELETE FROM times"])
def test_without_times_samples_go_to_quarantine_and_minutes_stay(path: Path, how: str) -> None:
    alone = polled(3, 86_400, 86_500)
    put(path, all_polled(), alone)
    told(path, how)
    with Reader(path) as reader:
        assert reader.buckets("A", T0_NS, T0_NS + 60 * NS, 1).damaged == 1  # and says so
    assert any("column of times" in text for text in damage(path))
    store = Store.open(path)
    assert len(store.found_broken) == 3
    store.close()
    assert told(path, "SELECT n FROM quarantine") == [(600,)] * 3
    with Reader(path) as reader:
        found = reader.buckets("A", T0_NS, T0_NS + 60 * NS, 1)
    assert (found.count.tolist(), found.damaged) == ([600], 0)
    check(path, alone)
    assert damage(path) == []


def test_an_open_reader_of_the_version_before_reads_what_is_sealed_later(path: Path) -> None:
    put(path, all_polled())
    as_version(path, 6)
    assert damage(path) == []
    reader = Reader(path)
    assert len(reader.raw("B", 0, FAR)) == 600
    put(path, all_polled(86_400, 86_460))
    assert number(path, SHARED) == 1
    assert len(reader.raw("B", 0, FAR)) == 1200
    reader.close()
    check(path, all_polled() + all_polled(86_400, 86_460))
