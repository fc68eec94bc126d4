"""The state machine of a station, as one table: the MTP service (VDI/VDE/NAMUR 2658-4).

Codes are those of MTP; the PackML number is a second view of the same state (ISA-TR88.00.02).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from controller.core.errors import Refused
from controller.core.event import Verb


class State(IntEnum):
    """The states and their MTP codes."""

    STOPPED = 4
    STARTING = 8
    IDLE = 16
    PAUSED = 32
    EXECUTE = 64
    STOPPING = 128
    ABORTING = 256
    ABORTED = 512
    HOLDING = 1024
    HELD = 2048
    UNHOLDING = 4096
    PAUSING = 8192
    RESUMING = 16384
    RESETTING = 32768
    COMPLETING = 65536
    COMPLETED = 131072


class PackMl(IntEnum):
    """PackML state numbers; Clearing has no counterpart, RESET leads out of ABORTED at once."""

    CLEARING = 1
    STOPPED = 2
    STARTING = 3
    IDLE = 4
    SUSPENDED = 5
    EXECUTE = 6
    STOPPING = 7
    ABORTING = 8
    ABORTED = 9
    HOLDING = 10
    HELD = 11
    UNHOLDING = 12
    SUSPENDING = 13
    UNSUSPENDING = 14
    RESETTING = 15
    COMPLETING = 16
    COMPLETE = 17


class CommandCode(IntEnum):
    """MTP codes of the ten procedure commands; their sum is a mask of what is enabled."""

    RESET = 2
    START = 4
    STOP = 8
    HOLD = 16
    UNHOLD = 32
    PAUSE = 64
    RESUME = 128
    ABORT = 256
    RESTART = 512
    COMPLETE = 1024


TARGET: Mapping[Verb, State] = MappingProxyType(
    {
        Verb.RESET: State.RESETTING,
        Verb.START: State.STARTING,
        Verb.STOP: State.STOPPING,
        Verb.HOLD: State.HOLDING,
        Verb.UNHOLD: State.UNHOLDING,
        Verb.PAUSE: State.PAUSING,
        Verb.RESUME: State.RESUMING,
        Verb.ABORT: State.ABORTING,
        Verb.RESTART: State.STARTING,
        Verb.COMPLETE: State.COMPLETING,
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    enabled: commands that are taken. done: where the state leads when its work is complete, None
    for a state that waits for a command. restored: the state after a restart of the controller;
    motion never comes back by itself, a stop under way is carried to its end.
    """

    enabled: tuple[Verb, ...]
    done: State | None
    packml: PackMl
    restored: State


_LEAVE = (Verb.STOP, Verb.HOLD, Verb.ABORT)
_S, _P, _V = State, PackMl, Verb

TABLE: Mapping[State, Row] = MappingProxyType(
    {
        _S.IDLE: Row((_V.START, _V.STOP, _V.ABORT), None, _P.IDLE, _S.IDLE),
        _S.STARTING: Row((*_LEAVE, _V.COMPLETE), _S.EXECUTE, _P.STARTING, _S.HELD),
        _S.EXECUTE: Row(
            (*_LEAVE, _V.PAUSE, _V.RESTART, _V.COMPLETE), _S.COMPLETING, _P.EXECUTE, _S.HELD
        ),
        _S.COMPLETING: Row(_LEAVE, _S.COMPLETED, _P.COMPLETING, _S.HELD),
        _S.COMPLETED: Row((_V.RESET, _V.STOP, _V.ABORT), None, _P.COMPLETE, _S.COMPLETED),
        _S.PAUSING: Row((*_LEAVE, _V.COMPLETE), _S.PAUSED, _P.SUSPENDING, _S.HELD),
        _S.PAUSED: Row((*_LEAVE, _V.RESUME, _V.COMPLETE), None, _P.SUSPENDED, _S.HELD),
        _S.RESUMING: Row((*_LEAVE, _V.COMPLETE), _S.EXECUTE, _P.UNSUSPENDING, _S.HELD),
        _S.HOLDING: Row((_V.STOP, _V.ABORT), _S.HELD, _P.HOLDING, _S.HELD),
        _S.HELD: Row((_V.STOP, _V.UNHOLD, _V.ABORT), None, _P.HELD, _S.HELD),
        _S.UNHOLDING: Row((*_LEAVE, _V.COMPLETE), _S.EXECUTE, _P.UNHOLDING, _S.HELD),
        _S.STOPPING: Row((_V.ABORT,), _S.STOPPED, _P.STOPPING, _S.STOPPING),
        _S.STOPPED: Row((_V.RESET, _V.ABORT), None, _P.STOPPED, _S.STOPPED),
        _S.ABORTING: Row((), _S.ABORTED, _P.ABORTING, _S.ABORTING),
        _S.ABORTED: Row((_V.RESET,), None, _P.ABORTED, _S.ABORTED),
        _S.RESETTING: Row((_V.STOP, _V.ABORT), _S.IDLE, _P.RESETTING, _S.STOPPED),
    }
)


def enabled(state: State) -> tuple[Verb, ...]:
    """The commands a state takes."""
    return TABLE[state].enabled


def enabled_mask(state: State) -> int:
    """The same as the sum of MTP command codes."""
    return sum(CommandCode[verb.name] for verb in TABLE[state].enabled)


def next_state(state: State, verb: Verb) -> State:
    """Where a command leads; Refused with the commands that are possible when it is not enabled."""
    possible = TABLE[state].enabled
    if verb in possible:
        return TARGET[verb]
    shown = ", ".join(v.value for v in possible) or "none, it ends by itself"
    raise Refused(
        "not_enabled", (f"{verb.value} is not enabled in {state.name}; enabled: {shown}",)
    )


def when_done(state: State) -> State | None:
    """Where a state leads when its work is complete; None for a state that waits for a command."""
    return TABLE[state].done


def restored(state: State) -> State:
    """The state to come back in after a restart of the controller."""
    return TABLE[state].restored


def packml(state: State) -> PackMl:
    """The PackML view of a state."""
    return TABLE[state].packml


def diagram() -> str:
    """The table as a Mermaid state diagram: commands in capitals, `done` is completion."""
    lines = ["stateDiagram-v2", "    [*] --> IDLE"]
    for state, row in TABLE.items():
        if row.done is not None:
            lines.append(f"    {state.name} --> {row.done.name}: done")
        lines.extend(f"    {state.name} --> {TARGET[v].name}: {v.value}" for v in row.enabled)
    return "\n".join(lines) + "\n"
