"""The stored samples of a run as CSV, one file a tag, streamed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from controller.core.run import RunHead
from controller.core.sample import Sample, quality_text
from controller.core.tag import Tag
from controller.history.holding import hold_ns
from controller.history.results import Series
from controller.history.several import AnyReader
from controller.history.source import HistorySource
from controller.runs.csv_cells import line, number_cell
from controller.runs.run_times import Window, utc_text

COLUMNS = ("time_utc", "value", "unit", "quality", "quality_code")
PAGE = 50_000  # samples in memory at once


def run_window(head: RunHead, tags: Sequence[Tag], reader: HistorySource) -> Window:
    """From START to the end; of an open run to the newest sample of its station."""
    if head.ended_ns is not None:
        return Window(head.begun_ns, head.ended_ns + 1)
    known = {t.name for t in reader.tags()}
    spans = [reader.span(t.name) for t in tags if t.name in known]
    newest = max((span[1] for span in spans if span), default=head.begun_ns)
    return Window(head.begun_ns, max(newest, head.begun_ns) + 1)


@dataclass(slots=True)
class SampleFile:
    """The CSV of one tag; `rows` and `notes` are right when `pieces` has come to its end.

    rows: samples inside the window; before it there may be one more, the value that held at START.
    last_ns: time of the last sample, 0 when there is none.
    """

    tag: Tag
    window: Window
    known: bool
    rows: int = 0
    last_ns: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Where it lies in the bundle."""
        return f"samples/{self.tag.name}.csv"

    def pieces(self, reader: AnyReader) -> Iterator[bytes]:
        """The file, a page of samples at a time."""
        yield line(COLUMNS).encode()
        if not self.known:
            self.notes.append(f"{self.tag.name}: history knows no such tag")
            return
        write = _Rows(self.tag.unit)
        held = reader.at(self.tag.name, self.window.start_ns)
        if held is not None and self._holds(held) and self._is_stored(held, reader):
            yield write.one(held)
        damaged, steps = False, set[int]()
        for page in _pages(reader, self.tag.name, self.window):
            damaged |= page.damaged > 0
            steps |= {stretch.step_s for stretch in page.thinned}
            if len(page):
                self.rows += len(page)
                self.last_ns = int(page.time_ns[-1])
                yield write.many(page)
        if damaged:
            text = "stored pieces failed their checksum; their samples are missing"
            self.notes.append(f"{self.tag.name}: {text}")
        self._tell_let_go(reader, max(steps, default=60))

    def _holds(self, held: Sample) -> bool:
        """It is from before the window, and not from so long ago that nothing is known any more."""
        age_ns = self.window.start_ns - held.time_ns
        return 0 < age_ns <= hold_ns(self.tag.history.max_interval_s)

    def _is_stored(self, held: Sample, reader: AnyReader) -> bool:
        """It is a sample, not the end of a roll-up in place of samples that were let go."""
        return len(reader.raw(self.tag.name, held.time_ns, held.time_ns + 1)) > 0

    def _tell_let_go(self, reader: AnyReader, step_s: int) -> None:
        start_ns, stop_ns = self.window.start_ns, self.window.stop_ns
        whole = reader.buckets(self.tag.name, start_ns, stop_ns, 1)
        counted = int(whole.count[0] + whole.uncertain[0] + whole.bad[0])
        if counted > self.rows:
            text = (
                f"{self.rows} samples of {counted}: history has let the others go and keeps"
                f" roll-ups over {step_s} s"
            )
            self.notes.append(f"{self.tag.name}: {text}")


def _pages(reader: AnyReader, tag: str, window: Window) -> Iterator[Series]:
    start_ns = window.start_ns
    while True:
        page = reader.raw(tag, start_ns, window.stop_ns, PAGE)
        yield page
        if not page.truncated:
            return
        start_ns = int(page.time_ns[-1]) + 1


class _Rows:
    """Lines of samples; what follows the value is put together once a quality."""

    def __init__(self, unit: str) -> None:
        self._unit = "" if unit == "-" else unit
        self._ends: dict[int, str] = {}

    def one(self, sample: Sample) -> bytes:
        """One line."""
        row = f"{utc_text(sample.time_ns)},{number_cell(sample.value)}{self._end(sample.quality)}"
        return row.encode()

    def many(self, page: Series) -> bytes:
        """The lines of a page."""
        when = np.datetime_as_string(page.time_ns.astype("datetime64[ns]"), unit="ns").tolist()
        columns = (when, page.values.tolist(), page.quality.tolist())
        ends = {q: self._end(q) for q in set(columns[2])}
        rows = [f"{t}Z,{number_cell(v)}{ends[q]}" for t, v, q in zip(*columns, strict=True)]
        return "".join(rows).encode()

    def _end(self, quality: int) -> str:
        if quality not in self._ends:
            self._ends[quality] = "," + line((self._unit, quality_text(quality), quality))
        return self._ends[quality]


def tag_list(files: Iterable[SampleFile]) -> Iterator[bytes]:
    """`tags.csv`: what the sample files are about."""
    yield line(
        ("tag", "description", "unit", "low", "high", "kind", "texts", "writer", "samples")
    ).encode()
    for file in files:
        tag = file.tag
        texts = "; ".join(f"{code} {text}" for code, text in enumerate(tag.labels))
        cells = (tag.name, tag.description, "" if tag.unit == "-" else tag.unit, tag.low, tag.high)
        yield line((*cells, tag.kind.value, texts, tag.writer.value, file.rows)).encode()
