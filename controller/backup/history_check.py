"""Every checksum of a history, and whether its roll-ups are those of its samples."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from controller.backup.archive import Progress
from controller.history import rollup
from controller.history.codec import Columns, DamageError
from controller.history.outbox import unpack
from controller.history.rows import (
    Broken,
    JournalRow,
    read_journal,
    unpack_batch,
    unpack_chunk,
    unpack_quick,
    unpack_rollup,
    unpack_ten_s,
)
from controller.history.shared_times import SharedTimes, unpack_times

SPOT = 20  # every so many chunks have their minutes made again from their samples
CHUNKS = (
    "SELECT id, tag, t_min, t_max, n, rollup_crc, rollup, crc, samples, {}, {} FROM chunk"
    " ORDER BY id"
)
OVERLAPS = (
    "SELECT tag, t_min, before FROM (SELECT tag, t_min, lag(t_max) OVER"
    " (PARTITION BY tag ORDER BY t_min, t_max) AS before FROM chunk WHERE samples IS NOT NULL)"
    " WHERE before >= t_min"
)


@dataclass(slots=True)
class Found:
    """What a history holds, and what is wrong with it, one sentence each."""

    figures: dict[str, int] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_history(connection: sqlite3.Connection, told: Progress) -> Found:
    """Look at every row of a moment. Raises sqlite3.Error where nothing can be read."""
    found = Found()
    found.damage += _journal(connection, found.figures)
    found.damage += _outbox(connection, found.figures)
    found.damage += _times(connection)
    found.damage += _chunks(connection, found.figures, told)
    for tag, t_min, before in connection.execute(OVERLAPS):
        found.damage.append(
            f"tag {tag}: a chunk from {t_min} begins before {before}, inside another"
        )
    (found.figures["events"],) = connection.execute("SELECT count(*) FROM event").fetchone()
    for origin, t_min, t_max, n, reason in connection.execute(
        "SELECT origin, t_min, t_max, n, reason FROM quarantine ORDER BY id"
    ):
        found.notes.append(
            f"{n} samples of a {origin} row, {t_min} to {t_max}, lie in quarantine: {reason}"
        )
    return found


def _journal(connection: sqlite3.Connection, figures: dict[str, int]) -> list[str]:
    broken: list[Broken] = []
    figures["samples in the journal"] = sum(len(s) for s in read_journal(connection, broken))
    return [b.reason for b in broken]


def _outbox(connection: sqlite3.Connection, figures: dict[str, int]) -> Iterator[str]:
    figures["unsent rows"] = 0
    if not _has_table(connection, "outbox"):
        return
    for seq, n, t_min, t_max, crc, columns in connection.execute(
        "SELECT seq, n, t_min, t_max, crc, columns FROM outbox JOIN outbox_columns USING (seq)"
    ):
        figures["unsent rows"] += 1
        try:
            unpack_batch(JournalRow(seq, n, t_min, t_max, crc, unpack(columns)))
        except DamageError as error:
            yield f"outbox: {error}"


def _times(connection: sqlite3.Connection) -> Iterator[str]:
    """A chunk can be read while one copy of its times is sound; that the other is not is told."""
    if not _has_table(connection, "times"):
        return
    for number, *copies in connection.execute("SELECT id, packed, spare FROM times"):
        for copy in copies:
            try:
                unpack_times(number, copy, copy)
            except DamageError as error:
                yield str(error)


def _chunks(
    connection: sqlite3.Connection, figures: dict[str, int], told: Progress
) -> Iterator[str]:
    figures |= {"chunks": 0, "samples in chunks": 0, "roll-ups made again": 0}
    raw_chunks = 0
    shared = SharedTimes(connection)
    columns = {row[0] for row in connection.execute("SELECT name FROM pragma_table_info('chunk')")}
    ten_s = "ten_s_crc, ten_s" if "ten_s" in columns else "NULL, NULL"
    quick = "quick_crc, quick" if "quick" in columns else "NULL, NULL"
    for number, tag, t_min, t_max, n, rolled_crc, rolled, crc, samples, *fine in connection.execute(
        CHUNKS.format(ten_s, quick)
    ):
        figures["chunks"] += 1
        told(len(rolled) + len(samples or b"") + len(fine[1] or b"") + len(fine[3] or b""))
        try:
            minutes = unpack_rollup(tag, t_min, t_max, rolled_crc, rolled)
            if fine[1]:
                unpack_ten_s(tag, t_min, t_max, *fine[:2])
            if fine[3] is not None:
                unpack_quick(tag, t_min, t_max, crc, *fine[2:])
            if samples is None:
                continue
            raw = unpack_chunk(tag, t_min, t_max, n, crc, samples, shared)
        except DamageError as error:
            yield f"chunk {number}: {error}"
            continue
        figures["samples in chunks"] += len(raw.time_ns)
        if not _in_order(raw, t_min, t_max):
            yield f"chunk {number} of tag {tag}: its times are not those of its row"
        raw_chunks += 1
        if raw_chunks % SPOT == 1:
            figures["roll-ups made again"] += 1
            if not _same(minutes, raw):
                yield f"chunk {number} of tag {tag}: its roll-ups are not those of its samples"


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None


def _in_order(raw: Columns, t_min: int, t_max: int) -> bool:
    ends = (int(raw.time_ns[0]), int(raw.time_ns[-1]))
    return ends == (t_min, t_max) and bool((np.diff(raw.time_ns) > 0).all())


def _same(minutes: rollup.Minutes, raw: Columns) -> bool:
    """Counts and extremes of every minute; integrals also depend on rules that may have changed."""
    stored = rollup.rows_of(minutes)
    made = rollup.rows_over(raw, rollup.MINUTE_NS, rollup.MINUTE_NS)
    names = ("good", "uncertain", "bad", "minimum", "maximum", "first", "last")
    return len(stored) == len(made) and all(
        np.array_equal(getattr(stored, name), getattr(made, name), equal_nan=True) for name in names
    )
