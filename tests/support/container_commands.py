"""Commands of containers, tried on the parsers of our own programs."""

import re
from collections.abc import Sequence
from typing import Any

import typer

import controller.containers.__main__
from controller.__main__ import app

PARSERS = {
    "controller.containers": controller.containers.__main__.parser,
}


def runs(words: Sequence[str]) -> str:
    """What a command runs, as "controller sim"; fails when it does not understand a word."""
    if words[:2] == ["python", "-c"]:
        compile(words[2], "command", "exec")
        return "python"
    assert words[:2] == ["python", "-m"], words
    module, arguments = words[2], [_plain(word) for word in words[3:]]
    if module == "controller":
        group: Any = typer.main.get_command(app)
        group.commands[arguments[0]].make_context(arguments[0], arguments[1:])
        return f"controller {arguments[0]}"
    given = PARSERS[module]().parse_args(arguments)
    return f"{module} {given.kind}" if "kind" in given else module


def _plain(word: str) -> str:
    """With the default in the place of a variable."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word)
