"""`dryline inspect` finds every kind of damage, in words, and changes nothing."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.__main__ import app
from controller.backup.inspecting import Report, inspect_run
from controller.backup.manifest import BackupError
from controller.config import load_line
from controller.history import Store
from tests.support.history import T0_NS, batch
from tests.support.history_life import HistoryLife
from tests.support.ledger_life import LedgerLife
from tests.support.line_under_test import SHIPPED
from tests.support.stations_life import StationsLife

CONFIG = load_line(SHIPPED)


def silent(*_: object) -> Callable[[int], None]:
    return lambda _: None


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("lived")
    for life in (HistoryLife(home), StationsLife(home / "run"), LedgerLife(home / "run")):
        life.run(passing=True)
    store = Store.open(home / "run" / "history.db")
    store.commit(batch([(1, 1.0, 0, T0_NS + 10**16)]))
    store.close()
    return home / "run"


@pytest.fixture
def run(lived: Path, tmp_path: Path) -> Path:
    return shutil.copytree(lived, tmp_path / "run")


def look(run: Path) -> Report:
    return inspect_run(CONFIG, run, silent)


def damage(report: Report) -> dict[str, list[str]]:
    return {looked.name: looked.damage for looked in report.files if looked.damage}


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute(statement).rowcount != 0, "nothing was changed"


def test_a_sound_folder_is_sound_and_its_figures_are_told(run: Path) -> None:
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    report = look(run)
    assert report.sound, damage(report)
    assert [looked.name for looked in report.files] == [
        "history.db", "stations.db", "sinks/plant.db",
    ]  # fmt: skip
    history = report.files[0].figures
    assert history["chunks"] > 10
    assert history["roll-ups made again"] >= 1
    with closing(sqlite3.connect(run / "history.db")) as connection:
        (waiting,) = connection.execute("SELECT sum(n) FROM journal").fetchone()
    assert history["samples in the journal"] == waiting >= 1
    assert history["unsent rows"] > 0
    assert {p: p.read_bytes() for p in before} == before


HISTORY = {
    "journal": ("UPDATE journal SET columns = zeroblob(length(columns))", "fails its checksum"),
    "chunk": (
        "UPDATE chunk SET samples = zeroblob(length(samples)) WHERE id ="
        " (SELECT max(id) FROM chunk WHERE samples IS NOT NULL)", "fails its checksum",
    ),
    "roll-up": ("UPDATE chunk SET rollup = x'00' WHERE id = 2", "roll-up of tag"),
    "ten seconds": (
        "UPDATE chunk SET ten_s = x'00' WHERE ten_s IS NOT NULL AND length(ten_s) > 0",
        "ten-second rows",
    ),
    "outbox": ("UPDATE outbox_columns SET columns = x'00'", "outbox: "),
    "exchanged tag": ("UPDATE chunk SET tag = 3 - tag", "fails its checksum"),
    "overlap": (
        "INSERT INTO chunk (tag, t_min, t_max, n, rollup_crc, crc, rollup, samples)"
        " SELECT tag, t_min, t_max, n, rollup_crc, crc, rollup, samples FROM chunk"
        " WHERE samples IS NOT NULL LIMIT 1", "inside another",
    ),
    "identity": ("PRAGMA application_id = 5", "is not a Dryline history"),
}  # fmt: skip


@pytest.mark.parametrize("what", HISTORY)
def test_damage_of_a_history_is_found(run: Path, what: str) -> None:
    statement, told = HISTORY[what]
    change(run / "history.db", statement)
    found = damage(look(run))
    assert list(found) == ["history.db"]
    assert any(told in text for text in found["history.db"]), found


def test_roll_ups_that_are_not_those_of_the_samples_are_found(run: Path) -> None:
    """A checksum alone does not see a program that computed something wrong."""
    with closing(sqlite3.connect(run / "history.db", isolation_level=None)) as connection:
        first, tag, t_min, t_max = connection.execute(
            "SELECT id, tag, t_min, t_max FROM chunk ORDER BY id LIMIT 1"
        ).fetchone()
        other = connection.execute(
            "SELECT rollup, samples, crc, n, t_min, t_max, tag FROM chunk"
            " WHERE samples IS NOT NULL ORDER BY id DESC LIMIT 1"
        ).fetchone()
        connection.execute("DELETE FROM chunk WHERE id < (SELECT max(id) FROM chunk)")
        connection.execute("UPDATE chunk SET id = 1")
    from controller.history import rollup  # noqa: PLC0415
    from controller.history.rows import pack_rollup, unpack_chunk  # noqa: PLC0415
    from controller.history.shared_times import SharedTimes  # noqa: PLC0415

    _, samples, crc, n, t_min, t_max, tag = other
    with closing(sqlite3.connect(run / "history.db")) as connection:
        raw = unpack_chunk(tag, t_min, t_max, n, crc, samples, SharedTimes(connection))
    rows = rollup.rows_over(raw, rollup.MINUTE_NS, rollup.MINUTE_NS)
    rows.maximum[0] += 1.0
    renewed = pack_rollup(tag, t_min, t_max, rows)
    with closing(sqlite3.connect(run / "history.db", isolation_level=None)) as connection:
        connection.execute("UPDATE chunk SET rollup_crc = ?, rollup = ?", renewed)
    assert "are not those of its samples" in damage(look(run))["history.db"][0]
    assert first == 1


STATIONS = {
    "memory": ("UPDATE station SET memory = '{'", "memory of calender"),
    "recipe": ("UPDATE recipe SET text = text || 'x' WHERE title LIKE '%1.3.0'", "film@1.3.0"),
    "recipe gone": ("DELETE FROM recipe WHERE title LIKE '%1.4.0'", "deployment 4 of coater"),
    "entry gone": ("DELETE FROM entry WHERE number = 5", "89 entries, numbered 1 to 90"),
    "entry": ("UPDATE entry SET data = '{' WHERE number = 7", "entry 7 of run"),
    "head": ("UPDATE run SET head = '[]'", "run calender-20260101-000000"),
    "trial": ("UPDATE trial SET body = ''", "trial t"),
    "version": ("PRAGMA user_version = 99", "version 99"),
}


@pytest.mark.parametrize("what", STATIONS)
def test_damage_of_the_station_store_is_found(run: Path, what: str) -> None:
    statement, told = STATIONS[what]
    change(run / "stations.db", statement)
    found = damage(look(run))
    assert list(found) == ["stations.db"]
    assert any(told in text for text in found["stations.db"]), found


def test_damage_of_a_ledger_is_found(run: Path) -> None:
    change(run / "sinks" / "plant.db", "UPDATE gap SET hi = 10000 WHERE lo = 3")
    assert "gap 3..10000" in damage(look(run))["sinks/plant.db"][0]


@pytest.mark.parametrize("name", ["history.db", "stations.db", "sinks/plant.db"])
@pytest.mark.parametrize("how", ["page", "foreign", "cut"])
def test_a_file_whose_pages_are_damaged_is_told_without_a_traceback(
    run: Path, name: str, how: str
) -> None:
    path = run / name
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = bytearray(path.read_bytes())
    if how == "page":
        raw[4096 * 2 : 4096 * 4] = b"\xff" * 8192
    path.write_bytes({"page": raw, "foreign": b"not a database" * 500, "cut": raw[:9000]}[how])
    assert list(damage(look(run))) == [name]


def test_what_was_set_aside_and_what_lies_in_quarantine_is_told_but_is_no_damage(run: Path) -> None:
    change(run / "history.db", "UPDATE journal SET columns = zeroblob(length(columns))")
    with closing(Store.open(run / "history.db")) as store:
        assert store.found_broken
    (run / "stations.db.damaged-1").write_bytes(b"old")
    (run / "stations.db.damaged-1-wal").write_bytes(b"old")
    report = look(run)
    assert report.sound
    history, stations, _ = report.files
    assert "lie in quarantine" in history.notes[0]
    assert stations.notes == [
        "stations.db.damaged-1 lies beside it: it was found damaged once and set aside"
    ]


def test_an_empty_folder_is_not_sound(tmp_path: Path) -> None:
    for run in (tmp_path, tmp_path / "none"):
        with pytest.raises(BackupError):
            look(run)


def test_the_command_tells_damage_and_ends_with_1(run: Path) -> None:
    sound = CliRunner().invoke(app, ["inspect", "--run", str(run)])
    assert (sound.exit_code, "3 files, no damage." in sound.output) == (0, True)
    change(run / "stations.db", "UPDATE station SET memory = '{'")
    found = CliRunner().invoke(app, ["inspect", "--run", str(run)])
    assert found.exit_code == 1
    assert "DAMAGED  stations.db" in found.output
    assert "memory of coater: cannot be understood" in found.output
    assert "1 of 3 files are damaged." in found.output
