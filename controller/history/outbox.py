"""The outbox: journal rows that were sealed before every sink had sent them.

Rows keep their numbers and are packed like the columns of chunks, to a fourth of their size. The
functions here are steps of a transaction of the store; `feed` reads what they leave.
"""

import sqlite3
import zlib
from typing import NamedTuple

import numpy as np

from controller.history.codec import LEVEL, DamageError, shuffle, unshuffle
from controller.history.rows import BYTES_PER_SAMPLE

AT_ONCE = 2000  # rows taken out in one transaction
LAYOUT = (("<i4", 4), ("<f8", 8), ("u1", 1), ("<i8", 8))  # tag, value, quality, time


class OutboxRow(NamedTuple):
    """One row: as in the journal, its columns packed."""

    seq: int
    n: int
    t_min: int
    t_max: int
    crc: int
    packed: bytes


def pack(columns: bytes, n: int) -> bytes:
    """Columns of a journal row, packed: times as steps, everything in byte planes, deflated."""
    parts = []
    at = 0
    for dtype, width in LAYOUT:
        column = np.frombuffer(columns, dtype, n, at)
        at += n * width
        if dtype == "<i8":
            column = np.diff(column, prepend=np.int64(0))
        parts.append(shuffle(column))
    return zlib.compress(b"".join(parts), LEVEL)


def unpack(packed: bytes, n: int) -> bytes:
    """The columns of a journal row as they were; DamageError when the bytes do not add up."""
    try:
        planes = zlib.decompress(packed)
    except zlib.error as error:
        raise DamageError(f"outbox row cannot be unpacked: {error}") from error
    if len(planes) != n * BYTES_PER_SAMPLE:
        raise DamageError(f"outbox row has {len(planes)} bytes for {n} samples")
    parts = []
    at = 0
    for dtype, width in LAYOUT:
        column = unshuffle(planes[at : at + n * width], n, np.dtype(dtype))
        at += n * width
        if dtype == "<i8":
            column = np.cumsum(column, dtype=np.int64)
        parts.append(column.tobytes())
    return b"".join(parts)


def rows_to_keep(
    connection: sqlite3.Connection, after: int, upto: int, broken: set[int]
) -> list[OutboxRow]:
    """Sound journal rows that leave the journal while somebody still needs them."""
    rows = connection.execute(
        "SELECT seq, n, t_min, t_max, crc, columns FROM journal WHERE seq > ? AND seq <= ?",
        (after, upto),
    )
    return [
        OutboxRow(seq, n, t_min, t_max, crc, pack(columns, n))
        for seq, n, t_min, t_max, crc, columns in rows
        if seq not in broken
    ]


def put(connection: sqlite3.Connection, rows: list[OutboxRow]) -> int:
    """Put rows in; returns their bytes."""
    connection.executemany(
        "INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?, ?)", [row[:5] for row in rows]
    )
    connection.executemany(
        "INSERT OR REPLACE INTO outbox_columns VALUES (?, ?)",
        [(row.seq, row.packed) for row in rows],
    )
    return sum(len(row.packed) for row in rows)


def size(connection: sqlite3.Connection) -> int:
    """Bytes of all rows that can still be sent."""
    (total,) = connection.execute(
        "SELECT coalesce(sum(length(columns)), 0) FROM outbox_columns"
    ).fetchone()
    return int(total)


def forget(connection: sqlite3.Connection, upto: int) -> tuple[int, int]:
    """Take out the oldest rows up to a number, some at a time; rows and bytes taken out."""
    rows = connection.execute(
        "SELECT o.seq, coalesce(length(c.columns), 0) FROM outbox o"
        " LEFT JOIN outbox_columns c USING (seq) WHERE o.seq <= ? ORDER BY o.seq LIMIT ?",
        (upto, AT_ONCE),
    ).fetchall()
    if rows:
        last = rows[-1][0]
        connection.execute("DELETE FROM outbox_columns WHERE seq <= ?", (last,))
        connection.execute("DELETE FROM outbox WHERE seq <= ?", (last,))
    return len(rows), sum(length for _, length in rows)


def let_go(connection: sqlite3.Connection, excess: int) -> int:
    """Let the samples of the oldest rows go until so many bytes are free; bytes freed.

    The rows stay as heads, so that each sink can tell exactly what it has not sent.
    """
    freed = 0
    last = None
    for seq, length in connection.execute(
        "SELECT seq, length(columns) FROM outbox_columns ORDER BY seq LIMIT ?", (AT_ONCE,)
    ):
        if freed >= excess:
            break
        freed, last = freed + length, seq
    if last is not None:
        connection.execute("DELETE FROM outbox_columns WHERE seq <= ?", (last,))
    return freed
