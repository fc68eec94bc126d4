"""Memory does not grow with the window, and the bar on the terminal says how far it is."""

import io
import tracemalloc

import numpy as np
import pytest
from rich.console import Console

from controller.cli import progress as progress_module
from controller.clock import NS
from controller.core.sample import Samples
from controller.export import csv_in, exporting, importing, layouts, wide
from controller.export.choice import choose
from controller.export.exporting import Form, Layout, Order, export
from controller.export.importing import Intake, import_files
from controller.export.layouts import Extent
from controller.export.moments import window_of
from controller.history import Reader
from tests.support.history import T0_NS, new_store

SHORT, LONG = 48_000, 144_000  # samples: full chunks of the store
GROWTH = 1.5


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """One tag of so many samples, for both lengths."""
    folder = tmp_path_factory.mktemp("stores")
    for n in (SHORT, LONG):
        store = new_store(folder / f"{n}.db", "A")
        times = T0_NS + np.arange(n) * NS
        values = np.round(np.sin(np.arange(n) / 50), 3)
        store.load(Samples(np.ones(n, np.int32), values, np.zeros(n, np.uint8), times))
        store.close()
    return folder


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    """So small that even the short one has many."""
    monkeypatch.setattr(layouts, "PAGE", 2048)
    monkeypatch.setattr(layouts, "STEPS", 512)
    monkeypatch.setattr(wide, "CELLS", 4096)
    monkeypatch.setattr(csv_in, "PIECE_BYTES", 2**16)
    monkeypatch.setattr(importing, "LOAD", 10_000)
    parquet = exporting.require_parquet()
    monkeypatch.setattr(parquet, "ROW_GROUP", 4096)
    monkeypatch.setattr(parquet, "READ_ROWS", 2048)


def peak(work) -> int:
    tracemalloc.start()
    work()
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return highest


def carried_out(store, to, form, layout, every_ns):
    with Reader(store) as reader:
        tags = choose(reader.tags())
        start_ns, stop_ns = window_of(reader, tags)
        extent = Extent(tags=tags, start_ns=start_ns, stop_ns=stop_ns)
        extent = extent.in_steps(every_ns) if every_ns else extent
        export(reader, Order(extent=extent, form=form, layout=layout), to)


@pytest.mark.parametrize(
    ("form", "layout", "every_ns"),
    [
        (Form.CSV, Layout.LONG, 0),
        (Form.CSV_GZ, Layout.LONG, 0),
        (Form.PARQUET, Layout.LONG, 0),
        (Form.CSV, Layout.WIDE, 0),
        (Form.PARQUET, Layout.LONG, 10 * NS),
        (Form.PARQUET, Layout.WIDE, 10 * NS),
    ],
)
def test_an_export_of_three_times_the_length_takes_the_same_memory(
    stores, tmp_path, form, layout, every_ns
):
    found = [
        peak(lambda n=n: carried_out(stores / f"{n}.db", tmp_path / str(n), form, layout, every_ns))
        for n in (SHORT, LONG)
    ]
    assert found[1] < GROWTH * found[0]


@pytest.mark.parametrize("form", list(Form))
def test_an_import_of_three_times_the_length_takes_the_same_memory(stores, tmp_path, form):
    found = []
    for n in (SHORT, LONG):
        file = tmp_path / f"{n}.{form}"
        carried_out(stores / f"{n}.db", file, form, Layout.LONG, 0)
        found.append(
            peak(lambda f=file, n=n: import_files(Intake(files=[f]), tmp_path / f"{n}.db"))
        )
    assert found[1] < GROWTH * found[0]


def test_the_bar_shows_samples_and_their_rate_on_a_terminal(monkeypatch):
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=120)
    monkeypatch.setattr(progress_module, "errors", console)
    with progress_module.progress("export") as told:
        told(0.5, 1_234_567)
    assert "export" in shown.getvalue()
    assert "1,234,567 samples" in shown.getvalue()


def test_nobody_is_shown_a_bar_who_has_no_terminal(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(progress_module, "errors", Console(file=shown))
    with progress_module.progress("export") as told:
        told(0.5, 1_234_567)
    assert shown.getvalue().strip() == ""


def test_the_share_done_never_goes_back_and_ends_at_one(stores, tmp_path):
    seen: list[float] = []
    with Reader(stores / f"{SHORT}.db") as reader:
        tags = choose(reader.tags())
        start_ns, stop_ns = window_of(reader, tags)
        extent = Extent(tags=tags, start_ns=start_ns, stop_ns=stop_ns)
        for layout in Layout:
            order = Order(extent=extent, form=Form.CSV, layout=layout)
            seen.clear()
            export(reader, order, tmp_path / layout, told=lambda share, _: seen.append(share))
            assert seen == sorted(seen)
            assert len(seen) > 10
            assert seen[-1] == pytest.approx(1.0, abs=1e-6)
