"""What a station does with a command: every verb, every check, every reason for a refusal."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from controller.control.loop import Loop
from controller.control.pid_config import LoopMode
from controller.control.states import TARGET, next_state
from controller.core.errors import DrylineError, Refused
from controller.core.event import Answer, Command, EventKind, Verb
from controller.core.tag import Kind

if TYPE_CHECKING:
    from controller.control.station import Station

PROCEDURE_VERBS = frozenset(TARGET)
TO_MOTION = frozenset({Verb.START, Verb.RESTART, Verb.UNHOLD, Verb.RESUME})


class CommandDesk:
    """Executes the commands of one station inside its scan."""

    def __init__(self, station: "Station") -> None:
        self._s = station
        recipes = station.recipes
        self._others: dict[Verb, Callable[[Command], None]] = {
            Verb.SET: self._set_by,
            Verb.MODE: self._mode,
            Verb.TUNE: self._tune,
            Verb.DEPLOY: recipes.deploy,
            Verb.CONFIRM: recipes.confirm,
            Verb.LOT: recipes.lot,
            Verb.BYPASS: station.interlock_desk.bypass,
            Verb.UNBYPASS: station.interlock_desk.unbypass,
        }

    def execute(self, command: Command) -> Answer:
        """Do it, or say why not; never half of it."""
        try:
            self._execute(command)
        except Refused as error:
            return Answer(command=command, accepted=False, code=error.code, reasons=error.reasons)
        except DrylineError as error:
            return Answer(command=command, accepted=False, code="failed", reasons=(str(error),))
        return Answer(command=command, accepted=True)

    def _execute(self, command: Command) -> None:
        verb = command.verb
        if verb in PROCEDURE_VERBS:
            self._procedure(command)
        else:
            self._others[verb](command)

    def _procedure(self, command: Command) -> None:
        s, verb = self._s, command.verb
        next_state(s.procedure.state, verb)  # a wrong state is the first thing to say
        if verb in TO_MOTION:
            s.interlock_desk.require_permissives()
        if verb in (Verb.START, Verb.UNHOLD, Verb.RESET):
            s.interlock_desk.reset_trips()
        if verb in TO_MOTION and s.recipes.run is None:
            s.recipes.start(command)  # also for a machine that was found active: nothing unrecorded
        who = f"{verb} by {command.actor}"
        s.procedure.command(verb, f"{who}: {command.reason}" if command.reason else who)

    def _mode(self, command: Command) -> None:
        loop = self._loop(command.target)
        try:
            mode = LoopMode[str(command.value).upper()]
        except KeyError:
            names = ", ".join(m.name for m in loop.pid.config.modes)
            raise Refused("value", [f"mode {command.value!r}: allowed are {names}"]) from None
        loop.want(mode)
        self._s.tell(EventKind.LOOP, loop.name, f"mode {mode.name}", actor=command.actor)

    def _tune(self, command: Command) -> None:
        loop = self._loop(command.target)
        if loop.gains_follow:
            raise Refused("computed", [f"gains of {loop.name} follow {loop.gains_follow}"])
        try:
            kc, ti_s, td_s = (float(x) for x in str(command.value).split(","))
        except ValueError:
            text = f"gains {command.value!r}: expected kc,ti_s,td_s, for example 20,90,0"
            raise Refused("value", [text]) from None
        loop.pid.tune(kc, ti_s, td_s)

    def _loop(self, target: str) -> Loop:
        s = self._s
        loop = s.loops.get(target.removeprefix(f"{s.prefix}.").upper())
        if loop is None:
            names = ", ".join(s.loops)
            raise Refused("unknown", [f"no loop {target!r} in {s.name}; loops: {names}"])
        return loop

    def _set_by(self, command: Command) -> None:
        value = self._set(command.target, command.value)
        self._s.recipes.drift.set_by[command.target] = (command.actor, value)

    def _set(self, target: str, value: float | str | None) -> float:
        s = self._s
        try:
            number = float(value) if value is not None else float("nan")
        except ValueError:
            raise Refused("value", [f"{target} = {value!r}: not a number"]) from None
        key = target.removeprefix(f"{s.prefix}.SET.")
        if key in s.settings:
            _, low, high, unit, _ = s.SETTINGS[key]
            _check(target, number, low, high, unit)
            s.v[s.settings[key]] = number
        elif any(target == f"{loop.name}.SP" for loop in s.loops.values()):
            self._loop(target.removesuffix(".SP")).pid.set_sp(number)
        elif (k := s.offset.get(target, -1)) in s.writable:
            self._set_output(k, target, number)
        else:
            raise Refused("unknown", [f"{target!r} is no set point of {s.name}"])
        return number

    def _set_output(self, k: int, target: str, number: float) -> None:
        s = self._s
        if target in (f"{s.prefix}.CMD", f"{s.prefix}.RESET"):
            text = f"{target} belongs to the procedure: START, STOP, HOLD, ABORT, RESET move it"
            raise Refused("computed", [text])
        if source := s.COMPUTED.get(target.removeprefix(s.prefix)):
            raise Refused("computed", [f"{target} follows {source}"])
        if not s.takeover.adopted:
            raise Refused("link", [f"{target}: the PLC has not been read yet"])
        if not s.takeover.up:
            raise Refused("link", [f"{target}: the link to the PLC is down"])
        if s.takeover.local:
            raise Refused("local", [f"{target}: the station is switched to local"])
        point = s.writable[k]
        _check(target, number, point.low, point.high, point.unit)
        if point.kind is not Kind.REAL and number != int(number):
            raise Refused("value", [f"{target} = {number:g}: must be a whole number"])
        if target in s.owner:
            s.owner[target].set_out(number)
        else:
            s.v[k] = number


def _check(target: str, value: float, low: float, high: float, unit: str) -> None:
    if not low <= value <= high:
        text = f"{target} = {value:g}: allowed {low:g} to {high:g} {unit}".rstrip()
        raise Refused("range", [text])
