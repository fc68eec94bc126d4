"""Faults of the simulated plant over HTTP: only where there is one, and recorded."""

import pytest

from controller.access.roles import Permission, Role
from controller.access.script_tokens import Scope
from controller.api.simulator import SOCKET
from controller.audit.record import Category
from controller.clock import SystemClock
from controller.console import Console
from plc_sim.plant import Plant
from plc_sim.plant_process import SOCKET as PLANT_SOCKET
from plc_sim.plant_process import PlantService
from tests.support.access_rig import BOSS
from tests.support.api_rig import api_rig

FAULT = {"station": "enclosure", "name": "heater_failure"}


@pytest.fixture
def line(tmp_path):
    with api_rig(tmp_path) as found:
        found.parts.given.run.mkdir(exist_ok=True)
        yield found


@pytest.fixture
def sato(line):
    return line.person("sato", Role.OPERATOR)


@pytest.fixture
async def plant(line):
    service = PlantService(Plant(), {}, SystemClock())
    async with Console(line.parts.given.run / PLANT_SOCKET, service.answer):
        yield service.plant


def test_both_sides_mean_the_same_socket():
    assert SOCKET == PLANT_SOCKET


async def test_a_real_line_has_no_simulator(line, sato):
    assert (await sato.get("/simulator")).json() == {"running": False, "faults": [], "plcs": {}}
    answer = await sato.post("/simulator/faults", json=FAULT)
    assert (answer.status_code, answer.json()["code"]) == (404, "no simulator")


async def test_a_socket_that_a_dead_plant_left_behind_is_none(line, sato):
    (line.parts.given.run / PLANT_SOCKET).touch()
    assert (await sato.get("/simulator")).json()["running"] is False


async def test_a_fault_is_injected_shown_and_cleared(line, sato, plant):
    answer = await sato.post("/simulator/faults", json={**FAULT, "level": 0.5})
    assert (answer.status_code, answer.json()["level"]) == (200, 0.5)
    plant.step()
    found = (await sato.get("/simulator")).json()
    rows = found["faults"]
    assert found["speed"] == 1.0
    assert [(r["name"], r["active"]) for r in rows if r["active"]] == [("heater_failure", 0.5)]
    assert (await sato.post("/simulator/faults/clear", json=FAULT)).status_code == 200
    plant.step()
    rows = (await sato.get("/simulator")).json()["faults"]
    assert not [row for row in rows if row["active"]]


async def test_who_did_it_is_recorded_also_what_failed(line, sato, plant):
    await sato.post("/simulator/faults", json=FAULT)
    answer = await sato.post("/simulator/faults", json={**FAULT, "name": "nothing"})
    assert (answer.status_code, answer.json()["code"]) == (422, "value")
    kept = [r.entry for r in line.access.records() if r.entry.category is Category.COMMAND]
    told = [(e.actor, e.action, e.target, e.result.value) for e in kept]
    assert told == [
        ("sato", "inject fault", "enclosure heater_failure", "accepted"),
        ("sato", "inject fault", "enclosure nothing", "accepted"),
        ("sato", "inject fault", "enclosure nothing", "failed"),
    ]


@pytest.mark.parametrize(
    "more", [{"after_s": -1}, {"for_s": 0}, {"level": 1e9}, {"level": "1"}, {"level": None, "x": 1}]
)
async def test_wishes_are_bounded(sato, plant, more):
    answer = await sato.post("/simulator/faults", json={**FAULT, **more})
    assert answer.status_code == 422


async def test_a_viewer_looks_only(line, plant):
    ann = line.person("ann", Role.VIEWER)
    assert (await ann.get("/simulator")).json()["running"] is True
    for path in ("faults", "faults/clear", "plcs"):
        assert (await ann.post(f"/simulator/{path}", json=FAULT)).json()["code"] == "forbidden"


async def test_a_plc_that_is_not_there_cannot_be_paused(sato, plant):
    body = {"station": "coater", "action": "pause"}
    assert (await sato.post("/simulator/plcs", json=body)).json()["code"] == "value"
    body = {"station": "coater", "action": "explode"}
    assert (await sato.post("/simulator/plcs", json=body)).json()["code"] == "request"


async def test_a_script_for_one_station_disturbs_no_other(line, plant):
    line.access.user("mori", Role.OPERATOR)
    scope = Scope(
        label="night", permissions=frozenset({Permission.OPERATE, Permission.VIEW}),
        stations=frozenset({"coater"}),
    )  # fmt: skip
    script = line.script(line.access.desk.make_token(BOSS, "mori", scope)[0])
    for path, body in (
        ("faults", FAULT),
        ("faults/clear", FAULT),
        ("plcs", {"station": "enclosure", "action": "kill"}),
    ):
        answer = await script.post(f"/simulator/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
    own = {"station": "coater", "name": "feeder_bridging"}
    assert (await script.post("/simulator/faults", json=own)).status_code == 200
