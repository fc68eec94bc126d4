"""The Dockerfiles, judged without a container engine."""

import pytest

from tests.support import dockerfile
from tests.support.container_commands import runs
from tests.support.documents import ROOT

WITH_PACKAGES = ("controller/Dockerfile", "plc_sim/Dockerfile")
DOCKERFILES = WITH_PACKAGES

each_file = pytest.mark.parametrize("path", DOCKERFILES)


def ignored() -> list[str]:
    return (ROOT / ".dockerignore").read_text().split("\n")


def steps(path: str) -> list[dockerfile.Instruction]:
    return dockerfile.parse((ROOT / path).read_text())


def test_every_dockerfile_is_checked() -> None:
    found = {p.relative_to(ROOT).as_posix() for p in ROOT.glob("*/Dockerfile")}
    assert found == set(DOCKERFILES)


@each_file
def test_dockerfile_has_no_problems(path: str) -> None:
    assert dockerfile.problems((ROOT / path).read_text(), ROOT, ignored()) == []


@each_file
def test_dockerfile_pins_python(path: str) -> None:
    assert steps(path)[0].text == "python:3.11-slim"


@pytest.mark.parametrize("path", WITH_PACKAGES)
def test_dockerfile_pins_packages(path: str) -> None:
    installs = [s.text for s in steps(path) if s.name == "RUN" and "pip install" in s.text]
    assert installs
    assert all("--require-hashes -r requirements.lock" in text for text in installs)


@each_file
def test_dockerfile_commands_are_commands_of_ours(path: str) -> None:
    commands = [s for s in steps(path) if s.name in ("CMD", "HEALTHCHECK")]
    assert len(commands) == 2
    for step in commands:
        assert runs(dockerfile.words(step.text[step.text.index("[") :]))


def test_folders_of_volumes_belong_to_who_writes_them() -> None:
    """A named volume takes the owner of the folder of the image that is mounted first."""
    text = " ".join(s.text for s in steps("controller/Dockerfile") if s.name == "RUN")
    assert "useradd --uid 10001" in text
    assert "chown dryline:dryline /run/dryline " in text
    assert "chown 10002:10002 /run/dryline-secrets" in text


GOOD = """FROM python:3
USER 1
COPY controller ./
HEALTHCHECK CMD ["a"]
CMD ["a"]
"""


@pytest.mark.parametrize(
    ("line", "instead", "problem"),
    [
        ("FROM python:3", "FROM python", "without a tag"),
        ("FROM python:3", "FROM python:latest", "without a tag"),
        ("USER 1", "USER root", "root"),
        ("COPY controller ./", "COPY nowhere ./", "not in the build context"),
        ("COPY controller ./", "COPY tests ./", "kept out"),
        ('\nCMD ["a"]', "\nCMD a", "JSON list"),
        ('\nCMD ["a"]', "", "one CMD"),
        ('HEALTHCHECK CMD ["a"]', "HEALTHCHECK a", "needs CMD"),
    ],
)
def test_dockerfile_check_finds(line: str, instead: str, problem: str) -> None:
    assert dockerfile.problems(GOOD, ROOT, ignored()) == []
    bad = GOOD.replace(line, instead)
    assert any(problem in p for p in dockerfile.problems(bad, ROOT, ignored()))


@pytest.mark.parametrize("bad", ["FRON x\n", "RUN\n", "RUN a \\\n"])
def test_dockerfile_reader_refuses(bad: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        dockerfile.parse(bad)
