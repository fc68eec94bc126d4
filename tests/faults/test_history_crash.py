"""The history under kill -9, torn files and a disk that fails at every possible moment.

Started as a program, this file is the writer that gets killed: it records numbered samples and
prints the number of the last one that was acknowledged.
"""

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from controller.clock import ManualClock, SystemClock
from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.historian import Historian, HistorianSettings
from controller.history import Reader, Store
from controller.history import store as store_module
from controller.history.backlog import Loss
from controller.history.store import event_row
from controller.history.writer import Writer
from tests.support.history import T0_NS, Row, batch, make_tag, new_store, seal

ROOT = Path(__file__).parents[2]
TAGS = [make_tag("UP"), make_tag("DOWN", resolution=0.01)]
KILLS = 20
AT_ONCE = 25
MOST_PROMISES = 8  # before a kill; six hundred samples are sealed


def numbered(start: int, n: int) -> list[Row]:
    """Samples number start ... of both tags; the value is the number."""
    return [
        (tag, float(sign * k), 0, T0_NS + k * 10**6)
        for k in range(start, start + n)
        for tag, sign in ((0, 1), (1, -1))
    ]


def write_until_killed(path: Path, start: int) -> None:
    """The killed program: every line it prints is a promise."""
    settings = HistorianSettings(
        commit_interval_s=0.002, seal_samples=600, seal_per_tag=0, raw_days=1e5
    )
    historian = Historian(path, TAGS, SystemClock(), settings)
    historian.start()
    while True:
        historian.record(batch(numbered(start, AT_ONCE)))
        event = Event(
            time_ns=T0_NS + start,
            kind=EventKind.STATE,
            station="cell",
            subject="cell",
            text=str(start),
        )
        historian.event(event)
        start += AT_ONCE
        if historian.flush():
            print(start, flush=True)


def stored(path: Path) -> tuple[int, int]:
    """Numbers stored without a hole, and the samples that lie in the file."""
    with Reader(path) as reader:
        up, down = reader.raw("UP", 0, 2**62), reader.raw("DOWN", 0, 2**62)
        assert up.damaged == down.damaged == 0
    assert up.values.tolist() == list(range(len(up)))
    assert down.values.tolist() == [-k for k in range(len(down))]
    assert len(up) == len(down)
    connection = sqlite3.connect(path)
    count = connection.execute(
        "SELECT (SELECT coalesce(sum(n), 0) FROM chunk) + (SELECT coalesce(sum(n), 0) FROM journal)"
    ).fetchone()[0]
    (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    assert verdict == "ok"
    return len(up), count


@contextmanager
def started_writer(path: Path, start: int) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """The writing program, and what it prints; it does not outlive the block."""
    with subprocess.Popen(
        [sys.executable, "-m", __spec__.name, str(path), str(start)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        try:
            yield writer, writer.stdout
        finally:
            writer.kill()


@pytest.mark.timeout(180)
def test_kill_9_loses_and_doubles_no_acknowledged_sample(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    rng = random.Random(20260101)
    reached, seals_survived = 0, 0
    for _ in range(KILLS):
        with started_writer(path, reached) as (writer, promises):
            for _ in range(rng.randint(1, MOST_PROMISES)):  # however slow the disk is
                acknowledged = int(promises.readline())
            time.sleep(rng.uniform(0.0, 0.25))
            with Reader(path) as beside:  # a second process reads while the first writes
                seen = beside.raw("UP", 0, 2**62)
                assert seen.damaged == 0
                assert seen.values.tolist() == list(range(len(seen)))
                assert len(seen) >= acknowledged
            writer.send_signal(signal.SIGKILL)
            whole = promises.read().split("\n")[:-1]  # a torn last line is no promise
            acknowledged = int(whole[-1]) if whole else acknowledged
        store = Store.open(path)
        assert store.found_broken == []
        assert store.set_aside is None
        store.close()
        reached, count = stored(path)
        assert reached >= acknowledged
        assert count == 2 * reached
        with Reader(path) as reader:
            texts = [event.text for event in reader.events(station="cell")]
        assert texts == [str(k) for k in range(0, reached, AT_ONCE)]
        connection = sqlite3.connect(path)
        seals_survived += connection.execute("SELECT count(*) FROM chunk").fetchone()[0] > 0
        connection.close()
    assert seals_survived > KILLS // 2  # the kills did meet sealing


def test_a_torn_log_loses_only_what_was_torn(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    store = new_store(path, "UP", "DOWN")
    ends = []
    for k in range(30):
        rows = [(tag + 1, *rest) for tag, *rest in numbered(10 * k, 10)]
        store.commit(batch(rows))
        if k == 15:
            seal(store)
        ends.append(path.with_name("history.db-wal").stat().st_size)
    rng = random.Random(5)
    for trial in range(40):
        copy = tmp_path / f"copy{trial}.db"
        shutil.copy(path, copy)
        log = path.with_name("history.db-wal").read_bytes()
        cut = rng.randrange(ends[0], len(log))
        torn = bytearray(log[:cut])
        if trial % 2:  # a page that was written only in part
            torn[-rng.randrange(1, 3000) :] = b"\0" * 100
        copy.with_name(copy.name + "-wal").write_bytes(torn)
        again = Store.open(copy)
        assert again.found_broken == []
        again.close()
        reached, count = stored(copy)
        safe = sum(end <= cut - 3000 for end in ends)
        assert reached % 10 == 0
        assert reached >= 10 * min(safe, 1)
        assert count == 2 * reached
    store.close()


class FailingConnection(sqlite3.Connection):
    """Fails at the k-th statement, before it or, worse, after it was carried out."""

    calls = 0
    fails_at = range(0)
    after = False
    failed = False

    @classmethod
    def arm(cls, fails_at: range, *, after: bool) -> None:
        cls.calls, cls.fails_at, cls.after, cls.failed = 0, fails_at, after, False

    @contextmanager
    def _fault(self) -> Iterator[None]:
        kind = type(self)
        kind.calls += 1
        strikes = kind.calls in kind.fails_at
        kind.failed |= strikes
        if strikes and not kind.after:
            raise sqlite3.OperationalError("disk I/O error")
        yield
        if strikes:
            raise sqlite3.OperationalError("disk I/O error")

    def execute(self, *args):  # type: ignore[no-untyped-def]
        with self._fault():
            return super().execute(*args)

    def executemany(self, *args):  # type: ignore[no-untyped-def]
        with self._fault():
            return super().executemany(*args)


def work(path: Path) -> int:
    """A short life of a writer on a failing disk; returns the samples it acknowledged."""
    clock = ManualClock()
    settings = HistorianSettings(seal_samples=60, seal_per_tag=0, raw_days=1.0)
    try:
        store = Store.open(path, FailingConnection)
    except StoreError:
        return 0
    try:
        writer = Writer(store, TAGS, clock, settings)
    except StoreError:
        store.close()
        return 0
    acknowledged = 0
    for k in range(8):
        event = Event(
            time_ns=k, kind=EventKind.STATE, station="cell", subject="cell", text=str(10 * k)
        )
        writer.take(batch(numbered(10 * k, 10)), [event_row(event)], Loss())
        for _ in range(2):
            if writer.commit():
                acknowledged = 10 * (k + 1)
                break
        for _ in range(2):
            writer.upkeep()
            for planned in (writer._sealing, writer._thinning):
                if planned is not None:
                    planned.exception()
        clock.t_s += 11
    writer.close()
    return acknowledged


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("lasting", [1, 3, 10**6], ids=["once", "thrice", "for-good"])
def test_no_failing_statement_gives_a_false_promise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, after: bool, lasting: int
) -> None:
    monkeypatch.setattr(store_module, "NEWEST_CHECKED", 4)
    k = 0
    while True:
        k += 1
        path = tmp_path / f"{k}.db"
        FailingConnection.arm(range(k, k + lasting), after=after)
        acknowledged = work(path)
        struck = FailingConnection.failed
        FailingConnection.arm(range(0), after=False)
        if path.exists() and path.stat().st_size:
            Store.open(path).close()
            if acknowledged:
                reached, count = stored(path)
                assert acknowledged <= reached, f"statement {k}"
                assert count == 2 * reached, f"statement {k}"
                with Reader(path) as reader:
                    texts = [event.text for event in reader.events(station="cell")]
                assert texts == [str(10 * n) for n in range(reached // 10)], f"statement {k}"
        else:
            assert acknowledged == 0
        if not struck:
            break
        path.unlink(missing_ok=True)
    assert k > 60
    assert acknowledged == 80


if __name__ == "__main__":
    write_until_killed(Path(sys.argv[1]), int(sys.argv[2]))
