"""A life of the historian that seals, thins, keeps an outbox and checkpoints; and its promises."""

import sqlite3
from contextlib import closing
from pathlib import Path

from controller import historian as historian_module
from controller.clock import NS, ManualClock
from controller.core.event import Event, EventKind
from controller.historian import Historian, HistorianSettings
from controller.history import Reader, Store
from controller.history.feed import Feed
from tests.support.disk_faults import Faults
from tests.support.history import T0_NS, Row, batch, make_tag

TAGS = [make_tag("UP"), make_tag("DOWN")]
AT_ONCE = 60
APART_NS = NS // 20
SETTINGS = HistorianSettings(
    commit_interval_s=0.02, seal_samples=360, seal_per_tag=0, seal_interval_s=1e9,
    raw_days=3.0, ten_s_days=6.0, outbox_bytes=2**20,
)  # fmt: skip
STEP_S = 9 * 3600.0  # so long that chunks end and grow old
SENT_EVERY, SENT_BEHIND = 5, 6  # a sink that comes after, in steps
CHECKPOINT_PAGES = 40
PASSING_S, LASTING_S = 10.0, 0.005  # how long a promise is waited for
LASTING_STEPS = 3  # lived on with a disk that refuses for good


def value(number: int) -> float:
    """Of a sample; the first tag's cannot be packed so small that thinning would keep them."""
    return (number * 7919 % 10_007) / 8 + 1 / 3


def time_ns(number: int) -> int:
    """Of a sample: twenty a second, then a pause until the next step."""
    step, rest = divmod(number, AT_ONCE)
    return T0_NS + int(step * STEP_S) * NS + rest * APART_NS


def numbered(start: int, n: int) -> list[Row]:
    """Samples number start ... of both tags."""
    return [
        (tag, sign * value(k), 0, time_ns(k))
        for k in range(start, start + n)
        for tag, sign in ((0, 1), (1, -1))
    ]


def _nobody(_: int) -> None:
    """Takes marks where nothing is recorded."""


class HistoryLife:
    """promised: steps that were acknowledged, AT_ONCE samples of each tag and an event each."""

    STEPS = 30

    def __init__(self, folder: Path, faults: Faults | None = None) -> None:
        self.path = folder / "run" / "history.db"
        self._faults = faults
        self._mark = faults.mark if faults else _nobody
        self.promised = 0
        self._rows: list[int] = []  # number of the newest row after each step
        self._sent_seq = 0

    def run(self, *, passing: bool) -> None:
        """Live once; StoreError when the disk does not even let it begin."""
        historian_module.CLOSING_TRIES = 1
        clock = ManualClock()
        historian = Historian(self.path, TAGS, clock, SETTINGS, sent=lambda _: self._sent_seq)
        historian.start()
        try:
            self._frequent_checkpoints(historian)
            for step in range(self.STEPS):
                self._record(historian, step)
                if self._promise(historian, passing):
                    self.promised = step + 1
                    self._mark(self.promised)
                self._send(historian, step)
                clock.t_s += STEP_S
                self._let_upkeep(historian, passing)
                refused = step + 1 - self.promised
                if refused >= LASTING_STEPS and not passing:
                    break
        finally:
            historian.close()
        status = historian.status
        assert status.accepted == status.stored + status.filtered + status.queued
        assert status.dropped == 0

    def _promise(self, historian: Historian, passing: bool) -> bool:
        if passing:
            return historian.flush(PASSING_S)
        while not (kept := historian.flush(LASTING_S)) and not (
            self._faults and self._faults.struck
        ):
            pass
        return kept

    def _frequent_checkpoints(self, historian: Historian) -> None:
        store = _store(historian)
        store._connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")

    def _record(self, historian: Historian, step: int) -> None:
        historian.record(batch(numbered(step * AT_ONCE, AT_ONCE)))
        event = Event(
            time_ns=T0_NS + step, kind=EventKind.STATE, station="cell", subject="cell",
            text=str(step),
        )  # fmt: skip
        historian.event(event)

    def _send(self, historian: Historian, step: int) -> None:
        self._rows.append(_store(historian).last_seq)
        if step % SENT_EVERY == 0 and step >= SENT_BEHIND and self.promised == step + 1:
            self._sent_seq = self._rows[step - SENT_BEHIND]

    def _let_upkeep(self, historian: Historian, passing: bool) -> None:
        """Give the writer a few intervals for sealing and thinning."""
        if passing:
            for _ in range(3):
                historian.flush(PASSING_S)

    def check(self, promised: int) -> None:
        """Everything promised is there, whole and once; AssertionError says what is not."""
        if not self.path.exists() and not promised:
            return
        with closing(Store.open(self.path)) as store:
            assert store.found_broken == [], store.found_broken
            assert store.set_aside is None, f"set aside as {store.set_aside}"
            damaged = store.check(None)
            assert damaged == [], damaged
        reached = self._reached()
        assert promised * AT_ONCE <= reached, f"lost: {promised * AT_ONCE} > {reached}"
        self._check_rows(reached)
        self._check_unsent(promised, reached)
        assert reached <= self.STEPS * AT_ONCE

    def _reached(self) -> int:
        with Reader(self.path) as reader:
            events = [e.text for e in reader.events(station="cell")]
            steps = len(events)
            assert events == [str(k) for k in range(steps)], events
            if not reader.tags():
                assert steps == 0
                return 0
            window = (T0_NS, time_ns(self.STEPS * AT_ONCE), self.STEPS)
            for tag, sign in (("UP", 1), ("DOWN", -1)):
                found = reader.raw(tag, 0, 2**62)
                assert found.damaged == 0
                first = steps * AT_ONCE - len(found)
                wanted = [sign * value(k) for k in range(first, steps * AT_ONCE)]
                assert found.values.tolist() == wanted, f"{tag} {first} {steps}"
                buckets = reader.buckets(tag, *window, aligned=False)
                assert buckets.damaged == 0
                assert int(buckets.count.sum()) == steps * AT_ONCE, "counted otherwise"
        return steps * AT_ONCE

    def _check_rows(self, reached: int) -> None:
        connection = sqlite3.connect(self.path)
        try:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            query = "SELECT (SELECT coalesce(sum(n), 0) FROM chunk), (SELECT coalesce(sum(n), 0)"
            sealed, fresh = connection.execute(f"{query} FROM journal)").fetchone()
            assert sealed + fresh == 2 * reached, f"{sealed} + {fresh} rows for 2 * {reached}"
        finally:
            connection.close()

    def _check_unsent(self, promised: int, reached: int) -> None:
        """What a sink has not sent is there without a hole, up to the newest sample."""
        with Feed(self.path) as feed:
            rows = feed.rows(0, 2**62, 10**6)
        times = [t for row in rows for t in row.samples.time_ns[::2].tolist()]
        sent = AT_ONCE * max(1, promised - SENT_BEHIND)  # what was sent may have stayed in part
        unsent = [t for t in times if t >= time_ns(sent)]
        assert unsent == [time_ns(k) for k in range(sent, reached)], [r.seq for r in rows]


def _store(historian: Historian) -> Store:
    assert historian._writer is not None
    return historian._writer._store
