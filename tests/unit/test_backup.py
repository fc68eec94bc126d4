"""Backup and restore: one moment of everything, equal hash, everything or nothing."""

import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.__main__ import app
from controller.access.database import PASSING, Database
from controller.access.roles import Permission, Role
from controller.access.script_tokens import Scope, all_tokens
from controller.access.users import all_users
from controller.audit.reading import Wish, newest
from controller.backup import making
from controller.backup.archive import SEAL, SUM_BYTES
from controller.backup.content import content_of
from controller.backup.making import make
from controller.backup.manifest import BackupError, Manifest
from controller.backup.restoring import restore, verify
from controller.backup.sources import Folders, sources
from controller.config import load_line
from controller.core.errors import DrylineError, StoreError
from controller.history import Reader, Store
from controller.history.schema import renew_identity
from tests.support.access_rig import BOSS, rig
from tests.support.documents import ROOT
from tests.support.history import T0_NS, batch
from tests.support.history_life import HistoryLife
from tests.support.ledger_life import LedgerLife
from tests.support.line_under_test import SHIPPED
from tests.support.stations_life import StationsLife

UNFINISHED = b'{"numb'
RUNNER = CliRunner()
CONFIG = load_line(SHIPPED)


def silent(*_: object) -> Callable[[int], None]:
    return lambda _: None


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with all stores, an audit trail, and things that are nobody's business."""
    home = tmp_path_factory.mktemp("lived")
    for life in (HistoryLife(home), StationsLife(home / "run"), LedgerLife(home / "run")):
        life.run(passing=True)
    part = home / "part"
    HistoryLife(part).run(passing=True)
    shutil.copy(part / "run" / "history.db", home / "run" / "history-coater.db")
    (home / "run" / "influx.token").write_text("secret of another folder")
    users(home)
    return home


def users(home: Path) -> None:
    """Somebody with a token who is logged in, keys, and a PLC that is trusted."""
    with rig(home / "access") as access:
        access.user("sato", Role.OPERATOR)
        scope = Scope(label="reports", permissions=frozenset({Permission.VIEW}))
        access.desk.make_token(BOSS, "sato", scope)
        access.login("sato")
        with (home / "run" / "audit.jsonl").open("wb") as stream:
            stream.write(access.trail.path.read_bytes() + UNFINISHED)
        access.database.path.rename(home / "run" / "access.db")
        for end in ("-wal", "-shm"):
            log = access.database.path.with_name(f"access.db{end}")
            log.rename(home / "run" / log.name)
    for name in ("own/controller.pem", "plc-password", "trusted/coater/5f.der", "lock"):
        path = home / "run" / "pki" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"key {name}")
        path.chmod(0o600)


@pytest.fixture
def home(lived: Path, tmp_path: Path) -> Path:
    """A copy of it to be spoilt."""
    return shutil.copytree(lived, tmp_path / "home")


def folders(home: Path) -> Folders:
    return Folders(home / "run", ROOT / "recipes", SHIPPED)


def backup(home: Path, name: str = "line.zip", *, force: bool = False) -> tuple[Path, Manifest]:
    target = home / name
    found = sources(CONFIG, folders(home))
    made = make(target, found, "pilot", "dryline 1", "2026-01-01T00:00:00Z", silent, force=force)
    return target, made


def places(folder: Path) -> dict[str, Path]:
    return {root: folder / root for root in ("run", "recipes", "line")}


# -- what is in it ---------------------------------------------------------------------------------


SECRETS = ("access.db", "pki/own/controller.pem", "pki/plc-password", "pki/trusted/coater/5f.der")


def test_users_tokens_and_keys_come_back_for_their_owner_alone(home: Path, tmp_path: Path) -> None:
    target, made = backup(home)
    assert {f"run/{name}" for name in SECRETS} <= {m.name for m in made.members}
    restore(target, places(tmp_path / "new"), silent(), silent)
    run = tmp_path / "new" / "run"
    for path in (run / "access.db", *(p for p in (run / "pki").rglob("*"))):
        assert path.stat().st_mode & 0o077 == 0, path
    assert (run / "audit.jsonl").stat().st_mode & 0o077 == 0
    with Database(run / "access.db") as database, database.reading() as change:
        (user,) = all_users(change)
        assert (user.name, user.roles, user.active) == ("sato", {Role.OPERATOR}, True)
        assert [token.label for token in all_tokens(change)] == ["reports"]


def test_nobody_is_logged_in_on_the_restored_line(home: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home / "run" / "access.db")) as live:
        (session,) = live.execute("SELECT hash FROM session").fetchone()
    target, _ = backup(home)
    restore(target, places(tmp_path / "new"), silent(), silent)
    restored = tmp_path / "new" / "run" / "access.db"
    assert session.encode() not in restored.read_bytes()
    with closing(sqlite3.connect(restored)) as db:
        for table in PASSING:
            (n,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
            assert n == 0


def test_a_store_of_users_of_an_earlier_program_is_brought_back(home: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home / "run" / "access.db")) as old:
        old.execute("DROP TABLE reset")
        old.execute("PRAGMA user_version=1")
    target, _ = backup(home)
    restore(target, places(tmp_path / "new"), silent(), silent)
    with Database(tmp_path / "new" / "run" / "access.db") as database, database.reading() as change:
        assert [user.name for user in all_users(change)] == ["sato"]
        assert change.row("SELECT count(*) FROM reset") == (0,)


def test_a_code_for_a_lost_password_is_in_no_backup(home: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home / "run" / "access.db")) as live:
        live.execute("INSERT INTO reset VALUES ('sato', 'hash-of-a-code', 'boot', 1)")
        live.commit()
    target, _ = backup(home)
    restore(target, places(tmp_path / "new"), silent(), silent)
    assert b"hash-of-a-code" not in (tmp_path / "new" / "run" / "access.db").read_bytes()


def test_the_manifest_tells_of_secrets_and_tells_none(home: Path) -> None:
    target, made = backup(home)
    assert any("private keys" in note for note in made.notes)
    manifest = zipfile.ZipFile(target).read("manifest.json")
    for secret in (b"key own", b"$argon2", b"dryline_"):
        assert secret not in manifest


def test_secrets_are_left_out_where_they_shall_be(home: Path) -> None:
    made = make(
        home / "bare.zip", sources(CONFIG, folders(home), secrets=False), "pilot", "dryline 1",
        "2026-01-01T00:00:00Z", silent,
    )  # fmt: skip
    assert not {f"run/{name}" for name in SECRETS} & {m.name for m in made.members}
    assert made.notes[0].startswith("without users")


def test_a_trail_that_was_found_broken_once_is_in_it_too(home: Path) -> None:
    (home / "run" / "audit.jsonl.broken-1").write_text('{"number": 1}\n')
    _, made = backup(home)
    assert "run/audit.jsonl.broken-1" in {m.name for m in made.members}


def test_a_backup_holds_all_stores_recipes_and_the_configuration(home: Path) -> None:
    target, made = backup(home)
    names = [m.name for m in made.members]
    stores = ["access.db", "history-coater.db", "history.db", "sinks/plant.db", "stations.db"]
    assert [n for n in names if n.endswith(".db")] == [f"run/{s}" for s in stores]
    assert {"run/audit.jsonl", "line/line.toml", "line/io_list.csv"} < set(names)
    assert "recipes/coater/nmc-standard/1.1.0.yaml" in names
    assert not {"run/influx.token", "run/pki/lock"} & set(names)
    assert target.stat().st_mode & 0o077 == 0
    assert [p.name for p in home.glob("line.zip*")] == ["line.zip"]


def test_a_growing_file_is_taken_in_whole_lines(home: Path) -> None:
    target, _ = backup(home)
    saved = zipfile.ZipFile(target).read("run/audit.jsonl")
    assert saved + UNFINISHED == (home / "run" / "audit.jsonl").read_bytes()
    assert saved.count(b"\n") == 4


def test_any_program_unpacks_it_and_finds_plain_databases(home: Path, tmp_path: Path) -> None:
    target, _ = backup(home)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "plain")
    with closing(sqlite3.connect(tmp_path / "plain" / "run" / "history.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM event").fetchone()[0] >= HistoryLife.STEPS


def test_all_stores_are_of_one_moment_however_much_is_written_meanwhile(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(home / "run" / "history.db")
    before = content_of_live(store.path)
    plain = making.content_of

    def busy(path: Path) -> str:
        store.commit(batch([(1, 1.0, 0, T0_NS + 10**15 + store.last_seq)]))
        return plain(path)

    monkeypatch.setattr(making, "content_of", busy)
    monkeypatch.setattr("controller.backup.copies.PAGES_AT_ONCE", 1)
    _, made = backup(home)
    found = {m.name: m.content for m in made.members}
    store.close()
    assert found["run/history.db"] == before
    assert content_of_live(store.path) != before


def content_of_live(path: Path) -> str:
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(path)) as a, closing(sqlite3.connect(copy)) as b:
        a.backup(b)
    try:
        return content_of(copy)
    finally:
        copy.unlink()


# -- the content hash ------------------------------------------------------------------------------


def test_the_content_hash_does_not_see_pages_or_identity(home: Path) -> None:
    path = home / "run" / "history.db"
    before = content_of(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        renew_identity(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert content_of(path) == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE chunk SET samples = x'00' WHERE id = (SELECT max(id) FROM chunk)",
        "UPDATE event SET text = text || ' ' WHERE id = 1",
        "UPDATE tag SET resolution = 0.1 WHERE id = 1",
        "DELETE FROM outbox",
        "UPDATE mark SET value = value + 1 WHERE name = 'used'",
        "PRAGMA user_version = 77",
        "CREATE TABLE more (x)",
    ],
)
def test_the_content_hash_sees_every_change_of_what_is_said(home: Path, change: str) -> None:
    path = home / "run" / "history.db"
    before = content_of(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(change)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert content_of(path) != before


# -- the way back ----------------------------------------------------------------------------------


def test_restored_on_an_empty_machine_everything_is_there_with_an_equal_hash(
    home: Path, tmp_path: Path
) -> None:
    target, made = backup(home)
    new = tmp_path / "new"
    assert restore(target, places(new), silent(), silent) == made
    assert not list(new.rglob("*.restore*")), "nothing temporary stays"
    for life, folder in (
        (HistoryLife, new),
        (StationsLife, new / "run"),
        (LedgerLife, new / "run"),
    ):
        life(folder).check(life.STEPS)
    assert (new / "line" / "line.toml").read_bytes() == (SHIPPED / "line.toml").read_bytes()
    again = make(
        tmp_path / "again.zip",
        sources(CONFIG, Folders(new / "run", new / "recipes", new / "line")),
        "pilot", "dryline 2", "2026-01-02T00:00:00Z", silent,
    )  # fmt: skip
    assert again.content == made.content


def test_a_restored_history_is_another_store_for_its_sinks(home: Path, tmp_path: Path) -> None:
    target, _ = backup(home)
    restore(target, {"run": tmp_path / "new"}, silent(), silent)

    def identity(path: Path) -> int:
        with closing(sqlite3.connect(path)) as connection:
            query = "SELECT value FROM mark WHERE name = 'identity'"
            return int(connection.execute(query).fetchone()[0])

    assert identity(tmp_path / "new" / "history.db") != identity(home / "run" / "history.db")


def test_what_is_not_wanted_is_left_out(home: Path, tmp_path: Path) -> None:
    target, _ = backup(home)
    restore(target, {"run": tmp_path / "new" / "run"}, silent(), silent)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["run"]


def test_an_empty_folder_that_is_there_is_filled_and_stays_the_same_folder(
    home: Path, tmp_path: Path
) -> None:
    target, _ = backup(home)
    (tmp_path / "run").mkdir()
    inode = (tmp_path / "run").stat().st_ino
    restore(target, {"run": tmp_path / "run"}, silent(), silent)
    assert (tmp_path / "run").stat().st_ino == inode
    with Reader(tmp_path / "run" / "history.db") as reader:
        assert len(reader.tags()) == 2


def test_a_folder_with_anything_in_it_is_refused_and_named(home: Path, tmp_path: Path) -> None:
    target, _ = backup(home)
    wanted = places(tmp_path)
    wanted["recipes"].mkdir()
    (wanted["recipes"] / "mine.yaml").write_text("x")
    with pytest.raises(BackupError, match=r"recipes: is not empty \(mine.yaml\)"):
        restore(target, wanted, silent(), silent)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "recipes"]


def test_a_restore_that_fails_at_any_move_leaves_nothing_behind(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, _ = backup(home)
    plain = Path.rename
    for fails_at in (1, 2, 3):
        moves = 0

        def failing(self: Path, new: Path, fails_at: int = fails_at) -> Path:
            nonlocal moves
            moves += 1
            if moves == fails_at:
                raise OSError(5, "Input/output error", str(self))
            return plain(self, new)

        monkeypatch.setattr(Path, "rename", failing)
        with pytest.raises(BackupError, match="Input/output error"):
            restore(target, places(tmp_path / "new"), silent(), silent)
        assert list((tmp_path / "new").iterdir()) == []


# -- refusals --------------------------------------------------------------------------------------


def test_an_older_backup_is_replaced_only_when_told_so_and_by_a_whole_one(home: Path) -> None:
    target, made = backup(home)
    with pytest.raises(DrylineError, match="--force"):
        backup(home)
    with closing(sqlite3.connect(home / "run" / "history.db")) as connection, connection:
        connection.execute("DELETE FROM event")
    _, newer = backup(home, force=True)
    assert newer.content != made.content
    assert verify(target, silent()) == newer


def test_a_failing_disk_leaves_no_half_backup(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("controller.backup.archive.SYNCED_BYTES", 2**14)
    monkeypatch.setattr("os.fdatasync", full)
    with pytest.raises(StoreError, match="No space left on device; no file is left"):
        backup(home)
    assert not list(home.glob("line.zip*"))


def test_too_little_room_is_told_before_anything_is_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, _ = backup(home)
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(BackupError, match="are free, about"):
        backup(home, "second.zip")
    with pytest.raises(BackupError, match="are needed"):
        restore(target, {"run": tmp_path / "new" / "run"}, silent(), silent)
    assert not (tmp_path / "new").exists()


def test_an_empty_run_folder_is_no_backup(tmp_path: Path) -> None:
    for run, told in ((tmp_path / "none", "no such run folder"), (tmp_path, "has a line run")):
        with pytest.raises(BackupError, match=told):
            sources(CONFIG, Folders(run, ROOT / "recipes", SHIPPED))


@pytest.mark.parametrize(
    "raw", [b"", b"PK", b"\0" * 500, SEAL + b"0" * SUM_BYTES], ids=["empty", "short", "zeros", "x"]
)
def test_a_foreign_file_is_refused_in_a_sentence(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "line.zip"
    path.write_bytes(raw)
    with pytest.raises(BackupError, match=r"no backup|does not fit"):
        verify(path, silent())
    with pytest.raises(BackupError):
        restore(path, {"run": tmp_path / "run"}, silent(), silent)
    assert not (tmp_path / "run").exists()


def test_a_damaged_store_in_a_backup_is_not_restored(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / "run" / "history.db"
    raw = bytearray(path.read_bytes())
    raw[4096 * 3 + 100 : 4096 * 3 + 3000] = b"\xff" * 2900
    path.write_bytes(raw)
    (home / "run" / "access.db").unlink()
    monkeypatch.setattr(making, "content_of", lambda _: "0" * 64)
    target, _ = backup(home)
    with pytest.raises(BackupError, match=r"history.*db: (was damaged|does not say|cannot be)"):
        restore(target, {"run": tmp_path / "new"}, silent(), silent)
    assert not (tmp_path / "new").exists()


# -- commands --------------------------------------------------------------------------------------


def test_commands_back_up_verify_and_restore_in_words_and_json(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "line.zip"
    run = str(home / "run")
    done = RUNNER.invoke(
        app, ["backup", str(target), "--run", run, "--recipes", str(ROOT / "recipes")]
    )
    assert done.exit_code == 0, done.output
    (content,) = [x.split()[-1] for x in done.output.splitlines() if x.startswith("Content hash")]
    checked = RUNNER.invoke(app, ["backup", "--verify", str(target), "--json"])
    assert json.loads(checked.output)["content"] == content
    new = [str(tmp_path / name) for name in ("run", "recipes", "line")]
    done = RUNNER.invoke(
        app, ["restore", str(target), "--run", new[0], "--recipes", new[1], "--line", new[2]]
    )
    assert done.exit_code == 0, done.output
    assert f"Content hash: {content}" in done.output
    (last,) = newest(home / "run" / "audit.jsonl", Wish(), 1)
    assert f"head {last.number}:{last.hash}" in done.output
    refused = RUNNER.invoke(app, ["restore", str(target), "--run", new[0]])
    assert refused.exit_code == 1
    assert "is not empty" in refused.output
    seen = RUNNER.invoke(app, ["inspect", "--run", new[0], "--line", new[2], "--json"])
    assert seen.exit_code == 0, seen.output
    assert json.loads(seen.output)["sound"]
    missing = RUNNER.invoke(app, ["backup", "--verify", str(tmp_path / "none.zip")])
    assert (missing.exit_code, "Traceback" in missing.output) == (1, False)


def test_a_restore_tells_what_it_left_out(home: Path, tmp_path: Path) -> None:
    target, _ = backup(home)
    done = RUNNER.invoke(app, ["restore", str(target), "--run", str(tmp_path / "new")])
    assert "Left out: recipes" in done.output
    assert "Left out: line" in done.output
