"""A historian that is fed, the Sparkplug session that follows it, and a host that listens."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.clock import SystemClock
from controller.core.tag import Kind, Tag, Writer
from controller.historian import Historian, HistorianSettings
from controller.history.query import Reader
from controller.sinks.ledger_reader import SentByAll, untold
from controller.sinks.places import SinkPlaces
from controller.sinks.status import SinkStatus, read_status
from tests.support.history import Row, batch, make_tag
from tests.support.mosquitto import PASSWORD, USER, Mosquitto
from tests.support.sparkplug_host import Node, Told

BASE = Path(__file__).parents[1] / "golden/config/base"
ENOUGH_S = 60.0
MS = 1_000_000
SMALL = HistorianSettings(commit_interval_s=0.05, seal_samples=4000, seal_per_tag=0)
FEED, STATE, REMOTE, SET, LATE, DOOR = range(6)
OF_COATER = (FEED, STATE, REMOTE)


def _tag(name: str, station: str, kind: Kind = Kind.REAL, unit: str = "") -> Tag:
    writer = Writer.DEVICE
    return replace(make_tag(name), station=station, kind=kind, unit=unit, writer=writer)


TAGS = (
    _tag("COAT.FEED.PV", "coater", unit="kg/h"),
    _tag("COAT.STATE", "coater", Kind.ENUM),
    _tag("COAT.REMOTE", "coater", Kind.BOOLEAN),
    _tag("COAT.FEED.SP", "coater", unit="kg/h"),
    _tag("LINE.LATE", "line", Kind.INTEGER),
    _tag("ENC.STATE", "enclosure", Kind.ENUM),
)
METRICS = (
    ("coater", "COAT.FEED.PV"), ("coater", "COAT.STATE"), ("coater", "COAT.REMOTE"),
    ("", "coater/COAT.FEED.SP"), ("", "LINE.LATE"), ("enclosure", "ENC.STATE"),
)  # fmt: skip


def eventually(is_so: Callable[[], bool], told: Callable[[], object] = str) -> None:
    """Wait until something is so."""
    until_s = time.monotonic() + ENOUGH_S
    while not is_so():
        assert time.monotonic() < until_s, told()
        time.sleep(0.02)


class SparkplugPlant:
    """A controller's folder with its historian; the process of its sinks is run by the test."""

    def __init__(self, folder: Path, broker: Mosquitto, **settings: object) -> None:
        self.folder, self.broker = folder, broker
        self.places = SinkPlaces(folder, "broker")
        self.historian = Historian(
            folder / "history.db", TAGS, SystemClock(), SMALL, SentByAll([self.places.ledger])
        )
        self.n = 0
        shutil.copy(BASE / "io_list.csv", folder)
        self.set_password(PASSWORD)
        self.configure(**settings)
        self.historian.start()

    def close(self) -> None:
        """End the historian."""
        self.historian.close()

    def set_password(self, password: str) -> None:
        """Write the file that holds it."""
        (self.folder / "password").write_text(f"{password}\n", encoding="utf-8")

    def configure(self, **more: object) -> None:
        """Write line.toml."""
        settings: dict[str, object] = {
            "kind": "sparkplug", "host": "127.0.0.1", "port": self.broker.port, "group": "works",
            "user": USER, "password_file": "password", "timeout_s": 3.0,
        }  # fmt: skip
        base = (BASE / "line.toml").read_text(encoding="utf-8")
        lines = [f"{key} = {_toml(value)}" for key, value in (settings | more).items()]
        text = "\n".join([base, "[sinks.broker]", *lines, ""])
        (self.folder / "line.toml").write_text(text, encoding="utf-8")

    @contextmanager
    def sinks(self) -> Iterator[subprocess.Popen[bytes]]:
        """The process, on a pipe as its controller holds it; killed in the end."""
        words = ["--folder", self.folder, "--run", self.folder, "--line", "small"]
        words += ["--store", self.folder / "history.db"]
        command = [sys.executable, "-m", "controller.sinks", *map(str, words)]
        with (self.folder / "sinks.log").open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log)
        with process:
            try:
                yield process
            finally:
                process.kill()

    def record(self, rows: Sequence[Row]) -> None:
        """Samples; the first of a row is the index of the tag."""
        self.historian.record(batch(rows))

    def scan(self, quality: int = 0, n: int = 1) -> None:
        """A few scans of the whole line, now, a millisecond apart; quality: that of the coater."""
        now_ns = time.time_ns() // MS * MS
        rows = []
        for k in range(n):
            time_ns, value = now_ns + k * MS, float(self.n + k)
            bad = quality if quality >= 128 else 0
            rows += [(tag, _value(tag, value), bad, time_ns) for tag in OF_COATER]
            rows += [(tag, _value(tag, value), 0, time_ns) for tag in (SET, LATE, DOOR)]
        self.n += n
        self.record(rows)

    @property
    def status(self) -> SinkStatus:
        """How the sink is."""
        return read_status(self.places.status, "broker", SystemClock().link_s())

    def notes(self) -> list[str]:
        """What people are told."""
        return [note.text for note in untold(self.places.ledger)]

    def arrive(self) -> None:
        """Wait until everything is sent."""
        assert self.historian.flush()
        sent = self.status.link_s
        eventually(
            lambda: self.status.link_s > sent and (self.status.queue, self.status.state) == (0, 1),
            lambda: (self.status, self.log()),
        )

    def log(self) -> str:
        """What the process of the sinks has said."""
        return (self.folder / "sinks.log").read_text(encoding="utf-8")[-3000:]

    def stored(self, tag: int) -> dict[int, tuple[Any, int]]:
        """Value and quality by time of everything that the local store has of a tag."""
        with Reader(self.historian.path) as reader:
            found = reader.raw(TAGS[tag].name, 0, 2**62)
        columns = zip(
            found.time_ns.tolist(), found.values.tolist(), found.quality.tolist(), strict=True
        )
        return {t // MS: (v if q < 128 else None, q) for t, v, q in columns}

    def assert_all_there(self, node: Node, *, doubled: bool = False) -> None:
        """The host has every sample of the store, exactly; doubled: some may have come twice."""
        assert node.broken == []
        for tag, metric in enumerate(METRICS):
            told = node.values[metric]
            there = {t.time_ms: (_number(t), t.quality) for t in told}
            assert there == self.stored(tag), metric
            if not doubled:
                assert len(told) == len(there), metric
            current = [t.time_ms for t in told if not t.is_historical]
            assert current == sorted(set(current)), metric


def _number(told: Told) -> float | None:
    return None if told.value is None else float(told.value)


def _value(tag: int, value: float) -> float:
    return value % 2 if TAGS[tag].kind is Kind.BOOLEAN else value


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)
