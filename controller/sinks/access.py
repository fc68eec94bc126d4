"""The secret of a sink: from the environment or from a file, never from the configuration."""

import os
from pathlib import Path
from typing import NamedTuple

MAX_BYTES = 4096


class Token(NamedTuple):
    """A token, "" when none is configured; or what is wrong with where it should be."""

    text: str = ""
    problem: str = ""


def read_token(env: str, file: str, folder: Path) -> Token:
    """The token of an environment variable or of a file, whichever is named."""
    if env:
        text = os.environ.get(env, "").strip()
        where = f"environment variable {env}"
    elif file:
        where = f"file {file}"
        try:
            with (folder / file).open("rb") as stream:
                text = stream.read(MAX_BYTES).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            return Token(problem=f"no token: {where}: {error}")
    else:
        return Token()
    if not text or not text.isprintable() or " " in text:
        return Token(problem=f"no token: {where} holds none")
    return Token(text)


def read_password(env: str, file: str, folder: Path) -> Token:
    """As `read_token`, for a password: of any characters, to the end of the line."""
    if env:
        text, where = os.environ.get(env, ""), f"environment variable {env}"
    elif file:
        where = f"file {file}"
        try:
            with (folder / file).open("rb") as stream:
                text = stream.read(MAX_BYTES).decode()
        except (OSError, UnicodeDecodeError) as error:
            return Token(problem=f"no password: {where}: {error}")
    else:
        return Token()
    text = text.rstrip("\r\n")
    if not text or not text.isprintable():
        return Token(problem=f"no password: {where} holds none")
    return Token(text)
