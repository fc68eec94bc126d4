"""docker-compose.yml and the Dockerfiles, judged without a container engine."""

from pathlib import Path
from typing import Any

import pytest
import typer

from controller.__main__ import app
from tests.support import dockerfile, plain_yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = ("controller/Dockerfile", "plc_sim/Dockerfile")
SERVICE_KEYS = frozenset(
    ("build", "cap_drop", "command", "depends_on", "image", "init", "network_mode", "read_only",
     "restart", "security_opt", "stop_grace_period", "tmpfs", "user", "volumes")
)  # fmt: skip
RUN = ["python", "-m", "controller"]


def compose() -> dict[str, Any]:
    return plain_yaml.read((ROOT / "docker-compose.yml").read_text())


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    assert found
    return found


def ignored() -> list[str]:
    return (ROOT / ".dockerignore").read_text().split("\n")


def parses(words: list[str]) -> str:
    """Name of the subcommand; fails when the command line does not know a word of it."""
    assert words[:3] == RUN
    group: Any = typer.main.get_command(app)
    name, *arguments = words[3:]
    plain = [a.replace("${DRYLINE_SPEED:-1}", "1") for a in arguments]
    group.commands[name].make_context(name, plain)
    return name


def test_compose_file_has_known_keys_only() -> None:
    assert compose().keys() <= {"name", "services", "volumes"}
    for name, service in services().items():
        assert service.keys() <= SERVICE_KEYS, name


def test_services_are_built_from_files_that_exist() -> None:
    for service in services().values():
        build = service["build"]
        assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    assert {s["build"]["dockerfile"] for s in services().values()} == set(DOCKERFILES)


def test_controller_shares_the_network_of_the_plant_and_waits_for_it() -> None:
    controller = services()["controller"]
    assert controller["network_mode"] == "service:plant"
    assert controller["depends_on"] == {"plant": {"condition": "service_healthy"}}


def test_services_name_volumes_that_are_declared() -> None:
    declared = set(compose()["volumes"])
    for service in services().values():
        for volume in service["volumes"]:
            source, target = volume.split(":")
            assert source in declared
            assert target == "/run/dryline"


def test_services_run_without_rights_and_publish_nothing() -> None:
    for service in services().values():
        assert service["user"] == "10001:10001"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "ports" not in service


def test_service_commands_are_commands_of_ours() -> None:
    names = {name: parses(service["command"]) for name, service in services().items()}
    assert names == {"plant": "sim", "controller": "controller"}


@pytest.mark.parametrize("path", DOCKERFILES)
def test_dockerfile_has_no_problems(path: str) -> None:
    text = (ROOT / path).read_text()
    assert dockerfile.problems(text, ROOT, ignored()) == []


@pytest.mark.parametrize("path", DOCKERFILES)
def test_dockerfile_pins_python_and_packages(path: str) -> None:
    steps = dockerfile.parse((ROOT / path).read_text())
    assert steps[0].text == "python:3.11-slim"
    installs = [s.text for s in steps if s.name == "RUN" and "pip install" in s.text]
    assert installs
    assert all("--require-hashes -r requirements.lock" in text for text in installs)


@pytest.mark.parametrize("path", DOCKERFILES)
def test_dockerfile_commands_are_commands_of_ours(path: str) -> None:
    for step in dockerfile.parse((ROOT / path).read_text()):
        if step.name in ("CMD", "HEALTHCHECK"):
            assert parses(dockerfile.words(step.text[step.text.index("[") :]))


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


@pytest.mark.parametrize(
    "bad",
    ["a: &x b\n", "a: [1, 2]\n", "a:\n\tb: c\n", "a: b\na: c\n", "a: no\n", "a: 12:30\n",
     "a: b: c\n", "a:\n   b: c\n", "a: |\n  text\n", 'a: "open\n', "- a\n", "a: 'b'\n"],
)  # fmt: skip
def test_yaml_reader_refuses(bad: str) -> None:
    with pytest.raises(plain_yaml.YamlError):
        plain_yaml.read(bad)


def test_yaml_reader_reads_what_it_accepts() -> None:
    text = '# c\na:\n  b: "1"\n  c:\n    - x:y\n    - -m\nd: true\ne:\n'
    assert plain_yaml.read(text) == {
        "a": {"b": "1", "c": ["x:y", "-m"]},
        "d": True,
        "e": None,
    }
