"""The memory of the stations on disk: whole or not at all."""

import json
import logging
import threading

import pytest

from controller.control.station_memory import Memory
from controller.memory_file import COPIES, MemoryFile, _sum


@pytest.fixture
def path(tmp_path):
    return tmp_path / "stations.json"


def memory(reason="", **settings):
    loops = {"L1": {"wanted": 1.0, "sp": 2.5, "kc": 1.0, "ti_s": 10.0, "td_s": 0.0}}
    return {"coater": Memory("HELD", reason, loops, settings)}


def test_what_was_saved_is_loaded(path):
    saved = memory("Riß im Film [rot]", V=5.0)
    assert MemoryFile(path).save(saved)
    assert MemoryFile(path).load() == saved


def test_without_a_file_there_is_nothing_to_remember(path):
    assert MemoryFile(path).load() == {}


def test_the_last_copies_are_kept(path):
    file = MemoryFile(path)
    for k in range(10):
        file.save(memory(V=float(k)))
    names = sorted(p.name for p in path.parent.iterdir())
    assert names == ["stations.1", "stations.2", "stations.json"][-COPIES:]
    assert file.load() == memory(V=9.0)
    path.unlink()
    assert MemoryFile(path).load() == memory(V=8.0)


def test_nothing_is_written_when_nothing_changed(path):
    file = MemoryFile(path)
    file.save(memory())
    before = path.stat().st_mtime_ns
    assert file.save(memory())
    assert path.stat().st_mtime_ns == before
    assert not path.with_suffix(".1").exists()


def reseal(body):
    return json.dumps({"version": 1, "sum": _sum(body), "body": body})


@pytest.mark.parametrize(
    "damage",
    [
        lambda t: "",
        lambda t: t[: len(t) // 2],
        lambda t: t.replace("HELD", "IDLE"),
        lambda t: t.replace('"version": 1', '"version": 2'),
        lambda t: "[]",
        lambda t: "null",
        lambda t: '{"version": 1, "sum": "x", "body": 5}',
        lambda t: reseal("[]"),
        lambda t: reseal('{"coater": {"no": 1}}'),
        lambda t: reseal('{"coater": 5}'),
    ],
)
def test_a_damaged_copy_is_never_believed_and_an_older_one_is(path, damage, caplog):
    file = MemoryFile(path)
    file.save(memory(V=1.0))
    file.save(memory(V=2.0))
    path.write_text(damage(path.read_text()))
    with caplog.at_level(logging.WARNING):
        assert MemoryFile(path).load() == memory(V=1.0)
    assert "stations.json is damaged" in caplog.text


def test_bytes_that_are_no_text_are_damage(path):
    path.write_bytes(b"\xff\xfe\x00")
    assert MemoryFile(path).load() == {}


def test_a_crash_between_the_renames_loses_nothing(path):
    file = MemoryFile(path)
    file.save(memory(V=1.0))
    path.replace(path.with_suffix(".1"))
    path.with_suffix(".new").write_text("half a fi")
    assert MemoryFile(path).load() == memory(V=1.0)


def test_a_disk_that_refuses_is_told_and_tried_again(path, monkeypatch, caplog):
    file = MemoryFile(path)
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
        assert not file.save(memory(V=1.0))
    assert "No space left" in caplog.text
    assert file.load() == {}
    assert file.save(memory(V=1.0))
    assert MemoryFile(path).load() == memory(V=1.0)


def test_saves_from_several_threads_do_not_tear_the_file(path):
    file = MemoryFile(path)
    failed = []

    def save(start):
        for k in range(20):
            if not file.save(memory(V=float(start + k))):
                failed.append(start + k)

    threads = [threading.Thread(target=save, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert MemoryFile(path).load()["coater"].settings["V"] % 100 == 19.0
