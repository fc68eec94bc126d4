"""Sealing: from batches in the order they came to compressed chunks of single tags.

Planning reads the store and computes; it changes nothing and may run in any thread beside the
writer. The writer then applies the plan in one transaction. A sample that falls into the time of
an existing chunk is merged into it (of equal times the one written last wins), so chunks of a tag
never overlap and their roll-ups may be added up.
"""

import itertools
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from controller.clock import NS
from controller.core.sample import Samples
from controller.history.codec import NO_SAMPLES, Columns, DamageError, in_order, merge
from controller.history.exception_filter import by_tag, concatenate
from controller.history.holding import hold_ns
from controller.history.outbox import OutboxRow, rows_to_keep
from controller.history.packing import Packer, Rule
from controller.history.rows import Broken, ChunkRow, read_journal, unpack_chunk
from controller.history.schema import HAS_SAMPLES
from controller.history.shared_times import SharedTimes, TimesRow

CHUNK_SAMPLES = 16_384  # 4.5 h at 1 Hz; decoding one takes about 0.2 ms
ALWAYS_EXTENDED = 2048  # a chunk below this size is extended by what follows it
EXTENDED_RATIO = 4  # a larger one only if the new part is not much smaller: bounds rewriting
LONGEST_NS = 24 * 3600 * NS  # retention lets whole chunks go, so they must not span weeks


UNKNOWN = Rule(0.0, hold_ns(0.0))


@dataclass(slots=True)
class Plan:
    """What sealing would change.

    Chunks to put in with the columns of times they share, chunks they replace, journal rows they
    cover, and which of these rows go to the outbox because a sink has not sent them.
    """

    upto_seq: int = -1
    samples: int = 0
    chunks: list[ChunkRow] = field(default_factory=list)
    times: list[TimesRow] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    unsent: list[OutboxRow] = field(default_factory=list)


@dataclass(slots=True)
class Piece:
    """One future chunk: existing chunks it swallows and new samples."""

    old: list["Stored"] = field(default_factory=list)
    new: list[Columns] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stored:
    """Where an existing chunk lies."""

    chunk_id: int
    t_min: int
    t_max: int
    n: int


def plan_seal(
    connection: sqlite3.Connection,
    upto_seq: int,
    stop: threading.Event | None = None,
    sent_seq: int | None = None,
) -> Plan:
    """Plan to seal the journal up to a row; an unfinished plan is never returned.

    sent_seq: rows after it are still to be sent by a sink; None when there is no sink.
    InterruptedError when `stop` is set meanwhile.
    """
    plan = Plan(upto_seq)
    batches = list(read_journal(connection, plan.broken, upto_seq))
    if sent_seq is not None:
        broken = {b.row_id for b in plan.broken}
        plan.unsent = rows_to_keep(connection, sent_seq, upto_seq, broken)
    _plan(connection, concatenate(batches), plan, stop)
    return plan


def plan_load(connection: sqlite3.Connection, samples: Samples) -> Plan:
    """Plan to put samples straight into chunks, past the journal."""
    plan = Plan()
    _plan(connection, samples, plan, None)
    return plan


def _plan(
    connection: sqlite3.Connection, samples: Samples, plan: Plan, stop: threading.Event | None
) -> None:
    plan.samples = len(samples)
    if not len(samples):
        return
    rules, newest = rules_of(connection), _newest_of_each(connection)
    shared = SharedTimes(connection)
    packer = Packer(plan.chunks, plan.times)
    for tag, columns in split(samples):
        if stop is not None and stop.is_set():
            raise InterruptedError("sealing was stopped")
        new = in_order(columns)
        chunks = _neighbours(connection, tag, new, newest.get(tag))
        for piece in _pieces(chunks, new):
            parts = [_load(connection, tag, chunk, plan, shared) for chunk in piece.old]
            merged = merge([*parts, *piece.new])
            for lo, hi in _bounds(merged):
                packer.add(tag, merged.rows(slice(lo, hi)), rules.get(tag, UNKNOWN))
    packer.finish()


def rules_of(connection: sqlite3.Connection) -> dict[int, Rule]:
    """What is to be known of all tags."""
    rows = connection.execute("SELECT id, resolution, max_interval_s FROM tag")
    return {tag: Rule(resolution, hold_ns(interval_s)) for tag, resolution, interval_s in rows}


def split(samples: Samples) -> Iterator[tuple[int, Columns]]:
    """The samples of each tag, in the order in which they came."""
    order = by_tag(samples.tags, int(samples.tags.max()) + 1)
    tags, time_ns = samples.tags[order], samples.time_ns[order]
    values, quality = samples.values[order], samples.quality[order]
    starts = np.flatnonzero(np.append(True, tags[1:] != tags[:-1])).tolist()
    for start, stop in zip(starts, [*starts[1:], len(tags)], strict=True):
        yield (
            int(tags[start]),
            Columns(time_ns[start:stop], values[start:stop], quality[start:stop]),
        )


def _pieces(chunks: list[Stored], new: Columns) -> list[Piece]:
    """Where sorted new samples of a tag go: into existing chunks, behind them, or on their own.

    chunks: those that they overlap, and the one before.
    """
    pieces: list[Piece] = []
    before: Stored | None = None
    last: Piece | None = None  # the piece that ends with chunk `before`
    at = 0
    for chunk in chunks:
        lo = int(np.searchsorted(new.time_ns, chunk.t_min))
        hi = int(np.searchsorted(new.time_ns, chunk.t_max, side="right"))
        _place_gap(pieces, before, last, new.rows(slice(at, lo)))
        last = None
        if lo < hi:
            last = Piece([chunk], [new.rows(slice(lo, hi))])
            pieces.append(last)
        before, at = chunk, hi
    _place_gap(pieces, before, last, new.rows(slice(at, None)))
    return pieces


def _place_gap(
    pieces: list[Piece], before: Stored | None, last: Piece | None, gap: Columns
) -> None:
    """Put samples between two chunks behind the first if that is small, else on their own."""
    n = len(gap.time_ns)
    if n == 0:
        return
    if before is None or not _extends(before, gap):
        pieces.append(Piece([], [gap]))
    elif last is not None:
        last.new.append(gap)
    else:
        pieces.append(Piece([before], [gap]))


def _extends(chunk: Stored, gap: Columns) -> bool:
    n = len(gap.time_ns)
    return (
        chunk.n + n <= CHUNK_SAMPLES
        and chunk.n <= max(ALWAYS_EXTENDED, EXTENDED_RATIO * n)
        and int(gap.time_ns[-1]) - chunk.t_min <= LONGEST_NS
    )


def _newest_of_each(connection: sqlite3.Connection) -> dict[int, Stored]:
    """The last chunk with samples of each tag that has one."""
    rows = connection.execute(
        "SELECT tag.id, chunk.id, t_min, t_max, n FROM tag JOIN chunk ON chunk.id ="  # noqa: S608
        f" (SELECT id FROM chunk WHERE tag = tag.id AND {HAS_SAMPLES} ORDER BY t_max DESC LIMIT 1)"
    )
    return {tag: Stored(*fields) for tag, *fields in rows}


def _neighbours(
    connection: sqlite3.Connection, tag: int, new: Columns, newest: Stored | None
) -> list[Stored]:
    """Chunks with samples that overlap sorted new ones, and the one before."""
    first, last = int(new.time_ns[0]), int(new.time_ns[-1])
    if newest is None or newest.t_max < first:  # as nearly always
        return [newest] if newest else []
    select = f"SELECT id, t_min, t_max, n FROM chunk WHERE tag = ? AND {HAS_SAMPLES} AND "  # noqa: S608
    overlapping = connection.execute(
        select + "t_max >= ? AND t_min <= ? ORDER BY t_min", (tag, first, last)
    ).fetchall()
    before = connection.execute(
        select + "t_max < ? ORDER BY t_max DESC LIMIT 1", (tag, first)
    ).fetchall()
    return [Stored(*fields) for fields in (*before, *overlapping)]


def _bounds(columns: Columns) -> Iterator[tuple[int, int]]:
    """Where to cut: no chunk has more than CHUNK_SAMPLES or spans more than LONGEST_NS."""
    n = len(columns.time_ns)
    if 0 < n <= CHUNK_SAMPLES and columns.time_ns[-1] - columns.time_ns[0] < LONGEST_NS:
        yield 0, n
        return
    spans = (columns.time_ns - columns.time_ns[0]) // LONGEST_NS
    cuts = np.flatnonzero(np.append(True, spans[1:] != spans[:-1])).tolist()
    for start, stop in zip(cuts, [*cuts[1:], len(spans)], strict=True):
        count = -(-(stop - start) // CHUNK_SAMPLES)
        edges = [start + (stop - start) * k // count for k in range(count + 1)]
        yield from itertools.pairwise(edges)


def _load(
    connection: sqlite3.Connection, tag: int, chunk: Stored, plan: Plan, shared: SharedTimes
) -> Columns:
    """Samples of a chunk that is to be replaced; a damaged one goes to quarantine instead."""
    crc, samples = connection.execute(
        "SELECT crc, samples FROM chunk WHERE id = ?", (chunk.chunk_id,)
    ).fetchone()
    try:
        columns = unpack_chunk(tag, chunk.t_min, chunk.t_max, chunk.n, crc, samples, shared)
    except DamageError as error:
        plan.broken.append(Broken("chunk", chunk.chunk_id, str(error)))
        return NO_SAMPLES
    plan.replaced.append(chunk.chunk_id)
    return columns
