"""The process of the sinks as its controller starts it: with it, without it, killed."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.clock import SystemClock
from controller.historian import Historian, HistorianSettings
from controller.sinks.condition import State
from controller.sinks.ledger_reader import SentByAll
from controller.sinks.places import SinkPlaces
from controller.sinks.status import SinkStatus, read_status
from tests.support.fake_influx import GOOD, FakeInflux, Manner
from tests.support.history import batch, make_tag

BASE = Path(__file__).parents[1] / "golden/config/base"
ENOUGH_S = 40.0
KILLS = 5


@pytest.fixture
def server() -> Iterator[FakeInflux]:
    with FakeInflux() as fake:
        yield fake


@pytest.fixture
def folder(tmp_path: Path, server: FakeInflux) -> Path:
    shutil.copy(BASE / "io_list.csv", tmp_path)
    write_line(tmp_path, server.url)
    return tmp_path


@pytest.fixture
def historian(folder: Path) -> Iterator[Historian]:
    made = Historian(
        folder / "history.db",
        [make_tag("A")],
        SystemClock(),
        HistorianSettings(commit_interval_s=0.05, seal_samples=500, seal_per_tag=0),
        SentByAll([SinkPlaces(folder, "plant").ledger]),
    )
    made.start()
    yield made
    made.close()


def write_line(folder: Path, url: str) -> None:
    base = (BASE / "line.toml").read_text(encoding="utf-8")
    section = f'\n[sinks.plant]\nkind = "influx"\nurl = "{url}"\nbucket = "b"\n'
    (folder / "line.toml").write_text(base + section, encoding="utf-8")


@contextmanager
def sinks(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process, on a pipe as its controller holds it."""
    words = ["--folder", folder, "--run", folder, "--store", folder / "history.db"]
    words += ["--line", "small"]
    command = [sys.executable, "-m", "controller.sinks", *map(str, words)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def record(historian: Historian, start: int, n: int) -> None:
    now_ns = time.time_ns()
    historian.record(batch([(0, float(k), 0, now_ns + k) for k in range(start, start + n)]))


def status(folder: Path) -> SinkStatus:
    return read_status(SinkPlaces(folder, "plant").status, "plant", SystemClock().link_s())


def eventually(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + ENOUGH_S
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_it_sends_and_ends_with_its_controller(
    folder: Path, historian: Historian, server: FakeInflux
) -> None:
    record(historian, 0, 100)
    with sinks(folder) as process:
        eventually(lambda: len(server.values("A")) == 100)
        eventually(lambda: status(folder).sent == 100)
        assert status(folder).state is State.SENDING
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(ENOUGH_S) == 0


def test_it_ends_in_order_although_the_server_hangs(
    folder: Path, historian: Historian, server: FakeInflux
) -> None:
    server.manner = lambda _: Manner(hang=True)
    record(historian, 0, 100)
    with sinks(folder) as process:
        eventually(lambda: bool(server.requests))
        begun_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(ENOUGH_S) == 0
        assert time.monotonic() - begun_s < 8.0


def test_it_begins_again_when_its_configuration_changes(
    folder: Path, historian: Historian, server: FakeInflux
) -> None:
    with FakeInflux() as other:
        with sinks(folder) as process:
            eventually(lambda: status(folder).state is State.SENDING)
            write_line(folder, other.url)
            assert process.wait(ENOUGH_S) == 0
        record(historian, 0, 10)
        with sinks(folder):
            eventually(lambda: len(other.values("A")) == 10)


def test_it_says_what_is_wrong_with_its_configuration(folder: Path, historian: Historian) -> None:
    write_line(folder, "gopher://x")
    with sinks(folder) as process:
        _, told = process.communicate(timeout=ENOUGH_S)
        assert process.returncode == 1
    assert b"sinks.plant.url" in told


@pytest.mark.timeout(240)
def test_kill_9_at_any_moment_loses_and_doubles_nothing(
    folder: Path, historian: Historian, server: FakeInflux
) -> None:
    turns = iter([GOOD, Manner(503), Manner(cut="after"), Manner(wait_s=0.05)] * 10_000)
    server.manner = lambda _: next(turns)
    n = 0
    for kill in range(KILLS):
        with sinks(folder) as process:
            before = len(server.requests)
            while len(server.requests) <= before + 2 * kill:
                record(historian, n, 200)
                n += 200
                time.sleep(0.06)
            process.send_signal(signal.SIGKILL)
            process.wait()
        record(historian, n, 50)
        n += 50
    assert historian.flush()
    with sinks(folder):
        eventually(lambda: status(folder).state is State.SENDING and status(folder).queue == 0)
    assert server.values("A") == [float(k) for k in range(n)]
    assert status(folder).dropped == status(folder).quarantined == 0
