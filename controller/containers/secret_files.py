"""Secrets in files that exactly one service may read. Made once, never printed, never changed.

Nobody in the containers is root. Whoever makes the files owns them and belongs to one group for
each reader; a reader belongs to its group alone.
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from controller.core.errors import DrylineError
from controller.whole_file import SECRET, whole_file

MODE = 0o440  # the owner and the one group
BYTES = 32


class Secret(NamedTuple):
    """One file. group: number of the group whose members may read it."""

    name: str
    group: int


INFLUX, GRAFANA, CONTROLLER = 10011, 10012, 10013  # groups of readers, as in docker-compose.yml

INFLUX_PASSWORD = Secret("influx-admin-password", INFLUX)
INFLUX_TOKEN = Secret("influx-admin-token", INFLUX)
GRAFANA_PASSWORD = Secret("grafana-admin-password", GRAFANA)
READ_TOKEN = Secret("influx-read-token", GRAFANA)  # these two come from the database
WRITE_TOKEN = Secret("influx-write-token", CONTROLLER)
RANDOM = (INFLUX_PASSWORD, INFLUX_TOKEN, GRAFANA_PASSWORD)


def make_secrets(folder: Path, wanted: Sequence[Secret] = RANDOM) -> list[str]:
    """Make those that are missing, 64 random hexadecimal digits each; their names."""
    made = []
    for secret in wanted:
        if read_secret(folder, secret):
            with (folder / secret.name).open("rb") as stream:
                _restrict(stream.fileno(), folder / secret.name, secret.group)
        else:
            write_secret(folder, secret, secrets.token_hex(BYTES))
            made.append(secret.name)
    return made


def read_secret(folder: Path, secret: Secret) -> str:
    """What the file holds; "" when there is none."""
    try:
        return (folder / secret.name).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise DrylineError(f"{folder / secret.name}: cannot be read: {error.strerror}") from error


def write_secret(folder: Path, secret: Secret, text: str) -> None:
    """Replace the file, whole or not at all; at no moment may others read it."""
    path = folder / secret.name
    with whole_file(path, force=True, mode=SECRET) as stream:
        stream.write(text.encode("ascii"))
        _restrict(stream.fileno(), path, secret.group)


def _restrict(fd: int, path: Path, group: int) -> None:
    try:
        found = os.fstat(fd)
        if found.st_gid != group:
            os.fchown(fd, -1, group)
        if found.st_mode & 0o777 != MODE:
            os.fchmod(fd, MODE)
    except OSError as error:
        raise DrylineError(
            f"{path}: cannot be given to group {group}: {error.strerror}; "
            "this user must own it and belong to that group"
        ) from error
