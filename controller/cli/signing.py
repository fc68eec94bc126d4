"""Signing at the terminal: who are the users, a person's password, a witness for ledgers.

A password is typed, or read from a file or standard input; it is never an argument, which every
user of the machine could read.
"""

import getpass
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from controller.access.database import STORE, Database
from controller.access.door import Door
from controller.access.identity import TERMINAL, Actor
from controller.access.ledger_witness import LedgerWitness
from controller.access.passwords import Passwords
from controller.access.secret import Secret
from controller.access.signature import Proof, Signature, Wanted, sign_at_terminal
from controller.access.users import User, all_users, tidy_name
from controller.audit.moment import moments
from controller.audit.trail import TRAIL, Trail
from controller.config import load_line
from controller.core.errors import DrylineError

MAX_LINE = 1024
STDIN = Path("-")

PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        help="File with your password, - for standard input; its second line: a one-time code.",
    ),
]


def users_of(run: Path) -> list[User]:
    """The users of a run folder; none where there is no store of them."""
    if not (run / STORE).exists():
        return []
    with Database(run / STORE) as database, database.reading() as change:
        return all_users(change)


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody who signs. line: folder of the line, whose settings say what is asked of him."""

    run: Path
    line: Path
    proof: Proof

    def sign(self, trail: Trail, wanted: Wanted) -> Signature:
        """Refused when he may not, or is not who he says."""
        settings = load_line(self.line).api
        now = moments()
        with Database(self.run / STORE) as database:
            door = Door(database, Passwords(), trail, now, settings.access("", 0))
            return sign_at_terminal(door, trail, now, self.proof, wanted)


def proof_of(by: str, users: Sequence[User], password_file: Path | None) -> Proof:
    """Ask somebody for his password. by: his name, "" for the user of this machine."""
    name = tidy_name(by or getpass.getuser())
    user = next((u for u in users if u.name == name), None)
    if user is None:
        known = ", ".join(u.name for u in users)
        raise DrylineError(f"{name} is no user of this line; name one with --by: {known}")
    password, code = _typed(user, password_file)
    return Proof(name=name, password=password, code=code)


def _typed(user: User, file: Path | None) -> tuple[Secret, Secret]:
    if file is not None and file != STDIN:
        return _lines(_first_of(file))
    if file == STDIN or not sys.stdin.isatty():
        return _lines([sys.stdin.readline(MAX_LINE), sys.stdin.readline(MAX_LINE)])
    password = Secret(getpass.getpass(f"Password of {user.name}: "))
    code = Secret(getpass.getpass("One-time code: ") if user.factor else "")
    return password, code


def _first_of(file: Path) -> list[str]:
    try:
        with file.open(encoding="utf-8") as stream:
            if os.fstat(stream.fileno()).st_mode & 0o077:
                raise DrylineError(f"{file}: others can read this password: chmod 600 it")
            return [stream.readline(MAX_LINE), stream.readline(MAX_LINE)]
    except (OSError, ValueError) as error:
        raise DrylineError(f"{file}: cannot be read") from error


def _lines(lines: Sequence[str]) -> tuple[Secret, Secret]:
    first, second = (Secret(line.rstrip("\r\n")) for line in lines)
    return first, second


@contextmanager
def witness_of(
    run: Path, by: str, users: Sequence[User], signer: Signer | None, say: Callable[[str], None]
) -> Iterator[LedgerWitness | None]:
    """Who stands beside a change of a ledger; None, and said so, where there is no run folder."""
    if not run.is_dir():
        say(f"no run folder {run}: this goes into no audit trail; name it with --run")
        yield None
        return
    with Trail(run / TRAIL, moments()) as trail:
        signing = partial(signer.sign, trail) if signer else None
        yield LedgerWitness(trail=trail, by=Actor(by, TERMINAL), users=users, signing=signing)
