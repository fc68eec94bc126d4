"""Curves and courses of runs over HTTP: one axis, one grid, gaps as gaps."""

from dataclasses import replace

import numpy as np
import pytest

from controller.access.roles import Role
from controller.api.run_curves import _binned
from controller.control.station_memory import Memory
from controller.core.run import Outcome
from controller.run_store import STORE, RunStore, StationFacts
from controller.runs.alignment import Aligned
from tests.support.api_rig import api_rig
from tests.support.run_history import RunHistory, head

BEGINS, LASTS_S, READY_S = (0, 1000, 2000), 600, 60
IDS = tuple(f"calender-{begin}" for begin in BEGINS)


def thickness(run: int, at_s: np.ndarray) -> np.ndarray:
    """100, 102, 104 um, as soon as the run executes."""
    return np.where(at_s < READY_S, 0.0, 100.0 + 2.0 * run)


def write(folder) -> None:
    with RunHistory(folder / "history.db", "calender") as history:
        for run, begin_s in enumerate(BEGINS):
            history.run(begin_s, begin_s + READY_S, begin_s + LASTS_S)
            at_s = np.arange(LASTS_S)
            history.put(".THK.C", begin_s + at_s, thickness(run, at_s))
            history.put(".PWR", begin_s + at_s[::10], 12.0)
            history.put(".METER", begin_s + at_s, at_s / 12.0)
    store = RunStore(folder / STORE)
    for begin_s, own in zip(BEGINS, IDS, strict=True):
        run = head("calender", begin_s, begin_s + LASTS_S, own)
        done = replace(run, outcome=Outcome.COMPLETED)
        store.commit({"calender": StationFacts(Memory(), {}, [done])})
    store.close()


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curves")
    (folder / "run").mkdir()
    write(folder / "run")
    with api_rig(folder) as found:
        yield found


@pytest.fixture
def sato(line):
    name = f"sato{next(line.keys)}"
    return line.person(name, Role.OPERATOR)


async def curves(http, **params):
    usual = {"run": list(IDS[:1]), "what": "thickness", "bins": 60}
    return await http.get("/runs/curves", params={**usual, **params})


async def test_runs_lie_on_one_grid_where_they_began_to_execute(sato):
    found = (await curves(sato, run=list(IDS))).json()
    assert (found["axis"], found["unit"]) == ("execute", "s")
    assert found["what"] == [{"name": "thickness", "text": found["what"][0]["text"], "unit": "um"}]
    position = np.array(found["position"])
    assert len(position) == 60
    assert position[0] < 0 < position[-1]
    for k, run in enumerate(found["runs"]):
        values = np.array([np.nan if v is None else v for v in run["values"]["thickness"]])
        inside = (position > 30) & (position < 500)
        assert np.nanmean(values[inside]) == pytest.approx(100.0 + 2.0 * k, abs=0.01)
        assert run["extent"] == [0.0, LASTS_S - READY_S]


async def test_of_base_runs_there_is_a_band(sato):
    found = (await curves(sato, run=IDS[2], base=list(IDS[:2]))).json()
    band = found["band"]["thickness"]
    assert band["runs"] == 2
    middle = len(found["position"]) // 2
    assert band["mean"][middle] == pytest.approx(101.0, abs=0.01)
    assert band["sd"][middle] == pytest.approx(np.sqrt(2.0), abs=0.01)
    assert [run["base"] for run in found["runs"]] == [False, True, True]


async def test_a_stretch_is_looked_at_more_closely(sato):
    found = (await curves(sato, low=100, high=160, bins=30)).json()
    assert found["position"][0] == pytest.approx(101.0)
    assert found["position"][-1] == pytest.approx(159.0)
    assert all(v == pytest.approx(100.0) for v in found["runs"][0]["values"]["thickness"])


async def test_in_metres_too(sato):
    found = (await curves(sato, axis="metres")).json()
    assert found["unit"] == "m"
    assert found["position"][-1] < LASTS_S / 12.0


async def test_a_tag_is_drawn_like_a_measure(sato):
    found = (await curves(sato, what=["CAL.PWR", "thickness"], axis="start")).json()
    values = [v for v in found["runs"][0]["values"]["CAL.PWR"] if v is not None]
    assert values
    assert all(v == pytest.approx(12.0) for v in values)


async def test_where_nothing_is_known_there_is_null(sato):
    found = (await curves(sato, axis="start", low=-100, high=100, bins=20)).json()
    assert found["runs"][0]["values"]["thickness"][:9] == [None] * 9


def known(*values: float) -> Aligned:
    """Steps of 10 around 5, 15, 25 and so on."""
    middle = 10.0 * np.arange(len(values)) + 5.0
    return Aligned(middle, np.array(values), np.ones(len(values), bool))


@pytest.mark.parametrize(
    ("curve", "bins", "drawn"),
    [
        (known(1, 2, 3), 6, [1, 1, 2, 2, 3, 3]),  # bins of 5: two lie in each step
        (known(1, np.nan, 3), 6, [1, 1, np.nan, np.nan, 3, 3]),
        (known(1, 2, 3, 4), 2, [1.5, 3.5]),  # bins of 20: means
        (known(1, np.nan, 3, 4), 2, [1, 3.5]),
    ],
)
def test_a_slow_measure_is_a_line_and_not_a_row_of_dots(curve, bins, drawn):
    edges = np.linspace(0.0, 10.0 * len(curve.position), bins + 1)
    assert _binned(curve, edges) == pytest.approx(drawn, nan_ok=True)


def test_before_and_after_the_steps_there_is_nothing():
    values = _binned(known(1, 2), np.linspace(-10.0, 30.0, 9))
    assert values == pytest.approx([np.nan] * 2 + [1, 1, 2, 2] + [np.nan] * 2, nan_ok=True)


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [({"what": "nonsense"}, 404, "unknown"), ({"run": "nobody"}, 404, "unknown"),
     ({"axis": "sideways"}, 422, "request"), ({"bins": 5}, 422, "request"),
     ({"low": 5, "high": 5}, 400, "question"), ({"low": "nan"}, 422, "request"),
     ({"what": []}, 422, "request")],
)  # fmt: skip
async def test_what_cannot_be_drawn_is_said(sato, wish, status, code):
    answer = await curves(sato, **wish)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_the_course_of_a_run_comes_in_stretches(sato):
    found = (await sato.get(f"/runs/{IDS[1]}/timeline")).json()
    states = [(s["state"], s["begin_s"], s["end_s"]) for s in found["states"]]
    assert states == [("STARTING", 0.0, READY_S), ("EXECUTE", READY_S, LASTS_S)]
    assert (found["phases"], found["open"]) == ([], False)


async def test_a_run_tells_how_sure_its_means_are_or_why_it_cannot(sato):
    found = (await sato.get(f"/runs/{IDS[0]}")).json()
    assert set(found["confidence"]) == set(found["summary"]["figures"])
    never_varies = found["confidence"]["thickness"]
    assert (never_varies["low"], never_varies["high"]) == (None, None)
    assert never_varies["why_not"]


async def test_a_run_that_is_not_there_has_no_course(sato):
    assert (await sato.get("/runs/nobody/timeline")).status_code == 404
