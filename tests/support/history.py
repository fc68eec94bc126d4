"""Tags, samples and oracles for the tests of the history."""

import itertools
import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from controller.clock import NS
from controller.core.sample import Samples
from controller.core.tag import HistoryRule, Tag, Writer
from controller.history import Buckets, Store
from controller.history.batches import BYTES_PER_SAMPLE
from controller.history.codec import encode
from controller.history.rows import JournalRow, checksum, unpack_batch, unpack_chunk
from controller.history.schema import open_for_reading
from controller.history.seal import plan_seal
from controller.history.shared_times import SharedTimes
from controller.history.thinning import Ages

T0_NS = 1_767_225_600 * NS
MINUTE_NS = 60 * NS
Row = tuple[int, float, int, int]  # tag, value, quality, time_ns


def make_tag(
    name: str, *, deadband: float = 0.0, interval_s: float = 60.0, resolution: float = 0.0
) -> Tag:
    return Tag(
        name=name,
        station="cell",
        description=f"{name} of the cell",
        writer=Writer.DEVICE,
        unit="degC",
        resolution=resolution,
        history=HistoryRule(deadband=deadband, max_interval_s=interval_s),
    )


def batch(rows: Sequence[Row]) -> Samples:
    """Samples from rows (tag, value, quality, time_ns)."""
    tags, values, quality, time_ns = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Samples(
        np.array(tags, np.int32),
        np.array(values, np.float64),
        np.array(quality, np.uint8),
        np.array(time_ns, np.int64),
    )


def rows_of(samples: Samples) -> list[Row]:
    """The rows of a batch."""
    columns = (samples.tags, samples.values, samples.quality, samples.time_ns)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def seal(store: Store) -> None:
    """Seal the whole journal now."""
    connection = open_for_reading(store.path)
    plan = plan_seal(connection, store.last_seq)
    connection.close()
    store.apply(plan)


def to_minutes(age_s: float = 0.0) -> Ages:
    """Of what is older only one-minute roll-ups stay."""
    return Ages(round(age_s * NS), round(age_s * NS))


def to_ten_seconds(age_s: float = 0.0) -> Ages:
    """Of what is older only ten-second roll-ups stay, or samples where these are smaller."""
    return Ages(round(age_s * NS), 2**62)


def as_version(path: Path, version: int) -> None:
    """Make a store look as an earlier Dryline left it."""
    connection = sqlite3.connect(path)
    with connection:
        give_own_times(connection)
        give_plain_rows(connection)
        for what in ("TRIGGER chunk_went", "TRIGGER samples_went", "INDEX chunk_times"):
            connection.execute(f"DROP {what}")
        connection.execute("DROP TABLE times")
        connection.execute("ALTER TABLE chunk DROP COLUMN times")
        for column in ("quick_crc", "quick") if version < 6 else ():
            connection.execute(f"ALTER TABLE chunk DROP COLUMN {column}")
        if version < 5:
            for index in ("chunk_raw", "chunk_ten_s", "chunk_minutes"):
                connection.execute(f"DROP INDEX {index}")
            for column in ("ten_s_crc", "ten_s"):
                connection.execute(f"ALTER TABLE chunk DROP COLUMN {column}")
            connection.execute("CREATE INDEX chunk_raw ON chunk (t_max) WHERE samples IS NOT NULL")
        for table in ("outbox", "outbox_columns", "mark") if version < 4 else ():
            connection.execute(f"DROP TABLE {table}")
        connection.execute(f"PRAGMA user_version={version}")
    connection.close()


def give_own_times(connection: sqlite3.Connection) -> None:
    """Write chunks that share a column of times as those that do not."""
    shared = SharedTimes(connection)
    chunks = connection.execute(
        "SELECT chunk.id, tag, t_min, t_max, n, crc, samples, quick, resolution FROM chunk"
        " JOIN tag ON tag.id = chunk.tag WHERE times IS NOT NULL"
    ).fetchall()
    for number, tag, t_min, t_max, n, crc, samples, quick, resolution in chunks:
        columns = unpack_chunk(tag, t_min, t_max, n, crc, samples, shared)
        blob = encode(columns, resolution)
        renewed = checksum(blob, tag, t_min, t_max, n)
        connection.execute(
            "UPDATE chunk SET times = NULL, samples = ?, crc = ?, quick_crc = ? WHERE id = ?",
            (blob, renewed, quick and checksum(quick, tag, t_min, t_max, renewed), number),
        )


def give_plain_rows(connection: sqlite3.Connection) -> None:
    """Write journal rows that have runs as those that have none."""
    rows = connection.execute("SELECT seq, n, t_min, t_max, crc, columns FROM journal").fetchall()
    for fields in rows:
        row = JournalRow(*fields)
        found = unpack_batch(row)
        columns = (found.tags, found.values, found.quality, found.time_ns)
        blob = b"".join(column.tobytes() for column in columns)
        assert len(blob) == row.n * BYTES_PER_SAMPLE
        renewed = checksum(blob, row.seq, row.n, row.t_min, row.t_max)
        connection.execute(
            "UPDATE journal SET columns = ?, crc = ? WHERE seq = ?", (blob, renewed, row.seq)
        )


def new_store(path: Path, *names: str, resolution: float = 0.01, interval_s: float = 60.0) -> Store:
    """A store that knows the named tags under the ids 1, 2, ..."""
    store = Store.open(path)
    tags = [make_tag(name, resolution=resolution, interval_s=interval_s) for name in names]
    assert store.catalogue(tags).tolist() == list(range(1, len(names) + 1))
    return store


@dataclass
class Bucket:
    """What one bucket must be, found the slow and obvious way."""

    length_ns: int
    good: list[float]
    uncertain: int = 0
    bad: int = 0
    held: list[tuple[float, int]] = field(default_factory=list)  # value, for how long in ns

    @property
    def known_ns(self) -> int:
        return sum(ns for _, ns in self.held)

    @property
    def mean(self) -> float:
        if not self.known_ns:
            return math.nan
        return math.fsum(v * ns for v, ns in self.held) / self.known_ns

    @property
    def sample_mean(self) -> float:
        return math.fsum(self.good) / len(self.good) if self.good else math.nan


def limit_ns(interval_s: float) -> int:
    """How long a value may hold: two intervals and 5 s, but a minute at least."""
    return max(round(2 * interval_s * NS) + 5 * NS, MINUTE_NS)


def expected_buckets(
    rows: Sequence[Row], tag: int, edges: Sequence[int], interval_s: float = 60.0
) -> list[Bucket]:
    """Brute force over rows in the order they were written."""
    kept = {t: (v, q) for g, v, q, t in rows if g == tag}
    times = sorted(kept)
    usable = {t for t, (v, q) in kept.items() if q < 64 and math.isfinite(v)}
    out = []
    for start, stop in itertools.pairwise(edges):
        inside = [t for t in times if start <= t < stop]
        good = [kept[t][0] for t in inside if t in usable]
        uncertain = sum(64 <= kept[t][1] < 128 for t in inside)
        held = []
        for t, following in zip(times, [*times[1:], math.inf], strict=True):
            until = min(following, t + limit_ns(interval_s), stop)
            if t in usable and until > max(t, start):
                held.append((kept[t][0], int(until) - max(t, start)))
        bad = len(inside) - len(good) - uncertain
        out.append(Bucket(stop - start, good, uncertain, bad, held))
    return out


def assert_buckets(found: Buckets, wanted: Sequence[Bucket]) -> None:
    """Every bucket is as expected; what nothing is known of is NaN."""
    assert found.count.tolist() == [len(b.good) for b in wanted]
    assert found.uncertain.tolist() == [b.uncertain for b in wanted]
    assert found.bad.tolist() == [b.bad for b in wanted]
    nan = float("nan")
    columns = {
        "minimum": [min(b.good, default=nan) for b in wanted],
        "maximum": [max(b.good, default=nan) for b in wanted],
        "first": [b.good[0] if b.good else nan for b in wanted],
        "last": [b.good[-1] if b.good else nan for b in wanted],
    }
    for name, column in columns.items():
        np.testing.assert_array_equal(getattr(found, name), column, err_msg=name)
    known = [b.known_ns / b.length_ns if b.length_ns else 0.0 for b in wanted]
    np.testing.assert_allclose(found.known, known, rtol=1e-12, err_msg="known")
    # Values are of the order of 1 to 10: where they cancel, the tolerance is relative to that.
    for name in ("mean", "sample_mean"):
        column = [getattr(b, name) for b in wanted]
        np.testing.assert_allclose(getattr(found, name), column, 1e-9, 1e-9, err_msg=name)
