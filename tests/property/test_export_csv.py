"""CSV is cut into cells as the csv module cuts it, wherever the file is cut into pieces."""

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controller.clock import NS
from controller.export import csv_in
from controller.export.csv_in import CsvIn
from controller.export.csv_out import number_cells
from controller.export.iso_times import local_cells, times_of, utc_cells
from controller.queries.local_time import local_text

PIECES = st.sampled_from(("a", "b1", ",", ";", "\t", '"', "\n", "\r\n", " ", "µ", "€"))
CELLS = st.lists(PIECES, max_size=5).map("".join)
ZONES = ("Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia")
TIMES = st.lists(st.integers(-(2**62) + 1, 2**62 - 1), min_size=1, max_size=30)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=12),
    width=st.integers(2, 3),
    separator=st.sampled_from(",;\t"),
    end=st.sampled_from(("\n", "\r\n")),
    piece=st.integers(1, 40),
)
def test_cells_are_those_of_the_csv_module(rows, width, separator, end, piece):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, lineterminator=end)
    header = ["time", "tag", "value"][:width]
    writer.writerow(header)
    writer.writerows(rows)
    text = out.getvalue()
    wanted = [r for r in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if r][1:]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_in, "PIECE_BYTES", piece)
        path = Path(folder) / "x.csv"
        path.write_bytes(text.encode())
        opened = CsvIn(path)
        found, broken = [], []
        for block in opened.blocks():
            first = len(found)
            found += list(zip(*(block.columns[name] for name in header), strict=True))
            broken += [first + row for row in block.broken]
        opened.close()
    assert opened.names == tuple(header)
    assert broken == [k for k, row in enumerate(wanted) if len(row) != width]
    right = [tuple(row) if len(row) == width else ("",) * width for row in wanted]
    assert found == right


@settings(max_examples=100, deadline=None)
@given(TIMES)
def test_times_are_read_back_exactly(times):
    column = np.array(times, np.int64)
    cells = utc_cells(column)
    assert cells == [local_text(t, digits=9).replace("+00:00", "Z") for t in times]
    found, wrong = times_of(cells, None)
    assert (found.tolist(), wrong) == (times, {})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**61), min_size=1, max_size=20), st.sampled_from(ZONES))
def test_local_times_are_those_of_the_zone(times, name):
    zone = ZoneInfo(name)
    cells = local_cells(np.array(times, np.int64), zone)
    assert cells == [local_text(t, zone, 9) for t in times]
    assert times_of(cells, None)[0].tolist() == times


@settings(max_examples=60, deadline=None)
@given(TIMES, st.integers(0, 29), st.sampled_from("0123456789:-TZ. x"))
def test_a_changed_character_is_another_time_or_none(times, at, character):
    cells = utc_cells(np.array(times, np.int64))
    changed = cells[0][:at] + character + cells[0][at + 1 :]
    assume(changed != cells[0])
    found, wrong = times_of([changed, *cells[1:]], None)
    assert 0 in wrong or found[0] != times[0] or changed[10] != "T"  # a blank may stand there
    assert found[1:].tolist() == times[1:]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats() | st.sampled_from((0.0, -0.0, 1.5)), min_size=1, max_size=60))
def test_numbers_are_read_back_exactly_however_often_they_come(values):
    column = np.array(values * 3)
    cells = number_cells(column)
    back = np.array([float(cell) if cell else np.nan for cell in cells])
    kept = ~np.isnan(column)
    assert back[kept].tobytes() == column[kept].tobytes()
    assert np.isnan(back[~kept]).all()


def test_a_change_of_the_clocks_is_seen_in_the_offset():
    change = 1_792_890_000 * NS  # 2026-10-25 01:00 UTC
    cells = local_cells(np.array([change - 1, change]), ZoneInfo("Europe/Berlin"))
    assert cells == ["2026-10-25T02:59:59.999999999+02:00", "2026-10-25T02:00:00.000000000+01:00"]
