"""Parquet, behind the one fence of pyarrow: blocks out, row groups in.

Texts are dictionaries, times are timestamp[ns] in UTC (or in a zone: the same instants, shown
there), NaN and what nobody knows are null. The metadata of the file has the facts about its tags
under the key `dryline`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from controller.core.errors import DrylineError
from controller.export.about import KEY
from controller.export.blocks import NO_OCTET, Block, Column, ColumnKind, Texts, rows_in
from controller.export.incoming import RawBlock

ROW_GROUP = 2**20  # rows; of a wide table fewer, see CELLS
CELLS = 2**23  # in memory before a row group is written
READ_ROWS = 65_536
Arrow = Any  # pyarrow brings no types


class ParquetOut:
    """Writes blocks to a binary stream."""

    def __init__(
        self,
        stream: BinaryIO,
        columns: Sequence[Column],
        zone: tzinfo | None = None,
        about: str = "",
    ) -> None:
        """zone: in which programs show the times, UTC without one. about: JSON."""
        self._valve = _Valve(stream)
        self._columns = columns
        fields = [
            pa.field(c.name, _type(c, zone), metadata={"unit": c.unit} if c.unit else None)
            for c in columns
        ]
        self._schema = pa.schema(fields, metadata={KEY: about.encode()} if about else None)
        self._writer = pq.ParquetWriter(
            self._valve,
            self._schema,
            compression="zstd",
            use_dictionary=[c.name for c in columns if c.kind is not ColumnKind.TIME],
            column_encoding={
                c.name: "DELTA_BINARY_PACKED" for c in columns if c.kind is ColumnKind.TIME
            },
        )
        self._group = max(min(ROW_GROUP, CELLS // len(columns)), 1)
        self._waiting: list[Any] = []
        self._rows = 0

    def write(self, block: Block) -> None:
        """Append the rows of a block."""
        arrays = [
            _array(column, values, self._schema.field(k).type)
            for k, (column, values) in enumerate(zip(self._columns, block, strict=True))
        ]
        self._waiting.append(pa.record_batch(arrays, schema=self._schema))
        self._rows += rows_in(block)
        if self._rows >= self._group:
            self._write_group()

    def close(self) -> None:
        """Write the last rows and the footer; the stream stays open."""
        if self._rows:
            self._write_group()
        self._writer.close()

    def __enter__(self) -> "ParquetOut":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:  # pyarrow insists on a footer, nobody wants it
            self._valve.is_open = False
            self._writer.close()

    def _write_group(self) -> None:
        table = pa.Table.from_batches(self._waiting, self._schema).unify_dictionaries()
        self._writer.write_table(table, row_group_size=self._rows)
        self._waiting, self._rows = [], 0


class _Valve:
    """A stream for pyarrow; shut, it lets nothing through."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.is_open = True

    def write(self, data: bytes) -> int:
        """Pass bytes on."""
        if self.is_open:
            self._stream.write(data)
        return len(memoryview(data).cast("B"))

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """The stream belongs to somebody else."""


def _type(column: Column, zone: tzinfo | None) -> Arrow:
    match column.kind:
        case ColumnKind.TIME:
            return pa.timestamp("ns", tz=str(zone) if zone is not None else "UTC")
        case ColumnKind.NUMBER:
            return pa.float64()
        case ColumnKind.OCTET:
            return pa.uint8()
        case ColumnKind.COUNT:
            return pa.int64()
    return pa.dictionary(pa.int32(), pa.string())


def _array(column: Column, values: NDArray[Any] | Texts, kind: Arrow) -> Arrow:
    if isinstance(values, Texts):
        return _dictionary(values)
    match column.kind:
        case ColumnKind.NUMBER:
            return pa.array(values, kind, mask=np.isnan(values))
        case ColumnKind.OCTET:
            return pa.array(values.astype(np.uint8), kind, mask=values == NO_OCTET)
    return pa.array(values, kind)


def _dictionary(texts: Texts) -> Arrow:
    """Only with the words that are used; a null is no word."""
    used, place = np.unique(texts.codes, return_inverse=True)
    words = [texts.words[code] for code in used.tolist()]
    missing = np.array([word is None for word in words])
    codes = np.cumsum(~missing) - 1
    indices = pa.array(codes[place].astype(np.int32), mask=missing[place])
    kept = pa.array([word for word in words if word is not None], pa.string())
    return pa.DictionaryArray.from_arrays(indices, kept)


class ParquetIn:
    """Reads blocks of a file; `names` are its columns, `about` what ours say of themselves."""

    def __init__(self, path: Path) -> None:
        """DrylineError when it is no Parquet file."""
        self._path = path
        try:
            self._file = pq.ParquetFile(path, pre_buffer=False)
        except (pa.ArrowInvalid, OSError) as error:
            raise DrylineError(f"{path}: cannot be read as Parquet: {error}") from error
        schema = self._file.schema_arrow
        self.names: tuple[str, ...] = tuple(schema.names)
        self.about = (schema.metadata or {}).get(KEY, b"").decode()
        self._total = max(self._file.metadata.num_rows, 1)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def unit(self, name: str) -> str | None:
        """What the metadata of a column says."""
        found = self._file.schema_arrow.field(self.names.index(name)).metadata or {}
        unit = found.get(b"unit")
        return None if unit is None else unit.decode()

    def blocks(self) -> Iterator[RawBlock]:
        """The rows, some at a time; share: how much of the file was read, 0..1."""
        row = 1
        try:
            for batch in self._file.iter_batches(READ_ROWS, use_threads=False):
                n = batch.num_rows
                columns: Mapping[str, Any] = {
                    name: _column(batch.column(k)) for k, name in enumerate(self.names)
                }
                lines = np.arange(row, row + n)
                row += n
                yield RawBlock(lines, columns, (row - 1) / self._total)
        except (pa.ArrowException, OSError) as error:
            raise DrylineError(f"{self._path}: cannot be read, row {row}: {error}") from error


def _column(array: Arrow) -> Arrow:
    """A column for `incoming`: instants as datetime64[ns], numbers as int64 or float64,
    texts as Texts or cells."""
    kind = array.type
    if pa.types.is_dictionary(kind) and _is_text(kind.value_type):
        words = [word if word is not None else "" for word in array.dictionary.to_pylist()]
        codes = np.asarray(array.indices.fill_null(len(words)), np.int32)
        return Texts(codes, [*words, ""])
    if _is_text(kind):
        return [cell if cell is not None else "" for cell in array.to_pylist()]
    if pa.types.is_timestamp(kind):
        return _times(array)
    if pa.types.is_integer(kind) and not array.null_count:
        return np.asarray(array.cast(pa.int64(), safe=False))
    if pa.types.is_boolean(kind) or pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return np.asarray(array.cast(pa.float64(), safe=False).fill_null(np.nan), np.float64)
    raise DrylineError(f"a column of type {kind} is no time, number or text")


def _times(array: Arrow) -> Arrow:
    """Instants as datetime64[ns]; as cells what has no zone, or null among it."""
    if array.type.tz is None or array.null_count:
        cells = array.cast(pa.string()).to_pylist()
        return [cell if cell is not None else "" for cell in cells]
    try:
        whole = array.cast(pa.timestamp("ns", tz="UTC"))
    except pa.ArrowInvalid as error:
        raise DrylineError(f"a time is out of the reach of nanoseconds: {error}") from error
    return np.asarray(whole.cast(pa.int64())).view("datetime64[ns]")


def _is_text(kind: Arrow) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
