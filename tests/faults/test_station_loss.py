"""Each station lost in turn: its PLC killed, paused, cut off; the other two must not notice."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from controller.core.errors import DrylineError
from controller.core.event import EventKind
from tests.support.line_under_test import (
    PREFIX,
    STATIONS,
    ConsoleClient,
    LineUnderTest,
    first_time_ns,
    seconds,
)

BAD_S = 1.0  # from the loss to Bad tags
GOOD_S = 2.0  # from the return to Good tags
SAMPLE_S = 0.04
QUIET_S = 4.0
ROUNDS = 3  # a window has some 25 scans, of which a single one is the 99th percentile
RESPAWN_NS = 950_000_000  # the plant starts a dead PLC again after one second
AFTER_S = 0.5  # a window of lateness ends so long after the return
LOST = {"pause": 4.0, "black hole": 5.0, "kill": 0.0}
WAYS = tuple(LOST)
IN_CONTROL = ("OK", "LIMITED_LOW", "LIMITED_HIGH")


@dataclass
class Seen:
    """What the sampler saw of one station in one answer of the console."""

    time_ns: int
    late_ms: float
    overruns: int


@dataclass
class Sampler:
    """Reads lateness and overruns of all stations all the time, in a thread of its own."""

    line: LineUnderTest
    seen: dict[str, list[Seen]] = field(default_factory=lambda: {s: [] for s in STATIONS})
    disturbed: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def late_ms(self, station: str, windows: Sequence[tuple[int, int]]) -> np.ndarray:
        """Lateness inside any of some windows."""
        return np.array(
            [s.late_ms for s in self.seen[station] if any(a <= s.time_ns < b for a, b in windows)]
        )

    def quiet_ms(self, station: str) -> np.ndarray:
        """Lateness outside all disturbances."""
        return np.array(
            [
                s.late_ms
                for s in self.seen[station]
                if not any(a <= s.time_ns < b for a, b in self.disturbed)
            ]
        )

    def overruns(self, station: str, start_ns: int, stop_ns: int) -> int:
        """Scans left out in a window."""
        counts = [s.overruns for s in self.seen[station] if start_ns <= s.time_ns < stop_ns]
        return counts[-1] - counts[0]

    def _run(self) -> None:
        console = ConsoleClient(self.line.run / "controller.sock")
        while not self._stop.wait(SAMPLE_S):
            try:
                status = console.ask(op="status")
            except DrylineError:
                continue
            now_ns = self.line.clock.utc_ns()
            for name, s in status["stations"].items():
                self.seen[name].append(Seen(now_ns, s["late_ms"], s["overruns"]))
        console.close()


@pytest.fixture(scope="module")
def sampler(session_line: LineUnderTest) -> Iterator[Sampler]:
    session_line.settle()
    running = Sampler(session_line)
    time.sleep(QUIET_S)
    yield running
    running.close()


@pytest.fixture(scope="module")
def figures() -> Iterator[list[str]]:
    """Measured figures, printed at the end (pytest -s or -rP shows them)."""
    rows: list[str] = []
    yield rows
    print("\n" + "\n".join(rows))


def damage(line: LineUnderTest, station: str, way: str) -> None:
    if way == "black hole":
        line.wire[station].swallow()
    else:
        line.plc(station, way)


def undo(line: LineUnderTest, station: str, way: str, since_ns: int) -> int:
    """End the damage; the time from which the PLC can be reached again, UTC ns."""
    if way == "kill":
        return line.wait_for(lambda: line.plc_up_ns(station, since_ns), f"PLC of {station} back")
    now_ns = line.clock.utc_ns()
    if way == "pause":
        line.plc(station, "resume")
    else:
        line.wire[station].heal()
    return now_ns


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("station", ["coater", "calender", "enclosure"])
def test_lost_station_goes_bad_and_comes_back_and_its_neighbours_do_not_notice(
    line: LineUnderTest, sampler: Sampler, figures: list[str], station: str, way: str
) -> None:
    for _ in range(ROUNDS):
        late = lose(line, sampler, figures, station, way)
        if not late:
            break
    assert not late


def lose(
    line: LineUnderTest, sampler: Sampler, figures: list[str], station: str, way: str
) -> list[str]:
    """One loss of a station, all of its checks; the neighbours that were late in it."""
    heart = f"{PREFIX[station]}.HEART"
    if station == "enclosure":
        line.produce(station, within_s=90.0)
    before = line.station(station)
    lost_ns = line.clock.utc_ns()
    damage(line, station, way)
    line.wait_for(lambda: "Good" not in line.qualities(station), "all tags Bad", BAD_S + 0.5)
    time.sleep(0.2)  # at least one scan has seen it
    assert not loops_in_control(line, station)
    time.sleep(LOST[way])
    back_ns = undo(line, station, way, lost_ns)
    line.wait_for(lambda: line.qualities(station) == {"Good"}, "all tags Good", 10.0)
    held = came_back(line, station, way, before["state"])
    time.sleep(AFTER_S)
    end_ns = line.clock.utc_ns()
    sampler.disturbed.append((lost_ns, end_ns))
    line.wait_for_history()

    beats = line.samples(heart, lost_ns, end_ns)
    bad_ns = first_time_ns(beats, bad=True)
    assert bad_ns is not None
    good_ns = first_time_ns(line.samples(heart, bad_ns, end_ns), bad=False)
    assert good_ns is not None
    figures.append(
        f"{station:9} {way:10}: Bad after {seconds(bad_ns - lost_ns):.2f} s, "
        f"Good {seconds(good_ns - back_ns):.2f} s after the return, {held}"
    )
    assert seconds(bad_ns - lost_ns) <= BAD_S
    assert seconds(good_ns - back_ns) <= GOOD_S
    for tag in line.device_tags(station):
        outage = line.samples(tag, bad_ns, back_ns)
        assert len(outage), f"{tag}: the loss is not in history"
        assert (outage.quality >= 128).all(), f"{tag}: Good in history during the loss"
    # A new PLC process takes two seconds of the CPU that a real PLC does not share with us.
    boot = (lost_ns + RESPAWN_NS, back_ns) if way == "kill" else (end_ns, end_ns)
    windows = [(lost_ns, boot[0]), (boot[1], end_ns)]
    neighbours = [name for name in STATIONS if name != station]
    return [n for n in neighbours if is_late(line, sampler, n, windows, figures)]


def loops_in_control(line: LineUnderTest, station: str) -> dict[str, str]:
    """Loops of the station that decide their output, with their status."""
    loops = line.station(station)["loops"]
    return {k: s["status"] for k, s in loops.items() if s["status"] in IN_CONTROL}


def came_back(line: LineUnderTest, station: str, way: str, before: str) -> str:
    """The station is where it belongs after the loss, and goes on when told; says which."""
    now = line.station(station)
    if way != "kill" and station == "enclosure":
        assert now["state"] == before
        return f"stayed {before}"
    line.run_until(station, state="HELD", within_s=5.0)
    reason = line.station(station)["reason"]
    expected = "PLC restarted" if way == "kill" else "link to the PLC lost"
    assert expected in reason
    line.do(station, "UNHOLD")
    line.run_until(station, state="UNHOLDING", within_s=1.0)
    state = f"{PREFIX[station]}.STATE"
    line.wait_for(
        lambda: line.tags(station)[state]["text"] in ("warm-up", "thread", "run"), "machine goes on"
    )
    return f"HELD ({reason}), went on"


def is_late(
    line: LineUnderTest,
    sampler: Sampler,
    name: str,
    windows: list[tuple[int, int]],
    figures: list[str],
) -> bool:
    """Good all the time, no scan missed; whether it was later inside the windows than quiet."""
    begin_ns, end_ns = windows[0][0], windows[-1][1]
    for tag in line.device_tags(name):
        assert not (line.samples(tag, begin_ns, end_ns).quality >= 128).any(), f"{tag} went Bad"
    assert not line.events(begin_ns, name, EventKind.LINK)
    base = np.percentile(sampler.quiet_ms(name), 99)
    there = sampler.late_ms(name, windows)
    late = np.percentile(there, 99)
    bar = max(2.0 * base, base + 10.0)
    missed = sampler.overruns(name, begin_ns, end_ns)
    figures.append(
        f"    {name:9} late p50 {np.median(there):.1f} p99 {late:.1f} ms "
        f"(quiet p99 {base:.1f}, bar {bar:.1f}), {missed} scans missed, n {len(there)}"
    )
    assert missed == 0
    return bool(late > bar)
