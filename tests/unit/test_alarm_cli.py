"""`dryline alarms`: what a person sees and may do."""

import csv
import io
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from controller.alarms.alarm import By
from controller.alarms.answers import acted, listed
from controller.alarms.definition import Priority
from controller.alarms.rates import FloodWatch
from controller.alarms.states import AlarmState
from controller.cli import alarms as cli
from controller.clock import SystemClock
from controller.core.errors import DrylineError, Refused
from controller.core.event import Event
from controller.historian import Historian
from controller.history import Store
from tests.support.alarm_rig import NS, OPERATOR, Rig, definition
from tests.support.history import make_tag

APP = typer.Typer()
cli.add_to(APP)
APP.command("other")(lambda: None)  # with one group alone Typer forgets its name
LINE = definition(tag="LINE.PV", station="", priority=Priority.LOW)


class Desk:
    """Answers as the controller of one station does."""

    def __init__(self) -> None:
        self.rig = Rig(
            definition(group="web", priority=Priority.HIGH), definition("lo", limit=10.0)
        )
        self.line = Rig(LINE, tags=("LINE.PV",))
        self.flood = FloodWatch()

    def ask(self, run: Path, station: str, by: str, **request: object) -> dict[str, object]:
        assert station == "tiny"
        rig = self.rig
        if request["op"] == "alarms":
            return listed(rig.board, self.line.board, rig.utc_ns, self.flood)
        boards = (rig.board, self.line.board)
        try:
            return acted(boards, request, rig.utc_ns, By(actor=by or "me"),
                         lambda _, told: rig.told.extend(told))  # fmt: skip
        except Refused as error:
            return {"accepted": False, "code": error.code, "reasons": list(error.reasons)}


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    monkeypatch.setattr(cli, "ask_of", made.ask)
    monkeypatch.setattr(cli, "status", lambda run: {"stations": {"tiny": {}}})
    return made


def alarms(*words: object) -> Result:
    return CliRunner().invoke(
        APP, ["alarms", *map(str, words)] if words else [], env={"COLUMNS": "220"}
    )


def test_the_list_shows_what_asks_first_with_value_limit_and_marks(desk: Desk) -> None:
    desk.rig.scan(5)
    desk.rig.ack("T.PV.lo")
    desk.rig.scan(91.5)
    desk.line.scan(95, tag="LINE.PV")
    shown = alarms("list")
    assert shown.exit_code == 0
    assert "▲2" in shown.stdout
    assert "91.5 %, limit 90" in shown.stdout
    assert "1st" in shown.stdout
    rows = json.loads(alarms("list", "--json").stdout)
    assert [r["id"] for r in rows] == ["T.PV.hi", "LINE.PV.hi"]


def test_nothing_to_list_is_said(desk: Desk) -> None:
    assert "no alarm is active" in alarms("list").stdout
    assert "no alarm is shelved" in alarms("list", "shelved").stdout
    assert alarms("list", "red").exit_code == 1


def test_one_alarm_is_shown_with_its_response(desk: Desk) -> None:
    desk.rig.scan(91)
    shown = alarms("show", "T.PV.hi").stdout
    for text in ("a cause", "a consequence", "do something", "60 s", "occurrence   1"):
        assert text in shown
    assert alarms("show", "T.PV.lo").exit_code == 1


def test_an_alarm_is_acknowledged_by_the_coming_that_was_seen(desk: Desk) -> None:
    for value in (91, 50, 91):
        desk.rig.scan(value)
    old = alarms("ack", "T.PV.hi", "--occurrence", 1)
    assert (old.exit_code, desk.rig.state()) == (1, AlarmState.UNACKNOWLEDGED)
    assert "occurrence 2, you saw 1" in old.output
    assert alarms("ack", "T.PV.hi", "--by", "ann").exit_code == 0
    assert desk.rig.told[-1].actor == "ann"


def test_an_alarm_is_shelved_listed_and_brought_back(desk: Desk) -> None:
    put = ("shelve", "T.PV.hi", "--station", "tiny", "--reason", "cleaning", "--for")
    assert alarms(*put, "9h").exit_code == 1
    assert "shelved: cleaning" in alarms(*put, "30m").stdout
    row = json.loads(alarms("list", "shelved", "--json").stdout)[0]
    assert row["aside"]["until_ns"] - row["aside"]["since_ns"] == 1800 * NS
    assert "by me: cleaning" in alarms("show", "T.PV.hi").stdout
    assert alarms("unshelve", "T.PV.hi").exit_code == 0
    assert desk.rig.state() is AlarmState.NORMAL


def test_an_alarm_goes_out_of_service_and_back(desk: Desk) -> None:
    assert alarms("out", "T.PV.hi", "--station", "tiny", "--reason", "repair").exit_code == 0
    assert desk.rig.state() is AlarmState.OUT_OF_SERVICE
    assert alarms("back", "T.PV.hi").exit_code == 0
    assert desk.rig.state() is AlarmState.NORMAL


def test_an_alarm_that_nobody_has_is_told(desk: Desk) -> None:
    with pytest.raises(DrylineError, match="no alarm 'X'"):
        desk.ask(Path(), "tiny", "", op="alarm", act="unshelve", alarm="X")


def test_the_table_names_every_alarm_with_its_response() -> None:
    rows = json.loads(alarms("table", "--station", "coater", "--json").stdout)
    assert {"COAT.TORQUE.hi", "COAT.TRIP.tripped"} <= {r["id"] for r in rows}
    assert all(r["action"] and r["station"] == "coater" for r in rows)
    assert "knock the bridge loose" in alarms("table").stdout.replace("\n", " ")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder whose journal ends now."""
    rig = Rig(definition(), definition("lo", limit=10.0))
    for value in (91, 50, 5, 50):
        rig.scan(value, after_s=1.0)
    rig.ack()
    shift = SystemClock().utc_ns() - rig.utc_ns - 60 * NS
    folder = tmp_path / "run"
    folder.mkdir()
    historian = Historian(folder / "history.db", [make_tag("T.PV")], SystemClock())
    historian.start()
    for e in rig.events():
        historian.event(
            Event(time_ns=e.time_ns + shift, kind=e.kind, station=e.station, subject=e.subject,
                  text=e.text, actor=e.actor, data=e.data)
        )  # fmt: skip
    assert historian.close()
    return folder


def test_the_journal_is_printed_filtered_and_exported(run: Path) -> None:
    shown = alarms("journal", "--run", run).stdout
    assert shown.splitlines()[0].endswith("T.PV hi alarm: 91 %, limit 90 %: too much")
    assert "[ann]" in shown
    rows = json.loads(alarms("journal", "--run", run, "--move", "raise", "--json").stdout)
    assert [r["alarm"] for r in rows] == ["T.PV.lo", "T.PV.hi"]
    assert "older entries left out" in alarms("journal", "--run", run, "--limit", 1).output
    table = csv.DictReader(io.StringIO(alarms("journal", "--run", run, "--csv").stdout))
    assert [r["move"] for r in table] == ["raise", "clear", "raise", "clear", "acknowledge"]
    assert "moves: raise" in alarms("journal", "--run", run, "--move", "fly").output


def test_the_figures_are_printed(run: Path) -> None:
    shown = alarms("kpi", "--run", run, "--last", "1h").stdout
    assert "per operator hour" in shown
    found = json.loads(alarms("kpi", "--run", run, "--last", "1h", "--json").stdout)
    assert (found["alarms"], found["acknowledge_p50_s"]) == (2, 3.0)
    assert found["top"] == [{"alarm": "T.PV.hi", "count": 1}, {"alarm": "T.PV.lo", "count": 1}]


def test_an_empty_journal_has_figures_too(tmp_path: Path) -> None:
    Store.open(tmp_path / "history.db").close()
    assert "nobody has" in alarms("kpi", "--run", tmp_path).stdout


def test_a_person_cannot_act_in_the_role_of_an_engineer(desk: Desk) -> None:
    critical = Rig(definition(priority=Priority.CRITICAL))
    desk.rig = critical
    put = alarms("shelve", "T.PV.hi", "--station", "tiny", "--reason", "x", "--for", "1m")
    assert put.exit_code == 1
    assert "only an engineer" in put.output
    assert OPERATOR.engineer is False
