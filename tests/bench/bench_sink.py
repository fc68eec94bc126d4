"""What a sink brings into real servers, beside influxdb-client's own batching writer.

The same samples by both ways, in turn A B C A B C in one run, for InfluxDB 1.x (behind the
path-mapping proxy of the tests, in a process of its own) and VictoriaMetrics: points a second from
the first one to the last that was answered, and the client's CPU a point. A sink reads its points
from the durable store and notes what it sent; the library's writer has them in memory and notes
nothing. Every run is counted in the server afterwards.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from influxdb_client import InfluxDBClient, Point
from influxdb_client.client.write_api import WriteOptions
from numpy.typing import NDArray

from controller.clock import NS, SystemClock
from controller.core.sample import Samples
from controller.history.results import StoredTag
from controller.history.store import Store
from controller.sinks.forwarder import Forwarder, Plan
from controller.sinks.influx import Sink
from controller.sinks.influx_settings import Settings
from controller.sinks.layout import Layout
from controller.sinks.places import SinkPlaces
from tests.bench.bench_historian import make_tags, signal
from tests.support.influx_server import InfluxServer
from tests.support.victoria_server import VictoriaServer

TAGS, HERTZ, BATCH = 200, 10, 5000
SECONDS = 150  # of the plant: 300,000 points a run
ROUNDS = 2
LONGEST_S = 300.0
BUCKET = "bench"


@dataclass(frozen=True)
class Work:
    """One run's samples: all of TAGS tags at HERTZ for SECONDS. line: tells runs apart."""

    line: str
    start_ns: int
    folder: Path

    @property
    def points(self) -> int:
        """How many there are."""
        return TAGS * HERTZ * SECONDS

    def batches(self) -> Iterator[Samples]:
        """Second by second."""
        for k in range(SECONDS):
            yield signal(TAGS, self.start_ns + k * NS, HERTZ, NS // HERTZ)


Way = Callable[[str, Work], tuple[float, float]]  # URL, work: wall and CPU seconds


class Watch:
    """Wall and CPU time of this process since it was made."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """Wall and CPU seconds."""
        return time.perf_counter() - self._wall_s, time.process_time() - self._cpu_s


def by_sink(url: str, work: Work) -> tuple[float, float]:
    """Drain the samples from the store, as after an outage."""
    store = Store.open(work.folder / "history.db")
    ids: NDArray[np.int32] = store.catalogue(make_tags(TAGS))
    for batch in work.batches():
        store.commit(replace(batch, tags=ids[batch.tags]))
    places = SinkPlaces(work.folder, "bench")
    places.ledger.parent.mkdir()
    settings = Settings(kind="influx", url=url, bucket=BUCKET, batch_points=BATCH)
    plan = Plan(
        name="bench",
        store=store.path,
        places=places,
        line=work.line,
        connect=lambda: Sink(settings, work.folder),
        batch_points=BATCH,
        backfill_points_per_s=0.0,
    )
    forwarder = Forwarder(plan, SystemClock())
    watch = Watch()
    forwarder.start()
    while forwarder.status().queue:
        if watch.read()[0] > LONGEST_S:
            raise RuntimeError(f"not sent in time: {forwarder.status()}")
        time.sleep(0.02)
    took = watch.read()
    forwarder.stop()
    store.close()
    return took


def by_points(url: str, work: Work) -> tuple[float, float]:
    """The library's batching writer, given its own Points."""
    names = [tag.name for tag in make_tags(TAGS)]
    batches = list(work.batches())

    def give(write: Callable[[object], None]) -> None:
        for batch in batches:
            rows = zip(batch.tags.tolist(), batch.values.tolist(), batch.time_ns.tolist(),
                       strict=True)  # fmt: skip
            for tag, value, time_ns in rows:
                point = Point("bench").tag("line", work.line).tag("tag", names[tag])
                point = point.tag("unit", "degC").field("value", value).field("quality", 0)
                write(point.time(time_ns))

    return _batching(url, give)


def by_lines(url: str, work: Work) -> tuple[float, float]:
    """The library's batching writer, given finished lines, whose making is not counted."""
    layout = Layout(work.line)
    layout.learn(
        StoredTag(k, tag.name, tag.unit, tag.station, "", "real", 0.0, 0.0, 1.0, (), 60.0)
        for k, tag in enumerate(make_tags(TAGS))
    )
    batches = [layout.samples(batch) for batch in work.batches()]

    def give(write: Callable[[object], None]) -> None:
        for lines in batches:
            for line in lines:
                write(line)

    return _batching(url, give)


def _batching(url: str, give: Callable[[Callable[[object], None]], None]) -> tuple[float, float]:
    client = InfluxDBClient(url, "any", org="o", enable_gzip=True, timeout=60_000)
    writer = client.write_api(write_options=WriteOptions(batch_size=BATCH, flush_interval=1000))
    watch = Watch()
    give(lambda record: writer.write(BUCKET, "o", record))
    writer.close()  # sends what it has
    took = watch.read()
    client.close()
    return took


@contextmanager
def influx(folder: Path) -> Iterator[tuple[str, Callable[[str], int]]]:
    """URL of an InfluxDB 1.x behind its proxy, and how points of a run are counted there."""
    with InfluxServer(folder) as server:
        server.create(BUCKET)
        command = [sys.executable, "-m", "tests.support.path_mapper", server.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
            assert proxy.stdout is not None
            url = proxy.stdout.readline().strip()

            def count(line: str) -> int:
                text = f"SELECT count(value) FROM bench WHERE line = '{line}'"  # noqa: S608
                return sum(int(s.column("count")[0]) for s in server.query(text, BUCKET))

            yield url, count
            proxy.kill()


@contextmanager
def victoria(folder: Path) -> Iterator[tuple[str, Callable[[str], int]]]:
    """URL of a VictoriaMetrics, and how points of a run are counted there."""
    with VictoriaServer(folder) as server:

        def count(line: str) -> int:
            found = server.export(f'{{__name__="bench_value",line="{line}"}}')
            return sum(len(series.values) for series in found)

        yield server.url, count


WAYS: dict[str, Way] = {
    "dryline": by_sink,
    "library, lines": by_lines,
    "library, Points": by_points,
}


def run() -> dict[str, dict[str, dict[str, float]]]:
    """Medians for each server and way, and how many times faster the sink is."""
    figures: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        for server, place in (("influxdb 1.6", influx), ("victoria-metrics", victoria)):
            with place(Path(name) / server) as (url, count):
                figures[server] = _compare(Path(name), url, count)
    return figures


def _compare(folder: Path, url: str, count: Callable[[str], int]) -> dict[str, dict[str, float]]:
    runs: dict[str, list[tuple[float, float, float]]] = {way: [] for way in WAYS}
    start_ns = (int(time.time()) - 86_400) * NS
    for round_ in range(ROUNDS):
        for k, (way, carry_out) in enumerate(WAYS.items()):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                work = Work(f"r{round_}w{k}", start_ns, Path(place))
                wall_s, cpu_s = carry_out(url, work)
            lost = work.points - count(work.line)
            runs[way].append((work.points / wall_s, 1e6 * cpu_s / work.points, float(lost)))
    medians = {
        way: dict(
            zip(
                ("points per s", "CPU us per point", "points lost"),
                map(statistics.median, zip(*found, strict=True)),
                strict=True,
            )
        )
        for way, found in runs.items()
    }
    ours = medians["dryline"]
    for way, theirs in medians.items():
        if way != "dryline":
            theirs["dryline is faster by"] = ours["points per s"] / theirs["points per s"]
            theirs["dryline's CPU"] = ours["CPU us per point"] / theirs["CPU us per point"]
    return medians
