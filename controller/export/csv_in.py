"""CSV in: rows of a file some at a time, whatever separates the cells; gzip where it is one.

Text without a quotation mark, which is what histories are but for odd names, is cut as a whole;
from the first other piece on the `csv` module reads row by row, which takes about four times
as long.
"""

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from controller.core.errors import DrylineError
from controller.export.csv_out import ABOUT
from controller.export.incoming import Cells, RawBlock

PIECE_BYTES = 2**22  # read at a time
ROWS = 20_000  # at a time where rows are read one by one
SEPARATORS = ",;\t"
LONGEST = 2**20  # bytes of a line
LONGEST_ABOUT = 2**28
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_LF, _CR = b"\n\r"


class CsvIn:
    """Reads blocks of a file; `names` is its header, `about` what ours say of themselves.

    decimal_comma: numbers may have one, which can only be where commas separate nothing.
    """

    def __init__(self, path: Path) -> None:
        """DrylineError when it cannot be read or has no header."""
        self._path = path
        self._line = 0  # lines read so far
        try:
            self._raw = path.open("rb")
            self._size = max(path.stat().st_size, 1)
        except OSError as error:
            raise DrylineError(f"{path}: cannot be read: {error.strerror}") from error
        try:
            with _told(path, lambda: self._line + 1):
                self._bytes = _unpacked(self._raw)
                self.about, self.names = self._head()
        except BaseException:
            self._raw.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._bytes.close()
        self._raw.close()

    def unit(self, name: str) -> str | None:
        """The header says it, nothing else does."""
        del name
        return None

    def blocks(self) -> Iterator[RawBlock]:
        """The rows, some at a time; share: how much of the file was read, 0..1."""
        with _told(self._path, lambda: self._line + 1):
            rest = b""
            while piece := self._piece(rest):
                whole, rest = piece
                cells = self._cut(whole)
                if cells is None:
                    yield from self._row_by_row(whole + rest)
                    return
                if cells[0]:
                    yield self._block(cells, len(cells[0]))

    def _head(self) -> tuple[str, tuple[str, ...]]:
        about = ""
        first = self._bytes.readline(LONGEST_ABOUT).removeprefix(_BOM)
        if first.startswith(ABOUT.encode()):
            about, self._line = first.decode().removeprefix(ABOUT), 1
            first = self._bytes.readline(LONGEST)
        self._separator = max(SEPARATORS, key=first.decode().count)
        self.decimal_comma = self._separator != ","
        names = tuple(next(self._rows(first), []))
        if not names:
            raise DrylineError(f"{self._path}: is empty")
        return about, names

    def _piece(self, before: bytes) -> tuple[bytes, bytes] | None:
        """Whole lines, and the beginning of the next one; None at the end."""
        read = self._bytes.read(PIECE_BYTES)
        piece = before + read
        if not piece:
            return None
        if not read:
            return piece + b"\n", b""
        end = piece.rfind(b"\n") + 1
        if len(piece) - end > max(LONGEST, PIECE_BYTES):
            raise DrylineError(f"{self._path}: line {self._line + 1}: longer than {LONGEST} bytes")
        return piece[:end], piece[end:]

    def _cut(self, piece: bytes) -> list[Sequence[str]] | None:
        """The columns of whole lines; None where a row may be something else than its line."""
        width, separator = len(self.names), ord(self._separator)
        if not piece:
            return [()] * width
        octets = np.frombuffer(piece, np.uint8)
        ends = np.flatnonzero(octets == _LF)
        returns = np.flatnonzero(octets == _CR)
        if b'"' in piece or not np.isin(returns + 1, ends).all():
            return None
        before = np.searchsorted(np.flatnonzero(octets == separator), ends)
        if (np.diff(before, prepend=0) != width - 1).any():
            return None
        text = piece.decode().replace("\r\n", self._separator).replace("\n", self._separator)
        cells = text.split(self._separator)
        del cells[-1]
        return [cells[k::width] for k in range(width)]

    def _block(self, cells: Sequence[Sequence[str]], n: int) -> RawBlock:
        lines = np.arange(self._line + 1, self._line + 1 + n)
        self._line += n
        columns: Mapping[str, Cells] = dict(zip(self.names, cells, strict=True))
        return RawBlock(lines, columns, self._share)

    @property
    def _share(self) -> float:
        return min(self._raw.tell() / self._size, 1.0)

    def _row_by_row(self, before: bytes) -> Iterator[RawBlock]:
        rows = self._rows(before)
        while found := list(islice(((self._line, row) for row in rows if row), ROWS)):
            lines, cells = zip(*found, strict=True)
            yield self._checked(lines, list(cells))

    def _checked(self, lines: Sequence[int], rows: list[list[str]]) -> RawBlock:
        width = len(self.names)
        broken = {k: len(row) for k, row in enumerate(rows) if len(row) != width}
        for k in broken:
            rows[k] = [""] * width
        columns: Mapping[str, Cells] = dict(zip(self.names, zip(*rows, strict=True), strict=True))
        told = {k: f"has {n} cells, the header {width}" for k, n in broken.items()}
        return RawBlock(np.array(lines, np.int64), columns, self._share, told)

    def _rows(self, before: bytes) -> Iterator[list[str]]:
        return csv.reader(self._lines(before), delimiter=self._separator, strict=True)

    def _lines(self, before: bytes) -> Iterator[str]:
        """Each line with its end: those read already, then the rest of the file."""
        *whole, begun = before.split(b"\n")
        for line in whole:
            self._line += 1
            yield f"{line.decode()}\n"
        while line := begun + self._bytes.readline(LONGEST):
            if len(line) >= LONGEST and not line.endswith(b"\n"):
                raise csv.Error(f"longer than {LONGEST} bytes")
            self._line += 1
            begun = b""
            yield line.decode()


def _unpacked(raw: BinaryIO) -> BinaryIO:
    packed = raw.read(len(_GZIP)) == _GZIP
    raw.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if packed else raw


@contextmanager
def _told(path: Path, line: Callable[[], int]) -> Iterator[None]:
    """Whatever makes a file unreadable, with the line that was reached."""
    try:
        yield
    except UnicodeDecodeError as error:
        text = f"byte 0x{error.object[error.start]:02x} is not UTF-8: save the file as UTF-8"
        raise DrylineError(f"{path}: near line {line()}: {text}") from error
    except csv.Error as error:
        alone = "new-line character" in str(error)
        text = "a carriage return stands alone: save the file with other line ends"
        raise DrylineError(f"{path}: line {line()}: {text if alone else error}") from error
    except (EOFError, OSError, zlib.error) as error:
        raise DrylineError(f"{path}: near line {line()}: cannot be read: {error}") from error
