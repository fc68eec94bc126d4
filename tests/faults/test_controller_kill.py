"""The controller killed and paused: PLCs go safe alone, nothing acknowledged is lost, no bump."""

import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from controller.console import ask
from controller.core.errors import DrylineError
from controller.core.event import EventKind
from controller.run_folder import SOCKET
from tests.support.line_under_test import PREFIX, STATIONS, LineUnderTest

SAFE_S = 2.0  # from the loss of the controller to the safe state of the PLC
KILLS = 26  # in each of two tests
READY_EVERY = 4  # in so many lives one is left alone until its links are up
BUMP = 0.01  # of span
FIRST_S = 0.4  # four scans and two writes after the link is up
FAST_FIRST_S = 0.2  # thirty scans at 15 times real time, less than a period of the slow loops
MAX_STEP = 2  # a heartbeat may fall between two reads
FAR_NS = 2**62
UNMOVED = ("CMD", "RESET")  # a wanted mode and a counter are no set points
SAFE_STATES = {"enclosure": ("run", "hold", "warm-up", "stop"), "coater": ("hold", "stop")}
SAFE_STATES["calender"] = SAFE_STATES["coater"]


@dataclass
class Figures:
    """What the kills have shown; printed at the end (pytest -s shows it)."""

    kills: int = 0
    unready: int = 0
    acknowledged: int = 0
    found: int = 0
    ready_s: list[float] = field(default_factory=list)
    bumps: list[float] = field(default_factory=list)
    safe_s: list[float] = field(default_factory=list)


@pytest.fixture(scope="module")
def figures() -> Iterator[Figures]:
    f = Figures()
    yield f
    print(
        f"\n{f.kills} kills, {f.unready} before all links were up; samples acknowledged "
        f"{f.acknowledged}, found {f.found}"
        f"\nlinks up after start: {spread(f.ready_s)} s; PLC safe: {spread(f.safe_s)} s"
        f"\nlargest move of an output: {spread([100 * b for b in f.bumps])} % of span"
    )


def spread(values: list[float]) -> str:
    """Median and largest of some figures."""
    return f"p50 {np.median(values):.3f} max {max(values):.3f}" if values else "none"


def outputs(line: LineUnderTest) -> dict[str, float]:
    """Every written point, as the PLCs hold it."""
    held = {}
    for plc in line.raw.values():
        tags = [t for t in plc.written if not t.endswith(UNMOVED)]
        held |= dict(zip(tags, plc.read(tags), strict=True))
    return held


def largest_bump(line: LineUnderTest, before: dict[str, float], seconds: float) -> float:
    """Largest change of any output against `before` while so many seconds pass, share of span."""
    largest = 0.0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for tag, value in outputs(line).items():
            point = next(p.points[tag] for p in line.raw.values() if tag in p.points)
            moved = abs(value - before[tag]) / (point.high - point.low)
            largest = max(largest, moved)
            assert moved < BUMP, f"{tag}: {before[tag]:g} -> {value:g}"
        time.sleep(0.05)
    return largest


def rows_in_store(line: LineUnderTest) -> int:
    """Samples that lie in the file, journal and chunks, doubles counted twice."""
    connection = sqlite3.connect(f"file:{line.run / 'history.db'}?mode=ro", uri=True)
    with closing(connection):
        return int(
            connection.execute(
                "SELECT (SELECT coalesce(sum(n), 0) FROM chunk)"
                " + (SELECT coalesce(sum(n), 0) FROM journal)"
            ).fetchone()[0]
        )


def acknowledged(line: LineUnderTest) -> int:
    """Samples the running controller calls durable; 0 while nobody answers."""
    try:
        return int(line.status()["history"]["stored"])
    except DrylineError:
        return 0


def kill(line: LineUnderTest, figures: Figures, base: int) -> dict[str, float]:
    """kill -9 and count; returns the outputs the PLCs hold. base: rows before this life."""
    promised = acknowledged(line)
    line.signal_controller(signal.SIGSTOP)
    time.sleep(0.05)  # what is on its way arrives
    held = outputs(line)
    line.kill_controller()
    found = rows_in_store(line) - base
    assert found >= promised
    figures.kills += 1
    figures.acknowledged += promised
    figures.found += found
    return held


def wait_until_ready(line: LineUnderTest, figures: Figures) -> None:
    begun_s = time.monotonic()
    line.wait_for(line.all_links_up, "links after a kill", 15.0)
    figures.ready_s.append(time.monotonic() - begun_s)


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_or_moved_by_kills_at_random_moments(
    line: LineUnderTest, figures: Figures, seed: int
) -> None:
    chance = random.Random(seed)
    start_ns = line.clock.utc_ns()
    time.sleep(0.3)  # the stations' memory is written within 0.1 s of a change
    base = rows_in_store(line)
    held = kill(line, figures, base - acknowledged(line))
    for k in range(KILLS - 1):
        base = rows_in_store(line)
        line.start_controller()
        if k % READY_EVERY == 0:
            wait_until_ready(line, figures)
            figures.bumps.append(largest_bump(line, held, FIRST_S))
            check_held(line)
            for station in STATIONS:
                line.activate(station)
            time.sleep(chance.uniform(0.0, 0.8))
        else:
            time.sleep(chance.uniform(0.2, 1.9))
        figures.unready += not line.all_links_up()
        held = kill(line, figures, base)
    check_no_doubles(line)
    line.start_controller()
    wait_until_ready(line, figures)
    check_order(line, start_ns)


def check_held(line: LineUnderTest) -> None:
    """Every station that was active is held and says why; nothing moves."""
    for station in STATIONS:
        line.run_until(station, state="HELD", within_s=2.0)
        assert "controller restarted in" in line.station(station)["reason"]
    for station in ("coater", "calender"):
        line.wait_for(lambda s=station: not moving(line, s), f"machine of {station} held", 1.0)


def check_no_doubles(line: LineUnderTest) -> None:
    """Every sample in the file has a tag and a time of its own, and its checksum fits."""
    with line.reader() as reader:
        assert not reader.damage()
        found = [reader.raw(tag.name, 0, FAR_NS) for tag in reader.tags()]
    assert not any(series.damaged for series in found)
    assert sum(len(series) for series in found) == rows_in_store(line)


def check_order(line: LineUnderTest, start_ns: int) -> None:
    """Heartbeats count up within each life of the controller: none is missing, none comes twice."""
    line.wait_for_history()
    with line.reader() as reader:
        events = reader.events(start_ns, kind=EventKind.SYSTEM)
    lives = [event.time_ns for event in events if "started with" in event.text]
    assert len(lives) >= KILLS // READY_EVERY
    for station in STATIONS:
        beats = line.samples(f"{PREFIX[station]}.HEART", start_ns, FAR_NS)
        for begin, end in pairwise([*lives, FAR_NS]):
            inside = (beats.time_ns >= begin) & (beats.time_ns < end) & (beats.quality == 0)
            steps = np.diff(beats.values[inside]) % 65536
            assert (steps <= MAX_STEP).all(), f"{station}: {steps.tolist()}"


def test_plcs_go_safe_by_themselves_while_the_controller_is_paused_and_return_with_it(
    line: LineUnderTest, figures: Figures
) -> None:
    line.wait_for(lambda: moving(line, "calender"), "calender in motion", 60.0)
    paused_s = time.monotonic()
    line.signal_controller(signal.SIGSTOP)
    try:
        figures.safe_s += expect_safe(line, paused_s)
        # Nobody waits for it any more when the controller goes on: it must not be done then.
        late = {"op": "command", "station": "calender", "verb": "ABORT", "reason": "too late"}
        with pytest.raises(DrylineError, match="nobody answers"):
            ask(line.run / SOCKET, late, 0.3)
    finally:
        line.signal_controller(signal.SIGCONT)
    line.wait_for(line.all_links_up, "links after the pause", 5.0)
    line.wait_for(lambda: not any(expired(line).values()), "watchdogs content", 2.0)
    for station in ("coater", "calender"):
        line.run_until(station, state="HELD", within_s=3.0)
        assert "link to the PLC lost" in line.station(station)["reason"]
        assert not moving(line, station)


def test_plcs_go_safe_by_themselves_when_the_controller_is_killed(
    line: LineUnderTest, figures: Figures
) -> None:
    line.wait_for(lambda: moving(line, "calender"), "calender in motion", 60.0)
    killed_s = time.monotonic()
    line.kill_controller()
    figures.safe_s += expect_safe(line, killed_s)
    line.start_controller()
    wait_until_ready(line, figures)
    check_held(line)
    line.wait_for(lambda: not any(expired(line).values()), "watchdogs content", 2.0)


def moving(line: LineUnderTest, station: str) -> bool:
    """The PLC itself says that the machine is in warm-up, thread or run."""
    return line.raw[station].read([f"{PREFIX[station]}.STATE"])[0] in (1.0, 2.0, 3.0)


def expired(line: LineUnderTest) -> dict[str, bool]:
    """Which PLCs have let their outputs expire."""
    return {s: line.raw[s].read([f"{PREFIX[s]}.WDOG"])[0] == 1.0 for s in STATIONS}


def expect_safe(line: LineUnderTest, since_s: float) -> list[float]:
    """Each PLC raises WDOG and goes to its safe mode in time; the delays."""
    waiting = list(STATIONS)
    delays = []
    while waiting:
        assert time.monotonic() - since_s < SAFE_S + 1.0, f"not safe: {waiting}"
        for station in tuple(waiting):
            prefix = PREFIX[station]
            wdog, state = line.raw[station].read([f"{prefix}.WDOG", f"{prefix}.STATE"])
            labels = line.raw[station].points[f"{prefix}.STATE"].labels
            if wdog == 1.0 and labels[int(state)] in SAFE_STATES[station]:
                waiting.remove(station)
                delays.append(time.monotonic() - since_s)
        time.sleep(0.02)
    assert max(delays) <= SAFE_S
    return delays


@pytest.fixture(scope="module", autouse=True)
def production() -> Iterator[LineUnderTest]:
    """A second line, much faster than real time; it reaches production while others are tested."""
    with LineUnderTest(speed=15.0) as line:
        line.start_plant()
        line.start_controller()
        line.settle()
        line.do("enclosure", "SET", "ENC.SET.READY", -30.0)
        for key, value in {"ALONE": 1.0, "TROLL": 25.0, "V": 2.0, "WEB": 10.0}.items():
            line.do("calender", "SET", f"CAL.SET.{key}", value)
        line.start("enclosure")
        line.start("calender")
        yield line


def at_work(line: LineUnderTest, station: str, loop: str) -> bool:
    """The loop decides its output and is at no limit."""
    found = line.station(station)["loops"][loop]
    return bool(found["status"] == "OK")


def test_loops_in_control_start_from_what_the_plc_holds(
    production: LineUnderTest, figures: Figures
) -> None:
    line = production
    for station in ("enclosure", "calender"):
        line.run_until(station, state="EXECUTE", within_s=80.0)
    line.wait_for(lambda: at_work(line, "calender", "L16"), "L16 at work", 30.0)
    line.do("enclosure", "MODE", "ENC.L1", "MAN")
    line.do("enclosure", "SET", "DHU.FAN.SP", 70.0)
    wanted = line.value("enclosure", "ENC.DP.ZONE")
    line.do("enclosure", "SET", "ENC.L1.SP", wanted)
    line.do("enclosure", "MODE", "ENC.L1", "AUTO")
    # What was asked for and has not reached the PLC moves it after the kill, and rightly so.
    line.wait_for(
        lambda: outputs(line)["ENC.DP.SP"] == pytest.approx(wanted, abs=0.02),
        "the set point in the PLC", 15.0,
    )  # fmt: skip
    time.sleep(0.5)
    for station, loop in (("enclosure", "L1"), ("calender", "L16"), ("calender", "L17")):
        assert at_work(line, station, loop), loop
    base = rows_in_store(line)
    held = kill(line, figures, base - acknowledged(line))
    base = rows_in_store(line)
    line.start_controller()
    wait_until_ready(line, figures)
    figures.bumps.append(largest_bump(line, held, FAST_FIRST_S))
    assert line.station("enclosure")["loops"]["L1"]["mode"] == "AUTO"
    for station in ("enclosure", "calender"):
        line.run_until(station, state="HELD", within_s=2.0)
        assert "controller restarted in EXECUTE" in line.station(station)["reason"]
    kill(line, figures, base)
    check_no_doubles(line)


def test_second_controller_on_the_same_folder_is_refused(line: LineUnderTest) -> None:
    second = line.second_controller()
    assert second.returncode == 1
    assert line.controller is not None
    whose = f"the controller of the whole line (pid {line.controller.pid}, since"
    for station in STATIONS:
        assert f"{station} is controlled by {whose}" in second.stderr
    assert "Traceback" not in second.stderr
    assert line.all_links_up()
