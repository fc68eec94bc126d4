"""The command line goes through the API where one runs, and to the controller where none does."""

import getpass
import json
import socket

import pytest
from typer.testing import CliRunner

from controller.__main__ import app
from controller.audit.append_file import AppendFile
from controller.audit.moment import moments
from controller.audit.trail import TRAIL, Trail
from controller.cli import ordering
from controller.core.errors import StoreError
from controller.run_folder import api_socket
from tests.support.api_thread import ApiThread
from tests.support.console_peer import ConsolePeer

ME = getpass.getuser()
SP = "ENC.PRESS.SP"
NO_API = "no API runs for this run folder: given to the controller itself"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("cli")
    (found / "run").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYLINE_ANCHORS", str(found / "anchors"))
        yield found


@pytest.fixture(scope="module")
def peer(folder):
    with ConsolePeer(folder / "run") as found:
        yield found


@pytest.fixture
def api(folder, peer):
    with ApiThread(folder) as found:
        yield found


@pytest.fixture(autouse=True)
def _said():
    ordering._say.cache_clear()


def dryline(folder, *words):
    words = [*map(str, words), "--run", str(folder / "run")]
    return CliRunner().invoke(app, words, env={"COLUMNS": "300"})


def trail_of(api):
    return [json.loads(line) for line in api.rig.access.trail.path.read_text().splitlines()]


def test_a_command_goes_through_the_api_and_is_recorded_by_it(folder, api):
    result = dryline(folder, "set", "ENC.SET.DP", "-58", "--reason", "drier", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["enclosure"] == {
        "accepted": True, "code": "ok", "reasons": [], "way": "api",
    }  # fmt: skip
    assert result.stderr == ""
    *_, asked, done = trail_of(api)
    assert [asked["result"], done["result"]] == ["accepted", "done"]
    assert (done["actor"], done["source"], done["reason"]) == (ME, "terminal", "drier")
    assert (done["target"], done["new"]) == ("ENC.SET.DP", -58.0)
    assert api.rig.parts.book.newest(1)[0].state.value in ("accepted", "confirmed")


def test_a_refusal_comes_back_with_its_code_and_reasons(folder, api):
    result = dryline(folder, "set", "ENC.SET.DP", "-200")
    assert result.exit_code == 1
    assert "enclosure: refused (range)" in result.stderr
    assert "allowed -80 to -40 degC" in result.stderr
    result = dryline(folder, "unhold", "enclosure")
    assert "refused (not_enabled)" in result.stderr


def test_in_somebody_elses_name_the_trail_names_both(folder, api):
    result = dryline(folder, "deploy", "enclosure", "nothing", "--reason", "x", "--by", "grün")
    assert result.exit_code == 1
    result = dryline(folder, "trial", "end", "enclosure", "--reason", "x", "--by", "grün")
    assert result.exit_code == 1
    assert trail_of(api)[-1]["actor"] == "grün"
    assert trail_of(api)[-1]["source"] == f"terminal of {ME}"


def test_without_an_api_the_controller_is_asked_and_that_is_said(folder, peer):
    assert not api_socket(folder / "run").exists()
    result = dryline(folder, "set", "ENC.SET.DP", "-57", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["enclosure"]["way"] == "controller"
    assert result.stderr.splitlines() == [NO_API]


def test_of_all_stations_it_is_said_once(folder, peer):
    result = dryline(folder, "hold", "all")
    assert result.stderr.count(NO_API) == 1


def test_a_socket_that_nobody_serves_is_no_api(folder, peer):
    path = api_socket(folder / "run")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    try:
        result = dryline(folder, "set", "ENC.SET.DP", "-56")
    finally:
        path.unlink()
    assert result.exit_code == 0
    assert "the API does not answer: given to the controller itself" in result.stderr


def test_an_api_that_has_not_heard_the_controllers_does_not_stand_in_the_way(folder, api):
    api.rig.parts.mirror.lost("")
    result = dryline(folder, "set", "ENC.SET.DP", "-55", "--json")
    assert json.loads(result.stdout)["enclosure"]["way"] == "controller"


@pytest.fixture
def trail(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("DRYLINE_ANCHORS", str(tmp_path / "anchors"))
    path = folder / "run" / TRAIL
    path.unlink(missing_ok=True)  # that of the API of other tests
    Trail(path, moments()).close()
    yield path
    path.unlink()


def test_what_goes_directly_is_in_the_audit_trail_of_the_folder(folder, peer, trail):
    dryline(folder, "set", "ENC.SET.DP", "-54", "--reason", "no API today")
    dryline(folder, "set", "ENC.SET.DP", "-300")
    kept = [r for r in map(json.loads, trail.read_text().splitlines()) if r["command"]]
    assert [(r["new"], r["result"], r["code"]) for r in kept] == [
        (-54.0, "accepted", "ok"), (-54.0, "done", "ok"),
        (-300.0, "accepted", "ok"), (-300.0, "refused", "range"),
    ]  # fmt: skip
    assert {(r["actor"], r["source"], r["category"]) for r in kept} == {(ME, "terminal", "command")}
    verified = dryline(folder, "audit", "verify")
    assert verified.exit_code == 0, verified.output


def refuse(*_):
    raise StoreError("no space left on the disk")


@pytest.mark.parametrize("where", [Trail, AppendFile])
@pytest.mark.parametrize(("words", "done"), [
    (("abort", "enclosure"), True), (("set", "ENC.SET.DP", "-53"), False),
])  # fmt: skip
def test_without_a_disk_for_the_trail_only_what_brings_to_rest_goes_out(
    folder, peer, trail, monkeypatch, where, words, done
):
    monkeypatch.setattr(where, "__init__" if where is Trail else "append", refuse)
    result = dryline(folder, *words)
    said = result.stdout + result.stderr
    assert ("nothing was done" in said) is not done, said
    if done:
        assert "accepted" in said or "not_enabled" in said


@pytest.mark.parametrize("words", [("status",), ("deployed", "enclosure")])
def test_looking_says_nothing_of_ways(folder, peer, words):
    result = dryline(folder, *words)
    assert result.exit_code == 0
    assert result.stderr == ""


def user(folder, *words, typed=""):
    words = ["user", *words, "--run", str(folder / "run")]
    return CliRunner().invoke(app, words, input=typed, env={"COLUMNS": "300"})


def test_users_are_changed_through_the_api_too(folder, api):
    result = user(folder, "add", "Mori", "--role", "viewer", typed="wagtail orbit ember\n")
    assert result.output.strip() == "mori added: viewer"
    rig = api.rig
    assert "mori" in {u.name for u in rig.access.desk.users()}
    assert user(folder, "role", "mori", "--role", "operator").exit_code == 0
    assert user(folder, "disable", "mori", "--reason", "left").exit_code == 0
    kept = [r for r in trail_of(api) if r["category"] == "user"]
    assert [(r["actor"], r["source"]) for r in kept[-3:]] == [(ME, "terminal")] * 3
    assert kept[-1]["reason"] == "left"
    refused = user(folder, "disable", "nobody")
    assert refused.exit_code == 1
    assert "nobody" in refused.output
