"""What stations are and do, for screens: metadata, the live picture of states, phases, loops."""

from pathlib import Path

import pytest

from controller.access.roles import Role
from controller.api.mirror import Mirror
from controller.api.problems import Problem
from controller.api.station_watch import StationImage, StationWatch
from controller.control.states import TABLE
from tests.support.api_rig import ApiRig, api_rig, narrowed

SP = "COAT.V.LINE.SP"
T_NS = 1_795_317_022_000_000_000
RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stations")
    config = narrowed("coater", {SP: (1.0, 8.0), "COAT.SET.V": (2.0, 9.0)})
    with api_rig(folder, config=config, recipes=RECIPES) as found:
        yield found


@pytest.fixture
def sato(line):
    return line.person(f"sato{next(line.keys)}", Role.OPERATOR)


def said(t_s: float = 0.0, **more):
    """What the controllers say of one station."""
    station = {
        "state": "STARTING", "reason": "", "step": "warm up", "left_s": 0.0, "timeout_s": 600.0,
        "waiting_for": [], "cannot_start": [], "interlocks": [], "link_up": True, "faulted": False,
        "recipe": {}, **more,
    }  # fmt: skip
    return {"time_ns": T_NS + round(t_s * 1e9), "stations": {"coater": station}}


# -- metadata ------------------------------------------------------------------------------------


async def test_every_loop_is_described_with_the_tags_that_are_there(line: ApiRig, sato):
    found = (await sato.get("/meta/stations")).json()
    known = {tag.name for tag in line.parts.mirror.tags}
    loops = [loop for s in found["stations"] for loop in s["faceplates"]]
    assert len(loops) == sum(len(s["loops"]) for s in found["stations"]) > 3
    for loop in loops:
        own = (loop[key] for key in ("pv", "sp", "wsp", "op", "mode", "status"))
        assert set(own) <= known
        assert {loop["out"], loop["read_back"]} - {""} <= known


async def test_set_points_say_how_far_an_operator_may_go(sato):
    found = (await sato.get("/meta/stations")).json()
    coater = next(s for s in found["stations"] if s["name"] == "coater")
    rows = {row["tag"]: row for row in coater["set_points"]}
    assert (rows[SP]["operator"], rows[SP]["range"]) == ([1.0, 8.0], [0.0, 20.0])
    assert (rows[SP]["read_back"], rows[SP]["setting"]) == (f"{SP}.RB", False)
    setting = rows["COAT.SET.V"]
    assert (setting["operator"], setting["setting"], setting["read_back"]) == ([2.0, 9.0], True, "")
    assert rows["COAT.FEED.SP"]["operator"] is None


async def test_the_table_of_states_says_what_may_be_commanded(sato):
    states = (await sato.get("/meta/stations")).json()["states"]
    assert len(states) == len(TABLE)
    assert states["IDLE"]["enabled"] == ["START", "STOP", "ABORT"]
    assert states["ABORTING"]["enabled"] == []


async def test_metadata_is_sent_once(sato):
    first = await sato.get("/meta/stations")
    again = await sato.get("/meta/stations", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


# -- the picture of what stations do -------------------------------------------------------------


def test_what_did_not_change_is_not_sent_again():
    image = StationImage(Mirror())
    assert image.take(said())
    seen = image.changed
    assert not image.take(said(t_s=0.5))
    assert image.since(seen) == []
    assert image.take(said(t_s=1.0, state="EXECUTE"))
    assert [row["state"] for row in image.since(seen)] == ["EXECUTE"]


def test_a_time_that_runs_down_is_told_as_a_point_in_time():
    image = StationImage(Mirror())
    image.take(said(left_s=60.0))
    until = image.find("coater")["until_t"]
    assert until == T_NS // 1_000_000 + 60_000
    assert not image.take(said(t_s=10.0, left_s=50.3))  # estimated anew, and the same
    assert image.find("coater")["until_t"] == until
    assert image.take(said(t_s=10.0, left_s=80.0))
    assert image.take(said(t_s=10.0, left_s=80.0, step="thread"))


def test_the_start_of_a_run_does_not_wander():
    image = StationImage(Mirror())
    image.take(said(recipe={"run": "coater-1", "run_s": 5.0}))
    since = image.find("coater")["run_since_t"]
    assert not image.take(said(t_s=100.0, recipe={"run": "coater-1", "run_s": 105.1}))
    assert image.take(said(t_s=100.0, recipe={"run": "coater-2", "run_s": 105.1}))
    assert image.find("coater")["run_since_t"] != since


def test_only_interlocks_that_ask_for_attention_are_in_frames():
    rows = [
        {"name": "door", "ok": False, "bypass": None, "latched": False},
        {"name": "torque", "ok": True, "bypass": None, "latched": False},
        {"name": "vacuum", "ok": True, "bypass": {"until_ns": 1}, "latched": False},
    ]
    image = StationImage(Mirror())
    image.take(said(interlocks=rows))
    assert [row["name"] for row in image.find("coater")["unmet"]] == ["door", "vacuum"]


def test_a_station_that_nobody_controls_any_more_says_so():
    image = StationImage(Mirror())
    image.take(said())
    image.take({"time_ns": T_NS, "stations": {}})
    assert image.find("coater")["controlled"] is False


async def test_when_nobody_answers_the_picture_stays(line: ApiRig):
    class Silent:
        async def status(self):
            raise Problem("no answer", [])

    image = StationImage(Mirror())
    image.take(said())
    await StationWatch(Silent(), image, line.clock).look()
    assert image.find("coater")["state"] == "STARTING"


# -- phases and loops ----------------------------------------------------------------------------


async def test_the_phases_of_the_recipe_are_named(line: ApiRig, sato):
    recipe = {"current": {"recipe": "coater/nmc-standard@1.0.0", "number": 3}, "run": "coater-1",
              "phase": 2, "run_s": 1.0}  # fmt: skip
    line.parts.stations.take(said(left_s=30.0, recipe=recipe))
    found = (await sato.get("/stations/coater/phases")).json()
    assert (found["phase"], found["timeout_s"]) == (2, 600.0)
    assert [p["number"] for p in found["phases"]] == list(range(1, len(found["phases"]) + 1))
    assert all(p["title"] for p in found["phases"])


async def test_the_built_in_procedure_has_no_phases(line: ApiRig, sato):
    line.parts.stations.take(said())
    found = (await sato.get("/stations/coater/phases")).json()
    assert (found["recipe"], found["phases"]) == ("built-in", [])


async def test_a_loop_shows_three_numbers_and_its_last_change(line: ApiRig, sato):
    loop = line.parts.facts.stations["enclosure"].loops[0]
    tags = line.parts.facts.stations["enclosure"].loop_tags[loop]
    line.show(tags["pv"], -58.5)
    line.show(tags["out"], 82.0)
    await line.do(sato, "enclosure", verb="SET", target=f"{loop}.SP", value=-60.0)
    found = (await sato.get(f"/loops/{loop}")).json()
    assert (found["pv"], found["out"], found["read_back"]) == (-58.5, 82.0, 0.0)
    assert (found["last"]["requested"], found["last"]["target"]) == (-60.0, f"{loop}.SP")
    assert found["version"] == found["last"]["version"]


async def test_commands_are_found_by_their_target(line: ApiRig, sato):
    await line.do(sato, "coater", verb="SET", target=SP, value=5.0)
    await line.do(sato, "coater", verb="SET", target="COAT.FEED.SP", value=5.0)
    found = (await sato.get("/commands", params={"target": SP})).json()["commands"]
    assert {record["target"] for record in found} == {SP}


async def test_every_figure_of_health_is_shown_without_secrets(line: ApiRig, sato):
    found = (await sato.get("/health/figures")).json()
    assert set(found["stations"]) == {"coater", "calender", "enclosure"}
    coater = found["stations"]["coater"]
    assert coater["link"].keys() == {"up", "age", "losses", "refused", "rtt", "rttmax"}
    assert coater["scan"].keys() == {"count", "late", "took", "overruns"}
    assert found["line"]["LINE.HISTORY.QUEUE"]["text"]
    assert found["audit"]["failing"] == ""
    text = str(found)
    assert "127.0.0.1" not in text
    assert str(line.parts.given.run) not in text
