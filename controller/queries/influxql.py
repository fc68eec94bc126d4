"""Statements in InfluxQL, and names in them that cannot become anything but names.

Names are first made what the sink's line protocol makes of them, so they hold no control
characters and no backslashes; quotes are escaped here.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from controller.sinks.line_protocol import stored_measurement, stored_name

VALUE, QUALITY = "value", "quality"


class Place(NamedTuple):
    """Points that belong together: a measurement, and values of tags; "" for a missing tag."""

    measurement: str
    tags: tuple[tuple[str, str], ...]


def place(measurement: str, tags: Mapping[str, str]) -> Place:
    """A place as the sink has written it."""
    pairs = ((key, _sent(stored_name(value))) for key, value in tags.items())
    return Place(_sent(stored_measurement(measurement)), tuple(pairs))


def _sent(text: str) -> str:
    """What arrives of a text that UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


def identifier(name: str) -> str:
    """A name of a measurement, tag or field."""
    return f'"{_escaped(name, chr(34))}"'


def literal(text: str) -> str:
    """A text."""
    return f"'{_escaped(text, chr(39))}'"


def _escaped(text: str, quote: str) -> str:
    if any(char < " " for char in text):
        raise ValueError(f"{text!r}: a control character cannot be part of a statement")
    return text.replace("\\", "\\\\").replace(quote, f"\\{quote}")


def select(
    what: str,
    source: Place,
    start_ns: int,
    stop_ns: int,
    *,
    only: str = "",
    group: str = "",
    newest_first: bool = False,
    limit: int | None = None,
) -> str:
    """Points of a place in a window, start <= time < stop. only, group: as InfluxQL."""
    where = [f"{identifier(key)} = {literal(value)}" for key, value in source.tags]
    where += [f"time >= {start_ns}", f"time < {stop_ns}", *([only] if only else [])]
    parts = ["SELECT", what, "FROM", identifier(source.measurement), "WHERE", " AND ".join(where)]
    if group:
        parts.append(group)
    parts.append(f"ORDER BY time {'DESC' if newest_first else 'ASC'}")
    if limit is not None:
        parts.append(f"LIMIT {limit}")
    return " ".join(parts)


def fields(names: Iterable[str]) -> str:
    """Fields of a SELECT."""
    return ", ".join(identifier(name) for name in names)


def series_of(key: str, value: str) -> str:
    """All series with a value of a tag."""
    return f"SHOW SERIES WHERE {identifier(key)} = {literal(value)}"


def read_series(key: str) -> Place:
    """The place of a key as SHOW SERIES tells it: line protocol without fields."""
    parts = [_pieces(part, "=") for part in _pieces(key, ",", keep=True)]
    measurement = _plain("=".join(parts[0]))
    return Place(measurement, tuple((_plain(p[0]), _plain("=".join(p[1:]))) for p in parts[1:]))


def _pieces(text: str, at: str, *, keep: bool = False) -> list[str]:
    """Parted wherever `at` stands without a backslash before it."""
    found, escaped = [""], False
    for char in text:
        if char == at and not escaped:
            found.append("")
        else:
            found[-1] += char
        escaped = char == "\\" and not escaped
    return found


def _plain(text: str) -> str:
    for char in ", =":
        text = text.replace(f"\\{char}", char)
    return text
