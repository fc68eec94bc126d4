"""The controller killed and paused: PLCs go safe alone, nothing acknowledged is lost, no bump."""

import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
import pytest

from controller.core.errors import DrylineError
from controller.core.event import EventKind
from tests.support.line_under_test import PREFIX, STATIONS, LineUnderTest

SAFE_S = 2.0  # from the loss of the controller to the safe state of the PLC
KILLS = 27  # in each of two tests
BUMP = 0.01  # of span
FIRST_S = 0.5  # five scans and two writes after the link is up
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
        f"\n{f.kills} kills, {f.unready} before the links were up; acknowledged {f.acknowledged}, "
        f"found {f.found}\nready p50 {np.median(f.ready_s):.2f} max {max(f.ready_s):.2f} s; "
        f"bump max {100 * max(f.bumps):.3f} % of span\n"
        f"PLC safe p50 {np.median(f.safe_s):.2f} max {max(f.safe_s):.2f} s"
    )


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
    base = rows_in_store(line)
    held = kill(line, figures, base - acknowledged(line))
    for k in range(KILLS - 1):
        base = rows_in_store(line)
        line.start_controller()
        if k % 3 == 0:
            wait_until_ready(line, figures)
            figures.bumps.append(largest_bump(line, held, FIRST_S))
            check_held(line)
            for station in STATIONS:
                line.activate(station)
            time.sleep(chance.uniform(0.0, 0.8))
        else:
            time.sleep(chance.uniform(0.3, 2.4))
        figures.unready += not line.all_links_up()
        held = kill(line, figures, base)
    line.start_controller()
    wait_until_ready(line, figures)
    check_history(line, start_ns)


def check_held(line: LineUnderTest) -> None:
    """Every station that was active is held and says why."""
    for name, station in line.status()["stations"].items():
        assert station["state"] == "HELD", name
        assert "controller restarted in" in station["reason"], name


def check_history(line: LineUnderTest, start_ns: int) -> None:
    """Order, no doubles, no holes inside a life of the controller, nothing damaged."""
    line.wait_for_history()
    stop_ns = line.clock.utc_ns()
    unique = 0
    with line.reader() as reader:
        assert not reader.damage()
        for tag in reader.tags():
            series = reader.raw(tag.name, 0, stop_ns)
            assert series.damaged == 0
            assert (np.diff(series.time_ns) > 0).all(), tag.name
            unique += int((series.time_ns < start_ns).sum())
        lives = [
            e.time_ns
            for e in reader.events(start_ns, kind=EventKind.SYSTEM)
            if "started with" in e.text
        ]
    assert len(lives) >= KILLS // 3
    for station in STATIONS:
        beats = line.samples(f"{PREFIX[station]}.HEART", start_ns, stop_ns)
        for begin, end in zip(lives, [*lives[1:], stop_ns], strict=True):
            inside = (beats.time_ns >= begin) & (beats.time_ns < end) & (beats.quality == 0)
            steps = np.diff(beats.values[inside]) % 65536
            assert (steps <= 2).all(), f"{station}: heartbeats are missing: {steps.max():g}"


def test_plcs_go_safe_by_themselves_while_the_controller_is_paused_and_return_with_it(
    line: LineUnderTest, figures: Figures
) -> None:
    line.wait_for(lambda: moving(line, "calender"), "calender in motion", 60.0)
    paused_s = time.monotonic()
    line.signal_controller(signal.SIGSTOP)
    try:
        figures.safe_s += expect_safe(line, paused_s)
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
    for station in ("coater", "calender"):
        assert not moving(line, station)


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


def test_second_controller_on_the_same_folder_is_refused(line: LineUnderTest) -> None:
    second = line.second_controller()
    assert second.returncode == 1
    assert "history.db" in second.stderr
    assert "another process" in second.stderr
    assert "Traceback" not in second.stderr
    assert line.all_links_up()
