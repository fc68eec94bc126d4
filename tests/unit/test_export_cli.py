"""`dryline export` and `dryline import` on run folders as they lie on disk."""

import csv
import shutil
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from controller.__main__ import app
from controller.cli import export as export_cli
from controller.clock import NS
from controller.config import load_line
from controller.control.station_memory import Memory
from controller.core.event import Event, EventKind
from controller.core.run import Outcome, RunHead
from controller.core.sample import Samples
from controller.history import Reader
from controller.history.store import Store, event_row
from controller.line import tag_table
from controller.run_folder import history_path
from controller.run_store import STORE, RunStore, StationFacts
from tests.support.history import T0_NS
from tests.support.virtual_line import SHIPPED

RUN = RunHead(
    id="coater-20260101-000100", station="coater", kind="coater", recipe="built-in",
    content_hash="", begun_ns=T0_NS + 60 * NS, begun_by="ada", reason="", software="0.1.0",
    ended_ns=T0_NS + 120 * NS, outcome=Outcome.COMPLETED, metres=12.0,
)  # fmt: skip
TAGS = ("COAT.LOAD.C", "COAT.V.LINE", "ENC.DP.ZONE")
SECONDS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five minutes of three tags at 1 Hz, an event a minute, one run of the coater."""
    run = tmp_path_factory.mktemp("run")
    config = load_line(SHIPPED)
    known = {t.name: t for t in tag_table(config).tags}
    store = Store.open(history_path(config, run))
    ids = store.catalogue([known[name] for name in TAGS])
    times = T0_NS + np.arange(SECONDS) * NS
    for k, tag_id in enumerate(ids):
        values = 10.0 * k + np.arange(SECONDS) % 7
        n = np.full(SECONDS, tag_id, np.int32)
        store.load(Samples(n, values, np.zeros(SECONDS, np.uint8), times))
    events = [
        Event(time_ns=T0_NS + k * 60 * NS, kind=EventKind.STATE, station=station, subject="s",
              text=f"minute {k}")
        for k, station in enumerate(("coater", "enclosure", "coater", "coater", "enclosure"))
    ]  # fmt: skip
    store.commit(Samples(*(np.empty(0, d) for d in (np.int32, float, np.uint8, np.int64))),
                 [event_row(e) for e in events])  # fmt: skip
    store.close()
    runs = RunStore(run / STORE)
    begun = Event(time_ns=RUN.begun_ns, kind=EventKind.RUN, station="coater", subject="run",
                  text="begun", actor="ada", data={"run": RUN.id})  # fmt: skip
    runs.commit({"coater": StationFacts(Memory(), {}, (RUN,))}, [begun])
    runs.close()
    return run


def dryline(*words, code=0):
    result = CliRunner().invoke(app, [str(w) for w in words], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result


def rows_in(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_an_export_says_what_it_wrote(folder, tmp_path):
    file = tmp_path / "x.csv"
    result = dryline("export", file, "coat.*", "--run", folder)
    text = "600 samples of 2 tags, 2026-01-01 00:00:00Z to 2026-01-01 00:04:59Z"
    assert f"{file}: {text}" in result.stdout
    assert {r["tag"] for r in rows_in(file)} == {"COAT.LOAD.C", "COAT.V.LINE"}


def test_a_window_and_a_station_narrow_it_down(folder, tmp_path):
    file = tmp_path / "x.csv"
    dryline("export", file, "--station", "enclosure", "--from", "-10s", "--to", "-5s",
            "--run", folder)  # fmt: skip
    assert [r["time"][17:19] for r in rows_in(file)] == ["49", "50", "51", "52", "53"]


def test_local_times_are_read_and_written_in_their_zone(folder, tmp_path):
    file = tmp_path / "x.csv"
    dryline("export", file, "ENC.DP.ZONE", "--from", "2026-01-01 01:04:58", "--zone",
            "Europe/Berlin", "--run", folder)  # fmt: skip
    assert [r["time_local"] for r in rows_in(file)] == [
        "2026-01-01T01:04:58.000000000+01:00",
        "2026-01-01T01:04:59.000000000+01:00",
    ]


@pytest.mark.parametrize("which", [RUN.id, "coater-2026", "coater"])
def test_a_run_brings_its_window_station_and_events(folder, tmp_path, which):
    file = tmp_path / "x.csv"
    dryline("export", file, "--run-id", which, "--events", "--run", folder)
    rows = rows_in(file)
    assert {r["tag"] for r in rows} == {"COAT.LOAD.C", "COAT.V.LINE"}
    assert (rows[0]["time"][14:19], rows[-1]["time"][14:19]) == ("01:00", "02:00")
    assert [r["text"] for r in rows_in(tmp_path / "x.events.csv")] == ["minute 2"]


def test_other_tags_can_be_looked_at_over_a_run(folder, tmp_path):
    file = tmp_path / "x.csv"
    dryline("export", file, "ENC.*", "--run-id", "coater", "--run", folder)
    assert len(rows_in(file)) == 61


def test_without_a_window_all_events_come(folder, tmp_path):
    dryline("export", tmp_path / "x.csv", "--events", "--run", folder)
    assert len(rows_in(tmp_path / "x.events.csv")) == 5


@pytest.mark.parametrize(("every", "rows"), [("1min", 5), ("10s", 30), ("1m", 5), ("1h", 1)])
def test_means_of_steps_in_a_wide_table(folder, tmp_path, every, rows):
    file = tmp_path / "x.csv"
    dryline("export", file, "--wide", "--every", every, "--run", folder)
    found = rows_in(file)
    assert len(found) == rows
    assert list(found[0])[3:5] == ["COAT.V.LINE [m/min]", "COAT.V.LINE known"]
    step_s = 3600 if rows == 1 else SECONDS // rows
    assert float(found[0]["COAT.V.LINE known"]) == pytest.approx(min(1.0, 424 / step_s))


def test_standard_output_has_the_table_and_nothing_else(folder):
    result = dryline("export", "-", "ENC.DP.ZONE", "--from", "-1s", "--run", folder)
    assert result.stdout.splitlines() == [
        "tag,time,value,unit,quality,quality_text,label,station,bad_value",
        "ENC.DP.ZONE,2026-01-01T00:04:58.000000000Z,24.0,degC,0,Good,,enclosure,",
        "ENC.DP.ZONE,2026-01-01T00:04:59.000000000Z,25.0,degC,0,Good,,enclosure,",
    ]
    assert "standard output: 2 samples of 1 tag," in result.stderr


def test_whoever_reads_standard_output_may_have_seen_enough(folder, tmp_path):
    words = [sys.executable, "-m", "controller", "export", "-", "--run", str(folder)]
    script = "import subprocess, sys; p = subprocess.Popen(sys.argv[1:], stdout=-1, stderr=-1)\n"
    script += "p.stdout.close(); print(p.stderr.read()); sys.exit(p.wait())"
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "b''")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("x.txt",), "its name ends in no format"),
        (("x.csv", "X.*"), "no tag fits 'X.*'"),
        (("x.csv", "--every", "soon"), "--every 'soon'"),
        (("x.csv", "--every", "0s"), "at least 0.001s"),
        (("x.csv", "--zone", "Mars"), "no time zone"),
        (("x.csv", "--source", "cloud"), "no source 'cloud'; sources: local"),
        (("x.csv", "--from", "x"), "--from"),
        (("x.csv", "--run-id", "calender"), "no such run"),
        (("x.csv", "--run-id", "coater", "--from", "-1h"), "leave --from and --to out"),
        (("-", "--format", "parquet"), "standard output takes CSV"),
        (("-", "--events"), "standard output takes CSV"),
    ],
)
def test_what_cannot_be_exported_is_told(folder, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    assert told in dryline("export", *words, "--run", folder, code=1).stderr
    assert not list(tmp_path.iterdir())


def test_ctrl_c_says_that_nothing_was_written(folder, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(export_cli, "export", stop)
    result = dryline("export", tmp_path / "x.csv", "--run", folder, code=130)
    assert "stopped: nothing was written" in result.stderr


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet"])
def test_an_imported_history_answers_like_the_recorded_one(folder, tmp_path, form):
    file, run = tmp_path / f"x.{form}", tmp_path / "replay"
    dryline("export", file, "--events", "--run", folder)
    result = dryline("import", file, tmp_path / f"x.events.{form}", "--run", run)
    assert "900 samples of 3 tags, 5 events, 2026-01-01 00:00:00Z" in result.stdout
    for words in (
        ("history", *TAGS, "--last", "5m", "--buckets", "7"),
        ("history", "COAT.V.LINE", "--buckets", "0", "--csv"),
        ("events",),
    ):
        assert dryline(*words, "--run", run).stdout == dryline(*words, "--run", folder).stdout
    dryline("history", "COAT.V.LINE", "--png", tmp_path / "plot.png", "--run", run)
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_with_the_record_of_the_runs_the_tools_for_runs_work_too(folder, tmp_path):
    file, run = tmp_path / "x.parquet", tmp_path / "replay"
    dryline("export", file, "--events", "--run", folder)
    dryline("import", file, tmp_path / "x.events.parquet", "--run", run)
    shutil.copy(folder / STORE, run)
    shown = dryline("run", "show", RUN.id, "--run", folder).stdout
    assert RUN.id in shown
    assert dryline("run", "show", RUN.id, "--run", run).stdout == shown
    again = tmp_path / "again.csv"
    dryline("export", again, "--run-id", RUN.id, "--run", run)
    assert len(rows_in(again)) == 122


def test_a_controller_can_go_on_in_an_imported_history(folder, tmp_path):
    dryline("export", tmp_path / "x.csv", "--run", folder)
    dryline("import", tmp_path / "x.csv", "--run", tmp_path / "replay")
    config = load_line(SHIPPED)
    store = Store.open(history_path(config, tmp_path / "replay"))
    assert len(store.catalogue(tag_table(config).tags)) > 100
    assert store.found_broken == []
    store.close()


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        ((), "either a run folder", 1),
        (("--run", "r", "--into", "h.db"), "either a run folder", 1),
        (("--into", "h.db", "--unit", "A"), "--unit 'A': as NAME=VALUE", 1),
        (("--into", "h.db", "--interval", "5"), "--interval", 1),
        (("--into", "h.db"), "a.csv:3: value = 'x': is no number", 2),
        (("--into", "h.db"), "Nothing was imported; --skip-bad FILE", 2),
    ],
)
def test_what_cannot_be_imported_is_told(tmp_path, monkeypatch, words, told, code):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("time,tag,value\n2026-01-01T00:00:00Z,A,1\n,A,x\n")
    assert told in dryline("import", "a.csv", *words, code=code).stderr
    assert not (tmp_path / "h.db").exists()


def test_foreign_files_are_helped_along_by_options(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("time,T1,T2\n2026-01-01 01:00,1,2\nnever,3,4\n")
    result = dryline(
        "import", "a.csv", "--into", "h.db", "--map", "T1=OVEN.T", "--unit", "OVEN.T=degC",
        "--station", "oven", "--interval", "5m", "--zone", "Europe/Berlin", "--skip-bad", "bad.csv",
    )  # fmt: skip
    assert "2 samples of 2 tags" in result.stdout
    assert "rows left out: 1, see bad.csv" in result.stderr
    assert "a.csv,3,time,never" in (tmp_path / "bad.csv").read_text()
    with Reader(tmp_path / "h.db") as reader:
        tag = reader.tag("OVEN.T")
        assert (tag.unit, tag.station, tag.max_interval_s) == ("degC", "oven", 300.0)
        assert reader.span("T2") == (T0_NS, T0_NS)
