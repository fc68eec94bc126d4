"""Where a lot came from and what became of it."""

import pytest

from controller.access.roles import Role
from controller.control.station_memory import Memory
from controller.core.run import RunHead
from controller.run_store import STORE, RunStore, StationFacts
from tests.support.api_rig import api_rig
from tests.support.history import T0_NS

RUNS = {
    "mix-1": (("B-19",), ("S-331",)),
    "coat-1": (("S-331",), ("L-07", "L-08")),
    "coat-2": (("S-999",), ("L-09",)),
    "roll-1": (("L-07",), ("C-1",)),
    "roll-2": (("L-08", "C-1"), ("L-07b",)),
    "ring": (("X",), ("X",)),
}


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lots")
    (folder / "run").mkdir()
    store = RunStore(folder / "run" / STORE)
    for k, (own, (lots_in, lots_out)) in enumerate(RUNS.items()):
        head = RunHead(
            id=own, station="coater", kind="coater", recipe="built-in", content_hash="",
            begun_ns=T0_NS + k, begun_by="ann", reason="", software="0", ended_ns=T0_NS + k + 1,
            lots_in=lots_in, lots_out=lots_out,
        )  # fmt: skip
        store.commit({"coater": StationFacts(Memory(), {}, [head])})
    store.close()
    with api_rig(folder) as found:
        yield found


@pytest.fixture
def ann(line):
    return line.person(f"ann{next(line.keys)}", Role.VIEWER)


def ids(rows):
    return [row["id"] for row in rows]


async def test_a_lot_is_followed_in_both_directions(ann):
    found = (await ann.get("/lots/L-07")).json()
    assert ids(found["made_by"]) == ["coat-1"]
    assert ids(found["used_by"]) == ["roll-1"]
    assert ids(found["before"]) == ["mix-1"]
    assert ids(found["after"]) == ["roll-2"]
    assert found["from"] == ["B-19", "S-331"]
    assert found["into"] == ["C-1", "L-07b"]


async def test_a_lot_that_was_bought_has_nothing_before_it(ann):
    found = (await ann.get("/lots/B-19")).json()
    assert (found["made_by"], found["before"], found["from"]) == ([], [], [])
    assert ids(found["after"])[0] == "coat-1"


async def test_a_ring_of_lots_ends(ann):
    found = (await ann.get("/lots/X")).json()
    assert ids(found["made_by"]) == ids(found["used_by"]) == ["ring"]


@pytest.mark.parametrize("name", ["L-7", "'; drop table", "<script>", "..", "%"])
async def test_a_lot_that_nobody_has_is_unknown(ann, name):
    assert (await ann.get(f"/lots/{name}")).status_code == 404
