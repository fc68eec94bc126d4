"""What brings an alarm: an act on the simulated plant, how it ends, and what must come of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from controller.core.event import Command, Verb
from plc_sim.instruments import InstrumentFault
from plc_sim.lockstep import Lockstep

Act = Callable[[Lockstep], None]
NOTHING: Mapping[str, float] = {}


class How(Enum):
    """Where a cause acts."""

    PHYSICS = "physics"  # a fault of the model, or the model's state moved
    INSTRUMENT = "instrument"  # the measuring chain
    PLC = "plc"  # program, switch or wire of the PLC
    PERSON = "person"  # a command, as an operator gives it
    PROGRAM = "program"  # a mistake in the controller itself


def nothing(line: Lockstep) -> None:
    """No act."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One cause with every alarm that it must raise.

    warm: name of the plant it starts from. before: brings the plant near, so that nobody waits.
    begin, end: the cause itself. within_s, gone_s: until the last alarm has come, and gone again
    after the end. trip: text of the PLC's trip that must come with it. shows: tags that tell what
    the PLC has done by then, within settle_s. repair: what makes the plant fit again after the end.
    goes_with_reset: the alarms stay until the station is reset.
    """

    key: str
    warm: str
    station: str
    alarms: tuple[str, ...]
    begin: Act
    end: Act
    how: How = How.PHYSICS
    before: Act = nothing
    repair: Act = nothing
    within_s: float = 120.0
    gone_s: float = 600.0
    trip: str = ""
    shows: Mapping[str, float] = field(default_factory=dict)
    settle_s: float = 5.0
    goes_with_reset: bool = False

    def __str__(self) -> str:
        return f"{self.station}-{self.key}".replace(" ", "_")


def fault(key: str, station: str, name: str, level: float | None = None, **more) -> Cause:
    """A cause that the table of faults has."""
    return Cause(
        key=key, station=station, warm=more.pop("warm", station),
        begin=inject(station, name, level), end=clear(station, name), **more,
    )  # fmt: skip


def inject(station: str, name: str, level: float | None = None) -> Act:
    """A fault begins."""
    return lambda line: line.inject(station, name, level)


def clear(station: str, name: str) -> Act:
    """A fault ends."""
    return lambda line: line.plant.faults.clear(station, name)


def instrument(
    key: str, station: str, sensor: str, kind: InstrumentFault, level: float = 1.0, **more
) -> Cause:
    """A cause in one instrument."""
    return Cause(
        key=key, station=station, warm=more.pop("warm", station), how=How.INSTRUMENT,
        begin=lambda line: line.plant.sites[station].rack.set_fault(sensor, kind, level),
        end=lambda line: line.plant.sites[station].rack.set_fault(sensor, kind, 0.0), **more,
    )  # fmt: skip


def give(station: str, verb: Verb, target: str = "", value: float | str | None = None) -> Act:
    """A command of an engineer that must be accepted."""
    command = Command(
        id=f"{verb} {target}", actor="eve", station=station, verb=verb, target=target, value=value,
        reason="for a test",
    )  # fmt: skip

    def act(line: Lockstep) -> None:
        answer = line.give(command)
        assert answer.accepted, f"{verb} {target}: {answer.reasons}"

    return act


def acts(*several: Act) -> Act:
    """One after the other."""

    def act(line: Lockstep) -> None:
        for one in several:
            one(line)

    return act
