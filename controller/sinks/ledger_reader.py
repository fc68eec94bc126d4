"""The ledgers of sinks as other processes see them: the historian, the controller, a person."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from controller.core.errors import StoreError
from controller.sinks.ledger import (
    BUSY_MS,
    Entry,
    Note,
    Position,
    Totals,
    entries_of,
    position_of,
    totals_of,
)

ALL = 2**62


class SentByAll:
    """Tells the historian up to which row every sink has sent.

    A ledger that is not there, cannot be read or belongs to another store says "nothing yet": the
    historian then keeps what it has.
    """

    def __init__(self, ledgers: Sequence[Path]) -> None:
        self._ledgers = tuple(ledgers)

    def __call__(self, identity: int) -> int:
        """Number up to which all have sent the store of that identity."""
        return min((_sent(path, identity) for path in self._ledgers), default=ALL)


def _sent(path: Path, identity: int) -> int:
    try:
        with reading(path) as connection:
            position = position_of(connection)
    except StoreError:
        return 0
    return position.sent_seq if position.identity == identity else 0


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads; StoreError when there is no ledger or it cannot be read."""
    with _opened(path, "ro") as connection:
        yield connection


def position_and_totals(path: Path) -> tuple[Position, Totals]:
    """How far a sink got and what it did."""
    with reading(path) as connection:
        return position_of(connection), totals_of(connection)


def quarantine(path: Path, limit: int = -1) -> list[Entry]:
    """Refused lines, newest first."""
    with reading(path) as connection:
        return entries_of(connection, "ORDER BY id DESC", limit)


def send_again(path: Path, ids: Sequence[int] = ()) -> int:
    """Mark refused lines (none named: all) to be sent once more; how many lines."""
    with _opened(path, "rw") as connection:
        known = dict(connection.execute("SELECT id, lines FROM refused"))
        chosen = list(ids) or list(known)
        if missing := [str(number) for number in chosen if number not in known]:
            raise StoreError(f"{path}: nothing in quarantine under {', '.join(missing)}")
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "UPDATE refused SET again = 1 WHERE id = ?", [(number,) for number in chosen]
        )
        connection.execute("COMMIT")
    return sum(known[number] for number in chosen)


def untold(path: Path) -> list[Note]:
    """Notes that nobody has been told of."""
    with reading(path) as connection:
        rows = connection.execute(
            "SELECT id, time_ns, text, facts FROM note WHERE NOT told ORDER BY id"
        ).fetchall()
    return [Note(number, time_ns, text, json.loads(facts)) for number, time_ns, text, facts in rows]


def told(path: Path, upto: int) -> None:
    """Notes up to an id have become events that are on disk."""
    with _opened(path, "rw") as connection:
        connection.execute("UPDATE note SET told = 1 WHERE id <= ? AND NOT told", (upto,))


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise StoreError(f"{path}: there is no ledger here; has the sink run with this folder?")
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None
        )
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        yield connection
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be used: {error}") from error
    finally:
        if connection is not None:
            connection.close()
