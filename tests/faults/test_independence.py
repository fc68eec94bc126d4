"""Everything that can happen to one station, while the other two run: they must not notice.

Deploy, start, hold, abort, faults, restarts, cuts and trials on one station in random order,
quiet and disturbed windows by turns. Every scan of the neighbours is noted, every tag compared.
"""

import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from controller.config import load_line
from controller.core.point import READ_BACK
from tests.support.bare_timer import lateness, ticking
from tests.support.counted_controller import noted
from tests.support.creep_recipes import CREEP, LOOP_MODES, make_recipes
from tests.support.line_under_test import PREFIX, ROOT, SHIPPED, STATIONS, Json, LineUnderTest
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
from tests.support.noise import load
from tests.support.noted_scans import ScanFigures, scan_figures
from tests.support.operations import DECK, TAKES_PERMITS, Victim, shuffled
from tests.support.warm_plant import BANDS, CALM_S, CREEPING, MACHINES, STAND_S, STANDING

pytestmark = pytest.mark.timeout(400)

SEED = int(os.environ.get("INDEPENDENCE_SEED", "20261122"))  # of the operations; printed
QUIET_S = 0.25
SETTLE_S = 0.25
CREEPS_S = 90.0  # at most; the calender's rolls must have been warm for 20 s
WARM_S = 90.0  # at most; of that the plant passes half an hour in lockstep
TIMER = "timer.bin"
STALL_MS = 50.0  # a machine that stands still for half a scan says nothing about the controller
ROUNDS = 3  # so often is lateness measured on a machine that does
Acts = Sequence[tuple[str, Callable[[], str]]]


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

    def figures(self, station: str, windows: Sequence[Window]) -> ScanFigures:
        """The scans of a station in some windows."""
        assert self.line.controller is not None
        return scan_figures(noted(self.home, station, self.line.controller.pid), windows)

    def machine_ms(self, windows: Sequence[Window]) -> NDArray[np.float64]:
        """How late a process was that does nothing but wake up."""
        return lateness(self.home / TIMER, windows[0].start_ns, windows[-1].stop_ns)


@dataclass(frozen=True)
class Round:
    """What happened to a station, and what its neighbours showed before and after, exactly."""

    station: str
    machines: str  # STANDING or CREEPING
    windows: Sequence[Window]
    before: Mapping[str, Json]
    after: Mapping[str, Json]


@pytest.fixture(scope="module")
def up() -> Iterator[Line]:
    """A warm plant and its controller."""
    with tempfile.TemporaryDirectory(prefix="dry-home-") as folder:
        home = Path(folder)
        released = make_recipes(home / "recipes", load_line(SHIPPED))
        controller = ("tests.support.counted_controller", folder)
        with (
            ticking(home / TIMER, ROOT),
            LineUnderTest(
                home=home, plant_module="tests.support.warm_plant", controller_words=controller
            ) as line,
        ):
            line.start_plant(WARM_S)
            line.start_controller()
            line.settle()
            line.wait_for((home / BANDS).exists, "control run", WARM_S)
            report = Report()
            yield Line(line, home, released, report)
            print(f"\nseed {SEED}, {report.operations} operations", *report.rows, sep="\n")


# -- bringing stations to where a round wants them ------------------------------------------------


def creep(up: Line, *stations: str) -> None:
    """Stations follow "creep" from START on, and are in EXECUTE, moving where they can."""
    for station in stations:
        standby(up, station)
    for station in stations:
        if station in MACHINES:
            up.line.do(station, "CONFIRM")
    calm_s = 0.0
    for station in stations:
        up.line.run_until(station, state="EXECUTE", within_s=CREEPS_S)
        led(up.line, station)
        calm_s = max(calm_s, time.monotonic() + CALM_S[station])
    time.sleep(max(0.0, calm_s - time.monotonic()))


def led(line: LineUnderTest, station: str) -> None:
    """Set points have come to where they are led at their rate."""
    sorts = tags_of(line.config, station)
    standing = [p for p in line.raw[station].written if sorts[p][1] is Sort.STANDING]

    def there() -> bool:
        tags = line.tags(station)
        return all(tags[p]["value"] == tags[p + READ_BACK]["value"] for p in standing)

    line.wait_for(there, f"set points of {station}")


def standby(up: Line, station: str) -> None:
    """A run of "creep" begins, whatever the station did before; machines stand hot."""
    line = up.line
    line.clear_all(station)
    line.reach_idle(station)
    answer = line.ask(op="deploy", station=station, recipe=CREEP, actor="ann", reason="a test")
    assert answer["accepted"], answer
    for loop in line.station(station)["loops"]:
        line.do(station, "MODE", loop, LOOP_MODES.get((station, loop), "AUTO"))
    line.start(station)
    if station in MACHINES:
        prefix = PREFIX[station]
        line.wait_for(
            lambda: (
                line.value(station, f"{prefix}.RUN.PROMPT") == 1.0
                and line.tags(station)[f"{prefix}.STATE"]["text"] == "warm-up"
            ),
            "standing hot",
        )


# -- one round ------------------------------------------------------------------------------------


def disturb(up: Line, station: str, machines: str, acts: Acts) -> Round:
    """Do one act after another; windows are quiet and disturbed by turns, the last one quiet."""
    clock = up.line.clock
    neighbours = [s for s in STATIONS if s != station]
    before = {s: standing(up, s) for s in neighbours}
    windows = []
    now_ns = clock.utc_ns()
    for name, act in acts:
        time.sleep(QUIET_S)
        begun_ns = clock.utc_ns()
        windows.append(Window(now_ns, begun_ns))
        outcome = act()
        time.sleep(SETTLE_S)
        now_ns = clock.utc_ns()
        windows.append(Window(begun_ns, now_ns, f"{name}: {outcome}"))
    time.sleep(QUIET_S)
    windows.append(Window(now_ns, clock.utc_ns()))
    after = {s: standing(up, s) for s in neighbours}
    up.line.wait_for_history()
    return Round(station, machines, windows, before, after)


def standing(up: Line, station: str) -> Json:
    """All that must not change by itself, to the last digit: state, run, recipe, modes, tags."""
    status = up.line.station(station)
    recipe = {k: v for k, v in status["recipe"].items() if k not in ("run_s", "metres")}
    found: Json = {k: status[k] for k in ("state", "reason", "step", "faulted", "link_up")}
    found |= {"recipe": recipe, "modes": {k: x["mode"] for k, x in status["loops"].items()}}
    tags = up.line.tags(station)
    for name, (_, sort) in tags_of(up.line.config, station).items():
        if sort is Sort.STANDING and not name.endswith(".STATUS"):
            found[name] = (tags[name]["value"], tags[name]["quality"])
    return found


@dataclass(frozen=True)
class Noticed:
    """What a neighbour has noticed of a round. row: its figures; late: scans missed or late;
    wrong: events told, tags that changed or moved."""

    row: str
    late: list[str]
    wrong: list[str]


def noticed(up: Line, round_: Round, neighbour: str) -> Noticed:
    """Compare all that a neighbour showed in a round with what it may show."""
    windows = round_.windows
    start_ns, stop_ns = windows[0].start_ns, windows[-1].stop_ns
    shared = SHARED.get((round_.station, neighbour), {})
    figures = up.figures(neighbour, windows)
    told = [e for e in up.line.events(start_ns, neighbour) if e.time_ns < stop_ns]
    wrong = [f"told: {e.kind} {e.text}" for e in told if e.kind not in QUIET_EVENTS]
    before, after = round_.before[neighbour], round_.after[neighbour]
    wrong += [
        f"{key}: {value} -> {after[key]}"
        for key, value in before.items()
        if after[key] != value and key not in shared
    ]
    counts = dict.fromkeys(Sort, 0)
    bands = load(up.home / BANDS, round_.machines)
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
                moved = move(reader, tag, windows, bands[name])
                wrong += [str(moved)] if moved.moved > moved.bar else []
    row = (
        f"  {neighbour:9} {figures}; tags: {counts[Sort.STANDING]} still, "
        f"{counts[Sort.MEASURED]} inside their noise, {len(shared)} shared"
    )
    late, wrong = ([f"{neighbour}: {x}" for x in texts] for texts in (figures.wrong(), wrong))
    return Noticed(row, late, wrong)


def play(
    up: Line,
    station: str,
    machines: str = CREEPING,
    wanted: Callable[[str], bool] = lambda card: True,
) -> None:
    """Rounds on one station until the machine has let one be judged; the last one counts anyhow."""
    deck = {card: n for card, n in DECK.items() if wanted(card)}
    chance = random.Random(f"{SEED} {station} {len(deck)}")
    victim = Victim(up.line, station, up.released[station], chance)
    for _ in range(ROUNDS):
        told, stall_ms = one_round(up, victim, machines, shuffled(chance, deck))
        if not told or stall_ms < STALL_MS:
            break
        up.report.rows.append("  the machine stood still, lateness is measured again")
    assert not told, "\n".join(told)


def one_round(
    up: Line, victim: Victim, machines: str, cards: Sequence[str]
) -> tuple[list[str], float]:
    """Cards of the deck on one station, checks on the two others, tags whatever the machine did.

    Returns which neighbour was late or missed a scan, and how long the machine itself was late.
    """
    victim.told.clear()
    acts = [(card, partial(victim.suffer, card)) for card in cards]
    round_ = disturb(up, victim.station, machines, acts)
    told = ", ".join(f"{n} {what}" for what, n in sorted(victim.told.items()))
    busy = Path("/proc/loadavg").read_text(encoding="utf-8").split()[0]
    machine_ms = up.machine_ms(round_.windows)
    found = [noticed(up, round_, neighbour) for neighbour in round_.before]
    head = (
        f"{victim.station}: {len(cards)} operations ({told}), load {busy}, "
        f"bare timer late p99 {np.percentile(machine_ms, 99):.1f} max {machine_ms.max():.1f} ms"
    )
    up.report.operations += len(cards)
    up.report.rows += [head, *(x.row for x in found)]
    wrong = [text for x in found for text in x.wrong]
    assert not wrong, "\n".join([*up.report.rows, *wrong])
    late = [text for x in found for text in x.late]
    return ([head, *(x.row for x in found), *late] if late else []), float(machine_ms.max())


# -- the tests, in the order that costs the least waiting -----------------------------------------


def test_calender_disturbs_neither_enclosure_nor_coater(up: Line) -> None:
    creep(up, *STATIONS)
    play(up, "calender")


def test_coater_disturbs_neither_enclosure_nor_calender(up: Line) -> None:
    creep(up, "calender")
    play(up, "coater")


def test_enclosure_disturbs_neither_coater_nor_calender(up: Line) -> None:
    """After the others: its air takes long to be dry again, and says so by alarms."""
    creep(up, "coater")
    play(up, "enclosure", wanted=lambda card: card not in TAKES_PERMITS)


def test_enclosure_that_takes_its_permits_away_disturbs_nothing_else(up: Line) -> None:
    """Machines that stand hot do without the permits, which a dead PLC cannot give."""
    for station in MACHINES:
        standby(up, station)
        led(up.line, station)
    time.sleep(STAND_S)
    play(up, "enclosure", STANDING, lambda card: card in TAKES_PERMITS)


def test_a_neighbour_that_is_disturbed_would_be_found_out(up: Line) -> None:
    """What the tests above look for is seen when it is there."""
    line = up.line

    def move_set_point() -> str:
        line.do("coater", "SET", "COAT.TENS.FOIL.SP", 61.5)
        return "moved"

    def stop_for_a_moment() -> str:
        line.signal_controller(signal.SIGSTOP)
        time.sleep(0.25)
        line.signal_controller(signal.SIGCONT)
        return "stopped"

    acts = [("touch", move_set_point), ("rest", lambda: "rested"), ("stop", stop_for_a_moment)]
    found = noticed(up, disturb(up, "calender", STANDING, acts), "coater")
    for expected in (
        "scans missed, the latest during stop: stopped",
        "COAT.TENS.FOIL.SP changed: [60.0, 61.5]",
        "COAT.TENS.FOIL.SP: (60.0, 'Good') -> (61.5, 'Good')",
        "told: command SET COAT.TENS.FOIL.SP = 61.5: accepted",
    ):
        assert expected in "\n".join(found.late + found.wrong)
