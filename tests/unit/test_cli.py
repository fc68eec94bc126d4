"""The command line: help, exit codes, JSON for scripts, and what a person reads."""

import csv
import io
import json
import re
import shutil
import socket
import threading

import numpy as np
import pytest
from typer.testing import CliRunner

from controller.__main__ import app
from controller.cli import errors, screen
from controller.clock import NS, ManualClock
from controller.config import load_line
from controller.console import ask
from controller.control.states import State
from controller.core.errors import DrylineError
from controller.core.event import Event, EventKind
from controller.core.sample import GOOD, Quality, Samples
from controller.historian import Historian, HistorianSettings
from controller.line import tag_table
from controller.process import SOCKET
from tests.support.console_peer import ConsolePeer
from tests.support.virtual_line import SHIPPED

VERBS = [
    "start",
    "stop",
    "hold",
    "unhold",
    "pause",
    "resume",
    "abort",
    "reset",
    "restart",
    "complete",
]
COMMANDS = [
    *VERBS, "up", "sim", "controller", "check", "score", "set", "mode", "tune", "fault", "plc",
    "tags", "status", "watch", "history", "events", "runs", "deploy", "rollback", "deployed",
    "confirm", "lot", "lead", "rehearse", "wait", "export", "import", "api",
    "backup", "restore", "inspect",
]  # fmt: skip
T0 = 1_767_225_600 * NS


def dryline(*words):
    return CliRunner().invoke(app, [str(w) for w in words], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tmp_path_factory.mktemp("r")


@pytest.fixture(scope="module")
def peer(run):
    with ConsolePeer(run) as peer:
        yield peer


@pytest.fixture
def line_copy(tmp_path):
    return shutil.copytree(SHIPPED, tmp_path / "line")


# -- help and wrong words ------------------------------------------------------------------------


def test_every_command_is_known():
    assert sorted(c.name or c.callback.__name__ for c in app.registered_commands) == sorted(
        COMMANDS
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    result = dryline(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output
    assert len(result.output.splitlines()) > 5


def test_without_a_command_the_commands_are_listed():
    result = dryline()
    assert result.exit_code == 2
    assert all(c in result.output for c in COMMANDS)


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("start",),
        ("set", "ENC.SET.DP"),
        ("set", "ENC.SET.DP", "cold"),
        ("up", "--speed", "0"),
        ("up", "--faults", "/nowhere/x.csv"),
        ("history",),
        ("events", "--limit", "0"),
    ],
)
def test_words_it_does_not_understand_are_wrong_input(words):
    assert dryline(*words).exit_code == 2


# -- configuration -------------------------------------------------------------------------------


def test_check_of_the_shipped_line_is_fine():
    result = dryline("check")
    assert result.exit_code == 0
    assert "line pilot" in result.output
    assert json.loads(dryline("check", "--json").stdout) == {"ok": True, "problems": []}


def spoil(folder):
    path = folder / "line.toml"
    path.write_text(path.read_text().replace("scan_period_s = 0.1", "scan_period_s = -1", 1))


def test_a_bad_configuration_is_exit_code_2_with_file_and_line(line_copy):
    spoil(line_copy)
    result = dryline("check", "--line", line_copy)
    assert result.exit_code == 2
    assert "line.toml:" in result.stderr
    assert "scan_period_s" in result.stderr
    result = dryline("check", "--line", line_copy, "--json")
    assert result.exit_code == 2
    answer = json.loads(result.stdout)
    assert answer["ok"] is False
    assert answer["problems"][0]["field"].endswith("scan_period_s")


@pytest.mark.parametrize("command", ["controller", "up", "sim", "tags"])
def test_nothing_starts_on_a_bad_configuration(command, line_copy, tmp_path):
    spoil(line_copy)
    run = tmp_path / "run"
    extra = [] if command == "tags" else ["--run", run]
    result = dryline(command, "--line", line_copy, *extra)
    assert result.exit_code == 2
    assert "nothing was started" in result.stderr
    assert not run.exists()


def test_a_folder_without_a_line_is_exit_code_2(tmp_path):
    result = dryline("check", "--line", tmp_path)
    assert result.exit_code == 2
    assert "no such file" in result.stderr


# -- tags ----------------------------------------------------------------------------------------


def test_the_tag_dictionary_has_every_tag_of_the_line():
    rows = json.loads(dryline("tags", "--json").stdout)
    assert {r["name"] for r in rows} == {t.name for t in tag_table(load_line(SHIPPED)).tags}
    by_name = {r["name"]: r for r in rows}
    assert by_name["ENC.DP.ZONE"]["unit"] == "degC"
    assert by_name["ENC.SET.DP"]["writer"] == "station"


def test_the_tags_of_one_station():
    result = dryline("tags", "coater")
    assert result.exit_code == 0
    assert "COAT.SME" in result.output
    assert "ENC.DP.ZONE" not in result.output


def test_the_tags_of_no_station_are_a_failure_that_names_those_there_are():
    result = dryline("tags", "slitter")
    assert result.exit_code == 1
    assert "enclosure, coater, calender" in result.stderr


# -- nobody there --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("watch", "enclosure", "--once"),
        ("start", "enclosure"),
        ("start", "all"),
        ("set", "ENC.SET.DP", "-60"),
        ("mode", "ENC.L1", "MAN"),
        ("tune", "ENC.L1", "1", "2"),
        ("fault", "list"),
        ("fault", "enclosure", "F5"),
        ("plc", "coater", "kill"),
    ],
)
def test_without_a_running_line_it_fails_and_says_how_to_start_one(words, tmp_path):
    result = dryline(*words, "--run", tmp_path)
    assert result.exit_code == 1
    assert "nobody answers" in result.stderr
    assert "dryline up" in result.stderr


@pytest.mark.parametrize("words", [("history", "ENC.DP.ZONE"), ("events",)])
def test_without_a_history_it_says_so(words, tmp_path):
    result = dryline(*words, "--run", tmp_path)
    assert result.exit_code == 1
    assert "there is no history here" in result.stderr


def test_the_run_folder_cannot_be_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    result = dryline("status", "--run", tmp_path / "file")
    assert result.exit_code == 1
    assert "Traceback" not in result.output


# -- a running line ------------------------------------------------------------------------------


def ready(peer, name="enclosure"):
    """The PLC of a station has been read and is in remote."""
    station = peer.line.stations[name]
    table, region = peer.line.table, peer.line.table.region(name)
    table.quality[region.start : region.split] = GOOD
    p = station.prefix
    peer.device(**{f"{p}_REMOTE": 1.0, f"{p}_BOOT": 1.0})
    station.adopt(T0)
    station.procedure.force(State.IDLE, "ready")
    return station


def test_status_is_told_to_people_and_to_scripts(peer, run):
    ready(peer)
    text = dryline("status", "--run", run)
    assert text.exit_code == 0
    assert "enclosure  IDLE" in text.output
    assert "L1" in text.output
    answer = json.loads(dryline("status", "--run", run, "--json").stdout)
    assert set(answer["stations"]) == {"enclosure", "coater"}
    assert answer["stations"]["enclosure"]["state"] == "IDLE"
    assert answer["history"]["stored"] == 9


def test_a_reason_with_brackets_is_shown_as_it_is(peer, run):
    station = ready(peer)
    station.procedure.force(State.HELD, "look at [/bold] and [red]x[/red]")
    for words in (("status",), ("watch", "enclosure", "--once")):
        result = dryline(*words, "--run", run)
        assert result.exit_code == 0, result.output
        assert "[/bold] and [red]x[/red]" in result.output.replace("\n", " ")


def test_a_command_is_accepted(peer, run):
    station = ready(peer)
    result = dryline("start", "enclosure", "--run", run, "--reason", "trial")
    assert (result.exit_code, result.stdout.strip()) == (0, "enclosure: accepted")
    assert station.procedure.state is State.STARTING
    assert station.procedure.reason.endswith(": trial")


def test_a_refusal_is_exit_code_1_with_every_reason(peer, run):
    ready(peer)
    peer.device(ENC_REMOTE=0.0, ENC_DOOR_2=1.0)
    result = dryline("start", "enclosure", "--run", run)
    peer.device(ENC_REMOTE=1.0, ENC_DOOR_2=0.0)
    assert result.exit_code == 1
    assert "refused (permissive)" in result.stderr
    assert "remote switch is off" in result.stderr
    assert "door 2 open is on" in result.stderr


def test_a_refusal_in_json_is_exit_code_1_too(peer, run):
    ready(peer)
    result = dryline("unhold", "enclosure", "--run", run, "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)["enclosure"]
    assert (answer["accepted"], answer["code"]) == (False, "not_enabled")


def test_all_means_every_station(peer, run):
    ready(peer, "enclosure")
    ready(peer, "coater")
    result = dryline("stop", "all", "--run", run, "--json")
    assert result.exit_code == 0
    assert set(json.loads(result.stdout)) == {"enclosure", "coater"}


def test_a_negative_set_point_is_no_option(peer, run):
    station = ready(peer)
    result = dryline("set", "ENC.SET.DP", "-61.5", "--run", run)
    assert result.exit_code == 0, result.output
    assert station.setting("DP") == -61.5
    result = dryline("set", "ENC.SET.DP", "-5", "--run", run)
    assert result.exit_code == 1
    assert "allowed -80 to -40 degC" in result.stderr


def test_a_loop_is_switched_and_tuned(peer, run):
    station = ready(peer)
    assert dryline("mode", "ENC.L1", "man", "--run", run).exit_code == 0
    assert dryline("tune", "ENC.L1", "21", "95", "--run", run).exit_code == 0
    pid = station.loops["L1"].pid
    assert (pid.kc, pid.ti_s, pid.td_s) == (21.0, 95.0, 0.0)


def test_a_tag_that_is_none_is_told(peer, run):
    result = dryline("set", "ENC.NONE", "1", "--run", run)
    assert result.exit_code == 1
    assert "no tag 'ENC.NONE' on this line" in result.stderr


def test_a_station_that_is_none_is_told(peer, run):
    for words in (("start", "slitter"), ("watch", "slitter", "--once")):
        result = dryline(*words, "--run", run)
        assert result.exit_code == 1
        assert "no station 'slitter'" in result.stderr


def test_watch_marks_what_is_bad(peer, run):
    ready(peer)
    peer.device(Quality.BAD_SENSOR, ENC_H2S=1.25)
    result = dryline("watch", "enclosure", "--once", "--pattern", "h2s", "--run", run)
    peer.device(ENC_H2S=0.0)
    assert result.exit_code == 0
    assert "ENC.H2S" in result.output
    assert "Bad: sensor" in result.output
    assert "ENC.DP.ZONE" not in result.output


def test_faults_are_listed_injected_and_cleared(peer, run):
    listed = json.loads(dryline("fault", "list", "--run", run, "--json").stdout)
    assert "heater_failure" in {f["name"] for f in listed["faults"]}
    assert listed["active"] == []
    result = dryline("fault", "enclosure", "F5", "--run", run)
    assert (result.exit_code, result.output.strip()) == (0, "enclosure: heater_failure at 1")
    peer.plant.step()
    assert "ACTIVE at 1" in dryline("fault", "--run", run).output
    assert dryline("fault", "enclosure", "F5", "--clear", "--run", run).exit_code == 0
    peer.plant.step()
    assert "ACTIVE" not in dryline("fault", "--run", run).output


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("enclosure", "x"), "no fault 'x' for enclosure"),
        (("slitter", "x"), "no station 'slitter'"),
        (("enclosure", "F3", "--level", "-2"), "allowed 0 to 50 m3/h"),
        (("enclosure", "F3", "--for", "-2"), "before its start"),
    ],
)
def test_a_fault_that_cannot_be_is_told(peer, run, words, text):
    result = dryline("fault", *words, "--run", run)
    assert result.exit_code == 1
    assert text in result.stderr


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({}, "no operation None; operations: command, tags, status"),
        ({"op": "command", "station": "coater", "verb": "FLY"}, "no verb 'FLY'; verbs: RESET"),
        ({"op": "command", "station": "coater", "verb": "SET", "value": [1]}, "a number or a text"),
        ({"op": "command", "station": "x", "verb": "STOP"}, "no station 'x'; stations: enclosure"),
        ({"op": "tags", "station": "x"}, "no station 'x'; stations: enclosure, coater, line"),
    ],
)
def test_the_console_says_what_it_does_not_understand(peer, run, request_, text):
    with pytest.raises(DrylineError, match=re.escape(text)):
        ask(run / SOCKET, request_)


def test_a_controller_that_is_mute_is_told(tmp_path_factory):
    run = tmp_path_factory.mktemp("m")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(run / "controller.sock"))
    server.listen(1)

    def hang_up():
        server.accept()[0].close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    result = dryline("status", "--run", run)
    thread.join()
    server.close()
    assert result.exit_code == 1
    assert "controller.sock" in result.stderr


# -- history -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A run folder with ten minutes of two tags, one a second, and two events."""
    folder = tmp_path_factory.mktemp("h")
    config = load_line(SHIPPED)
    table = tag_table(config)
    clock = ManualClock(t_s=600.0)
    historian = Historian(folder / config.history.path, table.tags, clock, HistorianSettings())
    historian.start()
    for second in range(600):
        tags = np.array([table.index("ENC.DP.ZONE"), table.index("DHU.FAN.SP")], np.int32)
        quality = Quality.BAD_LINK if 300 <= second < 360 else GOOD
        historian.record(
            Samples(
                tags,
                np.array([-60.0 - second / 100.0, 50.0 + second / 20.0]),
                np.array([quality, GOOD], np.uint8),
                np.full(2, T0 + second * NS, np.int64),
            )
        )
    for station, kind in (("enclosure", EventKind.STATE), ("coater", EventKind.LINK)):
        historian.event(
            Event(time_ns=T0 + NS, kind=kind, station=station, subject="x", text=f"{kind} [text]")
        )
    historian.close(5.0)
    return folder


def test_history_as_a_table(store):
    result = dryline("history", "ENC.DP.ZONE", "--run", store, "--last", "10m", "--buckets", "5")
    assert result.exit_code == 0
    assert result.output.count("ENC.DP.ZONE") == 5


def test_history_as_csv(store):
    result = dryline(
        "history", "ENC.DP.ZONE", "DHU.FAN.SP", "--run", store, "--last", "10m",
        "--buckets", "10", "--csv",
    )  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [r["tag"] for r in rows] == ["ENC.DP.ZONE"] * 10 + ["DHU.FAN.SP"] * 10
    assert float(rows[0]["max"]) == pytest.approx(-60.0, abs=0.1)
    assert float(rows[9]["last"]) == pytest.approx(-66.0, abs=0.1)
    gap = rows[5]
    assert int(gap["samples"]) == 0
    assert int(gap["bad"]) > 0


def test_raw_history_as_json_keeps_quality(store):
    result = dryline(
        "history", "ENC.DP.ZONE", "--run", store, "--last", "10m", "--buckets", "0", "--json"
    )
    rows = json.loads(result.stdout)
    assert {r["quality"] for r in rows} == {"Good", "Bad: link"}
    assert [r["time"] for r in rows] == sorted(r["time"] for r in rows)


def test_history_as_a_plot(store, tmp_path):
    png = tmp_path / "plot.png"
    result = dryline("history", "ENC.DP.ZONE", "DHU.FAN.SP", "--run", store, "--png", png)
    assert result.exit_code == 0, result.output
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_plot_that_cannot_be_written_is_told(store, tmp_path):
    result = dryline("history", "ENC.DP.ZONE", "--run", store, "--png", tmp_path / "no" / "x.png")
    assert result.exit_code == 1
    assert "x.png" in result.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("ENC.DP.ZON",), "ENC.DP.ZON"),
        (("ENC.DP.ZONE", "--last", "soon"), "--last 'soon'"),
        (("ENC.DP.ZONE", "--last", ""), "--last ''"),
        (("ENC.DP.RET",), "no history of ENC.DP.RET"),
    ],
)
def test_a_question_history_cannot_answer_is_told(store, words, text):
    result = dryline("history", *words, "--run", store)
    assert result.exit_code == 1
    assert text in result.stderr


def test_events_are_shown_and_filtered(store):
    result = dryline("events", "--run", store)
    assert result.exit_code == 0
    assert "state [text]" in result.output
    assert "link [text]" in result.output
    rows = json.loads(dryline("events", "--run", store, "--station", "coater", "--json").stdout)
    assert [(r["station"], r["kind"], r["time_ns"]) for r in rows] == [("coater", "link", T0 + NS)]
    result = dryline("events", "--run", store, "--kind", "nonsense")
    assert result.exit_code == 1
    assert "kinds: state, command" in result.stderr


def test_a_fingerprint_is_shown_as_it_is() -> None:
    assert screen.render_str("42:CD:0F").plain == errors.render_str("42:CD:0F").plain == "42:CD:0F"
