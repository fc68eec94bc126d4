"""The disk of a running line is full, and is freed: control goes on, nothing promised is lost.

Real plant, controller and sink; the run folder is a small disk of its own that is filled to the
last byte.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from controller.__main__ import app
from controller.core.errors import DrylineError
from controller.run_store import STORE, RunReader
from controller.sinks.places import SinkPlaces
from controller.sinks.status import read_status
from tests.support.counted_controller import noted
from tests.support.fake_influx import FakeInflux
from tests.support.line_under_test import PREFIX, ROOT, STATIONS, LineUnderTest
from tests.support.quick_recipes import release
from tests.support.small_disk import SmallDisk, in_own_namespace, may_mount

pytestmark = pytest.mark.timeout(240)

DISK_MIB = 10
ALARM_S = 5.0
RECOVERY_S = 10.0
FULL_S = 10.0
BASE_S = 8.0
MAX_STEP = 2  # a heartbeat may fall between two reads
SINK = '\n[sinks.plant]\nkind = "influx"\nurl = "{url}"\nbucket = "b"\n'
Json = dict[str, object]


@dataclass
class Figures:
    alarm_s: float = 0.0
    recovery_s: float = 0.0
    late_p99_ms: dict[str, tuple[float, float]] = field(default_factory=dict)
    missed: dict[str, int] = field(default_factory=dict)


class FullLine:
    """A line on a small disk, with a sink; all stations are active."""

    def __init__(self, home: Path, disk: SmallDisk, line: LineUnderTest, server: FakeInflux):
        self.home, self.disk, self.line, self.server = home, disk, line, server

    def status(self) -> Json:
        return self.line.status()

    def history(self) -> Json:
        found = self.status()["history"]
        assert isinstance(found, dict)
        return found

    def me(self) -> Json:
        (found,) = self.status()["controllers"]  # type: ignore[misc]
        return found  # type: ignore[return-value]

    def scans(self, station: str, since_ns: int, until_ns: int) -> np.ndarray:
        assert self.line.controller is not None
        rows = noted(self.home, station, self.line.controller.pid)
        return rows[(rows["time_ns"] >= since_ns) & (rows["time_ns"] < until_ns)]

    def fill(self) -> float:
        """Wall seconds from a full disk to the alarm."""
        self.disk.fill()
        begun_s = time.monotonic()
        self.line.wait_for(self._failing, "history failing", ALARM_S)
        return time.monotonic() - begun_s

    def _failing(self) -> bool:
        self.disk.fill()  # what a checkpoint has just given back
        return bool(self.history()["failing"])


@contextmanager
def full_line(home: Path) -> Iterator[FullLine]:
    words = ("tests.support.counted_controller", str(home))
    release(home / "recipes", "1.0.0")
    with (
        FakeInflux() as server,
        LineUnderTest(home=home, controller_words=words) as line,
        SmallDisk(line.run, DISK_MIB) as disk,
    ):
        path = line.line_folder / "line.toml"
        path.write_text(path.read_text() + SINK.format(url=server.url), encoding="utf-8")
        line.start_plant()
        line.start_controller()
        line.settle()
        for station in STATIONS:
            line.activate(station)
        up = FullLine(home, disk, line, server)
        line.wait_for(lambda: len(server.values("ENC.HEART")) > 10, "sink sends")
        try:
            yield up
        finally:
            if line.controller_runs():
                line.kill_controller()


def test_a_full_disk_is_told_stops_nothing_and_is_forgotten_when_it_is_freed(
    tmp_path: Path,
) -> None:
    if not may_mount(tmp_path / "probe"):
        in_own_namespace(Path(__file__), ROOT)
        return
    figures = Figures()
    with full_line(tmp_path) as up:
        line = up.line
        base_ns = line.clock.utc_ns()
        time.sleep(BASE_S)
        begun_ns = line.clock.utc_ns()
        figures.alarm_s = up.fill()
        full_ns = line.clock.utc_ns()
        check_alarm(up)
        check_commands(up)
        stored = up.history()["stored"]
        time.sleep(FULL_S)
        assert up.history()["stored"] == stored, "nothing is acknowledged on a full disk"
        freed_ns = line.clock.utc_ns()
        figures.recovery_s = recovery(up)
        check_control(up, figures, (base_ns, begun_ns), (full_ns, freed_ns))
        check_nothing_lost(up, begun_ns, freed_ns)
        check_sink(up)
        assert up.history()["dropped"] == 0
        assert line.stop_controller() == 0
        seen = CliRunner().invoke(app, ["inspect", "--run", str(line.run), "--line",
                                        str(line.line_folder)])  # fmt: skip
        assert seen.exit_code == 0, seen.output
    print(f"\n{figures}")


def check_alarm(up: FullLine) -> None:
    up.line.wait_for(
        lambda: up.line.value("line", "LINE.HISTORY.FAILING") == 1.0, "tag shows it", ALARM_S
    )
    assert "full" in str(up.history()["error"])
    up.line.wait_for(
        lambda: any("HISTORY.FAILING" in str(a) for a in up.me()["alarms"]),  # type: ignore[attr-defined]
        "an alarm of the line", ALARM_S,
    )  # fmt: skip


def check_commands(up: FullLine) -> None:
    """Nothing that must outlive a restart is acknowledged; what brings to rest is done."""
    line = up.line
    told = ""
    for k in range(200):  # until the log of the station store finds no room any more
        try:
            line.command("coater", "LOT", "in", f"lot-{k}")
        except DrylineError as error:
            told = str(error)
            break
        up.disk.fill()
    assert "LOT of coater is done, but not saved" in told
    for op, more in (
        ("command", {"verb": "START"}),
        ("deploy", {"recipe": "test-film@1.0.0", "reason": "x"}),
    ):
        answer = line.ask(op=op, station="coater", actor="test", **more)
        assert (answer["accepted"], answer["code"]) == (False, "disk"), answer
        assert "free the disk" in answer["reasons"][0]
    with pytest.raises(DrylineError, match="HOLD of coater is done, but not saved"):
        line.command("coater", "HOLD")
    line.run_until("coater", state="HELD", within_s=15.0)


def recovery(up: FullLine) -> float:
    up.disk.free()
    begun_s = time.monotonic()

    def recovered() -> bool:
        return not up.history()["failing"] and not up.me()["record"]

    up.line.wait_for(recovered, "stored again", RECOVERY_S)
    return time.monotonic() - begun_s


def check_control(
    up: FullLine, figures: Figures, base: tuple[int, int], full: tuple[int, int]
) -> None:
    """No scan is missed, and none is later than before by more than the bar."""
    for station in STATIONS:
        before, during = up.scans(station, *base), up.scans(station, *full)
        assert len(during) > FULL_S / 0.1 * 0.9
        p99 = [float(np.percentile(rows["late_ms"], 99)) for rows in (before, during)]
        missed = [int(rows["overruns"][-1] - rows["overruns"][0]) for rows in (before, during)]
        figures.late_p99_ms[station] = (round(p99[0], 1), round(p99[1], 1))
        figures.missed[station] = missed[1]
        assert p99[1] <= max(2 * p99[0], p99[0] + 10.0), figures
        assert missed[1] <= missed[0], figures


def check_nothing_lost(up: FullLine, begun_ns: int, freed_ns: int) -> None:
    """Samples of the whole time are there, one a scan; entries of runs without a hole; events."""
    line = up.line
    line.wait_for_history()
    for station in STATIONS:
        beats = line.samples(f"{PREFIX[station]}.HEART", begun_ns, freed_ns + 2 * 10**9)
        assert len(np.unique(beats.time_ns)) == len(beats)
        steps = np.diff(beats.values[beats.quality == 0]) % 65536
        assert (steps <= MAX_STEP).all(), f"{station}: {steps.tolist()}"
        assert len(beats) > (freed_ns - begun_ns) / 1e9 * 0.9
    texts = [event.text for event in line.events(begun_ns, "")]
    for wanted in ("storing failed", "storing works again", "cannot be saved", "are saved again"):
        assert any(wanted in text for text in texts), (wanted, texts)
    assert not any("gap" in text for text in texts), texts
    with RunReader(line.run / STORE) as reader:
        record = reader.record(reader.find("coater"))
    assert [e.number for e in record.entries] == list(range(1, len(record.entries) + 1))
    lots = [e.text for e in record.entries if "LOT in" in e.text]
    assert lots == [f"LOT in = lot-{k}: accepted" for k in range(len(lots))]
    assert lots


def check_sink(up: FullLine) -> None:
    """The sink's ledger has recovered too: everything is sent, once."""
    places = SinkPlaces(up.line.run, "plant")
    tag = "ENC.HEART"

    def sent() -> bool:
        until_ns = up.line.clock.utc_ns() - 3 * 10**9
        local = up.line.samples(tag, 0, until_ns).values.tolist()
        return up.server.values(tag)[: len(local)] == local

    up.line.wait_for(sent, "sink has everything", 40.0)
    assert read_status(places.status, "plant", up.line.clock.link_s()).dropped == 0


def rows_of(up: FullLine) -> int:
    with up.line.reader() as reader:
        return sum(len(reader.raw(tag.name, 0, 2**62)) for tag in reader.tags())


def test_a_controller_killed_on_a_full_disk_has_kept_what_it_acknowledged(tmp_path: Path) -> None:
    if not may_mount(tmp_path / "probe"):
        return  # the other test has run this one, too
    with full_line(tmp_path) as up:
        line = up.line
        up.fill()
        time.sleep(1.0)
        stored = int(str(up.history()["stored"]))
        line.kill_controller()
        assert rows_of(up) >= stored
        line.start_controller()  # on a full disk: refused in words, or it runs and says so
        line.wait_for(partial(said_or_runs, up), "an end or a beginning", 20.0)
        assert "Traceback" not in line.log("controller")
        up.disk.free()
        if not line.controller_runs():
            line.start_controller()
        line.wait_for(line.all_links_up, "links after the kill", 20.0)
        line.wait_for(lambda: not up.history()["failing"], "stores again", RECOVERY_S)
        assert rows_of(up) >= stored
        assert line.stop_controller() == 0
        seen = CliRunner().invoke(app, ["inspect", "--run", str(line.run), "--line",
                                        str(line.line_folder)])  # fmt: skip
        assert seen.exit_code == 0, seen.output


def said_or_runs(up: FullLine) -> bool:
    return not up.line.controller_runs() or up.line.all_links_up()
