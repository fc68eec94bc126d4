"""What goes out comes back: every sample bit for bit, CSV byte for byte, whatever it holds."""

import math
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.event import Event, EventKind
from controller.core.sample import Samples
from controller.core.tag import HistoryRule, Kind, Tag, Writer
from controller.export.choice import choose
from controller.export.exporting import Form, Order, events_path, export
from controller.export.importing import Intake, import_files
from controller.export.layouts import Extent, Tally
from controller.export.moments import window_of
from controller.export.wide import moments
from controller.history import Reader, Store, StoredTag
from controller.history.store import event_row

LIMIT_NS = 2**62
EDGE_VALUES = (
    0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324, -2.2250738585072014e-308,
    1.7976931348623157e308, 0.1, 1e22, 123456789.123456789, -1.0,
)  # fmt: skip
TEXT = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12
)
NAMES = st.one_of(
    st.sampled_from(("COAT.FEED.PV", "=1+1", "'quoted", '"', "a,b", "a;b", "a\r\nb", "ü µ", " x ",
                     "COAT.[1]", "*", "#dryline {}", "A quality", "-1", "time")),
    TEXT,
)  # fmt: skip
UNITS = st.one_of(st.sampled_from(("degC", "", "%", "µm", "g/m²", "=x", "[K]")), TEXT)
VALUES = st.one_of(st.sampled_from(EDGE_VALUES), st.floats(), st.integers(-400, 400).map(float))
TIMES = st.one_of(
    st.integers(1_767_225_600 * 10**9, 1_767_225_600 * 10**9 + 50),
    st.integers(-LIMIT_NS + 1, LIMIT_NS - 1),
)
QUALITIES = st.one_of(st.sampled_from((0, 0, 0, 65, 128, 130, 133)), st.integers(0, 255))


@st.composite
def tag_lists(draw: st.DrawFn) -> list[Tag]:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    return [
        Tag(
            name=name, station=draw(TEXT), description=draw(TEXT), writer=Writer.DEVICE,
            unit=draw(UNITS), kind=draw(st.sampled_from(Kind)),
            low=draw(st.floats(-1e6, 0)), high=draw(st.floats(0, 1e6)),
            resolution=draw(st.sampled_from((0.0, 0.01, 5.0))),
            labels=tuple(draw(st.lists(TEXT, max_size=3))),
            history=HistoryRule(max_interval_s=draw(st.sampled_from((1.0, 60.0, 3600.0)))),
        )
        for name in names
    ]  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Tag], Samples, list[Event]]:
    tags = draw(tag_lists())
    row = st.tuples(st.integers(0, len(tags) - 1), VALUES, QUALITIES, TIMES)
    rows = draw(st.lists(row, min_size=1, max_size=40))
    numbers, values, quality, times = zip(*rows, strict=True)
    samples = Samples(
        np.array(numbers, np.int32), np.array(values), np.array(quality, np.uint8),
        np.array(times, np.int64),
    )  # fmt: skip
    event = st.builds(
        Event, time_ns=TIMES, kind=st.sampled_from(EventKind), station=TEXT, subject=TEXT,
        text=TEXT, actor=st.one_of(st.just(""), TEXT),
        data=st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.booleans()), max_size=2),
    )  # fmt: skip
    return tags, samples, draw(st.lists(event, max_size=4, unique_by=lambda e: e.time_ns))


def record(path: Path, tags: list[Tag], samples: Samples, events: list[Event]) -> None:
    store = Store.open(path)
    ids = store.catalogue(tags)
    store.load(Samples(ids[samples.tags], samples.values, samples.quality, samples.time_ns))
    store.commit(
        Samples(np.empty(0, np.int32), np.empty(0), np.empty(0, np.uint8), np.empty(0, np.int64)),
        [event_row(event) for event in events],
    )
    store.close()


def carried_out(history: Path, to: Path, **order) -> None:
    with Reader(history) as reader:
        tags = choose(reader.tags())
        start_ns, stop_ns = window_of(reader, tags)
        extent = Extent(tags=tags, start_ns=start_ns, stop_ns=stop_ns)
        export(reader, Order(extent=extent, events=True, **order), to)


def bits(value: float) -> bytes:
    """Every NaN is the same one: a payload means nothing."""
    return struct.pack("<d", math.nan if math.isnan(value) else value)


def content(history: Path) -> tuple[dict, list[Event]]:
    """All samples by tag, and all events."""
    with Reader(history) as reader:
        found = {}
        for tag in reader.tags():
            series = reader.raw(tag.name, -LIMIT_NS, LIMIT_NS)
            columns = (series.time_ns.tolist(), map(bits, series.values), series.quality.tolist())
            found[tag.name, tag.unit, tag.station] = list(zip(*columns, strict=True))
        events = reader.events()
    return {key: rows for key, rows in found.items() if rows}, events


FORMS = (
    (Form.CSV, {}),
    (Form.CSV, {"comment": True}),
    (Form.CSV_GZ, {}),
    (Form.PARQUET, {}),
)


@pytest.mark.parametrize(("form", "options"), FORMS, ids=("csv", "comment", "gz", "parquet"))
@settings(max_examples=30, deadline=None)
@given(history=histories())
def test_an_export_restores_every_sample_and_event(form, options, history):
    with TemporaryDirectory() as folder:
        recorded, restored = Path(folder) / "a.db", Path(folder) / "b.db"
        file, again = Path(folder) / f"a.{form}", Path(folder) / f"b.{form}"
        record(recorded, *history)
        carried_out(recorded, file, form=form, **options)
        import_files(Intake(files=[file, events_path(file, form)]), restored)
        assert content(restored) == content(recorded)
        carried_out(restored, again, form=form, **options)
        assert again.read_bytes() == file.read_bytes()
        assert events_path(again, form).read_bytes() == events_path(file, form).read_bytes()


@pytest.mark.parametrize("form", [Form.CSV, Form.PARQUET])
@settings(max_examples=20, deadline=None)
@given(history=histories())
def test_what_describes_a_tag_comes_back_with_it(form, history):
    with TemporaryDirectory() as folder:
        recorded, restored = Path(folder) / "a.db", Path(folder) / "b.db"
        file = Path(folder) / f"a.{form}"
        record(recorded, *history)
        carried_out(recorded, file, form=form, comment=True)
        import_files(Intake(files=[file]), restored)
        with Reader(recorded) as a, Reader(restored) as b:
            wanted = {t.name: t for t in a.tags()}
            for tag in b.tags():
                plain = {f: getattr(tag, f) for f in tag.__slots__ if f != "id"}
                assert plain == {f: getattr(wanted[tag.name], f) for f in plain}
            assert {t.name for t in b.tags()} == set(wanted)


@settings(max_examples=20, deadline=None)
@given(history=histories())
def test_a_wide_table_shows_the_newest_sample_of_every_tag_at_every_moment(history):
    with TemporaryDirectory() as folder:
        recorded = Path(folder) / "a.db"
        record(recorded, *history)
        with Reader(recorded) as reader:
            chosen = choose(reader.tags())
            start_ns, stop_ns = window_of(reader, chosen)
            extent = Extent(tags=chosen, start_ns=start_ns, stop_ns=stop_ns)
            rows = {}
            for block in moments(reader, extent, Tally()):
                for k, time_ns in enumerate(block[0].tolist()):
                    rows[time_ns] = [column[k] for column in block[1:]]
            assert sorted(rows) == sorted(set(history[1].time_ns.tolist()))
            for time_ns, cells in rows.items():
                wanted = [held_at(reader, tag, time_ns) for tag in chosen]
                shown = [(bits(v), q) for v, q in zip(cells[::2], cells[1::2], strict=True)]
                assert shown == wanted


def held_at(reader: Reader, tag: StoredTag, time_ns: int) -> tuple[bytes, int]:
    """Value and quality that a cell must have, found one at a time."""
    held = reader.at(tag.name, time_ns)
    limit_ns = max(round(2 * tag.max_interval_s * 1e9) + 5 * 10**9, 60 * 10**9)
    if held is None or time_ns - held.time_ns > limit_ns:
        return bits(math.nan), -1
    return bits(math.nan if held.quality >= 128 else held.value), held.quality
