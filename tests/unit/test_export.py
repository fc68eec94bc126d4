"""Exports of histories whose every sample is known."""

import csv
import json
import math
import subprocess
import sys
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq
import pytest

from controller.clock import NS
from controller.core.errors import DrylineError
from controller.core.event import Event, EventKind
from controller.core.sample import Samples
from controller.core.tag import HistoryRule, Kind, Tag, Writer
from controller.export import events as events_module
from controller.export import exporting, layouts, wide
from controller.export.choice import choose
from controller.export.exporting import Form, Layout, Order, export, form_of
from controller.export.layouts import Extent, Tally
from controller.export.moments import window_of
from controller.export.wide import Take
from controller.history import Reader, Store
from controller.history.several import MergedReader
from controller.history.store import event_row
from tests.support.history import T0_NS, batch, expected_buckets, new_store
from tests.support.run_history import let_samples_go

MINUTE_NS = 60 * NS
TAGS = (
    Tag(name="COAT.FEED.PV", station="coater", description="feed", writer=Writer.DEVICE,
        unit="kg/h", high=20.0, resolution=0.01),
    Tag(name="COAT.STATE", station="coater", description="state", writer=Writer.STATION,
        kind=Kind.ENUM, labels=("idle", "run"), high=1.0),
    Tag(name="ENC.DP.ZONE", station="enclosure", description="frost point", unit="degC",
        writer=Writer.DEVICE, low=-100.0, high=20.0, history=HistoryRule(max_interval_s=10.0)),
)  # fmt: skip
FEED, STATE, DP = range(3)
ROWS = [
    (FEED, 12.5, 0, T0_NS),
    (FEED, 13.25, 65, T0_NS + 20 * NS),
    (FEED, 99.0, 130, T0_NS + 40 * NS + 1),
    (STATE, 1.0, 0, T0_NS + 5 * NS),
    (STATE, 7.0, 0, T0_NS + 6 * NS),
    (DP, -61.25, 0, T0_NS + 20 * NS),
    (DP, math.nan, 0, T0_NS + 30 * NS),
    (DP, -0.0, 0, T0_NS + 200 * NS),
]
EVENTS = [
    Event(time_ns=T0_NS + k * NS, kind=EventKind.STATE, station=station, subject="s", text=text)
    for k, (station, text) in enumerate(
        (("coater", "begun"), ("enclosure", "a, b"), ("coater", '=cmd|"x"'))
    )
]


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "history.db"
    store = Store.open(path)
    ids = store.catalogue(TAGS)
    samples = batch(ROWS)
    found = Samples(ids[samples.tags], samples.values, samples.quality, samples.time_ns)
    store.commit(found, [event_row(e) for e in EVENTS])
    store.close()
    with MergedReader([path]) as reader:
        yield reader


def extent_of(source, *patterns, every_ns=0, window=None):
    tags = choose(source.tags(), patterns)
    start_ns, stop_ns = window or window_of(source, tags)
    extent = Extent(tags=tags, start_ns=start_ns, stop_ns=stop_ns)
    return extent.in_steps(every_ns) if every_ns else extent


def exported(source, path, *patterns, every_ns=0, window=None, **options):
    order = Order(
        extent=extent_of(source, *patterns, every_ns=every_ns, window=window),
        form=form_of(path),
        **options,
    )
    return export(source, order, path)


def rows_in(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_row_has_everything_there_is_to_know_of_a_sample(history, tmp_path):
    path = tmp_path / "x.csv"
    done = exported(history, path)
    rows = rows_in(path)
    assert (done.samples, done.rows, len(rows)) == (8, 8, 8)
    assert rows[0] == {
        "tag": "COAT.FEED.PV", "time": "2026-01-01T00:00:00.000000000Z", "value": "12.5",
        "unit": "kg/h", "quality": "0", "quality_text": "Good", "label": "", "station": "coater",
        "bad_value": "",
    }  # fmt: skip
    assert [r["label"] for r in rows if r["tag"] == "COAT.STATE"] == ["run", ""]


def test_the_value_of_a_bad_sample_stands_where_no_mean_takes_it_in(history, tmp_path):
    path = tmp_path / "x.csv"
    exported(history, path, "COAT.FEED.PV")
    bad = rows_in(path)[2]
    assert (bad["value"], bad["bad_value"]) == ("", "99.0")
    assert (bad["quality"], bad["quality_text"]) == ("130", "Bad: link")
    assert bad["time"].endswith("40.000000001Z")


def test_nan_is_an_empty_cell_and_minus_zero_keeps_its_sign(history, tmp_path):
    path = tmp_path / "x.csv"
    exported(history, path, "ENC.*")
    assert [r["value"] for r in rows_in(path)] == ["-61.25", "", "-0.0"]


def test_a_zone_adds_the_local_time_beside_utc(history, tmp_path):
    path = tmp_path / "x.csv"
    exported(history, path, "COAT.STATE", zone=ZoneInfo("Asia/Kolkata"))
    row = rows_in(path)[0]
    assert row["time"] == "2026-01-01T00:00:05.000000000Z"
    assert row["time_local"] == "2026-01-01T05:30:05.000000000+05:30"


def test_parquet_has_types_metadata_and_nulls(history, tmp_path):
    path = tmp_path / "x.parquet"
    exported(history, path, facts={"software": "dryline 9"})
    file = pq.ParquetFile(path)
    kinds = {f.name: str(f.type) for f in file.schema_arrow}
    assert kinds["time"] == "timestamp[ns, tz=UTC]"
    assert (kinds["value"], kinds["quality"]) == ("double", "uint8")
    assert kinds["tag"].startswith("dictionary<values=string")
    table = file.read().to_pylist()
    assert table[2]["value"] is None
    assert table[2]["bad_value"] == 99.0
    assert table[3]["label"] == "run"
    about = json.loads(file.schema_arrow.metadata[b"dryline"])
    assert about["software"] == "dryline 9"
    assert about["window"]["start_ns"] == T0_NS
    assert about["tags"][1]["labels"] == ["idle", "run"]
    assert about["tags"][2]["max_interval_s"] == 10.0
    column = file.metadata.row_group(0).column(1)
    assert column.compression == "ZSTD"
    assert column.statistics.has_min_max


def test_steps_have_the_time_weighted_mean_and_what_is_known(history, tmp_path):
    path = tmp_path / "x.csv"
    exported(history, path, every_ns=MINUTE_NS)
    rows = [r for r in rows_in(path) if r["tag"] == "ENC.DP.ZONE"]
    edges = [T0_NS + k * MINUTE_NS for k in range(5)]
    wanted = expected_buckets(ROWS, DP, edges, 10.0)
    assert [r["time"][14:19] for r in rows] == ["00:00", "01:00", "02:00", "03:00"]
    for row, bucket in zip(rows, wanted, strict=True):
        mean = float(row["mean"]) if row["mean"] else math.nan
        assert mean == pytest.approx(bucket.mean, nan_ok=True)
        assert float(row["known"]) == pytest.approx(bucket.known_ns / MINUTE_NS)
        assert (int(row["good"]), int(row["bad"])) == (len(bucket.good), bucket.bad)
    assert rows[1]["mean"] == rows[1]["last"] == ""  # a gap stays one
    assert rows[1]["known"] == "0.0"


def test_a_step_without_samples_has_what_held_through_it(history, tmp_path):
    path = tmp_path / "x.csv"
    exported(history, path, "COAT.STATE", every_ns=NS, window=(T0_NS, T0_NS + 10 * NS))
    assert [r["last"] for r in rows_in(path)] == ["", "", "", "", "", "1.0", *["7.0"] * 4]
    assert {r["good"] for r in rows_in(path)[7:]} == {"0"}


def test_steps_lie_on_whole_multiples_whatever_the_window(history):
    window = (T0_NS + 13 * NS, T0_NS + 95 * NS)
    extent = extent_of(history, every_ns=MINUTE_NS, window=window)
    assert (extent.start_ns, extent.stop_ns) == (T0_NS, T0_NS + 2 * MINUTE_NS)


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_wide_rows_hold_what_was_known_at_each_moment(history, size, monkeypatch):
    monkeypatch.setattr(wide, "SHORTEST", size)
    monkeypatch.setattr(wide, "CELLS", 1)
    tally = Tally()
    blocks = list(wide.moments(history, extent_of(history), tally))
    times, feed, feed_quality, state, _, dp, dp_quality = (
        np.concatenate(column).tolist() for column in zip(*blocks, strict=True)
    )
    assert [(t - T0_NS) / NS for t in times] == [0, 5, 6, 20, 30, 40.000000001, 200]
    nan = math.nan
    np.testing.assert_array_equal(feed, [12.5, 12.5, 12.5, 13.25, 13.25, nan, nan])
    assert feed_quality == [0, 0, 0, 65, 65, 130, -1]  # 160 s after the last one: not known
    np.testing.assert_array_equal(state[:4], [nan, 1, 7, 7])
    np.testing.assert_array_equal(dp, [nan, nan, nan, -61.25, nan, nan, -0.0])
    assert dp_quality == [-1, -1, -1, 0, 0, 0, 0]
    assert tally.samples == 8


def test_wide_csv_names_units_in_its_header(history, tmp_path):
    path = tmp_path / "x.csv"
    exported(history, path, "COAT.*", layout=Layout.WIDE)
    header = path.read_bytes().split(b"\r\n")[0]
    assert header == b"time,COAT.FEED.PV [kg/h],COAT.FEED.PV quality,COAT.STATE,COAT.STATE quality"


def test_wide_steps_take_what_is_asked_for(history, tmp_path):
    taken = {}
    for take in Take:
        path = tmp_path / f"{take}.csv"
        window = (T0_NS, T0_NS + MINUTE_NS)
        exported(history, path, "COAT.STATE", every_ns=MINUTE_NS, window=window,
                 layout=Layout.WIDE, take=take)  # fmt: skip
        (taken[take],) = rows_in(path)
    assert [float(taken[t]["COAT.STATE"]) for t in (Take.MIN, Take.MAX, Take.LAST)] == [1, 7, 7]
    assert float(taken[Take.MEAN]["COAT.STATE"]) == pytest.approx((1 + 54 * 7) / 55)
    assert float(taken[Take.MEAN]["COAT.STATE known"]) == pytest.approx(55 / 60)


@pytest.mark.parametrize("page", [1, 2, 7])
def test_pages_put_together_are_the_whole(history, page):
    pages = list(layouts.pages(history, "COAT.FEED.PV", T0_NS, T0_NS + MINUTE_NS, page))
    assert len(pages) > 1 or page == 7
    assert np.concatenate([p.time_ns for p in pages]).tolist() == [
        T0_NS, T0_NS + 20 * NS, T0_NS + 40 * NS + 1,
    ]  # fmt: skip


@pytest.mark.parametrize("most", [1, 2, 100])
def test_events_come_oldest_first_however_many_are_asked_for(history, monkeypatch, most):
    monkeypatch.setattr(events_module, "MOST", most)
    blocks = list(events_module.event_blocks(history, -(2**62), 2**62))
    assert np.concatenate([b[0] for b in blocks]).tolist() == [e.time_ns for e in EVENTS]


def test_events_of_one_moment_are_all_there_though_there_are_many(tmp_path, monkeypatch):
    monkeypatch.setattr(events_module, "MOST", 2)
    store = Store.open(tmp_path / "e.db")
    same = [Event(time_ns=T0_NS, kind=EventKind.ALARM, station="s", subject=str(k), text="")
            for k in range(5)]  # fmt: skip
    store.commit(batch([]), [event_row(e) for e in same])
    store.close()
    with Reader(tmp_path / "e.db") as reader:
        blocks = list(events_module.event_blocks(reader, -(2**62), 2**62))
    assert sum(len(b[0]) for b in blocks) == 5


def test_events_go_into_a_file_beside_the_samples(history, tmp_path):
    done = exported(history, tmp_path / "x.csv", events=True, event_stations=["coater"])
    assert done.files == (tmp_path / "x.csv", tmp_path / "x.events.csv")
    assert [r["text"] for r in rows_in(done.files[1])] == ["begun", '\'=cmd|"x"']
    assert done.size == sum(f.stat().st_size for f in done.files)


@pytest.mark.parametrize(
    ("patterns", "stations", "wanted"),
    [
        (("coat.*",), (), [FEED, STATE]),
        (("*.PV", "*.ZONE"), (), [FEED, DP]),
        ((), ("enclosure",), [DP]),
        (("*",), ("coater",), [FEED, STATE]),
        ((), (), [FEED, STATE, DP]),
        (("COAT.FEED.PV", "COAT.*"), (), [FEED, STATE]),
    ],
)
def test_tags_are_chosen_by_pattern_and_station(history, patterns, stations, wanted):
    found = [tag.name for tag in choose(history.tags(), patterns, stations)]
    assert found == [TAGS[k].name for k in wanted]


@pytest.mark.parametrize(
    ("patterns", "stations", "told"),
    [
        (("COAT.FEED.PW",), (), "did you mean COAT.FEED.PV"),
        (("*.PV", "X*"), (), "no tag fits 'X\\*'"),
        ((), ("mill",), "no tags of station mill; the history has: coater, enclosure"),
        (("ENC.*",), ("coater",), "no tag of coater fits"),
    ],
)
def test_what_fits_nothing_is_told(history, patterns, stations, told):
    with pytest.raises(DrylineError, match=told):
        choose(history.tags(), patterns, stations)


def test_relative_times_count_from_the_newest_sample(history):
    tags = choose(history.tags(), ["COAT.STATE"])
    assert window_of(history, tags, "-1s") == (T0_NS + 5 * NS, T0_NS + 6 * NS + 1)
    berlin = ZoneInfo("Europe/Berlin")
    window = window_of(history, tags, "2026-01-01 01:00", "2026-01-01T00:00:06Z", berlin)
    assert window == (T0_NS, T0_NS + 6 * NS)


@pytest.mark.parametrize(
    ("since", "until", "told"),
    [("yesterday", "", "--from"), ("", "noon", "--to"), ("now", "-1h", "--to is not after")],
)
def test_a_window_that_is_none_is_refused(history, since, until, told):
    with pytest.raises(DrylineError, match=told):
        window_of(history, history.tags(), since, until)


def test_an_existing_file_is_kept_unless_forced(history, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("precious")
    order = Order(extent=extent_of(history), form=Form.CSV)
    with pytest.raises(DrylineError, match="--force"):
        export(history, order, path)
    assert path.read_text() == "precious"
    export(history, order, path, force=True)
    assert len(rows_in(path)) == 8


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("failure", [KeyboardInterrupt(), DrylineError("store broke")])
def test_what_fails_midway_leaves_no_file(history, tmp_path, form, failure):
    def stop(share: float, samples: int) -> None:
        raise failure

    order = Order(extent=extent_of(history), form=form, events=True)
    with pytest.raises(type(failure)):
        export(history, order, tmp_path / f"x.{form}", told=stop)
    assert not list(tmp_path.glob("x.*"))


FULL = """
import resource, signal, sys
from pathlib import Path
from controller.core.errors import DrylineError
from controller.export.choice import choose
from controller.export.exporting import Form, Order, export
from controller.export.layouts import Extent
from controller.export.moments import window_of
from controller.history import Reader
with Reader(Path(sys.argv[1])) as reader:
    tags = choose(reader.tags())
    start_ns, stop_ns = window_of(reader, tags)
    order = Order(
        extent=Extent(tags=tags, start_ns=start_ns, stop_ns=stop_ns), form=Form(sys.argv[3])
    )
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    try:
        export(reader, order, Path(sys.argv[2]))
    except DrylineError as error:
        print(error)
"""


@pytest.mark.parametrize("form", list(Form))
def test_a_disk_that_takes_no_more_is_told_and_nothing_half_is_left(history, tmp_path, form):
    path = tmp_path / f"x.{form}"
    words = [sys.executable, "-c", FULL, tmp_path / "history.db", path, form.value]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert f"{path}: cannot be written: File too large" in done.stdout
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.parametrize(
    ("name", "said", "wanted"),
    [("a.csv", "", Form.CSV), ("A.CSV.GZ", "", Form.CSV_GZ), ("a.parquet", "", Form.PARQUET),
     ("-", "", Form.CSV), ("a.txt", "csv", Form.CSV), ("a.csv", "parquet", Form.PARQUET)],
)  # fmt: skip
def test_the_form_is_said_or_told_by_the_name(tmp_path, name, said, wanted):
    assert form_of(tmp_path / name if name != "-" else exporting.STDOUT, said) is wanted


@pytest.mark.parametrize(("name", "said"), [("a.txt", ""), ("a.csv", "xlsx")])
def test_a_form_nobody_knows_is_refused(tmp_path, name, said):
    with pytest.raises(DrylineError, match=r"csv, csv\.gz, parquet"):
        form_of(tmp_path / name, said)


def test_without_pyarrow_it_says_what_to_install(history, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "controller.export.parquet", None)
    with pytest.raises(DrylineError, match=r"dryline\[parquet\]"):
        exported(history, tmp_path / "x.parquet")
    assert not list(tmp_path.glob("x.*"))


def test_samples_that_are_no_longer_kept_are_told_of_and_their_means_are_there(tmp_path):
    path = tmp_path / "h.db"
    store = new_store(path, "A")
    store.load(batch([(1, float(k), 0, T0_NS + k * NS) for k in range(600)]))
    store.close()
    let_samples_go(path)
    with MergedReader([path]) as reader:
        done = exported(reader, tmp_path / "x.csv")
        assert done.samples == 0
        assert any("no longer kept, --every has their means: A" in note for note in done.notes)
        means = exported(reader, tmp_path / "m.csv", every_ns=MINUTE_NS)
        assert means.samples == 600
        assert float(rows_in(tmp_path / "m.csv")[1]["mean"]) == pytest.approx(89.5)


def test_the_same_history_gives_the_same_bytes(history, tmp_path):
    for form in Form:
        first, second = tmp_path / f"1.{form}", tmp_path / f"2.{form}"
        exported(history, first)
        exported(history, second)
        assert first.read_bytes() == second.read_bytes()
