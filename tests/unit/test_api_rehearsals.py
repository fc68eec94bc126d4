"""Rehearsals over HTTP: who may begin one, one at a time, progress, verdict, end, restart."""

import asyncio
import json
import sys
import threading
from pathlib import Path

import pytest

from controller.access.roles import Role
from controller.api import rehearsing
from controller.api.rehearsal_files import JobState, Wanted
from controller.api.rehearsing import MOST_WAITING, Rehearsals
from tests.support.api_rig import api_rig

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
WISH = {"kind": "coater", "recipe": "nmc-standard@1.0.0", "minutes": 5}
RECORD = {"passed": True, "content_hash": "9f86", "summary": "passed: 1 seed"}
ENOUGH_S = 20.0
WANTED = Wanted(kind="coater", recipe="nmc-standard@1.0.0")
STUB = """
import json, os, sys, time
words = dict(w[2:].partition("=")[::2] for w in sys.argv if w.startswith("--"))
print(json.dumps({"done_pct": 40, "plant_s": 10.0}), file=sys.stderr, flush=True)
if "wait" in words["faults" if "faults" in words else "out"]:
    time.sleep(60)
if "wrong" in words.get("faults", ""):
    print("no fault 'wrong'", file=sys.stderr)
    sys.exit(2)
if "crash" in words.get("faults", ""):
    raise RuntimeError(words["line"])
record = os.path.join(words["out"], "rehearsal.json")
with open(record + ".part", "w") as f:
    json.dump(RECORD, f)
os.replace(record + ".part", record)  # in one step, as the real program: it is read meanwhile
with open(os.path.join(words["out"], "trajectory.csv"), "w") as f:
    f.write("time_s,COAT.PWR,COAT.TORQUE\\n0,1.5,\\n5,2.5,40\\n")
print("a library warns of something", file=sys.stderr)
with open(os.path.join(words["out"], "nice"), "w") as f:
    f.write(str(os.getsid(0) == os.getpid()))
print("x" * 300_000)
sys.exit(1)
"""


@pytest.fixture
def line(tmp_path, monkeypatch):
    stub = tmp_path / "stub.py"
    stub.write_text(STUB.replace("RECORD", repr(RECORD)))
    monkeypatch.setattr(rehearsing, "PROGRAM", (sys.executable, str(stub)))
    with api_rig(tmp_path, recipes=RECIPES) as found:
        yield found


@pytest.fixture
def eva(line):
    return line.person("eva", Role.ENGINEER)


@pytest.fixture
async def service(line):
    task = asyncio.create_task(line.parts.rehearsals.run())
    yield line.parts.rehearsals
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def eventually(look):
    async with asyncio.timeout(ENOUGH_S):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(0.02)


async def until(http, own, *states):
    async def look():
        answer = await http.get(f"/rehearsals/{own}")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        return found if found["state"] in states else None

    return await eventually(look)


async def begun(http, **more):
    answer = await http.post("/rehearsals", json={**WISH, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_rehearsal_runs_and_leaves_its_record(line, eva, service):
    job = await begun(eva)
    assert (job["state"], job["wanted"]["recipe"]) == ("waiting", "nmc-standard@1.0.0")
    done = await until(eva, job["id"], "done")
    assert (done["done_pct"], done["record"], done["said"]) == (100, RECORD, [])
    own_session = line.parts.rehearsals.files.of(job["id"]) / "nice"
    assert own_session.read_text() == "True"
    path = f"/rehearsals/{job['id']}/trajectory"
    found = (await eva.get(path, params={"tag": ["COAT.TORQUE"]})).json()
    assert found == {
        "time_s": [0.0, 5.0], "values": {"COAT.TORQUE": [None, 40.0]},
        "known": ["COAT.PWR", "COAT.TORQUE"],
    }  # fmt: skip
    assert (await eva.get(path, params={"tag": ["NOTHING"]})).status_code == 404
    assert (await eva.get(f"/rehearsals/{job['id']}/picture")).status_code == 404


async def test_the_newest_version_is_meant_without_one(line, eva):
    job = await begun(eva, recipe="nmc-standard")
    newest = line.parts.recipes.find("coater", "nmc-standard", "newest")
    assert job["wanted"]["recipe"] == f"nmc-standard@{newest.version}"


async def test_one_at_a_time_and_the_others_wait(eva, service):
    first, second = await begun(eva, faults="wait"), await begun(eva)
    assert (await until(eva, first["id"], "running"))["done_pct"] in (0, 40)
    assert (await until(eva, second["id"], "waiting"))["begun_ns"] is None
    assert (await eva.delete(f"/rehearsals/{first['id']}")).status_code == 200
    assert (await until(eva, second["id"], "done"))["record"] == RECORD
    assert (await until(eva, first["id"], "ended"))["record"] is None


async def test_progress_is_told_while_it_runs(eva, service):
    job = await begun(eva, faults="wait")

    async def told():
        return (await until(eva, job["id"], "running"))["done_pct"] == 40

    await eventually(told)
    again = await eva.delete(f"/rehearsals/{job['id']}")
    assert again.json()["state"] == "ended"
    assert (await eva.delete(f"/rehearsals/{job['id']}")).json()["code"] == "gone"


async def test_what_cannot_be_rehearsed_says_why(eva, service):
    job = await begun(eva, faults="wrong")
    found = await until(eva, job["id"], "refused")
    assert found["said"][-1] == "no fault 'wrong'"


async def test_a_fault_of_the_program_is_told_without_its_inside(line, eva, service):
    job = await begun(eva, faults="crash")
    found = await until(eva, job["id"], "refused")
    assert found["said"] == ["the program has a fault; it is in its log"]


async def test_too_many_do_not_wait(eva):
    for _ in range(MOST_WAITING):
        await begun(eva)
    answer = await eva.post("/rehearsals", json=WISH)
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")


async def test_an_operator_looks_and_begins_none(line, eva):
    sato = line.person("sato", Role.OPERATOR)
    assert (await sato.post("/rehearsals", json=WISH)).json()["code"] == "forbidden"
    job = await begun(eva)
    assert (await sato.get("/rehearsals")).json()["rehearsals"][0]["id"] == job["id"]
    assert (await sato.delete(f"/rehearsals/{job['id']}")).json()["code"] == "forbidden"


@pytest.mark.parametrize(
    "wish",
    [{"recipe": "--out=/etc"}, {"recipe": "../../etc/passwd"}, {"faults": "/etc/passwd"},
     {"faults": "a.csv"}, {"kind": "../coater"}, {"against": "--line=/"}, {"minutes": 1e9},
     {"seeds": 1000}, {"neighbours": "nobody"}, {"recipe": "nothing"}, {"out": "x"}],
)  # fmt: skip
async def test_a_wish_is_no_way_into_the_command_line(line, eva, wish):
    answer = await eva.post("/rehearsals", json={**WISH, **wish})
    assert answer.status_code in (404, 422), answer.text
    assert line.parts.rehearsals.every() == []


async def test_without_the_simulator_there_are_none(line, eva, monkeypatch):
    monkeypatch.setattr(rehearsing, "PACKAGE", "no_such_package")
    assert (await eva.get("/rehearsals")).json()["possible"] is False
    answer = await eva.post("/rehearsals", json=WISH)
    assert (answer.status_code, answer.json()["code"]) == (404, "no simulator")


async def test_what_ran_when_the_api_ended_is_over_after_a_restart(line, eva, service):
    done, broken = await begun(eva), await begun(eva, faults="wait")
    await until(eva, done["id"], "done")
    await until(eva, broken["id"], "running")
    given = line.parts.given
    later = Rehearsals(given.run, given.config.folder, RECIPES, lambda: 0)
    task = asyncio.create_task(later.run())

    async def read():
        return len(later.every()) == 2

    await eventually(read)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert later.find(done["id"]).state is JobState.DONE
    assert later.files.record(done["id"]) == RECORD
    ended = later.find(broken["id"])
    assert (ended.state, ended.said) == (JobState.ENDED, ("the API ended before it was done",))


class _SlowDisk:
    """A disk that writes the states of jobs when it is let."""

    def __init__(self, files, monkeypatch):
        self.asked, self._let, self._note = [], threading.Semaphore(0), files.note
        monkeypatch.setattr(files, "note", self.note)

    def note(self, job):
        self.asked.append(job.state)
        assert self._let.acquire(timeout=ENOUGH_S)
        self._note(job)

    def let(self, times=1):
        self._let.release(times)

    async def reached(self, state):
        async def look():
            return state in self.asked

        await eventually(look)


async def test_nobody_is_told_what_the_disk_does_not_know(line, eva, service, monkeypatch):
    disk = _SlowDisk(line.parts.rehearsals.files, monkeypatch)
    job = await begun(eva)
    for noted, told_before, told in (
        (JobState.RUNNING, "waiting", "running"), (JobState.DONE, "running", "done"),
    ):  # fmt: skip
        await disk.reached(noted)
        assert (await eva.get(f"/rehearsals/{job['id']}")).json()["state"] == told_before
        disk.let()
        await until(eva, job["id"], told)


@pytest.mark.parametrize("meanwhile", [JobState.RUNNING, JobState.DONE])
async def test_ended_while_the_disk_writes_stays_ended(line, eva, service, monkeypatch, meanwhile):
    files = line.parts.rehearsals.files
    disk = _SlowDisk(files, monkeypatch)
    job = await begun(eva)
    if meanwhile is JobState.DONE:
        disk.let()
    await disk.reached(meanwhile)
    assert (await eva.delete(f"/rehearsals/{job['id']}")).json()["state"] == "ended"
    disk.let(2)
    await disk.reached(JobState.ENDED)
    disk.let(2)
    assert (await until(eva, (await begun(eva))["id"], "done"))["record"] == RECORD
    assert (await eva.get(f"/rehearsals/{job['id']}")).json()["state"] == "ended"
    assert {j.id: j.state for j in files.left()}[job["id"]] is JobState.ENDED


def test_a_file_that_is_no_job_is_left_alone(line):
    files = line.parts.rehearsals.files
    for name, text in (("a", "{"), ("b", "[]"), ("c", json.dumps({"id": "c"}))):
        files.of(name).mkdir(parents=True)
        (files.of(name) / "job.json").write_text(text)
    assert files.left() == []


def test_words_of_a_wish_are_never_options():
    wanted = Wanted(kind="coater", recipe="--json", faults="-x")
    words = wanted.words(Path("o"), Path("r"), Path("l"))
    assert words[-3:] == ["--", "coater", "--json"]
    assert "--faults=-x" in words


async def test_gains_of_a_loop_are_rehearsed_with_the_built_in_procedure_too(line, eva, service):
    gains = {"tune": "COAT.L12=0.5,60,0", "present": "COAT.L12=0.7,45.5,1e-3"}
    job = await begun(eva, recipe="built-in", **gains)
    assert job["wanted"]["recipe"] == "built-in"
    words = line.parts.rehearsals.find(job["id"]).wanted.words(Path("o"), Path("r"), Path("l"))
    assert {"--tune=COAT.L12=0.5,60,0", "--present=COAT.L12=0.7,45.5,1e-3"} <= set(words)
    assert (await until(eva, job["id"], "done"))["record"] == RECORD


@pytest.mark.parametrize("tune", ["COAT.L12", "COAT.L12=1,2", "--out=/x=1,2,3", "L=1,2,3,4", "a=b"])
async def test_what_are_no_gains_is_not_taken(eva, tune):
    answer = await eva.post("/rehearsals", json={**WISH, "tune": tune})
    assert answer.status_code == 422


async def test_what_a_full_disk_ended_is_over_and_the_next_one_runs(line, eva, monkeypatch):
    rehearsals = line.parts.rehearsals
    note, refuses = rehearsals.files.note, [True]

    def full(job):
        if refuses[0]:
            raise OSError(28, "no space left on device")
        note(job)

    monkeypatch.setattr(rehearsals.files, "note", full)
    first, second = await begun(eva), await begun(eva)
    with pytest.raises(OSError, match="no space"):
        await rehearsals.run()
    refuses[0] = False
    task = asyncio.create_task(rehearsals.run())  # as the supervisor does
    assert (await until(eva, second["id"], "done"))["record"] == RECORD
    over = (await eva.get(f"/rehearsals/{first['id']}")).json()
    assert over["state"] == "refused"
    assert "log" in over["said"][0]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_one_that_is_ended_before_its_process_is_there_does_not_run(line, eva, monkeypatch):
    rehearsals = line.parts.rehearsals
    job = await begun(eva, faults="wait")
    note = rehearsals.files.note

    def ended_meanwhile(noted):
        note(noted)
        if noted.state is JobState.RUNNING:
            rehearsals.end(job["id"])

    monkeypatch.setattr(rehearsals.files, "note", ended_meanwhile)
    async with asyncio.timeout(ENOUGH_S):
        await rehearsals._do(rehearsals.find(job["id"]))
    assert rehearsals.find(job["id"]).state is JobState.ENDED


async def test_asking_and_ending_for_ever_fills_nothing(line, eva):
    for _ in range(3 * rehearsing.MOST_KEPT):
        line.parts.rehearsals.end(line.parts.rehearsals.ask(WANTED, "eva").id)
    assert len(line.parts.rehearsals.every()) <= rehearsing.MOST_KEPT
