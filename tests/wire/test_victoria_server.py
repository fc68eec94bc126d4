"""A sink against a real VictoriaMetrics, as far as that can prove anything.

It keeps numbers only, some fifteen digits of them, with times in milliseconds. It takes lines that
are none without a word, and forgets with a kill -9 what it took during the seconds before. So it
says nothing about texts, refusals and nanoseconds: the real InfluxDB does.
"""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.core.sample import Quality
from controller.sinks import answers
from controller.sinks.condition import State
from controller.sinks.influx_settings import Settings
from tests.support.history import Row
from tests.support.read_back import Victoria, readings
from tests.support.sink_plant import RealServer, SinkPlant, eventually, tags_of
from tests.support.victoria_server import VictoriaServer

MS = 1_000_000
_lines = itertools.count(1)


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VictoriaServer]:
    with VictoriaServer(tmp_path_factory.mktemp("victoria")) as server:
        yield server


@pytest.fixture
def real(victoria: VictoriaServer, monkeypatch: pytest.MonkeyPatch) -> RealServer:
    """The server with a line that only this test uses."""
    monkeypatch.setattr(answers, "LAST_BACK_OFF_S", 0.5)
    settings = {"kind": "influx", "url": victoria.url, "bucket": "b", "timeout_s": 5.0}
    return RealServer(Settings.model_validate(settings), Victoria(victoria, f"line{next(_lines)}"))


def samples(start: int, n: int, at_ms: int) -> list[Row]:
    """Samples of two tags by turns, a millisecond apart, with values of few digits."""
    return [(k % 2, k / 8 - 100, 0, (at_ms + k) * MS) for k in range(start, start + n)]


def shown(plant: SinkPlant, real: RealServer, n: int) -> None:
    """Wait until everything was sent and the server shows as many samples as it should have."""
    plant.arrive()
    eventually(lambda: sum(len(readings(real.read, t.name)) for t in plant.tags) >= n)


def now_ms() -> int:
    return time.time_ns() // MS


def test_every_sample_is_there_once_with_its_value_quality_and_time(
    real: RealServer, tmp_path: Path
) -> None:
    with SinkPlant(tmp_path, real, tags_of("A", "B")) as plant:
        plant.record(samples(0, 6000, now_ms() - 60_000))
        shown(plant, real, 6000)
        plant.assert_all_there()
        assert (plant.status.sent, plant.status.quarantined) == (6000, 0)


def test_a_bad_sample_has_a_quality_and_no_value(real: RealServer, tmp_path: Path) -> None:
    at_ms = now_ms() - 10_000
    rows = [(0, float(q), int(q), (at_ms + k) * MS) for k, q in enumerate(Quality)]
    with SinkPlant(tmp_path, real, tags_of("A")) as plant:
        plant.record(rows)
        shown(plant, real, len(rows))
        found = readings(real.read, "A")
        assert [r.quality for r in found] == list(Quality)
        assert [r.value is None for r in found] == [q >= Quality.BAD for q in Quality]
        plant.assert_all_there()


def test_what_is_sent_again_is_not_doubled(real: RealServer, tmp_path: Path) -> None:
    with SinkPlant(tmp_path, real, tags_of("A", "B")) as plant:
        plant.record(samples(0, 2000, now_ms() - 60_000))
        shown(plant, real, 2000)
        plant.stop_sink()
        for path in plant.places.ledger.parent.glob("plant.db*"):
            path.unlink()
        plant.start_sink()
        plant.arrive()
        assert plant.status.sent == 2000
        time.sleep(1.5)  # until it would show a second copy
        plant.assert_all_there()


def test_samples_of_a_time_without_server_come_after_it(
    victoria: VictoriaServer, real: RealServer, tmp_path: Path
) -> None:
    begin_ms, n = now_ms() - 60_000, 0
    with SinkPlant(tmp_path, real, tags_of("A", "B"), batch_points=200) as plant:
        plant.record(samples(n, 200, begin_ms))
        shown(plant, real, 200)
        victoria.stop()  # in order: what it took is on its disk
        for n in range(200, 4200, 200):
            plant.record(samples(n, 200, begin_ms))
            time.sleep(0.02)
        plant.reach(State.WAITING)
        victoria.start()
        shown(plant, real, 4200)
        plant.assert_all_there()
        status = plant.status
        assert (status.sent, status.dropped, status.quarantined) == (4200, 0, 0)


def test_what_is_no_line_is_taken_without_a_word(real: RealServer, tmp_path: Path) -> None:
    """Why this server cannot judge what we write."""
    with SinkPlant(tmp_path, real, tags_of("A")) as plant:
        target = plant.connect()
        try:
            assert target.post(["this is no line protocol", "=,= ="]).status == 204
        finally:
            target.close()
