"""No byte of a bundle can be altered unnoticed, and no text in it becomes a formula."""

import csv
import io
import re
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.runs.bundle_check import verify
from controller.runs.csv_cells import clean, line, number_cell, plain_text, text_cell
from tests.support.bundles import PICTURES, exported, head, rebuilt, record

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
SEPARATORS = ",;\t|"
TRIGGERS = "=+-@＝＋－＠﹦﹢﹣﹫−"
text = st.text(
    st.one_of(
        st.sampled_from("=+-@＝＋－＠−\t\r\n ,;|\"'\0\x0b\u200b\ufeff\xa0\u2028aA1.(){}"),
        st.characters(),
    ),
    max_size=30,
)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A bundle of few bytes and a file to put altered ones into."""
    folder = tmp_path_factory.mktemp("small")
    own = record(head=head(content_hash="", recipe="built-in"), recipe_text="", before="")
    with zipfile.ZipFile(exported(folder, record=own, summary=None).path) as opened:
        run = opened.read("run.json")
    path = rebuilt(folder / "small.zip", {"README.txt": b"Dryline run bundle", "run.json": run})
    return path.read_bytes(), folder / "altered.zip"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A bundle with everything in it."""
    folder = tmp_path_factory.mktemp("whole")
    return exported(folder, plots=PICTURES).path.read_bytes(), folder / "altered.zip"


def found(path, raw):
    path.write_bytes(raw)
    verification = verify(path)
    assert bool(verification.differences) != verification.intact
    return not verification.intact


def test_the_untouched_bundles_are_intact(small, whole):
    for raw, path in (small, whole):
        assert not found(path, raw)


# -- every byte ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_every_single_byte_of_a_small_bundle_counts(small, mask):
    raw, path = small
    missed = []
    for k in range(len(raw)):
        altered = bytearray(raw)
        altered[k] ^= mask
        if not found(path, altered):
            missed.append(k)
    assert missed == []


def test_a_byte_more_or_less_anywhere_is_found(small):
    raw, path = small
    missed = []
    for k in range(len(raw) + 1):
        longer = raw[:k] + b"\0" + raw[k:]
        shorter = raw[:k] + raw[k + 1 :]
        if not found(path, longer) or (k < len(raw) and not found(path, shorter)):
            missed.append(k)
    assert missed == []


def test_a_bundle_cut_off_anywhere_is_found(small):
    raw, path = small
    assert [k for k in range(len(raw)) if not found(path, raw[:k])] == []


position = st.integers(0, 2**20)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_stretch_put_in_place_of_any_other_is_found(whole, data):
    raw, path = whole
    start = data.draw(position) % (len(raw) + 1)
    stop = min(len(raw), start + data.draw(st.integers(0, 40)))
    put = data.draw(st.binary(max_size=40))
    altered = raw[:start] + put + raw[stop:]
    assert found(path, altered) == (altered != raw)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_stretches_that_change_places_are_found(whole, data):
    raw, path = whole
    a, b, c = sorted(data.draw(position) % (len(raw) + 1) for _ in range(3))
    altered = raw[:a] + raw[b:c] + raw[a:b] + raw[c:]
    assert found(path, altered) == (altered != raw)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_bytes_before_and_after_are_found(whole, data):
    raw, path = whole
    put = data.draw(st.one_of(st.binary(min_size=1, max_size=200), st.just(raw)))
    assert found(path, put + raw)
    assert found(path, raw + put)


# -- no formula ----------------------------------------------------------------------------------


def cells_as_spreadsheets_see_them(raw):
    """With any separator, with and without regard to quotes."""
    for separator in SEPARATORS:
        for row in csv.reader(io.StringIO(raw, newline=""), delimiter=separator):
            yield from row
        for row in re.split(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]", raw):
            yield from row.split(separator)


def would_be_evaluated(cell):
    bare = re.sub(r'^[\s"\x00-\x1f\x7f-\x9f\u200b\ufeff\xad]+', "", cell)
    return bare[:1] in set(TRIGGERS) and not NUMBER.fullmatch(bare)


@settings(max_examples=1000, deadline=None)
@given(first=text, cells=st.lists(st.one_of(text, st.floats(), st.none()), max_size=4))
@example(first="=cmd|' /C calc'!A0", cells=[])
@example(first="x;=1+1", cells=["\t=1", " =1", "\ufeff＝1", '";"=1', "a\r\n=1", "-1+1", "'=1"])
@example(first="x; -1", cells=["2+cmd|' /C calc'!A0", -65.0, "\0=1", "|\x0b@x", ";-1,2+cmd"])
@example(first="x;", cells=[-1.0, "2+cmd|' /C calc'!A0"])
def test_no_cell_is_one_that_a_spreadsheet_evaluates(first, cells):
    raw = line([first, *cells])
    assert [c for c in cells_as_spreadsheets_see_them(raw) if would_be_evaluated(c)] == []


@settings(max_examples=1000, deadline=None)
@given(cells=st.lists(text, min_size=1, max_size=4))
@example(cells=["'", "''=x", ";'", ";'=", "=", "\t'", "\r"])
def test_every_text_can_be_had_back(cells):
    raw = line(cells)
    if raw == "\r\n":  # one empty cell; the csv module takes the line for an empty one
        return
    (row,) = csv.reader(io.StringIO(raw, newline=""))
    assert [plain_text(c) for c in row] == [clean(c) for c in cells]
    raw.encode()


@given(st.floats())
def test_numbers_stay_numbers(value):
    cell = number_cell(value)
    assert repr(float(plain_text(cell))) == repr(value)
    assert cell.startswith("'") == (value == float("-inf"))
    assert not would_be_evaluated(cell)


@pytest.mark.parametrize("cell", ["65.0", "1,5", "a=b", "a-b", "SP -65.0", "x, y", "it's"])
def test_what_is_no_danger_is_left_alone(cell):
    assert text_cell(cell) == cell


@pytest.mark.parametrize("filler", [" ", "\t", ";", " ;", '"', "1", "-", ", ", ";1", "\u200b"])
def test_long_texts_cost_time_in_proportion(filler):
    long = filler * (200_000 // len(filler))
    assert plain_text(text_cell(long)) == long
