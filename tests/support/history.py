"""Tags, samples and oracles for the tests of the history."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from controller.clock import NS
from controller.core.sample import Samples
from controller.core.tag import HistoryRule, Tag, Writer
from controller.history import Buckets, Store
from controller.history.schema import open_for_reading
from controller.history.seal import plan_seal

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


def new_store(path: Path, *names: str, resolution: float = 0.01) -> Store:
    """A store that knows the named tags under the ids 1, 2, ..."""
    store = Store.open(path)
    ids = store.catalogue([make_tag(name, resolution=resolution) for name in names])
    assert ids.tolist() == list(range(1, len(names) + 1))
    return store


@dataclass
class Bucket:
    """What one bucket must be, found the slow and obvious way."""

    good: list[float]
    uncertain: int = 0
    bad: int = 0


def expected_buckets(rows: Sequence[Row], tag: int, edges: Sequence[int]) -> list[Bucket]:
    """Brute force over rows in the order they were written."""
    kept = {t: (v, q) for g, v, q, t in rows if g == tag}
    out = []
    for start, stop in itertools.pairwise(edges):
        inside = [kept[t] for t in sorted(kept) if start <= t < stop]
        good = [v for v, q in inside if q < 64 and np.isfinite(v)]
        uncertain = sum(64 <= q < 128 for _, q in inside)
        out.append(Bucket(good, uncertain, len(inside) - len(good) - uncertain))
    return out


def assert_buckets(found: Buckets, wanted: Sequence[Bucket]) -> None:
    """Every bucket is as expected; empty ones are NaN."""
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
    mean = [sum(b.good) / len(b.good) if b.good else nan for b in wanted]
    np.testing.assert_allclose(found.mean, mean, rtol=1e-9, atol=1e-9)
