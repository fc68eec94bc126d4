"""Command (an intent), Event (what happened) and their vocabulary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from controller.core.run import MasterRecipe


class EventKind(StrEnum):
    """What an event is about."""

    STATE = "state"  # a station changed state
    COMMAND = "command"  # accepted or refused
    LINK = "link"  # a device link went down or came back
    QUALITY = "quality"  # a tag changed severity
    LOOP = "loop"  # a loop changed mode or went to its fallback
    INTERLOCK = "interlock"  # a permissive or trip of the controller
    ALARM = "alarm"
    DEVICE = "device"  # the device's own trips, restarts, refusals
    SYSTEM = "system"  # start, stop, store, clock
    RECIPE = "recipe"  # deployed, latched, drifted from
    RUN = "run"  # begun, phase, prompt, lot, ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened once. `time_ns` is UTC nanoseconds; `data` is plain JSON values."""

    time_ns: int
    kind: EventKind
    station: str  # "" for the line as a whole
    subject: str  # tag, loop, link or command name
    text: str
    actor: str = ""
    data: dict[str, object] = field(default_factory=dict)


class Verb(StrEnum):
    """What a command asks for. The first ten are the MTP procedure commands."""

    RESET = "RESET"
    START = "START"
    STOP = "STOP"
    HOLD = "HOLD"
    UNHOLD = "UNHOLD"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    ABORT = "ABORT"
    RESTART = "RESTART"
    COMPLETE = "COMPLETE"
    SET = "SET"  # a set point or an output in manual
    MODE = "MODE"  # a loop's mode: MAN, AUTO, CAS
    TUNE = "TUNE"  # a loop's gains
    DEPLOY = "DEPLOY"  # a recipe for the next START
    CONFIRM = "CONFIRM"  # the prompt of the phase under way
    LOT = "LOT"  # a lot that goes in or comes out
    BYPASS = "BYPASS"  # an interlock of the controller, for a time
    UNBYPASS = "UNBYPASS"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployOrder:
    """A recipe to be deployed. master: None for the built-in procedure.

    expected: number of the deployment the person saw as the requested one, None when nobody
    looked; because, trial, signature: as in Deployment.
    """

    master: MasterRecipe | None
    expected: int | None = None
    because: str = ""
    trial: str = ""
    signature: Mapping[str, str | int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Who wants what of which station, and why. target: tag or loop of SET, MODE and TUNE, "in"
    or "out" of LOT, name of the interlock of BYPASS and UNBYPASS (value: for how many seconds);
    order: what a DEPLOY brings."""

    id: str
    actor: str
    station: str
    verb: Verb
    target: str = ""
    value: float | str | None = None
    reason: str = ""
    order: DeployOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a command: accepted, or refused with a code and every reason."""

    command: Command
    accepted: bool
    code: str = "ok"
    reasons: tuple[str, ...] = ()
