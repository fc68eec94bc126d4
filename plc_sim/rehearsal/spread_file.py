"""Spreads from a TOML file, with every mistake at once; `standard` is the one beside this file.

title = "Winter, worn rolls"

[[spread]]
parameter = "coater.lot_reactivity"
distribution = "normal"
mean = 1.0
sd = 0.06
low = 0.8
high = 1.2
note = "binder lots, by the supplier's certificates"
"""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any

from controller.core.errors import ConfigError, Problem
from controller.text_file import read_text, shown
from controller.toml_lines import KeyPath, key_lines, line_of
from plc_sim.rehearsal.spread import (
    Distribution,
    Normal,
    Row,
    Spread,
    Spreadable,
    Triangular,
    Uniform,
    spreadables,
)

STANDARD = "standard"
_STANDARD_FILE = Path(__file__).with_name("standard_spread.toml")
MAX_BYTES = 1024 * 1024
NUMBERS = {
    "uniform": ("low", "high"),
    "triangular": ("low", "mode", "high"),
    "normal": ("mean", "sd", "low", "high"),
}
_WORDS = ("parameter", "distribution", "note")


def read_spread(name: str) -> Spread:
    """Of a file, or the standard one; ConfigError with every mistake in it."""
    path = _STANDARD_FILE if name == STANDARD else Path(name)
    text, problems, _ = read_text(path, path.name, MAX_BYTES, "name a spread file, or standard")
    if text is None:
        raise ConfigError(problems)
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError([Problem(file=path.name, line=None, field="file", value="",
                                   message=f"not TOML: {error}")]) from error  # fmt: skip
    return _Reader(path.name, key_lines(text)).spread(document)


class _Reader:
    """One file."""

    def __init__(self, name: str, lines: Mapping[KeyPath, int]) -> None:
        self._name, self._lines = name, lines
        self._known = spreadables()
        self._problems: list[Problem] = []

    def spread(self, document: Mapping[str, Any]) -> Spread:
        for key in document:
            if key not in ("title", "spread"):
                self._say((key,), document[key], "unknown; allowed: title, spread")
        title = document.get("title", self._name)
        if not isinstance(title, str):
            self._say(("title",), title, "must be a text")
        tables = document.get("spread", [])
        if not isinstance(tables, list) or not tables:
            self._say(("spread",), tables, "must be one [[spread]] table or more")
            tables = []
        rows = [row for k, one in enumerate(tables) if (row := self._row(k, one)) is not None]
        seen: set[str] = set()
        for k, one in enumerate(tables):
            name = one.get("parameter") if isinstance(one, dict) else None
            if isinstance(name, str) and name in seen:
                self._say(("spread", k, "parameter"), name, "stands twice")
            seen.add(str(name))
        if self._problems:
            raise ConfigError(self._problems)
        return Spread(str(title), tuple(rows))

    def _row(self, k: int, given: object) -> Row | None:
        at: KeyPath = ("spread", k)
        if not isinstance(given, dict):
            self._say(at, given, "must be a table")
            return None
        name, law = given.get("parameter"), given.get("distribution")
        what = self._known.get(name) if isinstance(name, str) else None
        if what is None:
            near = get_close_matches(str(name), self._known, 3, 0.5)
            self._say((*at, "parameter"), name, "no such parameter; "
                      + (f"did you mean {', '.join(near)}?" if near else _KINDS))  # fmt: skip
        if not isinstance(law, str) or law not in NUMBERS:
            self._say((*at, "distribution"), law, f"allowed: {', '.join(NUMBERS)}")
            return None
        for key in given:
            if key not in (*_WORDS, *NUMBERS[law]):
                allowed = ", ".join((*_WORDS, *NUMBERS[law]))
                self._say((*at, key), given[key], f"unknown for {law}; allowed: {allowed}")
        note = given.get("note", "")
        if not isinstance(note, str):
            self._say((*at, "note"), note, "must be a text")
        if what is None:
            return None
        numbers = self._numbers(at, given, law, what)
        return Row(what, _law(law, numbers), str(note)) if numbers else None

    def _numbers(
        self, at: KeyPath, given: Mapping[str, Any], law: str, what: Spreadable
    ) -> dict[str, float] | None:
        before = len(self._problems)
        found: dict[str, float] = {}
        allowed = f"allowed {what.low:g} to {what.high:g} {what.unit}".rstrip(" -")
        for key in NUMBERS[law]:
            value = given.get(key)
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
                self._say((*at, key), value, f"must be a number; {allowed}")
                continue
            found[key] = float(value)
            if key == "sd":
                if value <= 0.0:
                    self._say((*at, key), value, "must be above 0")
            elif not what.low <= value <= what.high:
                self._say((*at, key), value, f"{what.name}: {allowed}")
        if len(self._problems) > before:
            return None
        low, high = found["low"], found["high"]
        middle = found.get("mode", found.get("mean", 0.5 * (low + high)))
        if not low < high or not low <= middle <= high:
            order = "low < high, and mode or mean between them"
            self._say(at, f"{low:g} .. {middle:g} .. {high:g}", f"{what.name}: must be {order}")
            return None
        return found

    def _say(self, at: KeyPath, value: object, message: str) -> None:
        field = ".".join(str(part) for part in at)
        text = "" if value is None else shown(value)
        self._problems.append(
            Problem(file=self._name, line=line_of(self._lines, at), field=field, value=text,
                    message=message if value is not None else f"missing: {message}")
        )  # fmt: skip


_KINDS = (
    "allowed: SECTION.NAME of docs/reference/parameters.md (line, film, enclosure, coater, "
    "calender, day), bias.STATION.SENSOR, noise.STATION"
)


def _law(law: str, numbers: Mapping[str, float]) -> Distribution:
    if law == "uniform":
        return Uniform(**numbers)
    return Triangular(**numbers) if law == "triangular" else Normal(**numbers)
