"""Everything that can happen to one station, while the other two run: they must not notice.

Deploy, start, hold, abort, faults, restarts, cuts and trials on one station in random order,
quiet and disturbed windows by turns. Every scan of the neighbours is noted, every tag compared.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from controller.config import load_line
from tests.support.counted_controller import noted
from tests.support.creep_recipes import CREEP, make_recipes
from tests.support.line_under_test import PREFIX, SHIPPED, STATIONS, LineUnderTest
from tests.support.neighbours import (
    QUIET_EVENTS,
    SHARED,
    Sort,
    Window,
    changed,
    move,
    tags_of,
    went_bad,
)
from tests.support.operations import DECK, TAKES_PERMITS, Victim, shuffled

SEED = 20261122
QUIET_S = 0.35
SETTLE_S = 0.35
SCAN_NS = 100_000_000
CREEPS_S = 60.0
WARM_S = 90.0  # wall; of that an hour of the plant in lockstep
CALM_S = 8.0  # pressure, tension and speed have settled
MOVING = ("coater", "calender")
# In cascade as usual; no film has come to the gauge of L12 yet.
MODES = {("coater", "L10"): "CAS", ("coater", "L12"): "MAN"}
Rows = NDArray[np.void]


@dataclass
class Report:
    """Figures of all rounds, printed at the end."""

    rows: list[str] = field(default_factory=list)
    operations: int = 0


@dataclass
class Line:
    """The line of these tests with what belongs to it."""

    line: LineUnderTest
    home: Path
    released: Mapping[str, tuple[str, ...]]
    report: Report

    def scans(self, station: str) -> Rows:
        """Every scan of a station so far."""
        assert self.line.controller is not None
        return noted(self.home, station, self.line.controller.pid)


@pytest.fixture(scope="module")
def up() -> Iterator[Line]:
    """A warm plant and its controller."""
    with tempfile.TemporaryDirectory(prefix="dry-home-") as folder:
        home = Path(folder)
        released = make_recipes(home / "recipes", load_line(SHIPPED))
        controller = ("tests.support.counted_controller", folder)
        with LineUnderTest(
            home=home, plant_module="tests.support.warm_plant", controller_words=controller
        ) as line:
            line.start_plant(WARM_S)
            line.start_controller()
            line.settle()
            report = Report()
            yield Line(line, home, released, report)
            print(f"\nseed {SEED}, {report.operations} operations", *report.rows, sep="\n")


# -- bringing stations to where a round wants them ------------------------------------------------


def creep(up: Line, *stations: str) -> None:
    """Stations follow "creep" from START on, and are in EXECUTE, moving where they can."""
    for station in stations:
        standby(up, station)
    for station in stations:
        if station in MOVING:
            up.line.do(station, "CONFIRM")
    for station in stations:
        up.line.run_until(station, state="EXECUTE", within_s=CREEPS_S)
    time.sleep(CALM_S)


def standby(up: Line, station: str) -> None:
    """A run of "creep" begins, whatever the station did before; machines stand hot."""
    line = up.line
    line.clear_all(station)
    line.reach_idle(station)
    answer = line.ask(op="deploy", station=station, recipe=CREEP, actor="ann", reason="a test")
    assert answer["accepted"], answer
    for loop in line.station(station)["loops"]:
        line.do(station, "MODE", loop, MODES.get((station, loop), "AUTO"))
    line.start(station)
    if station in MOVING:
        prefix = PREFIX[station]
        line.wait_for(
            lambda: (
                line.value(station, f"{prefix}.RUN.PROMPT") == 1.0
                and line.tags(station)[f"{prefix}.STATE"]["text"] == "warm-up"
            ),
            "standing hot",
        )


# -- one round ------------------------------------------------------------------------------------


def disturb(up: Line, station: str, cards: Sequence[str]) -> tuple[Victim, list[Window]]:
    """Deal the cards; the windows, quiet and disturbed by turns, beginning and ending quiet."""
    clock = up.line.clock
    chance = random.Random(f"{SEED} {station} {len(cards)}")
    victim = Victim(up.line, station, up.released[station], chance)
    windows = []
    now_ns = clock.utc_ns()
    for card in cards:
        time.sleep(QUIET_S)
        begun_ns = clock.utc_ns()
        windows.append(Window(now_ns, begun_ns))
        outcome = victim.suffer(card)
        time.sleep(SETTLE_S)
        now_ns = clock.utc_ns()
        windows.append(Window(begun_ns, now_ns, f"{card}: {outcome}"))
    time.sleep(QUIET_S)
    windows.append(Window(now_ns, clock.utc_ns()))
    return victim, windows


def check(up: Line, station: str, neighbour: str, windows: Sequence[Window]) -> list[str]:
    """What the neighbour has noticed of what happened to the station: missed a scan, been late,
    told something, changed something."""
    figures, wrong = check_scans(up, neighbour, windows)
    start_ns, stop_ns = windows[0].start_ns, windows[-1].stop_ns
    told = [e for e in up.line.events(start_ns, neighbour) if e.time_ns < stop_ns]
    wrong += [f"told: {e.kind} {e.text}" for e in told if e.kind not in QUIET_EVENTS]
    shared = SHARED.get((station, neighbour), {})
    counts = dict.fromkeys(Sort, 0)
    with up.line.reader() as reader:
        for name, (tag, sort) in tags_of(up.line.config, neighbour).items():
            if went_bad(reader, name, start_ns, stop_ns):
                wrong.append(f"{name} went Bad")
            if name in shared:
                continue
            counts[sort] += 1
            if sort is Sort.STANDING:
                values = changed(reader, name, start_ns, stop_ns)
                wrong += [f"{name} changed: {values}"] if values else []
            elif sort is Sort.MEASURED:
                moved = move(reader, tag, windows)
                wrong += [str(moved)] if moved.moved > moved.bar else []
    up.report.rows.append(
        f"  {neighbour:9} {figures}; {counts[Sort.STANDING]} tags still, "
        f"{counts[Sort.MEASURED]} in their noise, {len(shared)} shared"
    )
    return [f"{neighbour}: {text}" for text in wrong]


def check_scans(up: Line, neighbour: str, windows: Sequence[Window]) -> tuple[str, list[str]]:
    """The figures of a neighbour's scans, and what is wrong with them."""
    rows = up.scans(neighbour)
    due_ns = rows["time_ns"] - (1e6 * rows["late_ms"]).astype(np.int64)
    begin_ns, end_ns = windows[0].start_ns, windows[-1].stop_ns
    inside = (due_ns >= begin_ns) & (due_ns < end_ns)
    n, wanted = int(np.count_nonzero(inside)), (end_ns - begin_ns) / SCAN_NS
    missed = int(np.ptp(rows["overruns"][inside]))
    worst = rows["time_ns"][inside][rows["late_ms"][inside].argmax()]
    then = next(w.what or "quiet" for w in windows if worst < w.stop_ns + SCAN_NS)
    wrong = [f"{missed} scans missed; latest during {then}"] if missed else []
    wrong += [f"{n} scans in the time of {wanted:.1f}"] if abs(n - wanted) > 1.0 else []
    wrong += (
        ["scans are not counted one by one"] if (np.diff(rows["count"][inside]) != 1).any() else []
    )
    quiet, hurt = (
        np.concatenate(
            [
                rows["late_ms"][(due_ns >= w.start_ns) & (due_ns < w.stop_ns)]
                for w in windows
                if bool(w.what) is disturbed
            ]
        )
        for disturbed in (False, True)
    )
    base, late = np.percentile(quiet, 99), np.percentile(hurt, 99)
    bar = max(2.0 * base, base + 10.0)
    wrong += [f"late by {late:.1f} ms, bar {bar:.1f}"] if late > bar else []
    return (
        f"{n} scans, {missed} missed; late p50 {np.median(quiet):.1f} -> {np.median(hurt):.1f}, "
        f"p99 {base:.1f} -> {late:.1f} (bar {bar:.1f}), max {quiet.max():.1f} -> {hurt.max():.1f} ms "
        f"({then})"
    ), wrong


def play(up: Line, station: str, cards: Sequence[str]) -> None:
    """One round: the cards on one station, the checks on the two others."""
    victim, windows = disturb(up, station, cards)
    up.line.wait_for_history()
    told = ", ".join(f"{n} {what}" for what, n in sorted(victim.told.items()))
    up.report.operations += len(cards)
    up.report.rows.append(f"{station}: {len(cards)} operations ({told}), {load()}")
    neighbours = [s for s in STATIONS if s != station]
    wrong = [text for name in neighbours for text in check(up, station, name, windows)]
    assert not wrong, "\n".join(wrong)


def load() -> str:
    """How busy the machine was in the last minute."""
    return f"load {Path('/proc/loadavg').read_text(encoding='utf-8').split()[0]}"


def cards(seed: str, wanted: Callable[[str], bool] = lambda card: True) -> list[str]:
    """The deck, or some kinds of its cards, in random order."""
    chance = random.Random(f"{SEED} {seed}")
    return shuffled(chance, {card: n for card, n in DECK.items() if wanted(card)})


# -- the tests, in the order that costs the least waiting -----------------------------------------


def test_enclosure_disturbs_neither_coater_nor_calender(up: Line) -> None:
    creep(up, *STATIONS)
    play(up, "enclosure", cards("enclosure", lambda card: card not in TAKES_PERMITS))


def test_coater_disturbs_neither_enclosure_nor_calender(up: Line) -> None:
    creep(up, "enclosure")
    play(up, "coater", cards("coater"))


def test_calender_disturbs_neither_enclosure_nor_coater(up: Line) -> None:
    creep(up, "coater")
    play(up, "calender", cards("calender"))


def test_enclosure_that_takes_its_permits_away_disturbs_nothing_else(up: Line) -> None:
    """Machines that stand hot do without the permits, which a dead PLC cannot give."""
    for station in MOVING:
        standby(up, station)
    time.sleep(CALM_S)
    play(up, "enclosure", cards("enclosure", lambda card: card in TAKES_PERMITS))
