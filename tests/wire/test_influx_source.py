"""History from a real InfluxDB is the same as from the local store it was sent from."""

import http.server
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.clock import NS, SystemClock
from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.core.sample import FIRST_BAD, Quality
from controller.history import Buckets
from controller.history.source import HistorySource
from controller.queries.asks import BucketsAsk, EventsAsk, RawAsk
from controller.queries.door import json_of
from controller.queries.influx import InfluxSource
from controller.queries.influx_wire import InfluxWire
from controller.queries.influxql import fields, place, read_series, select, series_of
from controller.queries.service import HistoryService
from controller.run_store import RunReader
from controller.sinks import line_protocol
from controller.sinks.line_protocol import stored_name
from tests.support import asked_history
from tests.support.history import MINUTE_NS, T0_NS, Row, make_tag
from tests.support.influx_replica import Replica, settings_of
from tests.support.influx_server import InfluxServer, PathMapper
from tests.support.victoria_server import VictoriaServer

HOUR_S = 3600
EXACT = ("count", "uncertain", "bad", "minimum", "maximum", "first", "last", "edges_ns")
CLOSE = ("mean", "sample_mean", "known")


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    with InfluxServer(tmp_path_factory.mktemp("influx")) as server:
        server.create("line")
        yield server


@pytest.fixture(scope="module")
def url(influx: InfluxServer) -> Iterator[str]:
    with PathMapper(influx.url) as mapper:
        yield mapper.url


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory, url: str) -> Iterator[Replica]:
    """The history with everything that must be told about one, see `asked_history`."""
    tags = [make_tag(name, interval_s=10.0) for name in ("A", "B", "EMPTY")]
    with Replica(tmp_path_factory.mktemp("rich"), settings_of(url), tags) as made:
        made.write([(g - 1, v, q, t) for g, v, q, t in asked_history.rows()])
        made.write([], asked_history.events())
        made.seal()
        yield made


def assert_same_buckets(a: Buckets, b: Buckets) -> None:
    for name in EXACT:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    for name in CLOSE:
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), 1e-9, 1e-9, err_msg=name)
    assert a.inexact == b.inexact == 0


def assert_same_samples(local: HistorySource, server: HistorySource, *asked: int | None) -> None:
    a, b = local.raw("A", *asked), server.raw("A", *asked)  # type: ignore[arg-type]
    np.testing.assert_array_equal(a.time_ns, b.time_ns)
    np.testing.assert_array_equal(a.quality, b.quality)
    usable = (a.quality < FIRST_BAD) & np.isfinite(a.values)
    np.testing.assert_array_equal(np.where(usable, a.values, np.nan), b.values)
    assert a.truncated == b.truncated


# -- the same as local -----------------------------------------------------------------------------

VALUES = st.floats(-1e300, 1e300) | st.integers(-500, 500).map(lambda q: q / 100)
QUALITIES = st.sampled_from([0, 0, 0, 0, 64, 65, 127, 128, 130, 255])
TIMES = st.integers(0, 4 * HOUR_S).map(lambda s: s * NS) | st.integers(0, 4 * HOUR_S * NS)


@st.composite
def samples(draw: st.DrawFn) -> list[list[Row]]:
    """Two commits; the second may write samples of the first anew."""
    start, step = draw(TIMES), draw(st.sampled_from([1, 7, 60, 400])) * NS
    plain = draw(st.lists(st.tuples(VALUES | st.just(float("inf")), QUALITIES), max_size=60))
    first = [(0, v, q, T0_NS + start + k * step) for k, (v, q) in enumerate(plain)]
    strays = draw(st.lists(st.tuples(st.integers(0, 1), VALUES, QUALITIES, TIMES), max_size=10))
    second = [(tag, v, q, T0_NS + t) for tag, v, q, t in strays]
    if first:
        again = draw(st.lists(st.tuples(st.sampled_from(first), VALUES, QUALITIES), max_size=5))
        second += [(tag, v, q, t) for (tag, _, _, t), v, q in again]
    return [first, second]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    samples(),
    st.integers(-HOUR_S * NS, 5 * HOUR_S * NS),
    st.integers(1, 8 * HOUR_S * NS),
    st.integers(1, 40),
    st.sampled_from([1.0, 60.0, 170.5, 7200.0]),
)
def test_every_answer_about_samples_is_that_of_the_local_store(
    url: str,
    tmp_path_factory: pytest.TempPathFactory,
    commits: list[list[Row]],
    start: int,
    span: int,
    n: int,
    interval_s: float,
) -> None:
    folder = tmp_path_factory.mktemp("replica")
    tags = [make_tag(name, interval_s=interval_s) for name in ("A", "B")]
    with Replica(folder, settings_of(url), tags) as replica:
        for rows in commits:
            replica.write(rows)
        local, server = replica.local, replica.server
        start_ns, stop_ns = T0_NS + start, T0_NS + start + span
        assert_same_buckets(
            local.buckets("A", start_ns, stop_ns, n), server.buckets("A", start_ns, stop_ns, n)
        )
        for limit in (None, 1, n):
            assert_same_samples(local, server, start_ns, stop_ns, limit)
        assert local.span("A") == server.span("A")
        for found, wanted in (
            (server.at("A", stop_ns), local.at("A", stop_ns)),
            (server.latest("A"), local.latest("A")),
        ):
            assert (found is None) == (wanted is None)
            if found is not None and wanted is not None:
                assert (found.time_ns, found.quality) == (wanted.time_ns, wanted.quality)
                if found.quality < FIRST_BAD and np.isfinite(wanted.value):
                    assert found.value == wanted.value


def test_the_service_gives_the_same_bytes_for_both(rich: Replica, tmp_path: Path) -> None:
    def said(source: HistorySource) -> list[bytes]:
        service = HistoryService(
            {"plant": source}, lambda: RunReader(tmp_path / "none"), lambda: T0_NS + 600 * NS
        )
        window = {"start": "2026-01-01", "stop": "2026-01-01 01:00"}
        asked = [
            service.raw(RawAsk(tag=("A", "B"), limit=300, **window)),
            service.buckets(BucketsAsk(tag=("A", "B", "EMPTY"), n=90, **window)),
            service.events(EventsAsk(text="number 1", station=("cell",), limit=50, **window)),
        ]
        return [json_of(answer) for answer in asked]

    assert said(rich.server) == said(rich.local)


def test_calendar_edges_and_equal_edges_are_those_of_the_local_store(rich: Replica) -> None:
    edges = T0_NS + np.array([-50, 0, 17, 17, 300, 301, 470, 900]) * NS
    assert_same_buckets(
        rich.local.buckets_between("A", edges), rich.server.buckets_between("A", edges)
    )
    long = (T0_NS - 300 * 86_400 * NS, T0_NS + 300 * 86_400 * NS, 100)
    assert_same_buckets(rich.local.buckets("A", *long), rich.server.buckets("A", *long))


def test_events_are_those_of_the_local_store(rich: Replica) -> None:
    for words in (
        {},
        {"station": "cell"},
        {"station": ""},
        {"kind": EventKind.COMMAND},
        {"station": "press", "kind": EventKind.STATE},
    ):
        # Which of several stations wrote first at one time, the server does not know.
        wanted = sorted(rich.local.events(**words), key=lambda e: (e.time_ns, e.station, e.kind))
        assert rich.server.events(**words) == wanted
        for limit in (1, 2, 3, 50, 201, 500):
            assert rich.server.events(limit=limit, **words) == wanted[-limit:]
    window = (T0_NS + 10 * NS, T0_NS + 20 * NS)
    assert len(rich.server.events(*window)) == len(rich.local.events(*window)) == 10


def test_events_of_one_time_keep_their_order_within_a_station_and_kind(
    url: str, tmp_path: Path
) -> None:
    events = [
        Event(time_ns=T0_NS, kind=EventKind.LOOP, station="cell", subject=f"{k}", text=f'"{k}\\')
        for k in range(15)
    ]
    with Replica(tmp_path, settings_of(url), [make_tag("A")]) as replica:
        replica.write([], events)
        assert replica.server.events() == events
        assert replica.server.events(limit=4) == events[-4:]


def test_tags_are_described_by_the_line_and_found_without_it(rich: Replica) -> None:
    by_line = {tag.name: tag for tag in rich.server.tags()}
    assert set(by_line) == {"A", "B"}  # of EMPTY the server has nothing
    assert by_line["A"] == rich.local.tag("A")
    assert rich.server.tag("EMPTY") == rich.local.tag("EMPTY")
    assert (rich.server.latest("EMPTY"), rich.server.span("EMPTY")) == (None, None)
    assert not len(rich.server.raw("EMPTY", T0_NS, T0_NS + NS))
    wire = InfluxWire(rich.settings, rich.folder, SystemClock().link_s)
    with InfluxSource(wire, rich.line, tuple) as alone:
        assert [(t.name, t.unit, t.station) for t in alone.tags()] == [
            ("A", "degC", "cell"), ("B", "degC", "cell"),
        ]  # fmt: skip
        assert_same_samples(rich.local, alone, T0_NS, T0_NS + HOUR_S * NS)
        with pytest.raises(StoreError, match="no tag 'AA' in this history; did you mean 'A'"):
            alone.raw("AA", 0, 1)


def test_of_several_units_the_one_that_was_used_last_is_read(url: str, tmp_path: Path) -> None:
    tags = [replace(make_tag("A"), unit=unit) for unit in ("mbar", "Pa")]
    with Replica(tmp_path, settings_of(url), tags) as replica:
        replica.write([(0, 1.0, 0, T0_NS + NS), (1, 100.0, 0, T0_NS)])
        wire = InfluxWire(replica.settings, tmp_path, SystemClock().link_s)
        with InfluxSource(wire, replica.line, tuple) as alone:
            assert alone.tag("A").unit == "mbar"
            assert alone.latest("A").value == 1.0  # type: ignore[union-attr]


def test_a_long_window_is_aggregated_by_the_server_and_says_so(url: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    seconds = np.sort(rng.choice(6 * HOUR_S, 9000, replace=False))
    seconds = seconds[(seconds < 7000) | (seconds > 9000)]
    quality = np.where((seconds > 12_000) & (seconds < 12_600), int(Quality.BAD_LINK), 0)
    quality[rng.choice(len(seconds), 20)] = Quality.UNCERTAIN
    values = np.rint(100 * np.sin(seconds / 3000) + 10 * rng.standard_normal(len(seconds))) / 4
    times = (T0_NS + seconds * NS).tolist()
    rows = list(zip([0] * len(times), values.tolist(), quality.tolist(), times, strict=True))
    with Replica(tmp_path, settings_of(url), [make_tag("A")]) as replica:
        replica.write(rows)
        with replica.source(exact_samples=1000) as coarse:
            for window in (
                (T0_NS, T0_NS + 6 * HOUR_S * NS, 36),
                (T0_NS + 90 * NS, T0_NS + 5 * HOUR_S * NS, 20),
                (T0_NS - HOUR_S * NS, T0_NS + 7 * HOUR_S * NS, 8),
            ):
                a, b = replica.local.buckets("A", *window), coarse.buckets("A", *window)
                for name in EXACT:
                    np.testing.assert_array_equal(getattr(a, name), getattr(b, name), name)
                np.testing.assert_allclose(b.sample_mean, a.sample_mean, rtol=1e-9)
                np.testing.assert_allclose(b.known, a.known, atol=0.02)
                np.testing.assert_allclose(b.mean, a.mean, atol=0.5)
                assert b.inexact > 0
            short = (T0_NS, T0_NS + 10 * MINUTE_NS, 10)
            assert_same_buckets(replica.local.buckets("A", *short), coarse.buckets("A", *short))


# -- names -----------------------------------------------------------------------------------------

ODD = (
    "a'b", 'a"b', "a\\", "a\\'b", "' OR '1'='1", '"; DROP DATABASE line; --', "a,b=c d", "#a",
    "ümläut", "\N{SNOWMAN}", "a\nb", " a ", "=", "time", "$x", "/.*/", "'", '"', '\\"', "n\0b",
)  # fmt: skip


def test_odd_names_are_names_and_nothing_else(url: str, tmp_path: Path) -> None:
    tags = [replace(make_tag(name), station=name) for name in ODD]
    with Replica(tmp_path, settings_of(url), tags) as replica:
        replica.write([(k, float(k), 0, T0_NS + k) for k in range(len(ODD))])
        for k, name in enumerate(ODD):
            found = replica.server.raw(name, T0_NS, T0_NS + NS)
            assert (found.time_ns.tolist(), found.values.tolist()) == ([T0_NS + k], [float(k)]), (
                name
            )
        assert len(replica.server.tags()) == len(ODD)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(min_size=1) | st.text("'\"\\ ,=;-#/*\n()", min_size=1), st.text(max_size=5))
def test_no_text_breaks_out_of_a_statement(rich: Replica, name: str, other: str) -> None:
    """The server understands every statement, and finds nothing that is not named so."""
    wire, name, other = rich.server._wire, stored_name(name), stored_name(other)
    source = place(f"x{name}", {"line": rich.line, "tag": name, name + "k": other})
    for statement in (
        select(fields(("value", name + "f")), source, T0_NS, T0_NS + HOUR_S * NS),
        series_of("line", name + "l"),
    ):
        assert wire.ask([statement]) == [[]]


@given(st.text(), st.text(), st.text(min_size=1))
def test_a_key_of_a_series_is_read_as_it_was_written(name: str, unit: str, station: str) -> None:
    if not line_protocol.stored_measurement(station):
        return
    key = line_protocol.series(station, {"tag": name, "unit": unit})
    wanted = {k: v for k, v in place(station, {"tag": name, "unit": unit}).tags if v}
    found = read_series(key.encode("utf-8", "replace").decode())
    assert (found.measurement, dict(found.tags)) == (place(station, {}).measurement, wanted)


# -- what goes wrong -------------------------------------------------------------------------------


def source_of(url: str, folder: Path, **changes: object) -> InfluxSource:
    wire = InfluxWire(settings_of(url, **changes), folder, SystemClock().link_s)
    return InfluxSource(wire, "pilot", lambda: [])


def expect_refusal(source: InfluxSource, told: str) -> None:
    with source, pytest.raises(StoreError, match=told):
        source.events(T0_NS, T0_NS + NS)


def test_a_database_or_policy_that_is_not_there_is_told(url: str, tmp_path: Path) -> None:
    expect_refusal(source_of(url, tmp_path, bucket="nodb"), "database not found: nodb")
    expect_refusal(source_of(url, tmp_path, bucket="line/norp"), "retention policy not found: norp")


def test_nobody_there_is_told(tmp_path: Path) -> None:
    expect_refusal(source_of("http://127.0.0.1:1", tmp_path), "no answer: .*refused")


def test_a_server_that_hangs_is_told_in_time_and_asked_again(
    rich: Replica, influx: InfluxServer, url: str, tmp_path: Path
) -> None:
    with source_of(url, tmp_path, timeout_s=0.5) as source:
        assert source.events(T0_NS, T0_NS + NS) == []
        influx.pause()
        try:
            with pytest.raises(StoreError, match="no answer: ReadTimeoutError"):
                source.events(T0_NS, T0_NS + NS)
        finally:
            influx.resume()
        assert source.events(T0_NS, T0_NS + NS) == []


def test_a_server_that_was_killed_is_told_and_found_again(
    url: str, influx: InfluxServer, tmp_path: Path
) -> None:
    with source_of(influx.url, tmp_path) as source:
        assert source.events(T0_NS, T0_NS + NS) == []
        influx.kill()
        try:
            with pytest.raises(StoreError, match="no answer"):
                source.events(T0_NS, T0_NS + NS)
        finally:
            influx.start()
        assert source.events(T0_NS, T0_NS + NS) == []


def test_user_and_password_are_asked_for_and_never_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFLUXDB_HTTP_AUTH_ENABLED", "true")
    with InfluxServer(tmp_path / "influx") as server:
        server.query("CREATE USER ann WITH PASSWORD 'wide open' WITH ALL PRIVILEGES".replace(
            "wide open", "sesame"), post=True)  # fmt: skip
        token = tmp_path / "token"
        token.write_text("ann:sesam")
        source = source_of(server.url, tmp_path, **{"token_file": "token"}, bucket="line")
        with source:
            with pytest.raises(StoreError, match="401: authorization failed; check the token") as t:
                source.events(T0_NS, T0_NS + NS)
            assert "sesam" not in str(t.value)
            token.write_text("ann:sesame\n")  # a mended file needs no new start
            with pytest.raises(StoreError, match="database not found"):
                source.events(T0_NS, T0_NS + NS)
        expect_refusal(source_of(server.url, tmp_path), "401: unable to parse")
        expect_refusal(
            source_of(server.url, tmp_path, **{"token_file": "none"}), "no token: file none"
        )


def test_victoria_metrics_is_told_to_be_the_wrong_server(tmp_path: Path) -> None:
    with VictoriaServer(tmp_path / "victoria") as server:
        for ask in (
            lambda s: s.events(T0_NS, T0_NS + NS),
            lambda s: s.tags(),
            lambda s: s.raw("A", T0_NS, T0_NS + NS),
        ):
            with (
                source_of(server.url, tmp_path) as source,
                pytest.raises(StoreError, match="does not answer InfluxQL"),
            ):
                ask(source)


@contextmanager
def answering(*pieces: bytes, status: int = 200, wait_s: float = 0.0) -> Iterator[str]:
    """A server that says the same whatever it is asked, piece by piece."""
    closing = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            for piece in pieces:
                self.wfile.write(piece)
                closing.wait(wait_s)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    closing.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("pieces", "status", "told"),
    [
        ((b"<html>login</html>",), 200, "does not answer InfluxQL"),
        ((b"[1, 2]\n",), 200, "does not answer InfluxQL"),
        ((b'{"results": 5}\n',), 200, "does not answer InfluxQL"),
        ((b'{"results":[{"series":[{"columns":["x"],"values":[[1]]}]}]}',), 200, "answers with x"),
        ((b'{"results":[{"statement_id":0,"partial":true}]}\n',), 200, "ends in its middle"),
        (
            (b'{"results":[{"statement_id":0,"error":"query ti', b'meout"}]}\n'),
            200,
            "query timeout",
        ),
        ((b'{"error":"shutting down"}\n',), 200, "shutting down"),
        ((b'{"message":"bucket is not mapped"}',), 404, "404: bucket is not mapped"),
        ((b"over\nloaded",), 503, "503: over"),
        ((b"",), 500, "500: no reason given"),
        ((b"",), 302, "302: no reason given"),
    ],
)
def test_whatever_else_comes_back_is_told(
    pieces: Sequence[bytes], status: int, told: str, tmp_path: Path
) -> None:
    with answering(*pieces, status=status) as url:
        expect_refusal(source_of(url, tmp_path), told)


def test_an_answer_that_never_ends_is_given_up(tmp_path: Path) -> None:
    with answering(
        *[b'{"results":[{"statement_id":0,"partial":true}]}\n'] * 200, wait_s=0.1
    ) as url:
        expect_refusal(source_of(url, tmp_path, timeout_s=0.5), "no end of the answer in 6 s")
