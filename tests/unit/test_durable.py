"""Folders and logs that a power cut does not take back."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from controller.durable import make_folder, write_ahead


def test_every_new_name_is_synced_in_the_folder_that_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(
        "controller.durable.sync_folder", lambda f: synced.append(f.relative_to(tmp_path))
    )
    make_folder(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()
    assert synced == [Path(), Path("a"), Path("a/b")]
    make_folder(tmp_path / "a" / "b" / "c")
    assert len(synced) == 3, "what is there is not made again"


def test_a_folder_that_could_not_be_synced_is_not_taken_for_durable_by_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="Input/output"):
            make_folder(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_store_without_a_write_ahead_log_is_refused(tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(":memory:")) as memory,
        pytest.raises(sqlite3.OperationalError, match="journal mode is 'memory'"),
    ):
        write_ahead(memory)
    with closing(sqlite3.connect(tmp_path / "x.db")) as store:
        write_ahead(store)
        assert store.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert store.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_store_whose_log_may_lose_its_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with (
        closing(sqlite3.connect(tmp_path / "x.db")) as store,
        pytest.raises(sqlite3.OperationalError, match="folder cannot be synced: Input/output"),
    ):
        write_ahead(store)
