"""The states of an alarm as one table, after the figure of ISA-18.2 / IEC 62682.

Two decisions that the figure leaves open. Leaving shelf, suppression or repair always leads to
NORMAL; where the condition holds, RAISE follows at once as a new occurrence, so that nobody takes
over an acknowledgement from before. And suppression never sweeps away what nobody has acknowledged:
a trip that stops its station would otherwise hide the alarm that tells why. Such an alarm becomes
returned-unacknowledged and is suppressed as soon as somebody has acknowledged it.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class AlarmState(StrEnum):
    """Where an alarm stands."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"  # the condition holds, nobody has acknowledged it
    ACKNOWLEDGED = "acknowledged"  # the condition holds
    RETURNED = "returned-unacknowledged"  # the condition has gone before anybody acknowledged it
    LATCHED = "latched-unacknowledged"  # gone, and to be acknowledged and reset
    LATCHED_ACKNOWLEDGED = "latched-acknowledged"  # gone, and to be reset
    SHELVED = "shelved"  # by a person, for a time
    SUPPRESSED = "suppressed-by-design"  # has no meaning in this state of the station
    OUT_OF_SERVICE = "out-of-service"  # by a person, until he returns it


class Move(StrEnum):
    """What changes the state of an alarm."""

    RAISE = "raise"  # the condition holds, delays included
    CLEAR = "clear"  # the condition has gone
    LATCH = "latch"  # the condition of a latching alarm has gone
    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    SUPPRESS = "suppress"  # the station has come to a state in which the alarm has no meaning
    RELEASE = "release"  # the station has left such a state
    REMOVE = "remove"  # out of service
    RETURN = "return"  # back to service


_S, _M = AlarmState, Move
_ASIDE = {_M.SHELVE: _S.SHELVED, _M.REMOVE: _S.OUT_OF_SERVICE}

TABLE: Mapping[AlarmState, Mapping[Move, AlarmState]] = MappingProxyType(
    {
        _S.NORMAL: {
            _M.RAISE: _S.UNACKNOWLEDGED,
            _M.SUPPRESS: _S.SUPPRESSED,
            **_ASIDE,
        },
        _S.UNACKNOWLEDGED: {
            _M.ACKNOWLEDGE: _S.ACKNOWLEDGED,
            _M.CLEAR: _S.RETURNED,
            _M.LATCH: _S.LATCHED,
            _M.SUPPRESS: _S.RETURNED,
            **_ASIDE,
        },
        _S.ACKNOWLEDGED: {
            _M.CLEAR: _S.NORMAL,
            _M.LATCH: _S.LATCHED_ACKNOWLEDGED,
            _M.SUPPRESS: _S.SUPPRESSED,
            **_ASIDE,
        },
        _S.RETURNED: {
            _M.RAISE: _S.UNACKNOWLEDGED,
            _M.ACKNOWLEDGE: _S.NORMAL,
            **_ASIDE,
        },
        _S.LATCHED: {
            _M.RAISE: _S.UNACKNOWLEDGED,
            _M.ACKNOWLEDGE: _S.LATCHED_ACKNOWLEDGED,
            _M.RESET: _S.RETURNED,
            **_ASIDE,
        },
        _S.LATCHED_ACKNOWLEDGED: {
            _M.RAISE: _S.UNACKNOWLEDGED,
            _M.RESET: _S.NORMAL,
            **_ASIDE,
        },
        _S.SHELVED: {_M.UNSHELVE: _S.NORMAL, _M.REMOVE: _S.OUT_OF_SERVICE},
        _S.SUPPRESSED: {_M.RELEASE: _S.NORMAL, _M.REMOVE: _S.OUT_OF_SERVICE},
        _S.OUT_OF_SERVICE: {_M.RETURN: _S.NORMAL},
    }
)

STANDING = frozenset({_S.UNACKNOWLEDGED, _S.ACKNOWLEDGED})  # annunciated, and the condition holds
ASKING = frozenset({_S.UNACKNOWLEDGED, _S.RETURNED, _S.LATCHED})  # somebody has to acknowledge
LISTED = STANDING | ASKING | {_S.LATCHED_ACKNOWLEDGED}  # what a list of active alarms shows
ASIDE = frozenset({_S.SHELVED, _S.SUPPRESSED, _S.OUT_OF_SERVICE})


def next_state(state: AlarmState, move: Move) -> AlarmState | None:
    """Where a move leads; None where it changes nothing or is not possible."""
    return TABLE[state].get(move)


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    name = {state: state.name.title().replace("_", "") for state in AlarmState}
    lines = ["stateDiagram-v2", f"    [*] --> {name[AlarmState.NORMAL]}"]
    lines += [f'    state "{state.value}" as {short}' for state, short in name.items()]
    lines += [
        f"    {name[state]} --> {name[new]}: {move.value}"
        for state, ways in TABLE.items()
        for move, new in ways.items()
    ]
    return "\n".join(lines) + "\n"
