"""Rows of a file as samples and events."""

import json
from collections.abc import Callable, Iterator
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from controller.core.event import Event, EventKind
from controller.core.sample import Samples
from controller.export.blocks import Texts
from controller.export.cells import (
    UNSAID,
    cells_of,
    instants,
    numbers,
    qualities,
    said_by_value,
    texts_of,
)
from controller.export.incoming import Cells, Findings, RawBlock, Shape, TagColumn
from controller.export.tag_book import TagBook
from controller.history.codec import Floats, Ints, Octets
from controller.runs.csv_cells import plain_text

Mask = NDArray[np.bool_]
Columns = tuple[NDArray[np.int32], Floats, Octets, Ints]  # tags, values, quality, times


class RowReader:
    """Reads blocks of one file; what cannot be taken goes into the findings of the block."""

    def __init__(
        self,
        shape: Shape,
        book: TagBook,
        zone: tzinfo | None = None,
        *,
        comma: bool = False,
        defused: bool = False,
    ) -> None:
        """zone: of times without one. comma: numbers have decimal commas; defused: texts may have
        what keeps spreadsheets from evaluating them (see `csv_cells`)."""
        self._shape, self._book, self._zone, self._comma = shape, book, zone, comma
        self._text: Callable[[str], str] = plain_text if defused else str

    def samples(self, block: RawBlock, findings: Findings) -> Samples:
        """The samples of a block, of tags by their numbers in the book."""
        found = Samples(*(self._wide if self._shape.wide else self._long)(block, findings))
        self._book.seen(found.tags, found.values)
        return found

    def _long(self, block: RawBlock, findings: Findings) -> Columns:
        shape, columns = self._shape, block.columns
        time_ns = self._times(block, findings)
        values, empty = self._numbers(shape.value, columns[shape.value], findings)
        if shape.bad_value:
            others, _ = self._numbers(shape.bad_value, columns[shape.bad_value], findings)
            values = np.where(empty, others, values)
            empty &= np.isnan(others)
        quality = self._quality(shape.quality, block, values, empty, findings)
        tags = self._tags(block, findings)
        kept = findings.kept()
        if shape.label:
            self._learn_labels(tags, values, kept, texts_of(columns[shape.label]))
        return tags[kept], values[kept], quality[kept], time_ns[kept]

    def _learn_labels(
        self, tags: NDArray[np.int32], values: Floats, kept: Mask, labels: Texts
    ) -> None:
        for code, word in enumerate(labels.words):
            if word:
                rows = kept & (labels.codes == code)
                for pair in set(zip(tags[rows].tolist(), values[rows].tolist(), strict=True)):
                    self._book.labelled(*pair, self._text(word))

    def _wide(self, block: RawBlock, findings: Findings) -> Columns:
        """Column after column; a wrong cell costs that cell, a wrong time its row."""
        time_ns = self._times(block, findings)
        timed = findings.kept()
        parts = []
        for column in self._shape.wide:
            own = Findings(block)
            tags, values, quality, taken = self._tag_column(block, column, own)
            kept = timed & taken & own.kept()
            parts.append((tags[kept], values[kept], quality[kept], time_ns[kept]))
            findings.merge(own)
        tags, values, quality, times = (np.concatenate(c) for c in zip(*parts, strict=True))
        return tags, values, quality, times

    def _tag_column(
        self, block: RawBlock, column: TagColumn, findings: Findings
    ) -> tuple[NDArray[np.int32], Floats, Octets, Mask]:
        """Tag, value, quality, and which cells are samples.

        An empty cell is none, unless its quality says that there is one.
        """
        values, empty = self._numbers(column.column, block.columns[column.column], findings)
        quality = self._quality(column.quality, block, values, empty, findings)
        if column.quality:
            empty &= qualities(block.columns[column.quality])[0] == UNSAID
        number = 0
        try:
            number = self._book.number(self._text(column.tag), column.unit, None)
        except ValueError as error:
            for row in np.flatnonzero(~empty).tolist():
                findings.add(row, column.column, "", str(error))
        return np.full(len(values), number, np.int32), values, quality, ~empty

    def _times(self, block: RawBlock, findings: Findings) -> NDArray[np.int64]:
        name = self._shape.time
        cells = block.columns[name]
        time_ns, wrong = instants(name, cells, self._zone)
        _add(findings, name, cells, wrong)
        return time_ns

    def _numbers(self, name: str, cells: Cells, findings: Findings) -> tuple[Floats, Mask]:
        values, empty, wrong = numbers(cells, comma=self._comma)
        _add(findings, name, cells, wrong)
        return values, empty

    def _quality(
        self, name: str, block: RawBlock, values: Floats, empty: Mask, findings: Findings
    ) -> Octets:
        unsaid = said_by_value(values, empty)
        if not name:
            return unsaid.astype(np.uint8)
        found, wrong = qualities(block.columns[name])
        _add(findings, name, block.columns[name], wrong)
        return np.where(found == UNSAID, unsaid, found).astype(np.uint8)

    def _tags(self, block: RawBlock, findings: Findings) -> NDArray[np.int32]:
        """Numbers of the tags: asked of the book once for each tag, unit and station there is."""
        shape, n = self._shape, len(block.lines)
        said = [texts_of(block.columns[c]) for c in (shape.tag, shape.unit, shape.station) if c]
        key = np.zeros(n, np.int64)
        for texts in said:
            key = key * max(len(texts.words), 1) + texts.codes
        _, first, place = np.unique(key, return_index=True, return_inverse=True)
        found = np.zeros(len(first), np.int32)
        for k in np.argsort(first).tolist():  # numbers in the order of the rows
            row = int(first[k])
            name, unit, station = (self._word(block, c, row) for c in self._names())
            try:
                found[k] = self._book.number(name or "", unit, station)
            except ValueError as error:
                for other in np.flatnonzero(place == k).tolist():
                    findings.add(other, shape.tag, name, str(error))
        return found[place]

    def _names(self) -> tuple[str, str, str]:
        return self._shape.tag, self._shape.unit, self._shape.station

    def _word(self, block: RawBlock, name: str, row: int) -> str | None:
        if not name:
            return None
        cells = block.columns[name]
        cell = cells.words[cells.codes[row]] if isinstance(cells, Texts) else cells[row]
        return self._text(str(cell or ""))

    def events(self, block: RawBlock, findings: Findings) -> Iterator[Event]:
        """The events of a block."""
        time_ns = self._times(block, findings).tolist()
        names = ("kind", "station", "subject", "text", "actor", "data")
        columns = [cells_of(block.columns[name]) for name in names]
        for row, cells in enumerate(zip(*columns, strict=True)):
            kind, station, subject, text, actor, data = map(self._text, cells)
            try:
                facts = json.loads(data) if data else {}
                if not isinstance(facts, dict):
                    raise TypeError("no object")  # noqa: TRY301 - told like the others
            except (ValueError, TypeError) as error:
                findings.add(row, "data", data, f"is no JSON object: {error}")
                continue
            if kind not in list(EventKind):
                findings.add(row, "kind", kind, f"is none of {', '.join(EventKind)}")
            if row not in findings.rows:
                yield Event(
                    time_ns=time_ns[row], kind=EventKind(kind), station=station,
                    subject=subject, text=text, actor=actor, data=facts,
                )  # fmt: skip


def _add(findings: Findings, name: str, cells: Cells, wrong: dict[int, str]) -> None:
    for row, message in wrong.items():
        cell = cells.words[cells.codes[row]] if isinstance(cells, Texts) else cells[row]
        findings.add(row, name, cell, message)
