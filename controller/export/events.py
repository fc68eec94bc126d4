"""Events as a table, oldest first, some at a time."""

import json
from collections.abc import Iterator, Sequence

import numpy as np

from controller.core.event import Event
from controller.export.blocks import Block, Column, ColumnKind, Texts
from controller.history.source import HistorySource

EVENT_COLUMNS = (
    Column("time", ColumnKind.TIME),
    *(
        Column(name, ColumnKind.TEXT)
        for name in ("kind", "station", "subject", "text", "actor", "data")
    ),
)
MOST = 10_000  # asked for at once


def event_blocks(
    source: HistorySource, start_ns: int, stop_ns: int, stations: Sequence[str] = ()
) -> Iterator[Block]:
    """Events of a window, of some stations or of all; blocks with the columns EVENT_COLUMNS."""
    for found in _slices(source, start_ns, stop_ns):
        kept = [e for e in found if not stations or e.station in stations]
        if kept:
            yield _block(kept)


def _slices(source: HistorySource, start_ns: int, stop_ns: int) -> Iterator[list[Event]]:
    """A source gives the newest events of a window: windows are halved until all fit."""
    waiting = [(start_ns, stop_ns)]
    while waiting:
        first, last = waiting.pop()
        found = source.events(first, last, limit=MOST + 1)
        if len(found) <= MOST:
            yield found
        elif last - first == 1:
            yield source.events(first, last)
        else:
            middle = (first + last) // 2
            waiting += [(middle, last), (first, middle)]


def _block(events: Sequence[Event]) -> Block:
    rows = [(e.kind.value, e.station, e.subject, e.text, e.actor, data_text(e)) for e in events]
    time_ns = np.array([e.time_ns for e in events], np.int64)
    return (time_ns, *(_coded(column) for column in zip(*rows, strict=True)))


def data_text(event: Event) -> str:
    """The facts of an event as JSON, "" when it has none."""
    return json.dumps(event.data, ensure_ascii=False, default=str) if event.data else ""


def _coded(cells: Sequence[str]) -> Texts:
    words = list(dict.fromkeys(cells))
    code = {word: k for k, word in enumerate(words)}
    return Texts(np.array([code[cell] for cell in cells], np.int32), words)
