"""Reads the annotated CSV in which InfluxDB 2 answers a Flux query."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from controller.clock import NS

Cell = float | int | str | bool | None
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


class FluxError(RuntimeError):
    """The server answered with an error in place of a table, or with what is no table."""


def records(text: str) -> Iterator[dict[str, Cell]]:
    """The rows of all tables, in their order; times are UTC nanoseconds, empty cells are None."""
    types: list[str] = []
    defaults: list[str] = []
    names: list[str] = []
    for cells in csv.reader(io.StringIO(text, newline="")):
        if not any(cells):  # between tables of different columns
            types, defaults, names = [], [], []
        elif cells[0] == "#datatype":
            types, defaults, names = cells, [], []
        elif cells[0] == "#default":
            defaults = cells
        elif cells[0].startswith("#"):
            continue
        elif not names:
            names = cells
        else:
            yield _record(names, types, defaults, cells)


def _record(
    names: list[str], types: list[str], defaults: list[str], cells: list[str]
) -> dict[str, Cell]:
    found: dict[str, Cell] = {}
    for at, name in enumerate(names):
        text = cells[at] if at < len(cells) else ""
        text = text or (defaults[at] if at < len(defaults) else "")
        found[name] = value(types[at] if at < len(types) else "string", text)
    if found.get("error"):
        raise FluxError(f"{found['error']} ({found.get('reference')})")
    found.pop("", None)  # the column of annotations
    return found


def value(kind: str, text: str) -> Cell:
    """One cell of a column of a type; None when it is empty and its type has no empty value."""
    if kind == "string":
        return text
    if not text:
        return None
    if kind in ("long", "unsignedLong"):
        return int(text)
    if kind == "double":
        return float(text.replace("Inf", "inf"))
    if kind == "boolean":
        return text == "true"
    if kind.startswith("dateTime"):
        return time_ns(text)
    return text


def time_ns(text: str) -> int:
    """UTC nanoseconds of a time as RFC 3339 with up to nine digits behind the point."""
    found = TIME.fullmatch(text)
    if found is None:
        raise FluxError(f"{text!r} is no time")
    whole, fraction, zone = found.groups()
    seconds = datetime.fromisoformat(whole + ("+00:00" if zone == "Z" else zone)).astimezone(UTC)
    return round(seconds.timestamp()) * NS + int((fraction or "").ljust(9, "0"))
