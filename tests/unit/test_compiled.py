"""Which plant a process gets: that of the sources, or compiled modules made from them."""

import sys
from pathlib import Path
from shutil import copytree

import pytest

from plc_sim import compiled
from plc_sim.compiled import CHOICE, GROUP, Finder, folder, modules, sources, use

SUFFIX = compiled.EXTENSION_SUFFIXES[0]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is compiled, and what is done to the way of imports is undone."""
    monkeypatch.setattr(compiled, "HOME", tmp_path / "compiled")
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.delenv(CHOICE)
    return tmp_path / "compiled"


def built(place: Path) -> Path:
    """A folder as the compiler leaves it."""
    (place / "plc_sim" / "models").mkdir(parents=True)
    for name in ("plc_sim/plc", "plc_sim/models/coater", f"{GROUP}__mypyc"):
        (place / f"{name}{SUFFIX}").write_bytes(b"")
    return place


def test_physics_and_programs_are_compiled_and_nothing_of_the_controller():
    names = {str(path.relative_to(compiled.PACKAGE)) for path in sources()}
    assert {"models/coater.py", "logic/enclosure.py", "plc.py", "lockstep.py"} <= names
    assert not [name for name in names if name.endswith("__init__.py")]
    assert {path.parts[0] for path in map(Path, names) if len(path.parts) > 1} == {
        "models",
        "logic",
    }


def test_without_compiled_modules_the_sources_are_used(home: Path):
    use()
    assert not compiled.in_use()
    home.mkdir()
    use()
    assert not compiled.in_use()


def test_compiled_modules_are_used_when_they_are_there(home: Path):
    built(folder())
    use()
    use()
    assert [type(finder) for finder in sys.meta_path].count(Finder) == 1
    assert compiled.in_use()


def test_they_are_not_used_when_a_source_has_changed_since(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    built(folder())
    monkeypatch.setattr(compiled, "PACKAGE", copytree(compiled.PACKAGE, tmp_path / "plc_sim"))
    assert folder().is_dir()
    with (tmp_path / "plc_sim" / "models" / "coater.py").open("a") as source:
        source.write("\n")
    use()
    assert not compiled.in_use()


def test_they_are_not_used_by_another_python(home: Path, monkeypatch: pytest.MonkeyPatch):
    built(folder())
    monkeypatch.setattr(compiled.sysconfig, "get_config_var", lambda _: "cpython-399-other")
    use()
    assert not compiled.in_use()


def test_python_can_be_asked_for(home: Path, monkeypatch: pytest.MonkeyPatch):
    built(folder())
    monkeypatch.setenv(CHOICE, "python")
    use()
    assert not compiled.in_use()


def test_who_asks_for_compiled_ones_is_told_when_there_are_none(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(CHOICE, "compiled")
    with pytest.raises(ImportError, match="make compiled"):
        use()
    built(folder())
    use()
    assert compiled.in_use()


def test_another_choice_is_refused_with_those_there_are(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(CHOICE, "fast")
    with pytest.raises(ImportError, match="DRYLINE_PLANT=fast: it is python or compiled"):
        use()


def test_the_finder_knows_its_modules_and_leaves_others_to_others(tmp_path: Path):
    place = built(tmp_path)
    assert set(modules(place)) == {"plc_sim.plc", "plc_sim.models.coater", f"{GROUP}__mypyc"}
    finder = Finder(place)
    spec = finder.find_spec("plc_sim.models.coater")
    assert spec is not None
    assert spec.origin == str(place / "plc_sim" / "models" / f"coater{SUFFIX}")
    assert finder.find_spec("plc_sim.models.quality") is None
