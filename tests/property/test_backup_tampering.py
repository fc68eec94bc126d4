"""A backup with any byte changed is refused; a rebuilt one writes nowhere but in its folders."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.backup.archive import SEAL, SUM_BYTES, Writer
from controller.backup.making import make
from controller.backup.manifest import (
    MANIFEST,
    BackupError,
    Kind,
    Manifest,
    Member,
    content_sum,
)
from controller.backup.restoring import restore, verify
from controller.backup.sources import Source
from controller.history import Store
from tests.support.history import T0_NS, batch, make_tag

PLAIN = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def silent(*_: object) -> Callable[[int], None]:
    return lambda _: None


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    store = Store.open(folder / "history.db")
    (tag,) = store.catalogue([make_tag("UP")]).tolist()
    store.commit(batch([(tag, float(k), 0, T0_NS + k) for k in range(50)]))
    store.close()
    (folder / "a.yaml").write_text("name: a\n")
    found = [
        Source("recipes/a.yaml", Kind.PLAIN, folder / "a.yaml"),
        Source("run/history.db", Kind.HISTORY, folder / "history.db"),
    ]
    make(folder / "line.zip", found, "pilot", "dryline", "2026-01-01T00:00:00Z", silent)
    return (folder / "line.zip").read_bytes()


def refused(folder: Path, raw: bytes) -> str:
    """What is said of these bytes as a backup; nothing is written for them."""
    path = folder / "tampered.zip"
    path.write_bytes(raw)
    with pytest.raises(BackupError) as said:
        verify(path, silent())
    place = folder / "out" / "run"
    with pytest.raises(BackupError):
        restore(path, {"run": place, "recipes": folder / "out" / "recipes"}, silent(), silent)
    assert not place.exists()
    assert sorted(p.name for p in folder.iterdir() if p.name != "out") == ["tampered.zip"]
    return str(said.value)


@PLAIN
@given(data=st.data())
def test_any_changed_byte_is_refused(whole: bytes, tmp_path: Path, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole) - 1))
    flip = data.draw(st.integers(1, 255))
    refused(tmp_path, whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])


@PLAIN
@given(data=st.data())
def test_any_cut_insertion_or_swap_is_refused(
    whole: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    a, b = sorted(data.draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
    more = data.draw(st.binary(min_size=1, max_size=20))
    other = data.draw(
        st.sampled_from([whole[:b], whole[a:], whole[:a] + whole[b:], whole[:a] + more + whole[a:]])
    )
    if other != whole:
        refused(tmp_path, other)


def rebuilt(members: list[tuple[str, bytes]], manifest: dict[str, object] | None = None) -> bytes:
    """A whole new archive with a seal that fits, as somebody makes it who knows how."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in members:
            archive.writestr(name, raw)
        if manifest is not None:
            archive.writestr(MANIFEST, json.dumps(manifest))
        archive.comment = SEAL + bytes(SUM_BYTES)
    raw = stream.getvalue()[:-SUM_BYTES]
    return raw + hashlib.sha256(raw).hexdigest().encode()


def listed(members: list[tuple[str, bytes]], **other: object) -> dict[str, object]:
    rows = []
    for name, raw in members:
        own = hashlib.sha256(raw).hexdigest()
        rows.append(
            {"name": name, "kind": "plain", "size": len(raw), "sha256": own, "content": own} | other
        )
    lines = "".join(f"{r['content']}  {r['name']}\n" for r in rows)
    return {
        "backup": "dryline-line", "format": 1, "line": "x", "software": "x", "made_utc": "x",
        "members": rows, "content": hashlib.sha256(lines.encode()).hexdigest(), "notes": [],
    }  # fmt: skip


def test_a_rebuilt_backup_with_fitting_sums_is_a_backup(tmp_path: Path) -> None:
    """So that the refusals below are for their own reasons."""
    files = [("recipes/a.yaml", b"a"), ("run/epoch.json", b"{}")]
    path = tmp_path / "x.zip"
    path.write_bytes(rebuilt(files, listed(files)))
    restore(path, {"run": tmp_path / "run"}, silent(), silent)
    assert (tmp_path / "run" / "epoch.json").read_bytes() == b"{}"


@pytest.mark.parametrize(
    "name",
    ["../evil", "run/../../evil", "/evil", "run//evil", "run/.hidden", "run", "run/", "run/a\\b",
     "other/a", "run/a\n", "run/a/b/c/d/e/f/g", "run/" + "a" * 200, "C:/a", "run/./a"],
)  # fmt: skip
def test_no_name_leads_out_of_the_folders(tmp_path: Path, name: str) -> None:
    files = [(name, b"evil")]
    assert "name" in refused(tmp_path, rebuilt(files, listed(files)))


@pytest.mark.parametrize(
    "names",
    [("run/a", "run/a"), ("run/A", "run/a"), ("run/a", "run/a/b"), ("run/b", "run/a")],
    ids=["twice", "twice on some disks", "file and folder", "order"],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_get_in_each_others_way_are_refused(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    files = [(name, b"x") for name in names]
    refused(tmp_path, rebuilt(files, listed(files)))


def test_what_is_packed_in_addition_or_missing_is_refused(tmp_path: Path) -> None:
    files = [("recipes/a.yaml", b"a"), ("run/b", b"b")]
    assert "not those" in refused(tmp_path, rebuilt(files, listed(files[:1])))
    assert "not those" in refused(tmp_path, rebuilt(files[:1], listed(files)))
    assert MANIFEST in refused(tmp_path, rebuilt(files))


def test_a_file_that_is_longer_than_it_says_is_not_unpacked_further(tmp_path: Path) -> None:
    bomb = [("run/bomb", bytes(50_000_000))]
    assert "longer" in refused(tmp_path, rebuilt(bomb, listed(bomb, size=1000)))


def test_more_than_the_disk_holds_is_refused_before_unpacking(tmp_path: Path) -> None:
    files = [("run/huge", b"x")]
    path = tmp_path / "huge.zip"
    path.write_bytes(rebuilt(files, listed(files, size=2**45)))
    with pytest.raises(BackupError, match="MB are needed"):
        restore(path, {"run": tmp_path / "run"}, silent(), silent)


@PLAIN
@given(raw=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_manifest_raises_anything_but_a_refusal(raw: bytes) -> None:
    with pytest.raises(BackupError):
        Manifest.from_bytes(raw)


NAMES = st.from_regex(r"(run|recipes|line)/[a-z]{1,8}(/[a-z0-9][a-z0-9.]{0,7})?", fullmatch=True)


@settings(max_examples=50, deadline=None)
@given(
    files=st.dictionaries(NAMES, st.lists(st.binary(max_size=3000), max_size=4), max_size=6),
    pack=st.booleans(),
)
def test_what_is_put_in_comes_out(
    files: dict[str, list[bytes]], tmp_path_factory: pytest.TempPathFactory, *, pack: bool
) -> None:
    folder = tmp_path_factory.mktemp("x")
    path = folder / "x.zip"
    members = []
    with path.open("wb") as stream, Writer(stream) as writer:
        for name in sorted(files):
            done = writer.add(name, files[name], 2**40 * pack, pack=pack, told=silent())
            members.append(
                Member(name=name, kind=Kind.PLAIN, size=done.size, sha256=done.sha256,
                       content=done.sha256)
            )  # fmt: skip
        told = Manifest(
            line="x", software="x", made_utc="x", members=tuple(members),
            content=content_sum(members),
        )  # fmt: skip
        try:
            Manifest.from_bytes(told.to_bytes())
        except BackupError:
            return  # a file with the name of a folder
        writer.finish(told)
    places = {root: folder / root for root in ("run", "recipes", "line")}
    assert restore(path, places, silent(), silent) == told
    for name, pieces in files.items():
        assert (folder / name).read_bytes() == b"".join(pieces)
