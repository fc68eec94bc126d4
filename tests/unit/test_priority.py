"""Commands that work long let the line go first, from their first moment on."""

import os
import subprocess
import sys

import pytest

from controller.__main__ import app
from controller.priority import NICENESS, POLITE
from tests.support.documents import ROOT

TOLD = (
    "import builtins, os, sys\n"
    "begun = os.nice(0)\n"
    "plain = builtins.__import__\n"
    "def first(name, *others, **more):\n"
    "    if name == 'typer':\n"
    "        print(os.nice(0) - begun)\n"
    "        os._exit(0)\n"
    "    return plain(name, *others, **more)\n"
    "builtins.__import__ = first\n"
    "import controller.__main__\n"
)


@pytest.mark.parametrize(("word", "stepped"), [("backup", NICENESS), ("controller", 0), ("", 0)])
def test_a_command_steps_back_before_it_is_loaded(word: str, stepped: int) -> None:
    command = [sys.executable, "-c", TOLD, *([word] if word else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) == min(stepped, 19 - os.nice(0))


def test_only_commands_that_there_are_step_back() -> None:
    names = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    assert names | {group.name for group in app.registered_groups} >= POLITE
