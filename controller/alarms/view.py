"""What a screen, the console and the command line show of a board."""

import math
from collections.abc import Iterable
from typing import Any

from controller.alarms.alarm import Alarm
from controller.alarms.board import AlarmBoard
from controller.alarms.rates import FloodWatch
from controller.alarms.states import ASIDE, ASKING, LISTED, AlarmState

LISTS = {
    "active": LISTED,
    "shelved": frozenset({AlarmState.SHELVED}),
    "suppressed": frozenset({AlarmState.SUPPRESSED}),
    "out-of-service": frozenset({AlarmState.OUT_OF_SERVICE}),
    "all": frozenset(AlarmState),
}


def alarms_json(
    boards: Iterable[AlarmBoard], utc_ns: int, flood: FloodWatch | None = None
) -> dict[str, Any]:
    """Counts, and every alarm that is not normal: what asks first, the graver, the newer first."""
    boards = tuple(boards)
    alarms = [a for board in boards for a in board.alarms.values()]
    shown = sorted((a for a in alarms if a.state is not AlarmState.NORMAL), key=_rank)
    return {
        "time_ns": utc_ns,
        "counts": counts(*boards),
        "flood": flood_json(flood, utc_ns) if flood else None,
        "alarms": [alarm_json(a, utc_ns) for a in shown],
    }


def counts(*boards: AlarmBoard) -> dict[str, int]:
    """How many alarms are in each list, and how many ask for an acknowledgement."""
    states = [a.state for board in boards for a in board.alarms.values()]
    listed = {name: sum(s in wanted for s in states) for name, wanted in LISTS.items()}
    return {**listed, "unacknowledged": sum(s in ASKING for s in states)}


def alarm_json(alarm: Alarm, utc_ns: int) -> dict[str, Any]:
    """One alarm with all that a person needs to act on it."""
    d, aside = alarm.definition, alarm.aside
    return {
        "id": d.id,
        "station": d.station,
        "tag": d.subject or d.tag,
        "name": d.name,
        "key": d.key,
        "priority": int(d.priority),
        "state": alarm.state.value,
        "asks": alarm.state in ASKING,
        "condition": alarm.active,
        "occurrence": alarm.occurrence,
        "raised_ns": alarm.raised_ns,
        "since_ns": alarm.since_ns,
        "value": _number(alarm.value),
        "limit": _number(alarm.limit),
        "relative_to": d.reference if alarm.relative else "",
        "unit": d.unit,
        "quality": alarm.quality,
        "text": alarm.text,
        "cause": d.cause,
        "consequence": d.consequence,
        "action": d.action,
        "respond_s": d.respond_s,
        "group": d.group,
        "first": alarm.first,
        "first_out": bool(alarm.first) and alarm.first == d.id,
        "chattering": alarm.chatter.at(utc_ns),
        "burst": alarm.chatter.burst,
        "stale": alarm.stale(utc_ns),
        "aside": {
            "actor": aside.actor,
            "reason": aside.reason,
            "since_ns": aside.since_ns,
            "until_ns": aside.until_ns or None,
            "one_shot": aside.one_shot,
        }
        if aside and alarm.state in ASIDE
        else None,
    }


def flood_json(watch: FloodWatch, utc_ns: int) -> dict[str, Any] | None:
    """The flood of an operator; None while there is none."""
    watch.look(utc_ns)
    if watch.now is None:
        return None
    return {
        "operator": watch.operator,
        "since_ns": watch.now.since_ns,
        "count": watch.now.count,
        "stations": {
            station: {"count": n, "first": first}
            for station, (n, first) in watch.now.stations.items()
        },
    }


def _rank(alarm: Alarm) -> tuple[bool, int, int]:
    return alarm.state not in ASKING, int(alarm.definition.priority), -alarm.since_ns


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
