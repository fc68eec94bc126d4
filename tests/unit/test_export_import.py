"""Imports: of our own files and of others, and what is refused."""

import gzip
import math
import sqlite3
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from controller.clock import NS
from controller.core.errors import ConfigError, DrylineError, StoreError
from controller.core.event import Event, EventKind
from controller.core.tag import HistoryRule, Tag, Writer
from controller.export import csv_in, importing
from controller.export.importing import Intake, import_files
from controller.export.tag_book import Wording
from controller.history import Reader, Store
from tests.support.history import T0_NS

LINE = (
    Tag(name="ENC.DP.ZONE", station="enclosure", description="frost point", unit="degC",
        writer=Writer.DEVICE, low=-100.0, high=20.0, history=HistoryRule(max_interval_s=30.0)),
)  # fmt: skip
HOUR_NS = 3600 * NS


@pytest.fixture
def put_in(tmp_path):
    """Writes texts or bytes into files, imports them, gives back the history's path."""

    def import_(*contents, into="new.db", **options):
        files = []
        for k, content in enumerate(contents):
            files.append(tmp_path / f"{k}.csv")
            raw = content if isinstance(content, bytes) else content.encode()
            files[-1].write_bytes(raw)
        import_.done = import_files(Intake(files=files, line=LINE, **options), tmp_path / into)
        return tmp_path / into

    return import_


def samples(path, tag):
    with Reader(path) as reader:
        series = reader.raw(tag, -(2**62), 2**62)
    columns = (series.time_ns.tolist(), series.values.tolist(), series.quality.tolist())
    return list(zip(*columns, strict=True))


def tags(path):
    with Reader(path) as reader:
        return {tag.name: tag for tag in reader.tags()}


def problems(error):
    return [(p.line, p.field) for p in error.value.problems]


def test_a_simple_file_needs_time_tag_and_value(put_in):
    path = put_in("time,tag,value\n2026-01-01T00:00:00Z,A,1.5\n2026-01-01 01:00:01+01:00,A,-2\n")
    assert samples(path, "A") == [(T0_NS, 1.5, 0), (T0_NS + NS, -2.0, 0)]
    tag = tags(path)["A"]
    assert (tag.station, tag.unit, tag.low, tag.high) == ("imported", "", -2.0, 1.5)
    assert (put_in.done.samples, put_in.done.tags, put_in.done.last_ns) == (2, 1, T0_NS + NS)


def test_what_the_line_knows_of_a_tag_is_taken_from_there(put_in):
    path = put_in("tag,value,time\nENC.DP.ZONE,-60,2026-01-01T00:00:00Z\n")
    tag = tags(path)["ENC.DP.ZONE"]
    assert (tag.unit, tag.station, tag.low, tag.max_interval_s) == ("degC", "enclosure", -100, 30)


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [("", 0), ("0", 0), ("Good", 0), ("bad: link", 130), ("UNCERTAIN", 64), ("bad", 128),
     ("200", 200), ("Uncertain: held", 65)],
)  # fmt: skip
def test_quality_is_a_number_or_a_word(put_in, cell, wanted):
    path = put_in(f"time,tag,value,quality\n2026-01-01T00:00:00Z,A,1,{cell}\n")
    assert samples(path, "A") == [(T0_NS, 1.0, wanted)]


@pytest.mark.parametrize(
    ("cell", "value", "quality"),
    [("", math.nan, 129), ("NaN", math.nan, 133), ("-Infinity", -math.inf, 133), ("true", 1, 0),
     ("FALSE", 0, 0), (" 1e3 ", 1000, 0), ("-0.0", -0.0, 0), ("5e-324", 5e-324, 0)],
)  # fmt: skip
def test_a_value_says_its_quality_where_the_file_does_not(put_in, cell, value, quality):
    path = put_in(f"time,tag,value\n2026-01-01T00:00:00Z,A,{cell}\n")
    ((_, found, found_quality),) = samples(path, "A")
    assert (repr(found), found_quality) == (repr(float(value)), quality)


def test_a_german_spreadsheet_has_semicolons_and_decimal_commas(put_in):
    text = "time;tag;value;unit\r\n2026-01-01 01:00:00,5;Dicke µm;1,25;µm\r\n"
    path = put_in(text.encode("utf-8-sig"), zone=ZoneInfo("Europe/Berlin"))
    assert samples(path, "Dicke µm") == [(T0_NS + NS // 2, 1.25, 0)]
    assert tags(path)["Dicke µm"].unit == "µm"


def test_a_wide_file_has_a_column_for_each_tag(put_in):
    path = put_in(
        "time,A [degC],A quality,B,A known\n"
        "2026-01-01T00:00:00Z,1,65,10,1\n"
        "2026-01-01T00:00:01Z,,,11,0\n"
        "2026-01-01T00:00:02Z,,130,,0\n",
        wording=Wording(units={"B": "kW"}, names={"B": "B.NEW"}),
    )
    assert samples(path, "A")[0] == (T0_NS, 1.0, 65)
    assert [(t, q) for t, _, q in samples(path, "A")][1:] == [(T0_NS + 2 * NS, 130)]
    assert samples(path, "B.NEW") == [(T0_NS, 10.0, 0), (T0_NS + NS, 11.0, 0)]
    assert tags(path)["A"].unit == "degC"
    assert set(tags(path)) == {"A", "B.NEW"}


def test_units_are_said_by_the_name_the_history_has(put_in):
    text = "time,tag,value\n2026-01-01T00:00:00Z,x,1\n"
    path = put_in(text, wording=Wording(units={"Y": "K"}, names={"x": "Y"}))
    assert tags(path)["Y"].unit == "K"


def test_whole_nanoseconds_count_from_1970(put_in):
    path = put_in(f"time_ns,tag,value\n{T0_NS + 1},A,1\n-5,A,2\n")
    assert [t for t, _, _ in samples(path, "A")] == [-5, T0_NS + 1]


def test_of_equal_times_the_last_written_counts(put_in):
    rows = "2026-01-01T00:00:00Z,A,{}\n"
    path = put_in("time,tag,value\n" + "".join(rows.format(k) for k in range(3)),
                  "time,tag,value\n" + rows.format(9))  # fmt: skip
    assert samples(path, "A") == [(T0_NS, 9.0, 0)]


def test_packed_files_are_told_by_their_bytes(put_in):
    path = put_in(gzip.compress(b"time,tag,value\n2026-01-01T00:00:00Z,A,1\n"))
    assert samples(path, "A") == [(T0_NS, 1.0, 0)]


@pytest.mark.parametrize("piece", [1, 7, 40, 2**20])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "end"])
def test_rows_are_the_same_however_the_file_is_cut(put_in, monkeypatch, piece, end, last):
    monkeypatch.setattr(csv_in, "PIECE_BYTES", piece)
    lines = ["time,tag,value", *(f"2026-01-01T00:00:{k:02d}Z,µ{k % 2},{k}" for k in range(20))]
    path = put_in(end.join(lines) + (end if last else ""))
    assert [v for _, v, _ in samples(path, "µ0")] == list(range(0, 20, 2))
    assert [v for _, v, _ in samples(path, "µ1")] == list(range(1, 20, 2))


@pytest.mark.parametrize("piece", [1, 50, 2**20])
def test_quoted_cells_may_hold_anything_and_lines_are_still_counted(put_in, monkeypatch, piece):
    monkeypatch.setattr(csv_in, "PIECE_BYTES", piece)
    name = 'a,"b"\r\nc'
    quoted = '"' + name.replace('"', '""') + '"'
    text = (
        "time,tag,value\n2026-01-01T00:00:00Z,A,1\n"
        f"2026-01-01T00:00:01Z,{quoted},2\n\n2026-01-01T00:00:02Z,A,3\n"
    )
    path = put_in(text)
    assert samples(path, name) == [(T0_NS + NS, 2.0, 0)]
    assert len(samples(path, "A")) == 2
    with pytest.raises(ConfigError) as error:
        put_in(text + "2026-01-01T00:00:03Z,A,many\n", into="other.db")
    assert problems(error) == [(7, "value")]


BAD = (
    "time,tag,value,quality,unit\n"
    "2026-01-01T00:00:00Z,A,1,0,K\n"
    "yesterday,A,1,0,K\n"
    "2026-01-01T00:00:02Z,A,1_0,0,K\n"
    "2026-01-01T00:00:03Z,A,1,256,K\n"
    "2026-01-01T00:00:04Z,A,1,0,degC\n"
    "2026-01-01T00:00:05,A,1,0,K\n"
    "2026-01-01T00:00:06Z,,1,0,K\n"
    "2026-01-01T00:00:07Z,A,1,0\n"
    "2300-01-01T00:00:08Z,A,1,0,K\n"
    "2026-01-01T00:00:09Z,A,2,0,K\n"
)
WRONG = [
    (3, "time"), (4, "value"), (5, "quality"), (6, "tag"), (7, "time"), (8, "tag"), (9, "row"),
    (10, "time"),
]  # fmt: skip


def test_every_wrong_row_is_named_and_nothing_is_imported(put_in, tmp_path):
    with pytest.raises(ConfigError) as error:
        put_in(BAD)
    assert sorted(problems(error)) == WRONG
    texts = [str(p) for p in error.value.problems]
    assert any("value = '1_0': is no number" in text for text in texts)
    assert any("--zone" in text for text in texts)
    assert any("degC' here, in 'K' earlier" in text for text in texts)
    assert not (tmp_path / "new.db").exists()
    assert not list(tmp_path.glob("*.part*"))


def test_wrong_rows_can_be_left_out_and_listed(put_in, tmp_path):
    path = put_in(BAD, bad=tmp_path / "bad.csv")
    assert [v for _, v, _ in samples(path, "A")] == [1.0, 2.0]
    assert put_in.done.skipped == 8
    rows = (tmp_path / "bad.csv").read_text().splitlines()
    assert rows[0] == "file,line,column,value,problem"
    assert len(rows) == 9


def test_without_wrong_rows_there_is_no_list_of_them(put_in, tmp_path):
    put_in("time,tag,value\n2026-01-01T00:00:00Z,A,1\n", bad=tmp_path / "bad.csv")
    assert not (tmp_path / "bad.csv").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"tag,value\nA,1\n", "no column 'time'"),
        (b"time,tag,mean\n", "steps of time, no samples"),
        (b"time,tag\n", "no column 'value'"),
        (b"time,tag,value,value\n", "column value is there twice"),
        (b"time\n", "no column beside"),
        (b"time,tag,value\n2026-01-01T00:00:00Z,\xff,1\n", "near line 2: byte 0xff is not UTF-8"),
        (b'time,tag,value\n2026-01-01T00:00:00Z,"A,1\n', "unexpected end"),
        (b"time,tag,value\r2026-01-01T00:00:00Z,A,1\r", "carriage return stands alone"),
        (b"\x1f\x8b\x08\x00broken", "cannot be read"),
        (b"#dryline {}\ntime,tag,value\n", "format: Field required"),
        (b'#dryline {"format": 99, "tags": []}\ntime,tag,value\n', "newer Dryline"),
        (b"PAR1 and nothing more", "cannot be read as Parquet"),
    ],
)
def test_what_is_no_history_is_refused(put_in, tmp_path, content, told):
    with pytest.raises(DrylineError, match=told):
        put_in(content)
    assert not (tmp_path / "new.db").exists()


def test_local_times_that_come_twice_need_an_offset(put_in):
    text = "time,tag,value\n2026-10-25 02:30:00,A,1\n"
    with pytest.raises(ConfigError, match="is there twice"):
        put_in(text, zone=ZoneInfo("Europe/Berlin"))


def test_imports_add_to_a_history_that_is_there(put_in):
    put_in("time,tag,value\n2026-01-01T00:00:00Z,ENC.DP.ZONE,1\n")
    path = put_in("time,tag,value\n2026-01-01T00:00:01Z,ENC.DP.ZONE,2\n")
    assert [v for _, v, _ in samples(path, "ENC.DP.ZONE")] == [1.0, 2.0]
    assert tags(path)["ENC.DP.ZONE"].station == "enclosure"


def test_a_file_with_a_wrong_row_leaves_an_existing_history_alone(put_in, monkeypatch):
    monkeypatch.setattr(importing, "LOAD", 1)
    path = put_in("time,tag,value\n2026-01-01T00:00:00Z,A,1\n")
    with pytest.raises(ConfigError):
        put_in("time,tag,value\n2026-01-01T00:00:00Z,A,5\n", "time,tag,value\nnever,A,5\n")
    assert samples(path, "A") == [(T0_NS, 1.0, 0)]


def test_another_unit_than_in_the_history_is_refused(put_in):
    put_in("time,tag,value,unit\n2026-01-01T00:00:00Z,A,1,K\n")
    with pytest.raises(ConfigError, match=r"A is in 'degC' here, in 'K' in the history.*--map"):
        put_in("time,tag,value,unit\n2026-01-01T00:00:00Z,A,1,degC\n")


def test_a_history_that_is_being_written_is_left_alone(put_in, tmp_path):
    store = Store.open(tmp_path / "new.db")
    with pytest.raises(StoreError, match="another process"):
        put_in("time,tag,value\n2026-01-01T00:00:00Z,A,1\n")
    store.close()


def test_nobody_else_begins_a_history_while_it_is_imported(put_in, tmp_path, monkeypatch):
    def begin(*_):
        Store.open(tmp_path / "new.db")

    monkeypatch.setattr(importing, "shape_of", begin)
    with pytest.raises(StoreError, match="another process"):
        put_in("time,tag,value\n2026-01-01T00:00:00Z,A,1\n")


def test_ctrl_c_leaves_no_new_history(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("time,tag,value\n2026-01-01T00:00:00Z,A,1\n")

    def stop(share, count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_files(Intake(files=[file]), tmp_path / "run" / "new.db", stop)
    left = {p.name for p in (tmp_path / "run").iterdir()}
    assert left <= {"new.db.lock"}


def test_a_disk_that_takes_no_more_is_told_and_leaves_no_new_history(put_in, tmp_path, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "load", full)
    with pytest.raises(StoreError, match=r"new\.db.* cannot be written: database or disk is full"):
        put_in("time,tag,value\n2026-01-01T00:00:00Z,A,1\n")
    assert not [p for p in tmp_path.iterdir() if p.suffix in (".db", ".part")]


EVENTS = (
    "time,kind,station,subject,text,actor,data\r\n"
    '2026-01-01T00:00:00Z,state,coater,s,"a, b",op,"{""k"": 1}"\r\n'
    "2026-01-01T00:00:00Z,alarm,coater,s,'=x,,\r\n"
)


def test_events_come_back_and_are_not_doubled(put_in):
    put_in(EVENTS)
    path = put_in(EVENTS)
    wanted = [
        Event(time_ns=T0_NS, kind=EventKind.STATE, station="coater", subject="s", text="a, b",
              actor="op", data={"k": 1}),
        Event(time_ns=T0_NS, kind=EventKind.ALARM, station="coater", subject="s", text="=x"),
    ]  # fmt: skip
    with Reader(path) as reader:
        assert reader.events() == wanted


def test_wrong_events_are_named(put_in):
    text = EVENTS + "2026-01-01T00:00:00Z,party,c,s,t,a,\n2026-01-01T00:00:00Z,alarm,c,s,t,a,[1]\n"
    with pytest.raises(ConfigError) as error:
        put_in(text)
    assert problems(error) == [(4, "kind"), (5, "data")]


def test_foreign_parquet_of_any_types_is_read(tmp_path):
    when = [datetime(2026, 1, 1, 0, 0, k, tzinfo=UTC) for k in range(3)]
    table = pa.table(
        {
            "timestamp": pa.array(when, pa.timestamp("ms", tz="UTC")),
            "tag": pa.array(["A", "A", "B"]),
            "value": pa.array([1, None, 3], pa.int32()),
            "quality": pa.array([0, None, 65], pa.uint8()),
            "unit": pa.array(["K", "K", "m"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "f.parquet")
    import_files(Intake(files=[tmp_path / "f.parquet"]), tmp_path / "new.db")
    assert samples(tmp_path / "new.db", "A")[0] == (T0_NS, 1.0, 0)
    assert [q for _, _, q in samples(tmp_path / "new.db", "A")] == [0, 129]
    assert samples(tmp_path / "new.db", "B") == [(T0_NS + 2 * NS, 3.0, 65)]
    assert {t.name: t.unit for t in tags(tmp_path / "new.db").values()} == {"A": "K", "B": "m"}


def test_parquet_times_without_a_zone_need_one(tmp_path):
    when = pa.array([datetime(2026, 1, 1, 1)], pa.timestamp("us"))  # noqa: DTZ001 - on purpose
    pq.write_table(pa.table({"time": when, "A": [1.0]}), tmp_path / "f.parquet")
    with pytest.raises(ConfigError, match="--zone"):
        import_files(Intake(files=[tmp_path / "f.parquet"]), tmp_path / "new.db")
    intake = Intake(files=[tmp_path / "f.parquet"], zone=ZoneInfo("Europe/Berlin"))
    import_files(intake, tmp_path / "new.db")
    assert samples(tmp_path / "new.db", "A") == [(T0_NS, 1.0, 0)]


def test_bare_numbers_are_no_times_unless_the_column_says_nanoseconds(tmp_path):
    pq.write_table(pa.table({"time": [1767225600], "A": [1.0]}), tmp_path / "s.parquet")
    with pytest.raises(ConfigError, match="name the column time_ns"):
        import_files(Intake(files=[tmp_path / "s.parquet"]), tmp_path / "new.db")
    pq.write_table(pa.table({"time_ns": [T0_NS + 7], "A": [1.0]}), tmp_path / "n.parquet")
    import_files(Intake(files=[tmp_path / "n.parquet"]), tmp_path / "new.db")
    assert samples(tmp_path / "new.db", "A") == [(T0_NS + 7, 1.0, 0)]


def test_many_loads_make_one_history(put_in, monkeypatch):
    monkeypatch.setattr(importing, "LOAD", 3)
    monkeypatch.setattr(csv_in, "PIECE_BYTES", 64)
    rows = [f"{(k * 7) % 50},{'AB'[k % 2]},{k}\n" for k in range(50)]
    path = put_in("time_ns,tag,value\n" + "".join(rows))
    assert [t for t, _, _ in samples(path, "A")] == sorted((k * 7) % 50 for k in range(0, 50, 2))
    with Reader(path) as reader:
        assert reader.damage() == []
