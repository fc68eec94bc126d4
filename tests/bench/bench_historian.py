"""Historian: ingest through the whole writing path, size, and queries over a long store.

    python tests/bench/bench_historian.py                  10 million samples
    python tests/bench/bench_historian.py --msamples 100   40 tags, 1 Hz, 29 days

The signal is a slow sine with noise, in steps of 0.01, as an instrument would send it.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from controller.clock import NS, SystemClock
from controller.core.sample import Samples
from controller.core.tag import HistoryRule, Tag, Writer
from controller.historian import Historian, HistorianSettings
from controller.history import Reader, Store
from controller.history.thinning import Ages, plan_by_age

T0_NS = 1_767_225_600 * NS
LIVE_TAGS, LIVE_BATCHES = 500, 400  # a batch is one second of 500 tags at 10 Hz
LONG_TAGS = 40
HOUR_S, DAY_S = 3600, 86_400
TO_TEN_S, TO_MINUTES = Ages(0, 2**62), Ages(0, 0)


def make_tags(n: int) -> list[Tag]:
    return [
        Tag(
            name=f"BENCH.T{k:04d}",
            station="bench",
            description="sine with noise",
            writer=Writer.DEVICE,
            unit="degC",
            resolution=0.01,
            history=HistoryRule(deadband=0.0, max_interval_s=60.0),
        )
        for k in range(n)
    ]


def signal(tags: int, start_ns: int, instants: int, step_ns: int) -> Samples:
    """Time-major samples: all tags at the first instant, then all at the second, ..."""
    time_ns = np.repeat(start_ns + step_ns * np.arange(instants, dtype=np.int64), tags)
    index = np.tile(np.arange(tags, dtype=np.int32), instants)
    rng = np.random.default_rng(start_ns % 2**32)
    hours = (time_ns - T0_NS) / (HOUR_S * NS)
    values = 20 + 5 * np.sin(hours + index) + rng.normal(0, 0.05, len(index))
    return Samples(index, np.rint(values * 100) / 100, np.zeros(len(index), np.uint8), time_ns)


def ingest(folder: Path) -> dict[str, float]:
    """Everything the running line does with samples: filter, round, journal (timed), seal."""
    path = folder / "ingest.db"
    settings = HistorianSettings(commit_interval_s=0.05, queue_samples=5_000_000)
    historian = Historian(path, make_tags(LIVE_TAGS), SystemClock(), settings)
    second = [signal(LIVE_TAGS, T0_NS + k * NS, 10, NS // 10) for k in range(LIVE_BATCHES)]
    historian.start()
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    for batch in second:
        historian.record(batch)
    if not historian.flush(120):
        raise RuntimeError(f"not stored in time: {historian.status}")
    wall_s = time.perf_counter() - wall_s
    while historian.status.seals == 0:  # its cost belongs to every sample
        historian.flush()
        time.sleep(0.01)
    cpu_s = time.process_time() - cpu_s
    status = historian.status
    historian.close(30)
    n = status.accepted
    return {
        "ingest_samples_per_s": n / wall_s,
        "ingest_cpu_us_per_sample": 1e6 * cpu_s / n,
        "ingest_filtered_share": status.filtered / n,
    }


def commit_latency(folder: Path) -> dict[str, float]:
    """One durable commit of 5,000 samples, as the writer makes it."""
    store = Store.open(folder / "commit.db")
    store.catalogue(make_tags(LIVE_TAGS))
    took = []
    for k in range(200):
        batch = signal(LIVE_TAGS, T0_NS + k * NS, 10, NS // 10)
        before = time.perf_counter()
        store.commit(batch)
        took.append(1e3 * (time.perf_counter() - before))
    store.close()
    took.sort()
    return {"commit_p50_ms": took[100], "commit_p99_ms": took[198], "commit_max_ms": took[-1]}


def load(path: Path, msamples: float) -> dict[str, float]:
    """40 tags at 1 Hz for as many hours as it takes, straight into chunks."""
    hours = max(1, round(msamples * 1e6 / (LONG_TAGS * HOUR_S)))
    store = Store.open(path)
    ids = store.catalogue(make_tags(LONG_TAGS))
    spent_s = 0.0
    for start in range(0, hours, 6):
        instants = min(6, hours - start) * HOUR_S
        batch = signal(LONG_TAGS, T0_NS + start * HOUR_S * NS, instants, NS)
        batch = Samples(ids[batch.tags], batch.values, batch.quality, batch.time_ns)
        before_s = time.perf_counter()
        store.load(batch)
        spent_s += time.perf_counter() - before_s
    store.close()
    n = hours * HOUR_S * LONG_TAGS
    return {
        "samples": float(n),
        "load_samples_per_s": n / spent_s,
        "bytes_per_sample": path.stat().st_size / n,
        "hours": float(hours),
    }


def thin(path: Path, hours: float, ages: Ages, name: str) -> dict[str, float]:
    """All of a store to the next level, in the pieces in which the writer does it."""
    store = Store.open(path)
    n, bytes_before = int(hours) * HOUR_S * LONG_TAGS, store.used_bytes
    planned_s, took_ms, let_go = 0.0, [], 0
    cpu_s = time.process_time()
    while True:
        before_s = time.perf_counter()
        piece = plan_by_age(store._connection, ages, 2**62)
        planned_s += time.perf_counter() - before_s
        if not piece:
            break
        before_s = time.perf_counter()
        store.thin(piece)
        took_ms.append(1e3 * (time.perf_counter() - before_s))
        let_go += piece.gone.samples
    cpu_s = time.process_time() - cpu_s
    bytes_after = store.used_bytes
    returned_ms = [0.0]
    more = True
    while more:
        before_s = time.perf_counter()
        more = store.give_back()
        returned_ms.append(1e3 * (time.perf_counter() - before_s))
    store.close()
    took_ms.sort()
    return {
        f"{name}_samples_per_s": n / (planned_s + sum(took_ms) / 1e3),
        f"{name}_cpu_us_per_sample": 1e6 * cpu_s / n,
        f"{name}_commit_held_p50_ms": took_ms[len(took_ms) // 2],
        f"{name}_commit_held_max_ms": took_ms[-1],
        f"{name}_pages_returned_max_ms": max(returned_ms),
        f"{name}_share_let_go": let_go / n,
        f"{name}_bytes_per_sample_before": bytes_before / n,
        f"{name}_bytes_per_sample_after": bytes_after / n,
    }


def query(path: Path, hours: float, level: str = "") -> dict[str, float]:
    """1,000 buckets over windows that end with the data; every time another tag."""
    stop_ns = T0_NS + int(hours) * HOUR_S * NS
    windows = {"1_h": HOUR_S, "1_day": DAY_S, "all": int(hours) * HOUR_S}
    out = {}
    with Reader(path) as reader:
        for label, span_s in windows.items():
            took = []
            for k in range(8):
                before = time.perf_counter()
                found = reader.buckets(
                    f"BENCH.T{3 + 4 * k:04d}", stop_ns - span_s * NS, stop_ns, 1000
                )
                took.append(1e3 * (time.perf_counter() - before))
                if int(found.count.sum()) != min(span_s, int(hours) * HOUR_S):
                    raise RuntimeError(f"{label}: {found.count.sum()} samples in the buckets")
            out[f"query_{label}{level}_first_ms"] = took[0]
            out[f"query_{label}{level}_ms"] = statistics.median(took)
    return out


def fast_tag(folder: Path) -> dict[str, float]:
    """One day of one 10 Hz tag as 1,000 buckets, in a store of ten such tags."""
    path = folder / "fast.db"
    store = Store.open(path)
    store.catalogue(make_tags(10))
    for hour in range(24):
        start_ns = T0_NS + hour * HOUR_S * NS
        batch = signal(10, start_ns, HOUR_S * 10, NS // 10)
        store.load(Samples(batch.tags + 1, batch.values, batch.quality, batch.time_ns))
    n = 10 * 10 * DAY_S
    out = {"bytes_per_sample_at_10_hz": store.used_bytes / n}
    for level, ages in (("", None), ("_from_10_s", TO_TEN_S), ("_from_1_min", TO_MINUTES)):
        if ages is not None:
            store.retain(2**62, ages)
            out[f"bytes_per_sample_at_10_hz{level}"] = store.used_bytes / n
        took = []
        with Reader(path) as reader:
            for k in range(7):
                before = time.perf_counter()
                reader.buckets(f"BENCH.T{k:04d}", T0_NS, T0_NS + DAY_S * NS, 1000)
                took.append(1e3 * (time.perf_counter() - before))
        out[f"query_day_at_10_hz{level}_ms"] = statistics.median(took)
    store.close()
    return out


def long_windows(folder: Path) -> dict[str, float]:
    """A day and 30 days of one 10 Hz tag as 1,000 buckets, in turn with the thin way to do it.

    That is numpy over the day's values in memory. CPU time, of the store without HTTP.
    """
    path, days = folder / "month.db", 30
    store = Store.open(path)
    store.catalogue(make_tags(1))
    for hour in range(24 * days):
        batch = signal(1, T0_NS + hour * HOUR_S * NS, HOUR_S * 10, NS // 10)
        store.load(Samples(batch.tags + 1, batch.values, batch.quality, batch.time_ns))
    store.close()
    values = signal(1, T0_NS, 10 * DAY_S, NS // 10).values
    starts = np.arange(1000) * len(values) // 1000
    took: dict[str, list[float]] = {"day": [], "30_days": [], "numpy_day": []}
    with Reader(path) as reader:
        asked = {
            "day": lambda: reader.buckets("BENCH.T0000", T0_NS, T0_NS + DAY_S * NS, 1000),
            "30_days": lambda: reader.buckets(
                "BENCH.T0000", T0_NS, T0_NS + days * DAY_S * NS, 1000
            ),
            "numpy_day": lambda: [
                f.reduceat(values, starts) for f in (np.minimum, np.maximum, np.add)
            ],
        }
        for _ in range(9):
            for name, ask in asked.items():
                before = time.process_time()
                ask()
                took[name].append(1e3 * (time.process_time() - before))
    cpu = {name: statistics.median(each) for name, each in took.items()}
    return {f"query_10_hz_{name}_cpu_ms": value for name, value in cpu.items()} | {
        "query_10_hz_day_to_numpy": cpu["day"] / cpu["numpy_day"],
        "query_10_hz_30_days_to_day": cpu["30_days"] / cpu["day"],
    }


def run(msamples: float = 10.0) -> dict[str, float]:
    """All figures by name; the name carries the unit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = ingest(folder) | commit_latency(folder)
        path = folder / "long.db"
        figures |= load(path, msamples)
        hours = figures["hours"]
        figures |= {"query_all_days": hours / 24} | query(path, hours)
        figures |= thin(path, hours, TO_TEN_S, "to_10_s") | query(path, hours, "_from_10_s")
        figures |= thin(path, hours, TO_MINUTES, "to_1_min") | query(path, hours, "_from_1_min")
        return figures | fast_tag(folder) | long_windows(folder)


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Historian benchmark")
    parser.add_argument("--msamples", type=float, default=10.0, help="millions of samples to load")
    for name, value in run(parser.parse_args().msamples).items():
        print(f"{name:28s} {value:14,.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
