"""The commands of the documents: every one parses, the short ones are run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from controller.__main__ import app
from tests.support import documents
from tests.support.documents import ROOT

GROUP: Any = typer.main.get_command(app)
RUN = ("dryline check", "dryline tags enclosure")  # the README's commands that need no line
LONG = ("dryline score",)  # would take too long here; parsed only
CONSOLE = [  # tutorials show what their commands print, and are carried out: test_tutorial.py
    (f.document, line)
    for p in documents.documents()
    for f in documents.fences(p)
    if f.language == "console" and "tutorials" not in p.parts
    for line in f.text.splitlines()
]
COMMANDS = sorted({(d, line.removeprefix("$ ")) for d, line in CONSOLE})
SENTENCE = re.compile(r"dryline ([a-z]+)(?: |$)")


def test_console_blocks_hold_commands_only() -> None:
    assert [(d, line) for d, line in CONSOLE if not line.startswith("$ ")] == []
    assert COMMANDS


@pytest.mark.parametrize(("document", "text"), COMMANDS)
def test_command_of_a_document_parses(
    document: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "night.csv").write_text("")  # the schedule that a how-to tells to save
    monkeypatch.chdir(tmp_path)
    words = shlex.split(text)
    if words[0] == "make":
        assert {word for word in words[1:] if "=" not in word} <= targets(), document
    elif words[0] == "find":
        assert words[-1] == "-delete"
    elif words[0] == "cp":
        assert len(words) == 3
    elif words[0] == "export":
        assert re.fullmatch(r"export( [A-Z0-9_]+=(\$\([^)]*\)|\S+))+", text)
    elif words[0] == "docker":
        assert words[1] == "compose"
        if words[2] == "-f":
            assert (ROOT / words[3]).is_file()
            del words[2:4]
        assert words[2] in ("up", "exec", "down", "logs")
        if "controller" in words[4:]:
            parse(words[words.index("controller", 4) + 1 :])
    else:
        assert words[0] == "dryline", f"{document}: no rule for {text!r}"
        parse(words[1:])


def parse(words: list[str]) -> None:
    """Fail when the command line does not know the subcommand or one of its options."""
    name, *arguments = words
    assert name in GROUP.commands, name
    GROUP.commands[name].make_context(name, arguments)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", documents.documents(), ids=documents.name)
def test_commands_in_sentences_exist(path: Path) -> None:
    for word in documents.code_words(path):
        if match := SENTENCE.match(word):
            assert match[1] in GROUP.commands, word
        if word.startswith("make "):
            assert word.split()[1] in targets(), word


def test_readme_says_what_is_run_here() -> None:
    told = [c for d, c in COMMANDS if d == "README.md"]
    assert set(RUN + LONG) <= set(told)
    assert {"make demo", "make test"} <= set(told)


@pytest.mark.parametrize("text", RUN)
def test_short_command_of_the_readme_succeeds(text: str, tmp_path: Path) -> None:
    done = dryline(shlex.split(text)[1:], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "enclosure" in done.stdout or "ENC." in done.stdout


def test_help_names_every_command(tmp_path: Path) -> None:
    done = dryline(["--help"], tmp_path)
    assert done.returncode == 0
    assert [name for name in GROUP.commands if name not in done.stdout] == []


def test_unknown_command_ends_with_exit_code_two(tmp_path: Path) -> None:
    done = dryline(["fly"], tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""


def test_a_command_without_a_line_says_what_to_do(tmp_path: Path) -> None:
    done = dryline(["status"], tmp_path)
    assert done.returncode == 1
    assert "dryline up" in done.stderr


def dryline(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "controller", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=110, check=False
    )
