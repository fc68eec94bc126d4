"""Every wrong configuration of the corpus is told in exactly the expected words."""

import subprocess
import sys
from pathlib import Path

import pytest

from controller.config import check, load_line
from controller.core.errors import ConfigError
from tests.support.line_cases import build
from tests.support.line_modules import STAND_INS

CORPUS = Path(__file__).parent / "config"
BASE = CORPUS / "base"
CASES = sorted(path.parent for path in CORPUS.glob("*/case.toml"))


def test_base_of_the_corpus_is_right() -> None:
    config, problems = check(BASE, STAND_INS)
    assert problems == []
    assert config is not None
    assert config.warnings == ()


def test_corpus_is_complete() -> None:
    assert len(CASES) >= 45
    folders = {path for path in CORPUS.iterdir() if path.is_dir() and path != BASE}
    assert folders == set(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_wrong_configuration_is_told_exactly(case: Path, tmp_path: Path) -> None:
    folder = build(BASE, case, tmp_path / "line")
    expected = (case / "expected.txt").read_text(encoding="utf-8").splitlines()
    config, problems = check(folder, STAND_INS)
    assert [str(problem) for problem in problems] == expected
    assert config is None
    with pytest.raises(ConfigError) as caught:
        load_line(folder, STAND_INS)
    assert str(caught.value).split("\n") == expected


def test_installed_drivers_take_the_base_and_refuse_every_case(tmp_path: Path) -> None:
    assert load_line(BASE).warnings == ()
    for case in CASES:
        config, problems = check(build(BASE, case, tmp_path / case.name))
        assert config is None, case.name
        assert problems, case.name


def run_dryline(cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "controller", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("command", "name"),
    [("check", "toml_syntax"), ("check", "row_with_many_mistakes"), ("up", "unit_unknown")],
)
def test_command_line_tells_the_same_and_starts_nothing(
    command: str, name: str, tmp_path: Path
) -> None:
    folder = build(BASE, CORPUS / name, tmp_path / "line")
    expected = (CORPUS / name / "expected.txt").read_text(encoding="utf-8").splitlines()
    done = run_dryline(tmp_path, command, "--line", str(folder))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[: len(expected)] == expected
    assert [path.name for path in tmp_path.iterdir()] == ["line"]
