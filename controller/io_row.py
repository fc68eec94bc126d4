"""One row of the I/O list: its fields against their rules, every mistake with its column."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, isfinite
from typing import Any, TypeVar

from controller.core.errors import Problem
from controller.core.point import Access, Point, Wire
from controller.core.tag import HistoryRule, Kind
from controller.core.units import UNITS
from controller.explain import closest, quoted
from controller.text_file import shown

COLUMNS = (
    "tag",
    "station",
    "description",
    "unit",
    "low",
    "high",
    "type",
    "access",
    "address",
    "wire",
    "scale",
    "scan_s",
    "resolution",
    "deadband",
    "max_interval_s",
    "default",
    "labels",
)
OPTIONAL = ("rate_per_s",)  # may stand behind the others
ALL_COLUMNS = COLUMNS + OPTIONAL
TAG = re.compile(r"[A-Z][A-Z0-9]*(\.[A-Z0-9]+)*")
STATION = re.compile(r"[a-z][a-z0-9_]*")
MAX_TEXT = 120  # characters of a tag, a description, an address
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SCAN_S = (0.05, 3600.0)
_LIMITS: dict[Wire, tuple[float, float]] = {  # raw values a wire can carry
    Wire.INT16: (-32767, 32767),  # -32768 says "no valid value"
    Wire.UINT16: (0, 65535),
    Wire.INT32: (-(2**31), 2**31 - 1),
    Wire.UINT32: (0, 2**32 - 1),
    Wire.FLOAT: (-3.4e38, 3.4e38),
    Wire.BOOL: (0, 1),
    Wire.BIT: (0, 1),
}
_ONE_BIT = (Wire.BOOL, Wire.BIT)
_E = TypeVar("_E", bound=StrEnum)


@dataclass(slots=True)
class Row:
    """One row as far as it could be understood: a field with a mistake is None."""

    line: int
    text: dict[str, str]
    tag: str | None = None
    station: str | None = None
    description: str | None = None
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    kind: Kind | None = None
    access: Access | None = None
    address: str | None = None
    wire: Wire | None = None
    scale: float | None = None
    scan_s: float | None = None
    resolution: float | None = None
    deadband: float | None = None
    max_interval_s: float | None = None
    default: float | None = None
    labels: tuple[str, ...] | None = None
    rate_per_s: float | None = None
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, column: str, message: str, file: str) -> None:
        """Record a mistake in one field of this row."""
        found = shown(self.text.get(column, ""))
        self.problems.append(problem(file, self.line, column, found, message, self.tag))

    def point(self) -> Point | None:
        """The point, or None when any field is missing or wrong."""
        rule: dict[str, Any] = {"deadband": self.deadband, "max_interval_s": self.max_interval_s}
        fields: dict[str, Any] = {
            "tag": self.tag,
            "station": self.station,
            "description": self.description,
            "unit": self.unit,
            "low": self.low,
            "high": self.high,
            "kind": self.kind,
            "access": self.access,
            "address": self.address,
            "wire": self.wire,
            "scale": self.scale,
            "scan_s": self.scan_s,
            "resolution": self.resolution,
            "default": self.default,
            "labels": self.labels,
            "rate_per_s": self.rate_per_s,
        }
        if self.problems or None in (*fields.values(), *rule.values()):
            return None
        return Point(**fields, history=HistoryRule(**rule))


def problem(
    file: str, line: int | None, column: str, value: str, message: str, tag: str | None = None
) -> Problem:
    """A problem of one column, with the column's letter in a spreadsheet and the row's tag."""
    known = column in ALL_COLUMNS
    letter = f"column {chr(ord('A') + ALL_COLUMNS.index(column))}, " if known else ""
    of = f" of {tag}" if tag and column != "tag" else ""
    return Problem(
        file=file, line=line, field=f"{letter}{column}{of}", value=value, message=message
    )


class RowParser:
    """Fills the typed fields of one row from its texts."""

    def __init__(self, row: Row, file: str) -> None:
        self._row = row
        self._file = file

    def parse(self) -> None:
        """Each field alone, then the fields against each other."""
        row = self._row
        if self._is_clean("tag"):  # first, because the other problems name it
            row.tag = self._pattern("tag", TAG, "capitals and digits in parts, as COAT.FEED.PV")
        given = (column for column in ALL_COLUMNS[1:] if column in row.text)
        clean = {column for column in given if self._is_clean(column)}
        if "station" in clean:
            row.station = self._pattern("station", STATION, "the name of a station in line.toml")
        if "description" in clean:
            row.description = self._text("description")
        if "address" in clean:
            row.address = self._text("address")
        if "unit" in clean:
            row.unit = self._unit()
        row.kind = self._choice("type", Kind) if "type" in clean else None
        row.access = self._choice("access", Access) if "access" in clean else None
        row.wire = self._choice("wire", Wire) if "wire" in clean else None
        self._numbers(clean)
        if "labels" in clean:
            self._labels(row.text["labels"])
        self._fit_kind()
        self._fit_wire()
        self._fit_default(clean)
        self._rate(clean)

    def _wrong(self, column: str, message: str) -> None:
        self._row.wrong(column, message, self._file)

    def _is_clean(self, column: str) -> bool:
        value = self._row.text.get(column)
        if value is None:
            return False
        if not value.isprintable():
            bad = next(k for k, char in enumerate(value) if not char.isprintable())
            code = f"U+{ord(value[bad]):04X}"
            self._wrong(column, f"character {bad + 1} is {code}, not printable: remove it")
        elif value != value.strip():
            self._wrong(column, "spaces around the value: remove them")
        else:
            return True
        return False

    def _text(self, column: str) -> str | None:
        value = self._row.text[column]
        if 0 < len(value) <= MAX_TEXT:
            return value
        found = "is empty" if not value else f"has {len(value)} characters"
        self._wrong(column, f"{found}, must have 1 to {MAX_TEXT}")
        return None

    def _pattern(self, column: str, pattern: re.Pattern[str], allowed: str) -> str | None:
        value = self._row.text[column]
        if pattern.fullmatch(value) and len(value) <= MAX_TEXT:
            return value
        self._wrong(column, f"must be {allowed}, at most {MAX_TEXT} characters")
        return None

    def _unit(self) -> str | None:
        value = self._row.text["unit"]
        if value in UNITS:
            return value
        known = [symbol for symbol in UNITS if symbol]
        self._wrong("unit", f"unknown unit: {closest(value, known)}known: {' '.join(known)}")
        return None

    def _choice(self, column: str, choices: type[_E]) -> _E | None:
        value = self._row.text[column]
        words = [choice.value for choice in choices]
        if value in words:
            return choices(value)
        self._wrong(column, f"{closest(value, words)}allowed: {quoted(words)}")
        return None

    def _number(self, column: str, clean: set[str]) -> float | None:
        if column not in clean:
            return None
        value = self._row.text[column]
        if not _NUMBER.fullmatch(value):
            hint = ", with a point and not a comma" if "," in value else ""
            self._wrong(column, f"must be a decimal number as 12, -0.5 or 1e6{hint}")
            return None
        number = float(value)
        if not isfinite(number):
            self._wrong(column, "too large for a number")
            return None
        return number

    def _bounded(
        self, column: str, clean: set[str], is_right: Callable[[float], bool], allowed: str
    ) -> float | None:
        number = self._number(column, clean)
        if number is None or is_right(number):
            return number
        self._wrong(column, f"must be {allowed}")
        return None

    def _numbers(self, clean: set[str]) -> None:
        row = self._row
        row.low, row.high = self._number("low", clean), self._number("high", clean)
        row.scale = self._bounded("scale", clean, lambda x: x > 0, "above 0")
        least, most = _SCAN_S
        row.scan_s = self._bounded(
            "scan_s", clean, lambda x: least <= x <= most, f"{least} to {most:g} seconds"
        )
        row.resolution = self._bounded("resolution", clean, lambda x: x >= 0, "0 or above")
        row.deadband = self._bounded("deadband", clean, lambda x: x >= 0, "0 or above")
        row.max_interval_s = self._bounded(
            "max_interval_s", clean, lambda x: x > 0, "above 0 seconds"
        )
        if row.low is not None and row.high is not None and row.low >= row.high:
            self._wrong("low", f"must be below high, which is {row.high:g}")
            row.low = row.high = None

    def _rate(self, clean: set[str]) -> None:
        """The rate of a written number; empty, or no such column: none."""
        row, column = self._row, "rate_per_s"
        if not row.text.get(column):
            row.rate_per_s = inf
        elif row.access is Access.READ or row.kind not in (Kind.REAL, None):
            self._wrong(column, "only for access W and type real: leave it empty")
        else:
            row.rate_per_s = self._bounded(column, clean, lambda x: x > 0, "above 0, or empty")

    def _labels(self, value: str) -> None:
        row = self._row
        labels = tuple(value.split("|")) if value else ()
        if row.kind is None:
            return
        if row.kind is not Kind.ENUM:
            if labels:
                self._wrong("labels", "only for type enum: leave it empty")
            else:
                row.labels = ()
        elif any(label != label.strip() or not label for label in labels):
            self._wrong("labels", "each text between | must not be empty nor have spaces around it")
        elif len(set(labels)) < len(labels):
            self._wrong("labels", "two codes have the same text")
        elif row.high is None or not row.high.is_integer():
            return
        elif len(labels) != row.high + 1:
            self._wrong(
                "labels",
                f"{len(labels)} texts for the codes 0 to {row.high:g}: "
                f"needs {row.high + 1:g}, separated by |",
            )
        else:
            row.labels = labels

    def _fit_kind(self) -> None:
        """Range, unit and scale that go with the type."""
        row = self._row
        if row.kind is None:
            return
        if row.kind is Kind.REAL:
            if row.unit == "":
                self._wrong("unit", "a real needs a unit: '-' for a plain ratio")
        else:
            self._whole_range(row.kind)
            if row.scale is not None and row.scale != 1:
                self._wrong("scale", f"must be 1 for type {row.kind}: the code is the value")
        if row.kind in (Kind.BOOLEAN, Kind.ENUM) and row.unit:
            self._wrong("unit", f"a {row.kind} has no unit: leave it empty")
        if row.wire is not None and (row.kind is Kind.BOOLEAN) != (row.wire in _ONE_BIT):
            self._wrong("wire", f"does not fit type {row.kind}: bool goes with bool or bit only")
        span = None if row.low is None or row.high is None else row.high - row.low
        if span is not None and row.deadband is not None and row.deadband > span:
            self._wrong("deadband", f"wider than the range of {span:g}: no change would be stored")

    def _whole_range(self, kind: Kind) -> None:
        row = self._row
        for column, value in (("low", row.low), ("high", row.high)):
            if value is not None and not value.is_integer():
                self._wrong(column, f"must be a whole number for type {kind}")
        if row.low and kind in (Kind.BOOLEAN, Kind.ENUM):
            self._wrong("low", f"must be 0 for type {kind}")
        if row.high is not None and row.high != 1 and kind is Kind.BOOLEAN:
            self._wrong("high", "must be 1 for type bool")

    def _fit_wire(self) -> None:
        """The whole range must have a raw value on the wire."""
        row = self._row
        if row.wire not in _LIMITS or row.scale is None or row.wire in _ONE_BIT:
            return
        least, most = (raw * row.scale for raw in _LIMITS[row.wire])
        slack = 1e-6 * row.scale  # rounding of raw * scale, far below one raw step
        for column, value in (("low", row.low), ("high", row.high)):
            if value is not None and not least - slack <= value <= most + slack:
                carried = f"{least:.10g} to {most:.10g}"
                self._wrong(
                    column,
                    f"{row.wire} with scale {row.scale:g} carries {carried} only: "
                    "narrow the range or change scale or wire",
                )

    def _fit_default(self, clean: set[str]) -> None:
        row = self._row
        if "default" not in clean or row.access is None:
            return
        value = row.text["default"]
        if row.access is Access.READ:
            if value in ("", "0"):
                row.default = 0.0
            else:
                self._wrong("default", "only for access W: write 0 or leave it empty")
            return
        default = self._number("default", clean)
        if default is None:
            return
        if row.low is not None and row.high is not None and not row.low <= default <= row.high:
            self._wrong("default", f"must be within low and high, {row.low:g} to {row.high:g}")
        elif row.kind not in (Kind.REAL, None) and not default.is_integer():
            self._wrong("default", f"must be a whole number for type {row.kind}")
        else:
            row.default = default
