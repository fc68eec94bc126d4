"""Blocks as CSV: RFC 4180, numbers in the shortest form that reads back as the same number.

No text can become a formula in a spreadsheet (see `csv_cells`). Numbers may: the value -Infinity
stays as it is, a column of numbers must be one for every program.
"""

import math
from collections.abc import Sequence
from datetime import tzinfo
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from controller.export.blocks import Block, Column, ColumnKind, Texts
from controller.export.iso_times import local_cells, utc_cells
from controller.history.codec import Floats
from controller.runs.csv_cells import END_OF_LINE, line

ABOUT = "#dryline "  # begins the line, before the header, with the facts about the tags
LOCAL = "time_local"
PROBE = 512  # values looked at to see whether they repeat


class CsvOut:
    """Writes blocks to a binary stream."""

    def __init__(
        self,
        stream: BinaryIO,
        columns: Sequence[Column],
        zone: tzinfo | None = None,
        about: str = "",
    ) -> None:
        """zone: of a second column of times, beside each in UTC. about: JSON, or nothing."""
        self._stream, self._columns, self._zone = stream, columns, zone
        if about:
            stream.write(f"{ABOUT}{about}{END_OF_LINE}".encode())
        stream.write(line(self._header()).encode())

    def write(self, block: Block) -> None:
        """Append the rows of a block."""
        cells: list[list[str]] = []
        for column, values in zip(self._columns, block, strict=True):
            cells += self._cells(column, values)
        rows = END_OF_LINE.join(map(",".join, zip(*cells, strict=True)))
        if rows:
            self._stream.write(f"{rows}{END_OF_LINE}".encode())

    def _header(self) -> list[str]:
        out = []
        for column in self._columns:
            out.append(f"{column.name} [{column.unit}]" if column.unit else column.name)
            if column.kind is ColumnKind.TIME and self._zone is not None:
                out.append(LOCAL)
        return out

    def _cells(self, column: Column, values: NDArray[Any] | Texts) -> list[list[str]]:
        if isinstance(values, Texts):
            return [text_cells(values)]
        match column.kind:
            case ColumnKind.TIME:
                local = [] if self._zone is None else [local_cells(values, self._zone)]
                return [utc_cells(values), *local]
            case ColumnKind.NUMBER:
                return [number_cells(values)]
            case ColumnKind.OCTET:
                words = [*map(str, range(256)), ""]  # -1 finds the last one
                return [[words[k] for k in values.tolist()]]
            case _:
                return [list(map(str, values.tolist()))]


def text_cells(texts: Texts) -> list[str]:
    """Cells of texts, quoted and defused where they must be."""
    cells = [line((word,)).removesuffix(END_OF_LINE) for word in texts.words]
    if len(cells) == 1:
        return cells * len(texts.codes)
    return [cells[code] for code in texts.codes.tolist()]


def number_cells(values: Floats) -> list[str]:
    """The shortest text of each number; an empty cell for NaN."""
    if len(np.unique(values[:PROBE])) * 2 > min(len(values), PROBE):
        return list(map(_number_cell, values.tolist()))
    # By their bits: 0.0 and -0.0 are equal, and yet two numbers.
    bits, place = np.unique(values.view(np.int64), return_inverse=True)
    cells = np.array([_number_cell(v) for v in bits.view(np.float64).tolist()], object)
    found: list[str] = cells[place].tolist()
    return found


def _number_cell(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
