"""Everything that can happen to one station, to be drawn at random: a deck of operations.

What a station answers does not matter here (most commands are refused in most states), except
where a refusal is the point. What matters is what its neighbours see of it.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from controller.control.states import State, enabled
from controller.core.event import Verb
from controller.core.point import Access
from controller.core.tag import Kind
from controller.line import station_kind
from plc_sim.faults import FAULTS, Where
from tests.support.creep_recipes import BASES, CREEP, DRAFT, TAMPERED
from tests.support.line_under_test import NEXT_VERB, PREFIX, Json, LineUnderTest

BACK_S = 40.0  # at most, until the link is up again: a busy machine boots slowly
NUDGE = 0.01  # of span: what a set point is moved by
FAULT_S = 0.4

# Operation -> how many of them are in the deck of one station.
DECK: Mapping[str, int] = {
    "deploy": 3,
    "deploy_draft": 1,
    "deploy_tampered": 1,
    "deploy_wrong_kind": 1,
    "rollback": 1,
    "go_on": 4,
    "hold": 2,
    "stop": 1,
    "abort": 2,
    "reset": 1,
    "complete": 1,
    "set_point": 1,
    "setting": 1,
    "mode": 1,
    "tune": 1,
    "confirm": 1,
    "lot": 1,
    "fault": 2,
    "clear": 1,
    "plc_fault": 1,
    "pause": 1,
    "kill": 1,
    "cut": 1,
    "swallow": 1,
    "trial": 1,
    "trial_end": 1,
}
# Of the enclosure: what can take the permits away, which stop the machines beside it by wire.
TAKES_PERMITS = ("stop", "abort", "reset", "complete", "fault", "plc_fault", "pause", "kill")


@dataclass
class Victim:
    """One station that everything happens to. released: its recipes, as NAME@VERSION."""

    line: LineUnderTest
    station: str
    released: tuple[str, ...]
    chance: random.Random
    told: Counter[str] = field(default_factory=Counter)

    def suffer(self, name: str) -> str:
        """One operation of the deck; says what came of it."""
        work: Callable[[], str] = getattr(self, f"_{name}")
        outcome = work()
        self.told["accepted" if outcome.startswith("accepted") else outcome.partition(" ")[0]] += 1
        return outcome

    def state(self) -> str:
        """State of the station."""
        return str(self.line.station(self.station)["state"])

    # -- recipes ---------------------------------------------------------------------------------

    def _ask(self, op: str, **more: object) -> str:
        answer = self.line.ask(op=op, station=self.station, actor="ann", reason="a test", **more)
        return _said(answer)

    def _deploy(self) -> str:
        recipe = self.chance.choice(self.released)
        return f"{self._ask('deploy', recipe=recipe)} {recipe}"

    def _refused(self, recipe: str) -> str:
        said = self._ask("deploy", recipe=recipe)
        assert said.startswith("refused"), f"{self.station} took {recipe}"
        return said

    def _deploy_draft(self) -> str:
        return self._refused(f"{BASES[self.station]}@{DRAFT}")

    def _deploy_tampered(self) -> str:
        return self._refused(f"{BASES[self.station]}@{TAMPERED}")

    def _deploy_wrong_kind(self) -> str:
        other = self.chance.choice([kind for kind in BASES if kind != self.station])
        return self._refused(f"{other}/{CREEP}")

    def _rollback(self) -> str:
        return self._ask("rollback")

    def _trial(self) -> str:
        recipe = f"{BASES[self.station]}@1.1.0"
        return self._ask("trial", recipe=recipe, question="does it disturb?", minutes=30)

    def _trial_end(self) -> str:
        return self._ask("trial_end")

    # -- commands --------------------------------------------------------------------------------

    def _command(self, verb: str, target: str = "", value: object = None) -> str:
        return f"{_said(self.line.command(self.station, verb, target, value))} {verb}"

    def _go_on(self) -> str:
        """Whatever leads on from here; in motion, one of the commands that are allowed."""
        state = self.state()
        if state in NEXT_VERB:
            return self._command(NEXT_VERB[state])
        verbs = sorted(set(enabled(State[state])) - {Verb.STOP, Verb.ABORT, Verb.COMPLETE})
        return self._command(self.chance.choice(verbs or [Verb.START]))

    def _hold(self) -> str:
        return self._command("HOLD")

    def _stop(self) -> str:
        return self._command("STOP")

    def _abort(self) -> str:
        return self._command("ABORT")

    def _reset(self) -> str:
        return self._command("RESET")

    def _complete(self) -> str:
        return self._command("COMPLETE")

    def _confirm(self) -> str:
        return self._command("CONFIRM")

    def _lot(self) -> str:
        return self._command("LOT", self.chance.choice(["in", "out"]), "L-2026-07")

    def _set_point(self) -> str:
        points = self.line.config.station(self.station).points
        real = [p for p in points if p.access is Access.WRITE and p.kind is Kind.REAL]
        point = self.chance.choice(real)
        moved = self.line.value(self.station, point.tag) + NUDGE * (point.high - point.low)
        return self._command("SET", point.tag, min(moved, point.high))

    def _setting(self) -> str:
        settings = station_kind(self.station).SETTINGS
        key = self.chance.choice(sorted(settings))
        _, low, high, *_ = settings[key]
        value = self.chance.uniform(low, high)
        return self._command("SET", f"{PREFIX[self.station]}.SET.{key}", value)

    def _loop(self) -> str:
        return self.chance.choice(sorted(self.line.station(self.station)["loops"]))

    def _mode(self) -> str:
        return self._command("MODE", self._loop(), self.chance.choice(["MAN", "AUTO"]))

    def _tune(self) -> str:
        key = self._loop()
        pid = station_kind(self.station).loops_of(PREFIX[self.station])[key].pid
        return self._command("TUNE", key, f"{pid.kc * 1.1},{pid.ti_s * 1.1},0")

    # -- the plant, the PLC, the wire ------------------------------------------------------------

    def _of(self, *where: Where) -> str:
        names = sorted(f.name for f in FAULTS if f.station == self.station and f.where in where)
        return self.chance.choice(names)

    def _fault(self) -> str:
        name = self._of(Where.MODEL, Where.INSTRUMENT)
        self.line.fault(self.station, name)
        return f"done {name}"

    def _clear(self) -> str:
        self.line.clear_all(self.station)
        return "done"

    def _plc_fault(self) -> str:
        name = self._of(Where.PLC)
        self.line.fault(self.station, name)
        time.sleep(FAULT_S)
        self.line.clear(self.station, name)
        self._wait_for_link()
        return f"done {name}"

    def _pause(self) -> str:
        seconds = self.chance.uniform(0.2, 1.2)
        self.line.plc(self.station, "pause")
        time.sleep(seconds)
        self.line.plc(self.station, "resume")
        self._wait_for_link()
        return f"done {seconds:.1f} s"

    def _kill(self) -> str:
        killed_ns = self.line.clock.utc_ns()
        self.line.plc(self.station, "kill")
        self.line.wait_for(lambda: self.line.plc_up_ns(self.station, killed_ns), "PLC up", BACK_S)
        self._wait_for_link()
        return "done"

    def _cut(self) -> str:
        self.line.wire[self.station].cut()
        time.sleep(FAULT_S)
        self._wait_for_link()
        return "done"

    def _swallow(self) -> str:
        seconds = self.chance.uniform(0.2, 1.2)
        self.line.wire[self.station].swallow()
        time.sleep(seconds)
        self.line.wire[self.station].heal()
        self._wait_for_link()
        return f"done {seconds:.1f} s"

    def _wait_for_link(self) -> None:
        self.line.wait_for(
            lambda: self.line.qualities(self.station) == {"Good"}, "link back", BACK_S
        )


def shuffled(chance: random.Random, names: Mapping[str, int] = DECK) -> list[str]:
    """All cards of a deck in random order."""
    cards = [name for name, n in names.items() for _ in range(n)]
    chance.shuffle(cards)
    return cards


def _said(answer: Json) -> str:
    return "accepted" if answer["accepted"] else f"refused {answer['code']}"
