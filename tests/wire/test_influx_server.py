"""A sink against a real InfluxDB 1.6.7 behind a proxy that maps paths."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient

from controller.clock import NS
from controller.historian import HistorianSettings
from controller.history import unsent
from controller.sinks import answers, lane
from controller.sinks.condition import State
from controller.sinks.influx_settings import Settings
from controller.sinks.ledger_reader import quarantine, untold
from tests.support.history import Row
from tests.support.influx_server import InfluxServer, PathMapper, ask
from tests.support.manners import Manner
from tests.support.read_back import Influx1, all_readings, readings
from tests.support.server_suite import ServerSuite
from tests.support.sink_plant import RealServer, SinkPlant, eventually, tags_of

DATABASE = "line"
_lines = itertools.count(1)


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    with InfluxServer(tmp_path_factory.mktemp("influx")) as server:
        server.create(DATABASE)
        yield server


@pytest.fixture(scope="module")
def mapper(influx: InfluxServer) -> Iterator[PathMapper]:
    with PathMapper(influx.url) as made:
        yield made


@pytest.fixture(autouse=True)
def _impatient(mapper: PathMapper, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is waited for takes a fraction of the usual time, and at the end all is well."""
    monkeypatch.setattr(lane, "STOPPED_S", 0.3)
    monkeypatch.setattr(answers, "LAST_BACK_OFF_S", 0.5)
    monkeypatch.setattr(unsent, "INTERVAL_S", 0.2)
    yield
    mapper.behave()


@pytest.fixture
def real(influx: InfluxServer, mapper: PathMapper) -> RealServer:
    """The server with a line that only this test uses."""
    return RealServer(settings_of(mapper), Influx1(influx, DATABASE, f"line{next(_lines)}"))


def settings_of(mapper: PathMapper, **changes: object) -> Settings:
    named = {"kind": "influx", "url": mapper.url, "bucket": DATABASE, "timeout_s": 5.0}
    return Settings.model_validate(named | changes)


def numbered(start: int, n: int, at_ns: int) -> list[Row]:
    """Samples of tag 0 whose values are their numbers, a microsecond apart."""
    return [(0, float(k), 0, at_ns + 1000 * k) for k in range(start, start + n)]


class TestInflux1(ServerSuite):
    """InfluxDB 1.6.7."""

    def test_points_older_than_the_server_keeps_are_set_aside_and_the_others_stored(
        self, influx: InfluxServer, mapper: PathMapper, tmp_path: Path
    ) -> None:
        influx.create("short", "2h")
        real = RealServer(
            settings_of(mapper, bucket="short/autogen"), Influx1(influx, "short", "old")
        )
        now_ns = time.time_ns() - NS
        rows = numbered(0, 1000, now_ns - 7 * 3600 * NS) + numbered(1000, 1000, now_ns)
        with SinkPlant(tmp_path, real, tags_of("A")) as plant:
            plant.record(rows)
            plant.arrive()
            found = readings(real.read, "A")
            assert [r.value for r in found] == [float(k) for k in range(1000, 2000)]
            assert (plant.status.sent, plant.status.quarantined) == (1000, 1000)
            aside = quarantine(plant.places.ledger)
            assert sum(entry.lines for entry in aside) == 1000
            assert all("retention policy" in entry.reason for entry in aside)

    def test_a_database_that_is_missing_stops_the_sink_until_somebody_makes_it(
        self, influx: InfluxServer, mapper: PathMapper, tmp_path: Path
    ) -> None:
        real = RealServer(settings_of(mapper, bucket="later"), Influx1(influx, "later", "later"))
        with SinkPlant(tmp_path, real, tags_of("A")) as plant:
            plant.record(numbered(0, 2000, time.time_ns()))
            plant.reach(State.STOPPED)
            assert plant.status.reason == '404: database not found: "later"'
            assert plant.status.queue == 2000
            influx.create("later")
            plant.arrive()
            plant.assert_all_there()
            eventually(lambda: len(untold(plant.places.ledger)) == 2)
            stopped, again = untold(plant.places.ledger)
            assert "its configuration is to be changed: 404: database not found" in stopped.text
            assert "takes data again after" in again.text

    def test_a_server_killed_while_it_writes_loses_and_doubles_nothing(
        self, influx: InfluxServer, mapper: PathMapper, real: RealServer, tmp_path: Path
    ) -> None:
        begin_ns, n = time.time_ns(), 0
        with SinkPlant(tmp_path, real, tags_of("A"), batch_points=200) as plant:
            for kill in range(4):
                writes = mapper.writes
                while mapper.writes <= writes + 3 * kill:
                    plant.record(numbered(n, 300, begin_ns))
                    n += 300
                    time.sleep(0.02)
                influx.kill()
                plant.record(numbered(n, 300, begin_ns))
                n += 300
                plant.reach(State.WAITING)
                influx.start()
            plant.arrive()
            assert [r.value for r in readings(real.read, "A")] == [float(k) for k in range(n)]
            plant.assert_all_there()
            status = plant.status
            assert (status.sent, status.dropped, status.quarantined) == (n, 0, 0)
            assert status.retried > 0

    def test_a_server_that_hangs_and_then_does_what_was_asked_long_ago_doubles_nothing(
        self, influx: InfluxServer, mapper: PathMapper, tmp_path: Path
    ) -> None:
        real = RealServer(
            settings_of(mapper, timeout_s=0.5), Influx1(influx, DATABASE, f"line{next(_lines)}")
        )
        begin_ns, n = time.time_ns(), 0
        with SinkPlant(tmp_path, real, tags_of("A"), batch_points=200) as plant:
            influx.pause()
            try:
                for _ in range(20):
                    plant.record(numbered(n, 100, begin_ns))
                    n += 100
                    time.sleep(0.06)
                plant.reach(State.WAITING)
                eventually(lambda: plant.status.retried > 2)
            finally:
                influx.resume()
            plant.arrive()
            plant.assert_all_there()
            assert plant.status.sent == n

    def test_what_the_disk_limit_takes_is_told_exactly(
        self, mapper: PathMapper, real: RealServer, tmp_path: Path
    ) -> None:
        chance = np.random.default_rng(3)
        settings = HistorianSettings(
            commit_interval_s=0.05, seal_samples=4000, seal_per_tag=0, outbox_bytes=400_000
        )
        begin_ns, tags = time.time_ns() - 600 * NS, tags_of(*(f"T{k}" for k in range(40)))
        with SinkPlant(tmp_path, real, tags, settings=settings, batch_points=500) as plant:
            mapper.manner = lambda _: Manner(503)
            for start in range(0, 150_000, 3000):
                values = chance.normal(size=3000).tolist()
                plant.record(
                    [(k % 40, v, 0, begin_ns + 1000 * (start + k)) for k, v in enumerate(values)]
                )
                assert plant.historian.flush()
            eventually(lambda: plant.status.dropped > 0)
            mapper.behave()
            plant.arrive()
            there = {(tag, r) for tag, found in all_readings(real.read).items() for r in found}
            local = {(t.name, r) for t in tags for r in plant.local(t.name)}
            assert there < local
            missing = sorted(r.time_ns for _, r in local - there)
            gaps = [n.facts for n in untold(plant.places.ledger) if n.text.startswith("gap: ")]
            assert sum(int(str(g["samples"])) for g in gaps) == len(missing)
            for gap in gaps:
                inside = [t for t in missing if gap["from_ns"] <= t <= gap["to_ns"]]
                assert (inside[0], inside[-1]) == (gap["from_ns"], gap["to_ns"])
                assert len(inside) == gap["samples"]
            assert (plant.status.dropped, plant.status.sent) == (len(missing), len(there))


def test_the_proxy_passes_on_everything_but_the_path_of_a_write(
    influx: InfluxServer, mapper: PathMapper
) -> None:
    with InfluxDBClient(mapper.url, "any", org="any") as client:
        assert client.ping()
    assert ask(mapper.url, "SHOW DATABASES") == influx.query("SHOW DATABASES")
    with pytest.raises(RuntimeError, match="error parsing query"):
        ask(mapper.url, "SELEKT")
