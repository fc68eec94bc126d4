"""A day and thirty days of a 10 Hz tag as 1,000 points over HTTP (E1, E2).

    python -m tests.bench queries

The API in a process of its own, with session and access checked as always, over two stores: one
with ten tags, one with a hundred. Beside it, in turn, InfluxDB 1.x and VictoriaMetrics with the
same day of the same ten tags. One client asks all of them and takes every answer whole; minimum,
mean and maximum of a bucket are one question to the first two and three to VictoriaMetrics, whose
cache of answers is passed by.
"""

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np

from controller.access.roles import Role
from controller.clock import NS
from controller.core.sample import Samples
from controller.history.store import Store
from tests.bench.bench_historian import DAY_S, HOUR_S, make_tags, signal
from tests.bench.goals import Figure
from tests.bench.machine import cpu_s
from tests.support.api_process import ApiUnderTest
from tests.support.influx_server import InfluxServer
from tests.support.line_under_test import SHIPPED
from tests.support.victoria_server import VictoriaServer

FEW, MANY, DAYS, POINTS, ROUNDS = 10, 100, 30, 1000, 15
ASKED = "BENCH.T0000"
DAY, MONTH, MANY_DAY = "a day", "30 days", "a day among 10x the tags"
INFLUX, VICTORIA, FUXA = "InfluxDB 1.x", "VictoriaMetrics", "FUXA"
BUCKET_MS = 1000 * DAY_S // POINTS
GOALS = {INFLUX: 1 / 20, VICTORIA: 1 / 8, FUXA: 1 / 200}
EQUAL = 1.15  # repeats of one query differ by so much
BYTES_AT_ONCE = 8 * 2**20

Ask = Callable[[], httpx.Response]  # takes the whole answer, and does not look into it


def write_store(path: Path, tags: int, stop_ns: int) -> None:
    """A day of all tags up to a time, and DAYS of the first."""
    store = Store.open(path)
    ids = store.catalogue(make_tags(tags))

    def load(samples: Samples) -> None:
        names = ids[samples.tags]
        store.load(Samples(names, samples.values, samples.quality, samples.time_ns))

    for hour in range(24 * (DAYS - 1)):
        start_ns = stop_ns - (24 * DAYS - hour) * HOUR_S * NS
        load(signal(1, start_ns, 10 * HOUR_S, NS // 10))
    for samples in last_day(tags, stop_ns):
        load(samples)
    store.close()


def last_day(tags: int, stop_ns: int) -> Iterator[Samples]:
    """Hour by hour."""
    for hour in range(24):
        yield signal(tags, stop_ns - (24 - hour) * HOUR_S * NS, 10 * HOUR_S, NS // 10)


def write_lines(url: str, stop_ns: int) -> None:
    """The last day of FEW tags in line protocol."""
    with httpx.Client(timeout=120.0) as http:
        for samples in last_day(FEW, stop_ns):
            rows = zip(
                samples.tags.tolist(), samples.values.tolist(), samples.time_ns.tolist(),
                strict=True,
            )  # fmt: skip
            lines = [f"bench,t=T{k} v={value} {at}" for k, value, at in rows]
            pieces = -(-len(lines) * len(lines[0]) // BYTES_AT_ONCE)
            for part in np.array_split(np.arange(len(lines)), pieces):
                content = "\n".join(lines[part[0] : part[-1] + 1]).encode()
                http.post(url, content=content).raise_for_status()


def ours(api: ApiUnderTest, days: int, stop_ns: int) -> Ask:
    """Somebody at a browser asks."""
    person = api.person("watcher")
    window = {"start": _moment(stop_ns - days * DAY_S * NS), "stop": _moment(stop_ns)}

    def ask() -> httpx.Response:
        answer = person.get("/history/buckets", tag=ASKED, n=POINTS, **window)
        return answer.raise_for_status()

    return ask


def first_ms(ask: Ask, days: int) -> float:
    """Of a process that has not been asked yet; the answer is checked."""
    begun_s = time.perf_counter()
    answer = ask()
    took_ms = 1000.0 * (time.perf_counter() - begun_s)
    (series,) = answer.json()["series"]
    _check("ours", len(series["count"]), sum(series["count"]) == days * DAY_S * 10)
    return took_ms


def _check(name: str, points: int, right: bool = True) -> None:
    if points < POINTS or not right:
        raise RuntimeError(f"{name}: {points} points, or not of all samples")


def _moment(time_ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_ns // NS))


def influx(http: httpx.Client, url: str, stop_ns: int) -> Ask:
    """One question in InfluxQL."""
    start_ms = stop_ns // 1_000_000 - 1000 * DAY_S
    text = (
        "SELECT mean(v), min(v), max(v) FROM bench WHERE t = 'T0' AND"  # noqa: S608 - constants
        f" time >= {start_ms}ms AND time < {stop_ns // 1_000_000}ms"
        f" GROUP BY time({BUCKET_MS}ms, {start_ms % BUCKET_MS}ms)"
    )
    words = {"q": text, "db": "bench", "epoch": "ms"}

    def ask() -> httpx.Response:
        return http.get(f"{url}/query", params=words).raise_for_status()

    (series,) = ask().json()["results"][0]["series"]
    _check(INFLUX, len(series["values"]))
    return ask


def victoria(http: httpx.Client, url: str, stop_ns: int) -> Ask:
    """Three questions in MetricsQL."""
    window = {
        "start": str(stop_ns // NS - DAY_S + BUCKET_MS / 1000), "end": str(stop_ns // NS),
        "step": f"{BUCKET_MS}ms", "nocache": "1",
    }  # fmt: skip
    questions = [
        {"query": f'{what}_over_time(bench_v{{t="T0"}}[{BUCKET_MS}ms])', **window}
        for what in ("avg", "min", "max")
    ]

    def one(question: dict[str, str]) -> httpx.Response:
        return http.get(f"{url}/api/v1/query_range", params=question).raise_for_status()

    for question in questions:
        (series,) = one(question).json()["data"]["result"]
        _check(VICTORIA, len(series["values"]))
    return lambda: [one(question) for question in questions][-1]


def in_turn(asks: Mapping[str, Ask]) -> dict[str, list[float]]:
    """Milliseconds of every answer, ROUNDS of each; each has been asked once before."""
    took: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(ROUNDS):
        for name, ask in asks.items():
            begun_s = time.perf_counter()
            ask()
            took[name].append(1000.0 * (time.perf_counter() - begun_s))
    return took


def _peer(stack: ExitStack, name: str, folder: Path, stop_ns: int) -> Ask | str:
    """How a peer is asked, or why it cannot be."""
    http = stack.enter_context(httpx.Client(timeout=120.0))
    try:
        if name == INFLUX:
            server = stack.enter_context(InfluxServer(folder))
            server.create("bench")
            write_lines(f"{server.url}/write?db=bench", stop_ns)
            return influx(http, server.url, stop_ns)
        other = stack.enter_context(VictoriaServer(folder))
        write_lines(f"{other.url}/write", stop_ns)
        http.get(f"{other.url}/internal/force_flush").raise_for_status()
        return victoria(http, other.url, stop_ns)
    except (RuntimeError, OSError, httpx.HTTPError) as error:
        return f"could not be run here: {error}"


def _api(stack: ExitStack, folder: Path, tags: int, stop_ns: int) -> ApiUnderTest:
    run = folder / f"{tags}" / "run"
    run.mkdir(parents=True)
    write_store(run / "history.db", tags, stop_ns)
    api = ApiUnderTest(SHIPPED, run)
    api.users(watcher=[Role.VIEWER])
    return stack.enter_context(api)


def _cpu_ms(api: ApiUnderTest, ask: Ask) -> float:
    """CPU of the API for one question, of many in a row: the system counts in steps of 10 ms."""
    assert api.process is not None
    times, before_s = 4 * ROUNDS, cpu_s(api.process.pid)
    for _ in range(times):
        ask()
    return 1000.0 * (cpu_s(api.process.pid) - before_s) / times


def _goals(took: Mapping[str, float], refused: Mapping[str, str]) -> list[Figure]:
    found = [
        Figure("E1", "a day of a 10 Hz tag as 1,000 points, over HTTP", took[DAY], 15.0, "ms"),
        Figure("E1", "10x the tags in the store, to that", took[MANY_DAY] / took[DAY], EQUAL),
    ]
    for name, bound in GOALS.items():
        peer = took.get(name, math.nan)
        note = refused.get(name, f"{name}: {peer:.0f} ms")
        found.append(Figure("E1", f"a day, to {name}", took[DAY] / peer, bound, note=note))
    note = f"{took[MONTH]:.1f} ms to {took[DAY]:.1f} ms"
    ratio = took[MONTH] / took[DAY]
    found.append(Figure("E2", "30 days of it, to a day, over HTTP", ratio, 2.0, note=note))
    return found


def run() -> dict[str, object]:
    """Medians in ms, CPU of the API, and the goals E1 and E2."""
    stop_ns = int(time.time()) // HOUR_S * HOUR_S * NS
    refused = {FUXA: "not measured: this benchmark installs no FUXA"}
    with tempfile.TemporaryDirectory(prefix="dq-") as name, ExitStack() as stack:
        folder = Path(name)
        few, many = (_api(stack, folder, tags, stop_ns) for tags in (FEW, MANY))
        asks = {
            DAY: ours(few, 1, stop_ns), MONTH: ours(few, DAYS, stop_ns),
            MANY_DAY: ours(many, 1, stop_ns),
        }  # fmt: skip
        first = {
            f"{key}, the first time, ms": first_ms(asks[key], days)
            for key, days in ((MONTH, DAYS), (DAY, 1), (MANY_DAY, 1))
        }
        cpu = {f"CPU of the API, {key}, ms": _cpu_ms(few, asks[key]) for key in (DAY, MONTH)}
        for peer in (INFLUX, VICTORIA):
            found = _peer(stack, peer, folder / peer.split()[0], stop_ns)
            if isinstance(found, str):
                refused[peer] = found
            else:
                asks[peer] = found
        took = {key: statistics.median(each) for key, each in in_turn(asks).items()}
    goals = _goals(took, refused)
    return {f"{key}, ms": value for key, value in took.items()} | first | cpu | {"goals": goals}


if __name__ == "__main__":
    print(run())
