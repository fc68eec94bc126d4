"""Events in the layout of the sink, and back."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.queries.influxql import Place, fields, place, select
from controller.sinks.layout import EVENTS, LINE

_ASKED = ("text", "subject", "actor", "data", "station", "kind", "twin")
COLUMNS = ("time", *_ASKED)


def events_place(line: str, station: str | None, kind: EventKind | None) -> Place:
    """Where events are; None for any."""
    tags = {"line": line}
    if station is not None:
        tags["station"] = station or LINE
    if kind is not None:
        tags["kind"] = kind.value
    return place(EVENTS, tags)


def events_statement(where: Place, start_ns: int, stop_ns: int, limit: int | None) -> str:
    """The newest events of a window."""
    return select(fields(_ASKED), where, start_ns, stop_ns, newest_first=True, limit=limit)


def events_of(rows: Sequence[Sequence[Any]], failed: Callable[[str], StoreError]) -> list[Event]:
    """Events in time order; those of one time by station, kind and the order they came in."""
    try:
        found = [(_key(row), _event(row)) for row in rows]
    except (ValueError, TypeError) as error:
        raise failed(f"an event there is none of ours: {error}") from error
    found.sort(key=lambda pair: pair[0])
    return [event for _, event in found]


def _key(row: Sequence[Any]) -> tuple[int, str, str, int]:
    time_ns, *_, station, kind, twin = row
    return int(time_ns), str(station), str(kind), int(twin or 0)


def _event(row: Sequence[Any]) -> Event:
    time_ns, text, subject, actor, data, station, kind, _ = row
    return Event(
        time_ns=int(time_ns),
        kind=EventKind(kind),
        station="" if station == LINE else str(station),
        subject=str(subject or ""),
        text=str(text or ""),
        actor=str(actor or ""),
        data=orjson.loads(data) if data else {},
    )
