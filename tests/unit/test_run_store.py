"""The station store: a commit is all or nothing, whatever the disk does and whoever else writes."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from controller.clock import NS
from controller.control.recipe_desk import RecipeMemory
from controller.control.station_memory import Memory
from controller.core.errors import Refused, StoreError
from controller.core.event import Event, EventKind
from controller.core.run import Deployment, MasterRecipe, Outcome, RunHead
from controller.run_store import RunReader, RunStore, StationFacts
from tests.support.documents import ROOT
from tests.support.quick_recipes import master, release
from tests.support.recipe_kinds import shipped_kinds

T0_NS = 1_767_225_600 * NS
RUN = "coater-20260101-000000"


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MasterRecipe]:
    root = tmp_path_factory.mktemp("recipes")
    for version in ("1.0.0", "1.1.0"):
        release(root, version)
    return {version: master(root, version) for version in ("1.0.0", "1.1.0")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stations.db"


def head(run_id: str = RUN, station: str = "coater", **more: object) -> RunHead:
    plain = RunHead(
        id=run_id, station=station, kind=station, recipe="built-in", content_hash="",
        begun_ns=T0_NS, begun_by="ann", reason="", software="dryline",
    )  # fmt: skip
    return replace(plain, **more)  # type: ignore[arg-type]


def deployment(number: int, recipe: MasterRecipe | None, **more: object) -> Deployment:
    plain = Deployment(number=number, master=recipe, actor="ann", reason="test", time_ns=T0_NS)
    return replace(plain, **more)  # type: ignore[arg-type]


def entry(text: str, run_id: str = RUN, station: str = "coater", **data: object) -> Event:
    return Event(
        time_ns=T0_NS, kind=EventKind.RUN, station=station, subject=run_id, text=text,
        actor="ann", data={"run": run_id, **data},
    )  # fmt: skip


def facts(
    state: str = "IDLE", recipe: MasterRecipe | None = None, *news: Deployment | RunHead,
    open_run: RunHead | None = None,
) -> StationFacts:  # fmt: skip
    """Of a station for which one recipe is deployed as number 1."""
    plain = [{"number": 1, "hash": recipe.content_hash, "actor": "ann", "reason": "test",
              "time_ns": T0_NS, "because": "", "trial": ""}] if recipe else []  # fmt: skip
    memory = Memory(state=state, recipes=RecipeMemory(deployments=plain))
    masters = {recipe.content_hash: recipe} if recipe else {}
    return StationFacts(memory, masters, news, open_run)


def texts(path: Path, run_id: str = RUN) -> list[str]:
    """Of the entries of a run; their numbers must count 1, 2, 3 ..."""
    with RunReader(path) as reader:
        entries = reader.record(run_id).entries
    assert [e.number for e in entries] == list(range(1, len(entries) + 1))
    return [e.text for e in entries]


# -- what was written is there ---------------------------------------------------------------------


def test_station_recipe_deployment_run_and_entries_come_back_as_they_were(
    path: Path, recipes: dict[str, MasterRecipe]
) -> None:
    recipe = recipes["1.0.0"]
    news = (deployment(1, recipe, because="x", trial="t"), head(content_hash=recipe.content_hash))
    given = facts("EXECUTE", recipe, *news)
    with closing(RunStore(path)) as store:
        store.commit({"coater": given}, [entry("begun", lot="a"), entry("phase")])
    with closing(RunStore(path)) as store:
        found = store.load(shipped_kinds())["coater"]
    assert found.memory == given.memory
    assert found.masters == {recipe.content_hash: recipe}
    assert found.lost == {}
    with RunReader(path) as reader:
        (row,) = reader.deployments("coater")
        record = reader.record(RUN)
        assert reader.deployments("enclosure") == []
    assert (row.recipe, row.content_hash) == ("coater/test-film@1.0.0", recipe.content_hash)
    assert (row.number, row.because, row.trial, row.actor) == (1, "x", "t", "ann")
    assert record.head == news[1]
    assert record.recipe_text == recipe.text
    assert record.entries[0].data == {"lot": "a"}
    assert [e.text for e in record.entries] == ["begun", "phase"]


def test_an_ended_run_takes_the_place_of_the_open_one(path: Path) -> None:
    with closing(RunStore(path)) as store:
        store.commit({"coater": facts(open_run=head())}, [entry("begun")])
        done = head(ended_ns=T0_NS + 1, outcome=Outcome.ABORTED, why_ended="x", lots_out=("a",))
        store.commit({"coater": facts("ABORTED", None, done)}, [entry("aborted")])
    with RunReader(path) as reader:
        assert reader.runs() == [done]
    assert texts(path) == ["begun", "aborted"]


def test_what_json_cannot_say_becomes_text(path: Path) -> None:
    with closing(RunStore(path)) as store:
        store.commit({}, [entry("odd", what={1})])
    with closing(RunStore(path)) as store:
        store.commit({"coater": facts(open_run=head())})
    assert texts(path) == ["odd"]


def test_runs_are_found_by_their_unique_beginning(path: Path) -> None:
    other = head("coater-20260102-000000", begun_ns=T0_NS + 1)
    with closing(RunStore(path)) as store:
        store.commit({"coater": facts("IDLE", None, head(), other)})
    with RunReader(path) as reader:
        assert [h.id for h in reader.runs()] == [other.id, RUN]
        assert reader.runs("coater", 1) == [other]
        assert reader.runs(since_ns=T0_NS + 1) == [other]
        assert reader.find("coater-20260102") == other.id
        for text in ("coater-2026", "", "slitter"):
            with pytest.raises(Refused, match="unknown"):
                reader.find(text)
        with pytest.raises(Refused, match="no run"):
            reader.record("slitter")


def test_trials_are_kept_and_the_open_ones_found(path: Path) -> None:
    with closing(RunStore(path)) as store:
        for k in (1, 2):
            store.save_trial(f"t{k}", "coater", {"id": f"t{k}"}, is_open=True)
        store.save_trial("t1", "coater", {"id": "t1", "how": "done"}, is_open=False)
        assert store.trials(only_open=True) == [{"id": "t2"}]
        made = head("r2", begun_ns=T0_NS + 5, trial="t2")
        store.commit({"coater": facts("IDLE", None, head(), made)})
        assert store.run_of_trial("coater", "t2") == made
        assert store.run_of_trial("enclosure", "t2") is None
        assert store.run_of_trial("coater", "t9") is None
    with RunReader(path) as reader:
        assert reader.trials() == [{"id": "t1", "how": "done"}, {"id": "t2"}]


# -- recipes that can no longer be read ------------------------------------------------------------


def test_a_recipe_that_no_longer_parses_is_lost_with_its_reason(
    path: Path, recipes: dict[str, MasterRecipe]
) -> None:
    old = recipes["1.0.0"]
    broken = replace(old, text=old.text.replace("feed:", "fead:"), content_hash="f" * 64)
    with closing(RunStore(path)) as store:
        store.commit({"coater": facts("IDLE", broken), "other": facts("IDLE", old)})
    with closing(RunStore(path)) as store:
        found = store.load(shipped_kinds())
        assert set(found["coater"].lost) == {"f" * 64}
        assert "fead" in found["coater"].lost["f" * 64]
        assert set(found["other"].masters) == {old.content_hash}
        assert list(store.load(shipped_kinds(), ("other",))) == ["other"]


def test_a_recipe_whose_kind_is_not_on_the_line_any_more_is_lost(
    path: Path, recipes: dict[str, MasterRecipe]
) -> None:
    with closing(RunStore(path)) as store:
        store.commit({"coater": facts("IDLE", recipes["1.0.0"])})
        assert "no station of this kind" in str(store.load({})["coater"].lost)


def test_a_recipe_that_is_not_in_the_store_is_lost(
    path: Path, recipes: dict[str, MasterRecipe]
) -> None:
    with closing(RunStore(path)) as store:
        store.commit({"coater": facts("IDLE", recipes["1.0.0"])})
        store._db.execute("DELETE FROM recipe")
        assert "not in the store" in str(store.load(shipped_kinds())["coater"].lost)


@pytest.mark.parametrize("body", ["{", '{"future": 1}', '{"recipes": {"future": 1}}'])
def test_a_memory_that_cannot_be_understood_is_told_and_left_as_it_is(
    path: Path, body: str
) -> None:
    with closing(RunStore(path)) as store:
        store.commit({"coater": facts()})
        store._db.execute("UPDATE station SET memory = ?", (body,))
        with pytest.raises(StoreError, match="what coater has left cannot be understood"):
            store.load(shipped_kinds())
        assert store._db.execute("SELECT memory FROM station").fetchone() == (body,)


# -- the file --------------------------------------------------------------------------------------


def spoil(path: Path, *, at: int, count: int = 4096) -> bytes:
    content = bytearray(path.read_bytes())
    content[at : at + count] = b"\xa5" * count
    path.write_bytes(content)
    return bytes(content)


@pytest.mark.parametrize("at", [0, 4096], ids=["header", "page"])
def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(
    path: Path, at: int, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(RunStore(path)) as store:
        for k in range(20):
            store.commit({f"s{k}": facts(f"{k}" * 3000)})
    content = spoil(path, at=at)
    with closing(RunStore(path)) as store:
        assert store.aside == path.with_name("stations.db.damaged-1")
        assert store.aside.read_bytes() == content
        assert store.load(shipped_kinds()) == {}
        store.commit({"coater": facts()})
    assert "is damaged" in caplog.text
    spoil(path, at=0)
    with closing(RunStore(path)) as store:
        assert store.aside == path.with_name("stations.db.damaged-2")


def test_a_damaged_file_that_another_controller_uses_is_left_where_it_is(path: Path) -> None:
    with closing(RunStore(path)) as first:
        for k in range(20):
            first.commit({f"s{k}": facts(f"{k}" * 3000)})
        first._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = spoil(path, at=4096)
        with pytest.raises(StoreError, match="another controller has it open: stop that one"):
            RunStore(path)
        assert path.read_bytes() == content
    assert not list(path.parent.glob("*.damaged-*"))


def test_a_foreign_file_is_refused_and_not_touched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE mine (x)")
    before = path.read_bytes()
    for kind in (RunStore, RunReader):
        with pytest.raises(StoreError, match="no Dryline station store: choose another run folder"):
            kind(path)
    assert path.read_bytes() == before


def test_another_version_is_refused_and_not_touched(path: Path) -> None:
    RunStore(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=2")
    before = path.read_bytes()
    for kind in (RunStore, RunReader):
        with pytest.raises(StoreError, match="has version 2, this program writes 1"):
            kind(path)
    assert path.read_bytes() == before


def test_reading_where_no_controller_has_been_says_so(path: Path) -> None:
    with pytest.raises(StoreError, match="no runs yet"):
        RunReader(path)


def test_a_store_that_is_locked_is_not_taken_for_damaged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.run_schema.BUSY_MS", 50)
    RunStore(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"):
            RunStore(path)
    assert not list(path.parent.glob("*.damaged-*"))
    RunStore(path).close()


def test_an_empty_file_left_by_a_kill_while_it_was_made_is_begun_anew(path: Path) -> None:
    path.touch()
    with pytest.raises(StoreError, match="no Dryline station store"):
        RunReader(path)
    with closing(RunStore(path)) as store:
        assert store.aside is None
        store.commit({"coater": facts()})


# -- a disk that fails -----------------------------------------------------------------------------


class FailingConnection(sqlite3.Connection):
    """Fails at the k-th statement, before it or, worse, after it was carried out."""

    calls = 0
    fails_at = range(0)
    after = False

    @classmethod
    def arm(cls, fails_at: range, *, after: bool = False) -> None:
        cls.calls, cls.fails_at, cls.after = 0, fails_at, after

    @contextmanager
    def _fault(self) -> Iterator[None]:
        kind = type(self)
        kind.calls += 1
        strikes = kind.calls in kind.fails_at
        if strikes and not kind.after:
            raise sqlite3.OperationalError("disk I/O error")
        yield
        if strikes:
            raise sqlite3.OperationalError("disk I/O error")

    def execute(self, *args):  # type: ignore[no-untyped-def]
        with self._fault():
            return super().execute(*args)

    def executemany(self, *args):  # type: ignore[no-untyped-def]
        with self._fault():
            return super().executemany(*args)


@pytest.fixture
def failing() -> Iterator[type[FailingConnection]]:
    yield FailingConnection
    FailingConnection.arm(range(0))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("lasting", [1, 2, 10**6], ids=["once", "twice", "for-good"])
def test_a_commit_that_fails_at_any_statement_leaves_old_or_new_and_may_be_repeated(
    tmp_path: Path, recipes: dict[str, MasterRecipe], failing: type[FailingConnection],
    *, lasting: int, after: bool,
) -> None:  # fmt: skip
    old, new = recipes["1.0.0"], recipes["1.1.0"]
    first = {"coater": facts("IDLE", old, deployment(1, old), open_run=head())}
    second = {"coater": facts("EXECUTE", new, deployment(2, new), head(metres=5.0)),
              "enclosure": facts("HELD")}  # fmt: skip
    events = [entry("two"), entry("three"), entry("e", "enclosure-1", "enclosure")]
    k, struck = 0, True
    while struck:
        k += 1
        path = tmp_path / f"{k}.db"
        with closing(RunStore(path, failing)) as store:
            store.commit(first, [entry("one")])
            failing.arm(range(k, k + lasting), after=after)
            try:
                store.commit(second, events)
                acknowledged = True
            except StoreError:
                acknowledged = False
            struck = failing.calls >= k
            failing.arm(range(0))
            found = left(path)
            assert found in (LEFT_OLD, LEFT_NEW), f"statement {k}"
            assert found == LEFT_NEW or not acknowledged, f"statement {k}"
            store.commit(second, [*([] if acknowledged else events), entry("four")])
            assert left(path) == (*LEFT_NEW[:-1], ["one", "two", "three", "four"]), f"statement {k}"
    assert k > 10
    assert acknowledged


def left(path: Path) -> tuple[object, ...]:
    """States of stations, deployments, metres of the run, recipes, entries."""
    with closing(sqlite3.connect(path)) as db:
        states = db.execute("SELECT name, memory FROM station ORDER BY name").fetchall()
        (recipes,) = db.execute("SELECT count(*) FROM recipe").fetchone()
    with RunReader(path) as reader:
        numbers = [d.number for d in reader.deployments()]
        metres = [h.metres for h in reader.runs()]
    told = {name: json.loads(body)["state"] for name, body in states}
    return told, numbers, metres, recipes, texts(path)


LEFT_OLD = ({"coater": "IDLE"}, [1], [0.0], 1, ["one"])
LEFT_NEW = (
    {"coater": "EXECUTE", "enclosure": "HELD"}, [1, 2], [5.0], 2, ["one", "two", "three"],
)  # fmt: skip


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_file_that_fails_while_it_is_made_is_made_whole_later(
    tmp_path: Path, failing: type[FailingConnection], *, after: bool
) -> None:
    k, made = 0, False
    while not made:
        k += 1
        path = tmp_path / f"{k}.db"
        failing.arm(range(k, k + 1), after=after)
        try:
            RunStore(path, failing).close()
            made = failing.calls < k
        except StoreError:
            pass
        failing.arm(range(0))
        with closing(RunStore(path)) as store:
            assert store.aside is None
            store.commit({"coater": facts(open_run=head())}, [entry("one")])
        assert texts(path) == ["one"]
    assert k > 10


FILL = """
import resource, signal, sys
from pathlib import Path
from controller.core.errors import StoreError
from controller.run_store import RunStore
from tests.unit.test_run_store import entry, facts, head
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = RunStore(Path(sys.argv[1]))
store.commit({"coater": facts(open_run=head())}, [entry("0")])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
done, refused = 1, 0
while refused < 3:
    try:
        store.commit({"coater": facts("x" * 500)}, [entry(str(done) )])
        done += 1
    except StoreError as error:
        refused += 1
        why = str(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
full = done
store.commit({"coater": facts()}, [entry(str(done))])
print(full, why)
"""


def test_a_full_disk_is_told_and_nothing_that_was_acknowledged_is_lost(path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-c", FILL, str(path), str(300_000)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    full, _, why = made.stdout.partition(" ")
    assert int(full) > 10
    assert "stations.db" in why
    assert texts(path) == [str(k) for k in range(int(full) + 1)]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# -- several processes -----------------------------------------------------------------------------

WRITE = """
import sys
from pathlib import Path
from controller.run_store import RunStore
from tests.unit.test_run_store import entry, facts, head
path, station, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = RunStore(path)
print("ready", flush=True)
sys.stdin.readline()
for k in range(count):
    run = head(f"{station}-run", station, metres=float(k))
    store.commit({station: facts(str(k), open_run=run)}, [entry(str(k), run.id, station)])
    print(k, flush=True)
"""


def writer(path: Path, station: str, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, str(path), station, str(count)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_two_processes_make_the_file_and_write_their_stations_at_once(path: Path) -> None:
    count, stations = 60, ("coater", "enclosure")
    writers = [writer(path, station, count) for station in stations]
    try:
        assert [w.stdout and w.stdout.readline() for w in writers] == ["ready\n"] * 2
        for w in writers:
            assert w.stdin is not None
            w.stdin.write("go\n")
            w.stdin.flush()
        seen = -1.0
        with RunReader(path) as reader:
            while any(w.poll() is None for w in writers):
                runs = {h.station: h for h in reader.runs()}
                if "coater" in runs:
                    record = reader.record(runs["coater"].id)
                    # head and entries are of one commit, never of two
                    assert record.head.metres == len(record.entries) - 1
                    assert record.head.metres >= seen
                    seen = record.head.metres
        assert [w.wait(10) for w in writers] == [0, 0]
    finally:
        for w in writers:
            w.kill()
            w.communicate()
    assert seen >= 0.0
    for station in stations:
        assert texts(path, f"{station}-run") == [str(k) for k in range(count)]


def test_nothing_acknowledged_is_lost_when_a_writer_is_killed(path: Path) -> None:
    with writer(path, "coater", 10**6) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        process.stdin.write("go\n")
        process.stdin.flush()
        acknowledged = [int(process.stdout.readline()) for _ in range(30)]
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout.read().split()]
    found = texts(path, "coater-run")
    assert found == [str(k) for k in range(len(found))]
    assert len(found) >= len(acknowledged)
    with closing(RunStore(path)) as store:
        assert store.load(shipped_kinds())["coater"].memory.state == found[-1]
