"""Thinning under kill -9 and on a disk that fails at every possible moment.

Started as a program, this file is what gets killed: it thins a store chunk by chunk.
"""

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from controller.clock import NS
from controller.core.errors import StoreError
from controller.history import Reader, Store, thinning
from controller.history.store import EventRow
from controller.history.thinning import DAY_NS, Ages, Thinning
from tests.faults.test_history_crash import FailingConnection
from tests.support.history import MINUTE_NS, T0_NS, Row, batch, new_store, seal

ROOT = Path(__file__).parents[2]
DAYS, SAMPLES = 30, 3000
AGES = Ages(2 * DAY_NS, 12 * DAY_NS, 24 * DAY_NS)
KILLS = 12
MOST_PIECES = 9  # before a kill; three kills meet a store of 28 pieces
LEVEL_OF_CHUNK = (
    "SELECT CASE WHEN samples IS NOT NULL AND ten_s IS NULL AND ten_s_crc IS NULL THEN 'raw'"
    " WHEN samples IS NULL AND length(ten_s) > 0 AND ten_s_crc IS NOT NULL THEN 'ten_s'"
    " WHEN samples IS NULL AND ten_s IS NULL AND ten_s_crc IS NULL THEN 'minute'"
    " ELSE 'torn' END, n, (t_min - ?) / ? FROM chunk ORDER BY t_min"
)


def filled(path: Path, days: int = DAYS) -> None:
    """A chunk a day of 10 Hz samples, so that ten-second rows are smaller."""
    store = new_store(path, "A")
    values = np.random.default_rng(3).integers(-50, 50, (days, SAMPLES)).tolist()
    for day, numbers in enumerate(values):
        start_ns = T0_NS + day * DAY_NS
        rows: list[Row] = [(1, v / 100, 0, start_ns + k * NS // 10) for k, v in enumerate(numbers)]
        store.commit(batch(rows))
        seal(store)
    store.close()


def told(piece: Thinning) -> EventRow:
    """The event of a piece: which level, how many samples."""
    text = f"{piece.level.name.lower()} {piece.gone.samples}"
    return (piece.gone.to_ns, "system", "", "historian", text, "", "")


def thin_all(store: Store, ages: Ages, after: Callable[[], None] = lambda: None) -> None:
    """Piece by piece, each told. after: called after each."""
    while piece := thinning.plan_by_age(store._connection, ages, 2**62):
        store.thin(piece, [told(piece)])
        after()


def assert_whole(path: Path, days: int = DAYS) -> dict[str, int]:
    """Every chunk is at one level and sound, what is gone was told; chunks by level."""
    store = Store.open(path)
    assert store.set_aside is None
    assert store.check(None) == []
    store.close()
    connection = sqlite3.connect(path)
    chunks = connection.execute(LEVEL_OF_CHUNK, (T0_NS, DAY_NS)).fetchall()
    (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    assert verdict == "ok"
    found = {level: sum(c[0] == level for c in chunks) for level in ("raw", "ten_s", "minute")}
    assert sum(found.values()) == len(chunks)
    with Reader(path) as reader:
        for level, n, day in chunks:
            assert n == SAMPLES
            start_ns = T0_NS + day * DAY_NS
            buckets = reader.buckets("A", start_ns, start_ns + 5 * MINUTE_NS, 5)
            assert (buckets.count.tolist(), buckets.inexact) == ([600] * 5, 0)
            series = reader.raw("A", start_ns, start_ns + DAY_NS)
            assert len(series) == (SAMPLES if level == "raw" else 0)
        texts = [event.text.split() for event in reader.events()]
    sums = {name: sum(int(n) for to, n in texts if to == name) for name in ("minute", "nothing")}
    gone = days - len(chunks)
    assert sums["nothing"] == gone * SAMPLES
    assert sums["minute"] == (gone + found["minute"]) * SAMPLES
    return found | {"nothing": gone}


@pytest.mark.timeout(180)
def test_kill_9_leaves_every_stretch_at_exactly_one_level(tmp_path: Path) -> None:
    rng = random.Random(20260102)
    path, original = tmp_path / "history.db", tmp_path / "original.db"
    filled(original)
    seen: set[tuple[int, ...]] = set()
    for kill in range(KILLS):
        if kill % 3 == 0:
            for old in tmp_path.glob("history.db*"):
                old.unlink()
            shutil.copy(original, path)
        command = [sys.executable, "-m", __spec__.name, str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as thinner:
            try:
                assert thinner.stdout is not None
                assert thinner.stdout.readline() == "thinning\n"
                for _ in range(rng.randrange(MOST_PIECES)):
                    assert thinner.stdout.readline() == "piece\n"
                time.sleep(rng.uniform(0.0, 0.005))
            finally:
                thinner.send_signal(signal.SIGKILL)
        seen.add(tuple(assert_whole(path).values()))
    assert len(seen) > KILLS // 3  # the kills did meet thinning
    store = Store.open(path)
    thin_all(store, AGES)
    store.close()
    assert assert_whole(path) == {"raw": 2, "ten_s": 10, "minute": 12, "nothing": 6}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_no_failing_statement_tears_a_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    monkeypatch.setattr(thinning, "PIECE_CHUNKS", 2)
    days, ages = 6, Ages(DAY_NS, 2 * DAY_NS, 4 * DAY_NS)
    original, path = tmp_path / "original.db", tmp_path / "history.db"
    filled(original, days)
    k = 0
    while True:
        k += 1
        shutil.copy(original, path)
        FailingConnection.arm(range(0), after=False)
        store = Store.open(path, FailingConnection)
        FailingConnection.arm(range(k, k + 1), after=after)
        with suppress(sqlite3.OperationalError, StoreError):
            thin_all(store, ages)
        struck = FailingConnection.failed
        FailingConnection.arm(range(0), after=False)
        store.commit(batch([]), [(2**61, "system", "", "historian", "next 0", "", "")])
        thin_all(store, ages)
        store.close()
        found = assert_whole(path, days)
        assert found == {"raw": 1, "ten_s": 1, "minute": 2, "nothing": 2}, f"statement {k}"
        with Reader(path) as reader:
            assert [event.text for event in reader.events()].count("next 0") == 1
        if not struck:
            break
    assert k > 30


if __name__ == "__main__":
    thinning.PIECE_CHUNKS = 1
    open_store = Store.open(Path(sys.argv[1]))
    print("thinning", flush=True)
    thin_all(open_store, AGES, lambda: print("piece", flush=True))
    time.sleep(60)
