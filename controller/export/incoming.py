"""Files of history as they come in: which columns mean what, in tables of ours and of others."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from controller.core.errors import DrylineError
from controller.export.blocks import Texts
from controller.export.events import EVENT_COLUMNS
from controller.history.codec import Ints

Cells = Sequence[str] | Texts | NDArray[Any]
TIMES = ("time", "timestamp", "time_utc", "time_ns")
TIME_NS = "time_ns"  # whole nanoseconds since 1970
IGNORED = frozenset(("time_local", "quality_text", "label"))  # what other columns say exactly
_WITH_UNIT = re.compile(r"(?P<tag>.*\S) ?\[(?P<unit>[^\[\]]*)\]", re.DOTALL)
_BESIDE = (" quality", " known")


class RawBlock(NamedTuple):
    """Some rows as a file has them. lines: where each begins; share: of the file read, 0..1.

    columns: by header; cells as text, Texts, datetime64[ns], int64 or float64 (null is NaN).
    broken: rows that are no rows, and why; their cells are empty.
    """

    lines: Ints
    columns: Mapping[str, Cells]
    share: float
    broken: Mapping[int, str] = {}


class FileIn(Protocol):
    """A file that is read. names: its columns; about: what ours say of themselves, or ""."""

    names: tuple[str, ...]
    about: str

    def blocks(self) -> Iterator[RawBlock]:
        """The rows, some at a time."""
        ...

    def unit(self, name: str) -> str | None:
        """The unit of a column, where the file says it outside the header."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


@dataclass(frozen=True, slots=True)
class TagColumn:
    """A column of a wide table. unit: None when the file does not say it."""

    column: str
    tag: str
    unit: str | None
    quality: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Which column means what; "" for one that is not there. wide: of a wide table, its tags."""

    time: str
    tag: str = ""
    value: str = ""
    quality: str = ""
    unit: str = ""
    station: str = ""
    bad_value: str = ""
    label: str = ""
    wide: tuple[TagColumn, ...] = ()
    is_events: bool = False


def shape_of(
    names: Sequence[str], where: str, unit: Callable[[str], str | None] = lambda _: None
) -> Shape:
    """What a header says; DrylineError when it is not the header of a history."""
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DrylineError(f"{where}: column {', '.join(doubled)} is there twice")
    known = {name.strip().lower(): name for name in reversed(names)}
    time = next((known[word] for word in TIMES if word in known), "")
    if not time:
        raise DrylineError(f"{where}: no column 'time'; columns: {', '.join(names)[:200]}")
    if all(column.name in names for column in EVENT_COLUMNS):
        return Shape(time=time, is_events=True)
    if "tag" in known and "value" in known:
        return Shape(
            time=time,
            tag=known["tag"],
            value=known["value"],
            quality=known.get("quality", ""),
            unit=known.get("unit", ""),
            station=known.get("station", ""),
            bad_value=known.get("bad_value", ""),
            label=known.get("label", ""),
        )
    if "tag" in known:
        what = "steps of time, no samples" if "mean" in known else "no column 'value'"
        raise DrylineError(f"{where}: has {what}: it cannot be imported")
    wide = tuple(_tag_columns([n for n in names if n != time and n not in IGNORED], unit))
    if not wide:
        raise DrylineError(f"{where}: has no column beside {time!r}")
    return Shape(time=time, wide=wide)


def _tag_columns(names: Sequence[str], unit: Callable[[str], str | None]) -> Iterator[TagColumn]:
    """'COAT.FEED.PV [kg/h]' and, if it is there, 'COAT.FEED.PV quality'."""
    tags: dict[str, tuple[str, str | None]] = {}
    for name in names:
        found = _WITH_UNIT.fullmatch(name)
        tags[name] = (found["tag"], found["unit"]) if found else (name, unit(name))
    own = {tag for tag, _ in tags.values()}
    for name, (tag, said) in tags.items():
        if any(name.endswith(b) and name.removesuffix(b) in own for b in _BESIDE):
            continue
        quality = f"{tag} quality"
        yield TagColumn(name, tag, said, quality if quality in names else "")


@dataclass(frozen=True, slots=True)
class Wrong:
    """One cell that cannot be taken."""

    line: int
    column: str
    cell: str
    message: str


class Findings:
    """What is wrong in one block, and in which of its rows."""

    def __init__(self, block: RawBlock) -> None:
        self._lines = block.lines
        self._broken = block.broken
        self.wrong: list[Wrong] = []
        self.rows = set(block.broken)
        for row, message in block.broken.items():
            self.wrong.append(Wrong(int(block.lines[row]), "row", "", message))

    def add(self, row: int, column: str, cell: object, message: str) -> None:
        """One problem; a row may have several."""
        if row not in self._broken:
            self.rows.add(row)
            self.wrong.append(Wrong(int(self._lines[row]), column, str(cell), message))

    def merge(self, other: "Findings") -> None:
        """Take over what another found in the same block."""
        self.rows |= other.rows
        self.wrong += other.wrong[len(self._broken) :]  # both know the broken rows

    def kept(self) -> NDArray[np.bool_]:
        """Which rows have none."""
        mask = np.ones(len(self._lines), np.bool_)
        mask[sorted(self.rows)] = False
        return mask
