"""What the three station kinds share: machine modes, conditions on tags, the usual steps."""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum

from controller.control.interlock import Comparison, Permissive
from controller.control.procedure import Condition, Step
from controller.control.states import State
from controller.control.station import Station

HEATED_K = 5.0  # lamination and nips need their temperature within this of the set point
WARM_UP_S = 4 * 3600.0
RESET_S = 10.0


class Mode(IntEnum):
    """Codes of the PREFIX.CMD and PREFIX.STATE tags (the agreed map with the PLC)."""

    STOP = 0
    WARMUP = 1
    THREAD = 2
    RUN = 3
    HOLD = 4
    TRIP = 5


class Conditions:
    """Builds conditions on a station's tags; all are False on bad quality."""

    def __init__(self, station: Station) -> None:
        self._s = station

    def equals(self, tag: str, value: float, text: str) -> Condition:
        """The tag has exactly this value."""
        s, k = self._s, self._s.at(tag)
        return Condition(
            text=text, test=lambda: s.usable(k) and s.v[k] == value, show=self.shown(tag)
        )

    def below(self, tag: str, limit: Callable[[], float], text: str) -> Condition:
        """The tag is at or below a limit."""
        s, k = self._s, self._s.at(tag)
        return Condition(
            text=text, test=lambda: s.usable(k) and s.v[k] <= limit(), show=self.shown(tag)
        )

    def above(self, tag: str, limit: Callable[[], float], text: str) -> Condition:
        """The tag is at or above a limit."""
        s, k = self._s, self._s.at(tag)
        return Condition(
            text=text, test=lambda: s.usable(k) and s.v[k] >= limit(), show=self.shown(tag)
        )

    def within(self, tag: str, target: str, band: float, text: str) -> Condition:
        """The tag is within a band around another tag of the same station."""
        s, k, sp = self._s, self._s.at(tag), self._s.at(target)
        shown = self.shown(tag)
        return Condition(
            text=text,
            test=lambda: s.usable(k) and abs(s.v[k] - s.v[sp]) <= band,
            show=lambda: f"{shown()}, wanted {s.v[sp]:g}",
        )

    def shown(self, name: str) -> Callable[[], str]:
        """The live value of a tag for a reader, or that it is Bad."""
        s, k = self._s, self._s.at(name)
        tag = s.table.tags[s.table.region(s.name).start + k]

        def text() -> str:
            if not s.usable(k):
                return f"{tag.name} is Bad"
            value = s.v[k]
            if 0 <= value < len(tag.labels):
                return f"{tag.name} = {tag.labels[int(value)]}"
            return f"{tag.name} = {value:g} {tag.unit}".rstrip()

        return text


def off(tag: str, text: str, remedy: str, *, bypassable: bool = True) -> tuple[str, Permissive]:
    """The tag must be 0."""
    return tag, Permissive(
        name=text, text=text, compare=Comparison.OFF, remedy=remedy, bypassable=bypassable
    )


def on(tag: str, text: str, remedy: str, *, bypassable: bool = True) -> tuple[str, Permissive]:
    """The tag must not be 0."""
    return tag, Permissive(
        name=text, text=text, compare=Comparison.ON, remedy=remedy, bypassable=bypassable
    )


# A bad value never meets a permissive, so these say "link up" as well.
_MEND = "mend the cause, then RESET (from IDLE: STOP, then RESET)"
PLC_READY = (
    on(".REMOTE", "remote switch", "switch the station to remote at its panel", bypassable=False),
    off(".TRIP", "latched PLC trip", _MEND, bypassable=False),
)


def usual_steps(
    station: Station, stop_s: float, hold: Mode, resume: Sequence[Step]
) -> Mapping[State, Sequence[Step]]:
    """HOLDING, PAUSING, STOPPING, ABORTING, RESETTING and the ways back.

    stop_s: the longest a stop may take. hold: the mode asked for while held. resume: steps that
    lead from held or paused to running.
    """
    c = Conditions(station)
    cmd, reset = station.at(".CMD"), station.at(".RESET")

    def ask(mode: Mode) -> Callable[[], None]:
        return lambda: station.put(cmd, float(mode))

    def reset_trip() -> None:
        station.put(cmd, float(Mode.STOP))
        station.put(reset, (station.v[reset] + 1) % 65536)

    stopped = c.equals(".STATE", Mode.STOP, "machine stopped")
    stop = Step(name="stop", enter=ask(Mode.STOP), until=(stopped,), timeout_s=stop_s)
    holding = _hold_step(station, hold)
    return {
        State.HOLDING: (holding,),
        State.PAUSING: (holding,),
        State.UNHOLDING: tuple(resume),
        State.RESUMING: tuple(resume),
        State.COMPLETING: (stop,),
        State.STOPPING: (stop,),
        State.ABORTING: (
            # A tripped machine shows TRIP, not STOP, so aborting asks and does not wait for it.
            Step(name="abort", enter=ask(Mode.STOP), timeout_s=stop_s),
        ),
        State.RESETTING: (
            Step(
                name="reset",
                enter=reset_trip,
                until=(c.equals(".TRIP", 0.0, "trip reset"), stopped),
                timeout_s=RESET_S + stop_s,
            ),
        ),
    }


def _hold_step(station: Station, hold: Mode) -> Step:
    cmd, state = station.at(".CMD"), station.at(".STATE")
    held = Condition(  # a machine that stands is not started in order to be held
        text=f"machine in {hold.name.lower()} or stopped",
        test=lambda: station.usable(state) and station.v[state] in (hold, Mode.STOP),
        show=Conditions(station).shown(".STATE"),
    )
    return Step(
        name="hold", enter=lambda: station.put(cmd, float(hold)), until=(held,), timeout_s=60.0
    )
