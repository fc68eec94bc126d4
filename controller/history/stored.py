"""Rows of the tag and event tables as objects."""

import json
import sqlite3
from dataclasses import fields

from controller.core.event import Event, EventKind
from controller.history.results import StoredTag


def tags_of(connection: sqlite3.Connection, tag_id: int | None = None) -> tuple[StoredTag, ...]:
    """All tags ever stored, in the order they were added; or the one of an id."""
    names = [field.name for field in fields(StoredTag)]
    rows = connection.execute(
        "SELECT id, name, unit, station, description, kind, resolution, low, high, labels,"
        " max_interval_s FROM tag WHERE ?1 IS NULL OR id = ?1 ORDER BY id",
        (tag_id,),
    )
    plain = (dict(zip(names, row, strict=True)) for row in rows)
    return tuple(StoredTag(**v | {"labels": tuple(json.loads(v["labels"]))}) for v in plain)


def event_of(
    time_ns: int, kind: str, station: str, subject: str, text: str, actor: str, data: str
) -> Event:
    """The event of a row."""
    return Event(
        time_ns=time_ns,
        kind=EventKind(kind),
        station=station,
        subject=subject,
        text=text,
        actor=actor,
        data=json.loads(data) if data else {},
    )
