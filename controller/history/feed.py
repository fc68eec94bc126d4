"""The store as a sink sees it: rows by number, in the order of their commits, and events by id.

Rows come from the outbox (sealed, not sent) or from the journal (not sealed yet). Numbers rise and
are never used twice; some are missing. A row is lost when its samples were let go or fail their
checksum: it is told with what it held, so that a sink can report it exactly. Limits lo and hi
belong to what is asked for.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from controller.core.closing import Closing
from controller.core.errors import StoreError
from controller.core.event import Event
from controller.core.sample import Samples
from controller.history.codec import DamageError
from controller.history.outbox import unpack
from controller.history.results import StoredTag
from controller.history.rows import JournalRow, unpack_batch
from controller.history.schema import OUTBOX_SINCE, open_for_reading, snapshot
from controller.history.stored import event_of, tags_of

ALL_ROWS = (
    "SELECT seq, n, t_min, t_max, crc, columns, 1 FROM outbox LEFT JOIN outbox_columns USING (seq)"
    " WHERE seq BETWEEN :lo AND :hi UNION ALL"
    " SELECT seq, n, t_min, t_max, crc, columns, 0 FROM journal WHERE seq BETWEEN :lo AND :hi"
    " ORDER BY seq"
)
HEADS = (
    "SELECT seq, n, t_min, t_max FROM outbox WHERE seq BETWEEN :lo AND :hi UNION ALL"
    " SELECT seq, n, t_min, t_max FROM journal WHERE seq BETWEEN :lo AND :hi ORDER BY seq"
)
SUMMARY = f"SELECT count(*), coalesce(sum(n), 0) FROM ({HEADS})"  # noqa: S608 - a constant
NEIGHBOURS = 64  # rows looked at for samples that replace those of earlier rows


@dataclass(frozen=True, slots=True, eq=False)
class FeedRow:
    """One committed batch; samples None when they are lost, with the reason."""

    seq: int
    n: int
    t_min: int
    t_max: int
    samples: Samples | None
    reason: str = ""


class Waiting(NamedTuple):
    """What lies between two numbers: rows, samples, and the newest time of the oldest row."""

    rows: int = 0
    samples: int = 0
    since_ns: int = 0


class Lost(NamedTuple):
    """Rows whose samples nobody can send any more: up to which number, samples, their times."""

    upto: int = 0
    samples: int = 0
    from_ns: int = 0
    to_ns: int = 0


class StoredEvent(NamedTuple):
    """An event with its id, and how many earlier ones have its time, station and kind."""

    id: int
    twin: int
    event: Event


class Feed(Closing):
    """Reads beside the writer. Not for several threads at once."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError when there is no store, or one that has no outbox yet."""
        self.path = path
        self._connection = open_for_reading(path)
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version < OUTBOX_SINCE:
            self._connection.close()
            raise StoreError(f"{path}: its controller has not opened it since the update")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def identity(self) -> int:
        """What tells this store from every other."""
        return self._number("SELECT value FROM mark WHERE name = 'identity'")

    def newest(self) -> int:
        """Number of the newest row."""
        return self._number(
            "SELECT max((SELECT coalesce(max(seq), 0) FROM journal),"
            " (SELECT coalesce(max(value), 0) FROM mark WHERE name = 'used'))"
        )

    def newest_event(self) -> int:
        """Id of the newest event."""
        return self._number("SELECT coalesce(max(id), 0) FROM event")

    def change(self) -> int:
        """A number that is another one after every commit of the writer."""
        return self._number("PRAGMA data_version")

    def waiting(self, lo: int, hi: int) -> Waiting:
        """What there is from number lo to hi."""
        if hi < lo:
            return Waiting()
        with snapshot(self._connection, self.path) as connection:
            limits = {"lo": lo, "hi": hi}
            rows, samples = connection.execute(SUMMARY, limits).fetchone()
            oldest = connection.execute(f"{HEADS} LIMIT 1", limits).fetchone()
        return Waiting(rows, samples, oldest[3] if oldest else 0)

    def rows(self, lo: int, hi: int, max_samples: int) -> list[FeedRow]:
        """Rows from number lo to hi, so many as together do not exceed max_samples, at least one.

        A lost row ends the list, or is the only one in it.
        """
        found: list[FeedRow] = []
        total = 0
        with snapshot(self._connection, self.path) as connection:
            for fields in connection.execute(ALL_ROWS, {"lo": lo, "hi": hi}):
                total += fields[1]
                if found and total > max_samples:
                    break
                row = _row(*fields)
                if row.samples is None and found:
                    break
                found.append(row)
                if row.samples is None:
                    break
        return found

    def starts_from(self, lo: int, hi: int, max_samples: int) -> int:
        """Number from which on the rows up to hi have at most max_samples; hi + 1: not even one."""
        start, total = hi + 1, 0
        with snapshot(self._connection, self.path) as connection:
            newest_first = HEADS.replace("ORDER BY seq", "ORDER BY seq DESC")
            for seq, n, _, _ in connection.execute(newest_first, {"lo": lo, "hi": hi}):
                total += n
                if total > max_samples:
                    break
                start = seq
        return start

    def following(self, after: int, t_min: int, t_max: int) -> list[Samples]:
        """Samples of the next rows after a number that reach into a stretch of time."""
        with snapshot(self._connection, self.path) as connection:
            near = connection.execute(
                f"{HEADS} LIMIT {NEIGHBOURS}", {"lo": after + 1, "hi": 2**62}
            ).fetchall()
            chosen = [seq for seq, _, first, last in near if first <= t_max and last >= t_min]
            rows = [
                _row(*fields)
                for seq in chosen
                for fields in connection.execute(ALL_ROWS, {"lo": seq, "hi": seq})
            ]
        return [row.samples for row in rows if row.samples is not None]

    def let_go(self, lo: int, hi: int) -> Lost:
        """The rows from number lo on, up to hi, whose samples were let go; none when lo was not."""
        with snapshot(self._connection, self.path) as connection:
            (alive,) = connection.execute(
                "SELECT min(seq) FROM (SELECT min(seq) AS seq FROM outbox_columns WHERE seq >= :lo"
                " UNION ALL SELECT min(seq) FROM journal WHERE seq >= :lo)",
                {"lo": lo},
            ).fetchone()
            upto = hi if alive is None else min(hi, alive - 1)
            last, *lost = connection.execute(
                "SELECT max(seq), coalesce(sum(n), 0), min(t_min), max(t_max) FROM outbox"
                " WHERE seq BETWEEN ? AND ?",
                (lo, upto),
            ).fetchone()
        return Lost() if last is None else Lost(last, *lost)

    def damaged(self, lo: int, hi: int) -> Lost:
        """The rows from number lo to hi that the store put into quarantine."""
        with snapshot(self._connection, self.path) as connection:
            last, *lost = connection.execute(
                "SELECT max(origin_id), coalesce(sum(n), 0), min(t_min), max(t_max) FROM quarantine"
                " WHERE origin = 'journal' AND origin_id BETWEEN ? AND ?",
                (lo, hi),
            ).fetchone()
        return Lost() if last is None else Lost(last, *lost)

    def events(self, after: int, limit: int) -> list[StoredEvent]:
        """Events with an id after the given one, oldest first."""
        with snapshot(self._connection, self.path) as connection:
            rows = connection.execute(
                "SELECT id, (SELECT count(*) FROM event AS e WHERE e.time_ns = event.time_ns"
                " AND e.id < event.id AND e.kind = event.kind AND e.station = event.station),"
                " time_ns, kind, station, subject, text, actor, data FROM event"
                " WHERE id > ? ORDER BY id LIMIT ?",
                (after, limit),
            ).fetchall()
        return [StoredEvent(number, twin, event_of(*fields)) for number, twin, *fields in rows]

    def tags(self) -> tuple[StoredTag, ...]:
        """All tags ever stored."""
        with snapshot(self._connection, self.path) as connection:
            return tags_of(connection)

    def tags_in_use(self) -> frozenset[int]:
        """Ids of the tags that the store's controller writes since it was opened last."""
        with snapshot(self._connection, self.path) as connection:
            rows = connection.execute(
                "SELECT id FROM tag WHERE opened = (SELECT max(opened) FROM tag)"
            ).fetchall()
        return frozenset(number for (number,) in rows)

    def _number(self, statement: str) -> int:
        try:
            return int(self._connection.execute(statement).fetchone()[0])
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot be read: {error}") from error


def _row(
    seq: int, n: int, t_min: int, t_max: int, crc: int, columns: bytes | None, packed: int
) -> FeedRow:
    if columns is None:
        return FeedRow(seq, n, t_min, t_max, None, "let go at the disk limit")
    try:
        plain = unpack(columns) if packed else columns
        samples = unpack_batch(JournalRow(seq, n, t_min, t_max, crc, plain))
    except DamageError as error:
        return FeedRow(seq, n, t_min, t_max, None, f"damaged: {error}")
    return FeedRow(seq, n, t_min, t_max, samples)
