"""kill -9 at every step of a deployment, of a run and of a trial: old or new, never a mixture.

Each case is the real controller in a process of its own that ends itself at a named step; another
one then finds what is left on disk. DRYLINE_NIGHTLY=1 repeats every step 50 times.
"""

import json
import os
import re
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import DrylineError
from controller.core.run import Outcome, RunRecord
from controller.run_folder import SOCKET
from controller.run_store import STORE, RunReader
from tests.support.crashing_controller import DEPLOY, NOWHERE, RUN, TRIAL, Nursery
from tests.support.line_under_test import ConsoleClient, LineUnderTest
from tests.support.quick_recipes import release

REPEATS = 50 if os.environ.get("DRYLINE_NIGHTLY") else 1
SPEED = 4.0
READY_S = 15.0
PATIENCE_S = 30.0
POLL_S = 0.02
NOT_SAVED, WITHDRAWN = "done, but not saved", "the command is withdrawn"
LOST_S = 1.0 + 0.4 * SPEED  # plant time: saved once a second, and on a busy machine a little later
OLD, NEW = "coater/test-film@1.0.0", "coater/test-film@1.1.0"
EVERY_DEPLOYMENT = (
    "request received",
    "recipe read",
    "submitted",
    "taken in scan",
    "before answer",
)
WIRED = ("inside commit", "ramp", "held")  # over real wires every life takes seconds
SKIPPED_ON_UNHOLD = (1, 2, 3)
MOVING_PHASES = 4
Json = dict[str, Any]


@dataclass
class Figures:
    """What the kills have shown; printed at the end (pytest -s shows it)."""

    rows: dict[str, list[int]] = field(default_factory=dict)
    lost_s: list[float] = field(default_factory=list)
    acknowledged: int = 0
    lost: int = 0
    mixed: int = 0

    def note(self, step: str, *, new: bool) -> None:
        """One kill that left the new state, or the old one."""
        self.rows.setdefault(step, [0, 0])[new] += 1

    def table(self) -> str:
        """Kills by step, and what they did."""
        lines = [f"{'step':28} kills  old  new"]
        lines += [f"{step:28} {a + b:5} {a:4} {b:4}" for step, (a, b) in self.rows.items()]
        kills = sum(map(sum, self.rows.values()))
        return "\n".join([
            *lines,
            f"{kills} kills: {self.mixed} mixed; of {self.acknowledged} acknowledged commands "
            f"{self.lost} lost; run time lost: at most {max(self.lost_s, default=0.0):.2f} s",
        ])  # fmt: skip


@pytest.fixture(scope="module")
def figures() -> Iterator[Figures]:
    f = Figures()
    yield f
    print(f"\n{f.table()}")


class Life:
    """One life of a controller and what it has told us."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.console = ConsoleClient(run / SOCKET)
        self.acknowledged: list[str] = []  # as the record has to have them
        self.dead = False

    def ask(self, op: str, **request: Any) -> Json:
        """One request; {} from the moment on when nobody answers any more."""
        while not self.dead:
            try:
                return self.console.ask(
                    **{"op": op, "station": "coater", "actor": "ann", **request}
                )
            except (DrylineError, ValueError) as error:  # of an answer, a half may have come
                if NOT_SAVED in str(error):  # a busy disk: done, but no promise was made
                    return {}
                if WITHDRAWN not in str(error):
                    self.dead = SOCKET in str(error) or isinstance(error, ValueError)
                    assert self.dead, error  # noqa: PT017
        return {}

    def command(self, verb: str, target: str = "", value: str | None = None) -> Json:
        """One command; an accepted one is remembered as its entry reads."""
        answer = self.ask("command", verb=verb, target=target, value=value)
        if answer.get("accepted"):
            shown = f"{verb} {target}".rstrip() + (f" = {value}" if value else "")
            self.acknowledged.append(f"{shown}: accepted")
        return answer

    def wait_for(self, test: Callable[[Json], bool]) -> None:
        """Until the recipe status says so, or nobody says anything."""
        end = time.monotonic() + PATIENCE_S
        while not self.dead:
            status = self.ask("status").get("stations", {}).get("coater")
            if status and test(status):
                return
            assert time.monotonic() < end, status
            time.sleep(POLL_S)

    def execute(self) -> None:
        """From a START or an UNHOLD to EXECUTE, with the prompt confirmed."""
        end = time.monotonic() + PATIENCE_S
        while not self.dead:
            status = self.ask("status").get("stations", {}).get("coater", {})
            if status.get("state") == "EXECUTE":
                return
            if status.get("recipe", {}).get("prompt"):
                self.command("CONFIRM")
            assert time.monotonic() < end, status
            time.sleep(POLL_S)

    def until(self, *states: str) -> None:
        self.wait_for(lambda status: status["state"] in states)


class Bench:
    """Controllers one after another on copies of a folder in which the old version is deployed."""

    def __init__(self, nursery: Nursery, folder: Path) -> None:
        self._nursery, self._folder = nursery, folder
        self.recipes = folder / "recipes"
        release(self.recipes, "1.0.0")
        release(self.recipes, "1.1.0", base="1.0.0")
        self._origin = folder / "origin"
        self._origin.mkdir()
        pid, life = self.live(self._origin)
        assert life.ask("deploy", recipe=OLD, reason="first")["deployment"] == 1
        os.kill(pid, signal.SIGTERM)
        assert nursery.wait(pid) == 0

    def fresh(self) -> Path:
        """Another run folder."""
        run = self._folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        shutil.copy(self._origin / STORE, run / STORE)
        return run

    def live(self, run: Path, step: str = NOWHERE, count: int = 1) -> tuple[int, Life]:
        """A controller that answers and has its PLC, or is dead already."""
        pid = self._nursery.start(run, self.recipes, step, count, SPEED)
        life = Life(run)
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            with suppress(DrylineError):
                if life.console.ask(op="status")["stations"]["coater"]["link_up"]:
                    return pid, life
            time.sleep(POLL_S)
        raise AssertionError((run / "controller.log").read_text(encoding="utf-8"))

    def crash(self, step: str, count: int, work: Callable[[Life], None]) -> tuple[Life, Json]:
        """What somebody was told until a controller died at a step, and the truth then."""
        run = self.fresh()
        pid, life = self.live(run, step, count)
        try:
            work(life)
        finally:
            if not (run / "truth.json").exists():
                self._nursery.kill(pid)
        assert life.dead, f"{step} was never reached"
        assert self._nursery.wait(pid) == -signal.SIGKILL
        life.console.close()
        truth: Json = json.loads((run / "truth.json").read_text(encoding="utf-8"))
        return life, truth

    @contextmanager
    def after(self, run: Path) -> Iterator[Life]:
        """The next controller on a run folder, which must live to the end."""
        pid, life = self.live(run)
        try:
            yield life
            assert not life.dead, (run / "controller.log").read_text(encoding="utf-8")
        finally:
            life.console.close()
            self._nursery.kill(pid)
        check_whole(run)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Nursery() as nursery:
        yield Bench(nursery, tmp_path_factory.mktemp("k"))


# -- what must hold whatever happened --------------------------------------------------------------


def records(run: Path) -> list[RunRecord]:
    """Newest first."""
    with RunReader(run / STORE) as reader:
        return [reader.record(head.id) for head in reader.runs()]


def check_whole(run: Path) -> None:
    """The file is sound, entries are numbered without a gap, at most one run is open, and every
    deployment has the text it names."""
    with closing(sqlite3.connect(run / STORE)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        nameless = "SELECT count(*) FROM deployment WHERE hash NOT IN (SELECT hash FROM recipe)"
        assert db.execute(nameless).fetchone() == (0,)
        orphans = "SELECT count(*) FROM entry WHERE run NOT IN (SELECT id FROM run)"
        assert db.execute(orphans).fetchone() == (0,)
    found = records(run)
    for record in found:
        assert [e.number for e in record.entries] == list(range(1, len(record.entries) + 1))
        assert all(a.time_ns <= b.time_ns for a, b in pairwise(record.entries))
    assert sum(r.head.outcome is Outcome.OPEN for r in found) <= 1
    with RunReader(run / STORE) as reader:
        numbers = [d.number for d in reader.deployments("coater")]
    assert numbers == list(range(1, len(numbers) + 1))


def check_requested(life: Life, figures: Figures, *possible: tuple[int, str]) -> int:
    """Number and recipe of what is requested fit each other; the number."""
    shown = life.ask("recipe")
    requested = shown["requested"]
    with RunReader(life.run / STORE) as reader:
        row = reader.deployments("coater")[-1]
    same = (row.number, row.content_hash) == (requested["number"], requested["content_hash"])
    figures.mixed += not same or (requested["number"], requested["recipe"]) not in possible
    assert not figures.mixed, (requested, row)
    return int(requested["number"])


# -- a deployment ----------------------------------------------------------------------------------


@pytest.mark.timeout(60 * REPEATS)
@pytest.mark.parametrize("step", DEPLOY)
def test_a_deployment_is_old_or_new_and_what_was_answered_is_true(
    bench: Bench, figures: Figures, step: str
) -> None:
    for _ in range(REPEATS):
        told: list[Json] = []
        life, truth = bench.crash(step, 1, partial(deploys, told))
        assert truth["requested"] in (1, 2)
        with bench.after(life.run) as again:
            number = check_requested(again, figures, (1, OLD), (2, NEW))
            figures.note(step, new=number == 2)
            figures.acknowledged += bool(told[0])
            figures.lost += bool(told[0]) and number != 2
            assert number == (2 if step in ("after commit", "before answer") else 1)
            assert not figures.lost
            answer = again.ask("deploy", recipe=NEW, reason="again", expected=number)
            assert answer["deployment"] == number + 1


def deploys(told: list[Json], life: Life) -> None:
    told.append(life.ask("deploy", recipe=NEW, reason="next"))


# -- a run -----------------------------------------------------------------------------------------


def a_whole_run(life: Life) -> None:
    """Every command of a run, as long as somebody answers."""
    life.command("START")
    life.wait_for(lambda status: bool(status["recipe"]["prompt"]))
    life.command("LOT", "in", "powder-1")
    life.execute()
    life.command("LOT", "out", "film-1")
    life.command("HOLD")
    life.until("HELD")
    life.command("UNHOLD")
    life.execute()
    life.command("COMPLETE")
    life.until("COMPLETED")
    life.wait_for(lambda _: False)


def phases(record: RunRecord) -> list[int]:
    """The numbers of the phases that were entered, as the record has them."""
    found = (re.match(r"phase (\d+) ", e.text) for e in record.entries)
    return [int(m[1]) for m in found if m]


@pytest.mark.timeout(90 * REPEATS)
@pytest.mark.parametrize("step", RUN)
def test_a_run_goes_on_where_it_was_and_its_record_is_whole(
    bench: Bench, figures: Figures, step: str
) -> None:
    for k in range(REPEATS):
        count = 5 + k if step == "ramp" else 1
        life, truth = bench.crash(step, count, a_whole_run)
        with bench.after(life.run) as again:
            go_on(again, life, truth, figures)


def go_on(again: Life, before: Life, truth: Json, figures: Figures) -> None:
    """Look at what came back, and lead it to its end."""
    check_requested(again, figures, (1, OLD))
    found = records(again.run)
    told = [e.text for r in found for e in r.entries if e.kind == "command"]
    lost = Counter(before.acknowledged) - Counter(told)
    figures.acknowledged += len(before.acknowledged)
    figures.lost += lost.total()
    assert not lost
    if not found:  # START was neither on disk nor answered
        assert not before.acknowledged
        figures.note(truth["step"], new=False)
        return
    (record,) = found
    figures.note(truth["step"], new=True)
    if record.head.outcome is not Outcome.OPEN:
        assert record.head.outcome is Outcome.COMPLETED
        assert again.ask("recipe")["run"] == ""
        return
    status = again.ask("status")["stations"]["coater"]
    again.until("HELD")
    assert status["recipe"]["run"] == record.head.id == (truth["run"] or record.head.id)
    check_same_place(status["recipe"], truth, figures)
    entered = len(phases(record))
    again.command("UNHOLD")
    again.execute()
    again.command("COMPLETE")
    again.until("COMPLETED")
    again.wait_for(lambda _: records(again.run)[0].head.outcome is not Outcome.OPEN)
    (record,) = records(again.run)
    assert record.head.outcome is Outcome.COMPLETED
    check_phases(record, entered, status["recipe"]["phase"])


def check_same_place(recipe: Json, truth: Json, figures: Figures) -> None:
    """The phase is the one it was, or that before when its entry was not yet on disk."""
    if truth["state"] not in ("HOLDING", "HELD", "UNHOLDING", "COMPLETING", "COMPLETED"):
        assert recipe["phase"] in (truth["phase"], max(1, truth["phase"] - 1), 4)
        assert recipe["phase"] != MOVING_PHASES or truth["phase"] in (MOVING_PHASES, 0)
    if truth["run"]:
        lost_s = truth["time_s"] - recipe["run_s"]
        figures.lost_s.append(lost_s)
        assert -SPEED <= lost_s <= LOST_S  # what it has counted since it came back


def check_phases(record: RunRecord, entered: int, at: int) -> None:
    """After the restart: the phase it was in and those after it, none that is over and skipped."""
    again = phases(record)[entered:]
    assert again == sorted(again)
    assert again[-1] == MOVING_PHASES
    done = [n for n in SKIPPED_ON_UNHOLD if n < (at or MOVING_PHASES)]
    assert not set(again) & set(done), (again, at)


# -- a trial ---------------------------------------------------------------------------------------


def a_whole_trial(life: Life) -> None:
    life.ask("trial", recipe="test-film@1.1.0", question="better?", minutes=60)
    life.command("START")
    life.execute()
    life.ask("trial_end", reason="seen")
    life.wait_for(lambda _: False)


@pytest.mark.timeout(90 * REPEATS)
@pytest.mark.parametrize("step", TRIAL)
def test_a_trial_never_stays_without_its_way_back(
    bench: Bench, figures: Figures, step: str
) -> None:
    for _ in range(REPEATS):
        life, truth = bench.crash(step, 1, a_whole_trial)
        with bench.after(life.run) as again:
            come_back(again, truth, figures)


def come_back(again: Life, truth: Json, figures: Figures) -> None:
    """The trial is open with its recipe, or closed with the base; then it is ended."""
    number = check_requested(again, figures, (1, OLD), (2, NEW), (3, OLD))
    figures.note(truth["step"], new=number != 1)
    is_open = [t for t in again.ask("trials")["trials"] if not t["ended_ns"]]
    assert is_open or number != 2
    if is_open and not is_open[0]["how"] and number == 2:
        assert again.ask("trial_end", reason="after the kill")["accepted"]
    again.wait_for(lambda _: all(t["ended_ns"] for t in again.ask("trials")["trials"]))
    again.wait_for(lambda _: all(r.head.outcome is not Outcome.OPEN for r in records(again.run)))
    check_requested(again, figures, (1, OLD), (3, OLD))
    for record in records(again.run):
        assert record.head.outcome in (Outcome.COMPLETED, Outcome.STOPPED)


# -- over real wires -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LineUnderTest]:
    """A plant with its PLCs in processes of their own."""
    home = tmp_path_factory.mktemp("h")
    for version, base in (("1.0.0", "null"), ("1.1.0", "1.0.0")):
        release(home / "recipes", version, base)
    with LineUnderTest(home=home) as line:
        line.start_plant()
        yield line


@contextmanager
def wired_life(line: LineUnderTest, step: str, truth: Path) -> Iterator[Life]:
    """A controller on the wires that comes to a step for the second time, or is killed in the end.

    The second time, because a first deployment is made before the one it is about.
    """
    count = 2 if step in EVERY_DEPLOYMENT else 1
    line._controller_words = ("tests.support.crashing_controller", step, str(count), str(truth))
    line.start_controller()
    life = Life(line.run)
    try:
        line.wait_for(line.all_links_up, "links")
        yield life
    finally:
        life.console.close()
        line.kill_controller()


def to_idle(life: Life) -> None:
    """From wherever the last test has left it."""
    leave = {"HELD": "STOP", "STOPPED": "RESET", "COMPLETED": "RESET", "ABORTED": "RESET"}

    def there(status: Json) -> bool:
        if status["state"] in leave:
            life.ask("command", verb=leave[status["state"]])
        return bool(status["state"] == "IDLE")

    life.wait_for(there)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", WIRED if REPEATS == 1 else [*DEPLOY, *RUN])
def test_the_same_over_real_wires(
    wired: LineUnderTest, figures: Figures, step: str, tmp_path: Path
) -> None:
    for name in (STORE, f"{STORE}-wal", f"{STORE}-shm"):
        (wired.run / name).unlink(missing_ok=True)
    truth_file = tmp_path / "truth.json"
    with wired_life(wired, step, truth_file) as life:
        to_idle(life)
        assert life.ask("deploy", recipe=OLD, reason="first")["deployment"] == 1
        if step in DEPLOY:
            life.ask("deploy", recipe=NEW, reason="next")
        else:
            a_whole_run(life)
        assert life.dead
        assert wired.controller is not None
        assert wired.controller.wait(5.0) == -signal.SIGKILL
    truth: Json = json.loads(truth_file.read_text(encoding="utf-8"))
    with wired_life(wired, NOWHERE, truth_file) as again:
        if step in DEPLOY:
            number = check_requested(again, figures, (1, OLD), (2, NEW))
            assert number == (2 if step in ("after commit", "before answer") else 1)
            figures.note(f"wires: {step}", new=number == 2)
        else:
            go_on(again, life, {**truth, "step": f"wires: {step}"}, figures)
    check_whole(wired.run)
