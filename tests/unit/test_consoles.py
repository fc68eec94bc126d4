"""Which controller answers: of the whole line or of a part; what several say becomes one answer."""

import asyncio
import select
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.__main__ import app
from controller.config import load_line
from controller.console import Console
from controller.consoles import ask_station, controlled, owner, status
from controller.core.errors import DrylineError
from controller.part import part_of
from controller.run_folder import histories, history_path, socket_path, sockets
from tests.support.virtual_line import SHIPPED

LINE = ["enclosure", "coater", "calender"]


def answer_of(part, stations):
    """What a controller of some stations says; the shape is that of controller.desk."""
    history = {"stored": 5, "queued": 1, "dropped": 0, "failing": part == "coater",
               "error": "disk full" if part == "coater" else ""}  # fmt: skip
    whoami = {"part": part, "stations": list(stations), "pid": 7, "since_ns": 10**18,
              "software": "dryline 1", "history": history, "reads": {}}  # fmt: skip
    if part == "calender":
        tags = {"COAT.METER": {"value": 1.0, "quality": "Good"}}
        whoami["reads"] = {"coater": {"link_up": True, "tags": tags}}
    station = {"state": "IDLE", "reason": "ready", "step": "", "left_s": 0.0, "waiting_for": [],
               "link_up": True, "loops": {}}  # fmt: skip

    async def answer(request):
        if request["op"] == "status":
            return {
                "line": "pilot", "time_ns": len(part) * 10**18, "line_stations": LINE,
                "stations": dict.fromkeys(stations, station), "history": history,
                "controllers": [whoami],
            }  # fmt: skip
        if request["op"] == "tags":
            if request["station"] not in stations:
                raise DrylineError(f"no station {request['station']!r}")
            return {"time_ns": 1, "tags": [{"tag": f"{request['station'].upper()}.X"}]}
        return {"accepted": True, "code": "ok", "reasons": [], "part": part}

    return answer


class Controllers:
    """Consoles in a thread: parts to their stations; "" is the whole line."""

    def __init__(self, run, parts):
        self._run, self._parts = run, parts
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self):
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        consoles = [
            Console(socket_path(self._run, part), answer_of(part, stations))
            for part, stations in self._parts.items()
        ]
        for console in consoles:
            await console.__aenter__()
        self._ready.set()
        await self._end.wait()
        for console in consoles:
            await console.__aexit__(None, None, None)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10.0)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10.0)


def left_behind(run, part):
    """The socket file of a controller that was killed."""
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(socket_path(run, part)))


@pytest.fixture
def run(tmp_path_factory):
    return tmp_path_factory.mktemp("r")


@pytest.fixture
def three(run):
    with Controllers(run, {name: [name] for name in LINE}):
        yield run


@pytest.fixture
def two(run):
    """Nobody controls the coater; its last controller was killed."""
    with Controllers(run, {"enclosure": ["enclosure"], "calender": ["calender"]}):
        left_behind(run, "coater")
        yield run


def dryline(*words):
    return CliRunner().invoke(app, [str(w) for w in words], env={"COLUMNS": "200"})


# -- files ---------------------------------------------------------------------------------------


def test_every_part_has_files_of_its_own():
    whole = load_line(SHIPPED)
    run = Path("run")
    parts = [part_of(whole, names) for names in ([], ["coater"], ["calender", "coater"])]
    assert [socket_path(run, p.part).name for p in parts] == [
        "controller.sock",
        "controller-coater.sock",
        "controller-coater+calender.sock",
    ]
    assert [history_path(p, run).name for p in parts] == [
        "history.db",
        "history-coater.db",
        "history-coater+calender.db",
    ]


def test_sockets_are_found_by_part(run):
    for name in ("controller.sock", "controller-coater+calender.sock", "plant.sock", "x.sock"):
        (run / name).touch()
    assert sockets(run) == {
        "": run / "controller.sock",
        "coater+calender": run / "controller-coater+calender.sock",
    }
    assert sockets(run / "nowhere") == {}


def test_histories_are_those_of_the_line_and_no_copies_of_them(run):
    config = load_line(SHIPPED)
    assert histories(config, run) == [run / "history.db"]
    for name in ("history-coater.db", "history-backup.db", "history-coater.db-wal", "history.dbx"):
        (run / name).touch()
    assert histories(config, run) == [run / "history-coater.db"]
    (run / "history.db").touch()
    expected = {run / "history.db", run / "history-coater.db"}
    assert set(histories(config, run)) == expected
    assert set(histories(part_of(config, ["calender"]), run)) == expected


def test_a_history_without_a_suffix_has_parts_too(run):
    config = load_line(SHIPPED)
    config = replace(config, history=config.history.model_copy(update={"path": "samples"}))
    assert history_path(part_of(config, ["coater"]), run).name == "samples-coater"
    (run / "samples-coater").touch()
    assert histories(config, run) == [run / "samples-coater"]


# -- asking --------------------------------------------------------------------------------------


def test_a_request_goes_to_the_controller_of_its_station(three):
    for name in LINE:
        assert ask_station(three, name, {"op": "command"})["part"] == name


def test_a_part_of_two_stations_is_asked_for_both(run):
    with Controllers(run, {"coater+calender": LINE[1:], "enclosure": LINE[:1]}):
        assert ask_station(run, "calender", {"op": "command"})["part"] == "coater+calender"
        assert ask_station(run, "coater", {"op": "command"})["part"] == "coater+calender"


def test_a_socket_left_behind_is_passed_over(run):
    left_behind(run, "coater")
    with Controllers(run, {"": LINE}):
        assert ask_station(run, "coater", {"op": "command"})["part"] == ""
        assert status(run)["uncontrolled"] == []


def test_a_station_without_a_controller_is_told_with_what_to_do(two):
    with pytest.raises(DrylineError) as told:
        ask_station(two, "coater", {"op": "command"})
    assert str(told.value) == (
        "nobody controls coater now; controlled: enclosure, calender. "
        "Start its controller with `dryline controller --station coater`"
    )


def test_a_station_that_is_none_is_told_with_those_there_are(three):
    with pytest.raises(DrylineError, match="no station 'slitter'; stations: enclosure, coater"):
        ask_station(three, "slitter", {"op": "command"})


def test_nobody_at_all_is_told_as_for_a_line_that_does_not_run(run):
    left_behind(run, "coater")
    for asking in (lambda: status(run), lambda: ask_station(run, "coater", {"op": "status"})):
        with pytest.raises(DrylineError, match=r"nobody answers at .*controller.sock"):
            asking()


def test_status_is_put_together(three):
    found = status(three)
    assert list(found["stations"]) == LINE
    assert [c["part"] for c in found["controllers"]] == sorted(LINE)
    assert found["history"] == {
        "stored": 15, "queued": 3, "dropped": 0, "failing": True, "error": "disk full",
    }  # fmt: skip
    assert (found["uncontrolled"], found["silent"]) == ([], [])


def test_the_owner_of_a_tag_is_found_and_who_could_not_be_asked_is_told(two):
    assert owner(two, "CALENDER.X") == "calender"
    with pytest.raises(DrylineError, match=r"no tag 'COATER.X'.*without coater"):
        owner(two, "COATER.X")


def test_a_controller_that_is_there_and_mute_hides_no_other(two, monkeypatch):
    monkeypatch.setattr("controller.consoles.ANSWER_S", 0.2)
    socket_path(two, "coater").unlink()
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(socket_path(two, "coater")))
        mute.listen(4)
        assert ask_station(two, "calender", {"op": "command"})["part"] == "calender"
        found = status(two)
        assert found["silent"] == ["coater"]
        assert found["uncontrolled"] == []
        assert list(found["stations"]) == ["enclosure", "calender"]
        with pytest.raises(DrylineError, match="the controller of coater does not answer"):
            controlled(found, "coater")
        with pytest.raises(DrylineError, match=r"nobody answers at .*controller-coater.sock"):
            ask_station(two, "coater", {"op": "command"}, timeout_s=0.2)


@contextmanager
def ending_while_asked(run, part, *, reads):
    """A controller that takes a question, removes its socket and ends, as one does that is told to.

    reads: whether it had read the question; whoever asked then finds the end of the connection,
    else a reset.
    """
    path = socket_path(run, part)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(4)

        def end():
            asker, _ = listener.accept()
            with asker:
                select.select([asker], [], [], 10.0)
                if reads:
                    asker.recv(4096)
                path.unlink()

        thread = threading.Thread(target=end)
        thread.start()
        yield
        thread.join(10.0)


@pytest.mark.parametrize("reads", [True, False])
def test_a_controller_that_ends_while_it_is_asked_is_told_of(run, reads):
    with ending_while_asked(run, "", reads=reads):
        with pytest.raises(DrylineError, match=r"nobody answers at .*controller.sock"):
            status(run)
        assert sockets(run) == {}


@pytest.mark.parametrize("reads", [True, False])
def test_a_controller_that_ends_while_it_is_asked_hides_no_other(run, reads):
    with (
        Controllers(run, {"calender": ["calender"]}),
        ending_while_asked(run, "coater", reads=reads),
    ):
        found = status(run)
    assert (list(found["stations"]), found["silent"]) == (["calender"], ["coater"])


# -- the command line ----------------------------------------------------------------------------


def test_status_shows_who_controls_what_and_what_nobody_controls(two):
    result = dryline("status", "--run", two)
    assert result.exit_code == 0
    assert "controller of calender: pid 7, since 2001-09-09" in result.stdout
    assert "reads COAT.METER of coater: link up" in result.stdout
    assert "coater  NOBODY CONTROLS IT" in result.stderr


def test_a_command_for_all_reaches_those_that_can_be_reached_and_fails(two):
    result = dryline("hold", "all", "--run", two)
    assert result.exit_code == 1
    assert "enclosure: accepted" in result.stdout
    assert "calender: accepted" in result.stdout
    assert "coater: refused (not controlled)" in result.stderr


def test_a_watch_of_a_station_that_nobody_controls_says_so(two):
    result = dryline("watch", "coater", "--once", "--run", two)
    assert result.exit_code == 1
    assert "nobody controls coater now" in result.stderr


def test_a_controller_of_a_station_that_is_none_is_wrong_input(tmp_path):
    result = dryline("controller", "--station", "slitter", "--run", tmp_path / "run")
    assert result.exit_code == 2
    assert "slitter: no such station on line pilot; stations: enclosure" in result.stderr
    assert not (tmp_path / "run").exists()
