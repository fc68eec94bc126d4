"""The outbox: journal rows that were sealed before every sink had sent them.

Rows keep their numbers and are packed to a half or a fourth of their size. The functions here are
steps of a transaction of the store; `feed` reads what they leave.
"""

import sqlite3
import zlib
from typing import NamedTuple

from controller.history.codec import DamageError
from controller.history.planes import LEVEL

AT_ONCE = 2000  # rows taken out in one transaction


class OutboxRow(NamedTuple):
    """One row: as in the journal, its columns packed."""

    seq: int
    n: int
    t_min: int
    t_max: int
    crc: int
    packed: bytes


def pack(columns: bytes) -> bytes:
    """Columns of a journal row, deflated: rows are too short for anything cleverer to pay."""
    return zlib.compress(columns, LEVEL)


def unpack(packed: bytes) -> bytes:
    """The columns of a journal row as they were; DamageError when they cannot be had."""
    try:
        return zlib.decompress(packed)
    except zlib.error as error:
        raise DamageError(f"outbox row cannot be unpacked: {error}") from error


def rows_to_keep(
    connection: sqlite3.Connection, after: int, upto: int, broken: set[int]
) -> list[OutboxRow]:
    """Sound journal rows that leave the journal while somebody still needs them."""
    rows = connection.execute(
        "SELECT seq, n, t_min, t_max, crc, columns FROM journal WHERE seq > ? AND seq <= ?",
        (after, upto),
    )
    return [
        OutboxRow(seq, n, t_min, t_max, crc, pack(columns))
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
