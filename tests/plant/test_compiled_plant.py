"""The plant compiled by the real compiler: the same samples as in Python, bit for bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plc_sim import compiled, compiling
from plc_sim.compiling import CompileError, compile_plant
from tests.support.documents import ROOT

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def place() -> Path:
    """Where the compiled plant of these sources is."""
    return compile_plant()


def rehearsed(plant: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.rehearsed"], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {compiled.CHOICE: plant}, check=True,
    )  # fmt: skip
    found: dict[str, str] = json.loads(done.stdout)
    assert found.pop("plant") == plant
    return found


def test_every_module_is_there_and_what_is_there_is_not_made_again(place: Path):
    made = compiled.modules(place)
    wanted = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in compiled.sources()}
    assert wanted < set(made)
    before = {path: path.stat().st_mtime_ns for path in made.values()}
    assert compile_plant() == place
    assert {path: path.stat().st_mtime_ns for path in made.values()} == before


def test_what_a_killed_compilation_left_is_removed_by_a_later_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    old, new = home / ".building-old", home / ".building-new"
    for left in (old, new):
        (left / "c").mkdir(parents=True)
    os.utime(old, (0.0, 0.0))
    monkeypatch.setattr(compiling, "_child", lambda *_: "same\n")
    with pytest.raises(FileNotFoundError):  # for nothing was built
        compile_plant()
    assert list(home.iterdir()) == [new]  # which may be at work


def test_rehearsals_are_the_same_to_the_bit(place: Path):
    python, quick = rehearsed("python"), rehearsed("compiled")
    assert quick == python
    assert len(set(python.values())) == 4  # the line and three stations, none like another


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is compiled."""
    monkeypatch.setattr(compiled, "HOME", tmp_path / "compiled")
    return tmp_path / "compiled"


def test_without_a_compiler_one_is_told_what_to_install_and_nothing_is_left(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("CC", "/no/such/compiler")
    monkeypatch.setattr(sys, "argv", ["compiling"])
    assert compiling.main() == 1
    told = capsys.readouterr().err
    assert "the plant was not compiled" in told
    assert "/no/such/compiler" in told
    assert "gcc and python3-dev" in told
    assert list(home.iterdir()) == []


def test_a_plant_with_other_samples_is_not_put_in_place(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    answers = {"--build": "", "--prove python": "aa\n"}
    monkeypatch.setattr(
        compiling, "_child",
        lambda *words: answers.get(words[0], answers.get(" ".join(words), "bb\n")),
    )  # fmt: skip
    with pytest.raises(CompileError, match=r"other samples than the Python \(bb, not aa\)"):
        compile_plant()
    assert list(home.iterdir()) == []


def test_the_proof_tells_another_plant(place: Path, tmp_path: Path):
    """Both sides of the proof are what they say: a folder without modules proves nothing."""
    with pytest.raises(CompileError, match="is not the plant to be proven"):
        compiling._child("--prove", str(tmp_path))
