"""Files that appear whole or not at all, and what is told when they do not."""

import os
import stat
from pathlib import Path

import pytest

from controller import whole_file as module
from controller.core.errors import DrylineError, StoreError
from controller.whole_file import PUBLIC, SECRET, replace_file, whole_file


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_until_it_is_whole_a_file_has_another_name(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with whole_file(path) as stream:
        stream.write(b"12")
        assert names(tmp_path) == ["x.csv.part"]
        stream.seek(0)
        stream.write(b"3")
        stream.seek(0)
        assert stream.read() == b"32"
    assert names(tmp_path) == ["x.csv"]
    assert path.read_bytes() == b"32"


def test_two_writers_of_one_file_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with whole_file(path) as first:
        first.write(b"one")
        with pytest.raises(DrylineError, match="another process"), whole_file(path):
            pass
    assert path.read_bytes() == b"one"


def test_what_a_killed_process_left_is_thrown_away_with_its_rights(tmp_path: Path) -> None:
    left = tmp_path / "x.csv.part"
    left.write_bytes(b"left behind by somebody")
    left.chmod(0o666)
    with whole_file(tmp_path / "x.csv", mode=SECRET) as stream:
        assert rights(left) == SECRET
        stream.write(b"new")
    assert (tmp_path / "x.csv").read_bytes() == b"new"
    assert names(tmp_path) == ["x.csv"]


def test_what_was_left_read_only_is_thrown_away_too(tmp_path: Path) -> None:
    left = tmp_path / "x.csv.part"
    left.write_bytes(b"left")
    left.chmod(0o440)
    replace_file(tmp_path / "x.csv", b"new")
    with whole_file(tmp_path / "x.csv", force=True) as stream:
        stream.write(b"newer")
    assert names(tmp_path) == ["x.csv"]


def test_somebody_who_was_faster_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"

    def write_mine() -> None:
        with whole_file(path) as stream:
            stream.write(b"mine")
            path.write_bytes(b"theirs")

    with pytest.raises(DrylineError, match="is there already"):
        write_mine()
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == ["x.csv"]


def test_without_hard_links_it_is_put_in_place_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr("os.link", no_links)
    with whole_file(tmp_path / "x.csv") as stream:
        stream.write(b"whole")
    assert (tmp_path / "x.csv").read_bytes() == b"whole"


def test_nobody_is_led_elsewhere_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "x.csv.part").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=r"x\.csv: cannot be written"):
        whole_file(tmp_path / "x.csv").__enter__()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [SECRET, PUBLIC])
def test_something_small_is_replaced_with_the_rights_that_it_shall_have(
    tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "key.pem"
    path.write_text("old")
    path.chmod(0o666)
    replace_file(path, "neu \N{LATIN SMALL LETTER U WITH DIAERESIS}\n", mode)
    assert path.read_bytes() == b"neu \xc3\xbc\n"
    assert rights(path) == mode & ~umask()
    assert names(tmp_path) == ["key.pem"]


def umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def test_a_disk_that_does_not_sync_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "x.json"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match=r"cannot be written: No space.*the old one stays"):
        replace_file(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["x.json"]


def test_a_folder_that_does_not_sync_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "sync_folder", broken)
    with pytest.raises(StoreError, match="it is there, but a power cut may take it away"):
        replace_file(tmp_path / "x.json", "new")
    assert names(tmp_path) == ["x.json"]


def test_what_could_not_be_read_for_it_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match=r"x\.csv: cannot be written: /nowhere/y: No such file"),
        whole_file(tmp_path / "x.csv"),
    ):
        Path("/nowhere/y").read_bytes()
    assert names(tmp_path) == []
