"""Blocks: some rows of a table in columns, the form in which history passes to a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

NO_OCTET = -1  # in an OCTET column: nothing is known


class ColumnKind(Enum):
    """What a column holds, and as which array."""

    TIME = auto()  # int64, UTC nanoseconds
    NUMBER = auto()  # float64; NaN is an empty cell
    OCTET = auto()  # int16 with 0..255; NO_OCTET is an empty cell
    COUNT = auto()  # int64
    TEXT = auto()  # Texts


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. unit: of a column of values, "" where it has none."""

    name: str
    kind: ColumnKind
    unit: str = ""


class Texts(NamedTuple):
    """A text for each row: words[codes[k]]; None is an empty cell."""

    codes: NDArray[np.int32]
    words: Sequence[str | None]


Block = Sequence[NDArray[Any] | Texts]


class RowsOut(Protocol):
    """A file that takes blocks."""

    def write(self, block: Block) -> None:
        """Append the rows of a block."""
        ...


def same_text(word: str | None, n: int) -> Texts:
    """One text in n rows."""
    return Texts(np.zeros(n, np.int32), (word,))


def rows_in(block: Block) -> int:
    """How many rows a block has."""
    first = block[0]
    return len(first.codes) if isinstance(first, Texts) else len(first)
