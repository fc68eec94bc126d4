"""Commands for users: `dryline user add|list|role|disable|enable|password|reset|...`.

Changes go through the API where one runs, else they are made in the run folder itself: whoever
owns the folder is its terminal. Passwords are typed, or read from standard input; never an
argument, which every user of the machine could read.
"""

import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.table import Table

from controller.access.database import STORE, Database
from controller.access.desk import UserDesk
from controller.access.identity import TERMINAL, Actor
from controller.access.passwords import Passwords
from controller.access.roles import Permission, Role
from controller.access.script_tokens import Scope, ScriptToken
from controller.access.secret import Secret
from controller.access.users import User, roles_text, tidy_name
from controller.audit.export import utc_text
from controller.audit.moment import moments
from controller.audit.trail import TRAIL, Trail
from controller.cli import AsJson, RunFolder, print_json, screen, told
from controller.cli.api_client import NO_REASON, change
from controller.core.errors import DrylineError
from controller.runs.bundle_check import printable

MAX_STDIN = 1024

Name = Annotated[str, typer.Argument(help="Name of a user.")]
Reason = Annotated[str, typer.Option(help="Why; recorded in the audit trail.")]
Roles = Annotated[
    list[Role], typer.Option("--role", help="May be given several times; the rights add up.")
]
Result = TypeVar("Result")

commands = typer.Typer(no_args_is_help=True, help="Users, their roles, and tokens for scripts.")
tokens = typer.Typer(no_args_is_help=True, help="Tokens for scripts.")
commands.add_typer(tokens, name="token")


@contextmanager
def desk_of(run: Path) -> Iterator[UserDesk]:
    """The users of a run folder, whose owner is taken at his word."""
    now = moments()
    with Trail(run / TRAIL, now) as trail, Database(run / STORE) as database:
        yield UserDesk(database, Passwords(), trail, now)


def _do(run: Path, work: Callable[[UserDesk, Actor], Result]) -> Result:
    def done() -> Result:
        with desk_of(run) as desk:
            return work(desk, Actor(getpass.getuser(), TERMINAL))

    return told(done)


def _changed(run: Path, method: str, path: str, **body: Any) -> dict[str, Any] | None:
    """By way of the API; None where none runs, and the folder itself is to be changed."""
    body["reason"] = body["reason"] or NO_REASON
    return told(lambda: change(run, method, path, body))


def _path(*parts: str) -> str:
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _new_password() -> Secret:
    """Typed twice, or one line of standard input."""
    if not sys.stdin.isatty():
        return Secret(sys.stdin.readline(MAX_STDIN).rstrip("\r\n"))
    first, again = getpass.getpass("New password: "), getpass.getpass("Once more: ")
    if first != again:
        raise DrylineError("the two are not the same; nothing was changed")
    return Secret(first)


def _say(text: str) -> None:
    screen.print(printable(text), markup=False, highlight=False, soft_wrap=True)


@commands.command()
def add(
    name: Name, role: Roles, run: RunFolder = Path("run"),
    display: Annotated[str, typer.Option("--name", help="The name that screens show.")] = "",
    reason: Reason = "",
) -> None:  # fmt: skip
    """Add a user; asks for the password."""
    password = told(_new_password)
    given = {"password": password.reveal(), "display": display, "reason": reason}
    done = _changed(run, "POST", "/users", name=name, roles=[r.value for r in role], **given)
    if done is None:
        _do(run, lambda desk, by: desk.add(by, name, role, password, display, reason))
    _say(f"{tidy_name(name)} added: {roles_text(frozenset(role))}")


@commands.command("list")
def list_(run: RunFolder = Path("run"), json: AsJson = False) -> None:
    """List the users."""
    users = _do(run, lambda desk, _: desk.users()) if (run / STORE).exists() else []
    if json:
        print_json([_row(user) for user in users])
        return
    if not users:
        _say("No users yet: dryline user add NAME --role administrator")
        return
    table = Table("name", "shown as", "roles", "state", "second factor")
    for user in users:
        cells = (user.name, user.display, roles_text(user.roles))
        state = "active" if user.active else "disabled"
        table.add_row(*(escape(printable(c)) for c in cells), state, "yes" if user.factor else "")
    screen.print(table)


@commands.command("role")
def role_(name: Name, role: Roles, run: RunFolder = Path("run"), reason: Reason = "") -> None:
    """Give a user these roles in place of those he has; his sessions end."""
    body = {"roles": [r.value for r in role], "reason": reason}
    if _changed(run, "PUT", _path("users", name, "roles"), **body) is None:
        _do(run, lambda desk, by: desk.set_roles(by, name, role, reason))
    _say(f"{tidy_name(name)}: {roles_text(frozenset(role))}")


@commands.command()
def disable(name: Name, run: RunFolder = Path("run"), reason: Reason = "") -> None:
    """Let a user in no more; his sessions end. Names are never deleted: records name them."""
    if _changed(run, "POST", _path("users", name, "disable"), reason=reason) is None:
        _do(run, lambda desk, by: desk.disable(by, name, reason))
    _say(f"{name} is disabled")


@commands.command()
def enable(name: Name, run: RunFolder = Path("run"), reason: Reason = "") -> None:
    """Let a disabled user in again."""
    if _changed(run, "POST", _path("users", name, "enable"), reason=reason) is None:
        _do(run, lambda desk, by: desk.enable(by, name, reason))
    _say(f"{name} may log in again")


@commands.command()
def password(name: Name, run: RunFolder = Path("run"), reason: Reason = "") -> None:
    """Give a user another password; his sessions end."""
    new = told(_new_password)
    body = {"password": new.reveal(), "reason": reason}
    if _changed(run, "PUT", _path("users", name, "password"), **body) is None:
        _do(run, lambda desk, by: desk.set_password(by, name, new, reason))
    _say(f"{name} has a new password")


@commands.command()
def reset(name: Name, run: RunFolder = Path("run"), reason: Reason = "") -> None:
    """Print a code with which a user chooses a new password at the login; the old one ends."""
    found = _changed(run, "POST", _path("users", name, "reset"), reason=reason)
    if found is None:
        code = _do(run, lambda desk, by: desk.make_reset(by, name, reason)).reveal()
    else:
        code = found["code"]
    _say(f"Code for {tidy_name(name)}, good once and for an hour: {code}")


@commands.command()
def invite(run: RunFolder = Path("run")) -> None:
    """Print a code with which the first administrator sets himself up in the browser."""
    code = _do(run, lambda desk, by: desk.invite(by))
    _say(f"Code for the first administrator, good once and for an hour: {code.reveal()}")


@commands.command("remove-factor")
def remove_factor(
    name: Name, reason: Annotated[str, typer.Option(help="Why; recorded.")],
    run: RunFolder = Path("run"),
) -> None:  # fmt: skip
    """Take away the second factor of somebody who lost telephone and codes."""
    if _changed(run, "POST", _path("users", name, "remove-factor"), reason=reason) is None:
        _do(run, lambda desk, by: desk.remove_factor(by, name, reason))
    _say(f"{name} logs in with the password alone")


@tokens.command("add")
def add_token(
    owner: Annotated[str, typer.Argument(help="User whose script it is.")],
    label: Annotated[str, typer.Option(help="What it is for.")],
    may: Annotated[list[Permission], typer.Option(help="What it may; several times for more.")],
    run: RunFolder = Path("run"),
    station: Annotated[list[str] | None, typer.Option(help="Only these stations.")] = None,
    address: Annotated[str, typer.Option(help="Good from this address only.")] = "",
    days: Annotated[int, typer.Option(min=1, help="How long it is good.")] = 90,
) -> None:
    """Make a token for a script; it is printed once."""
    scope = Scope(
        label=label, permissions=frozenset(may), address=address, days=days,
        stations=frozenset(station) if station else None,
    )  # fmt: skip
    secret, made = _do(run, lambda desk, by: desk.make_token(by, owner, scope))
    _say(f"token {made.id} for {made.label}, good until {utc_text(made.expires_ns)}:")
    _say(secret.reveal())


@tokens.command("list")
def list_tokens(run: RunFolder = Path("run"), json: AsJson = False) -> None:
    """List the tokens, newest first."""
    found = _do(run, lambda desk, _: desk.tokens()) if (run / STORE).exists() else []
    if json:
        print_json([_token_row(token) for token in found])
        return
    if not found:
        _say("No tokens: dryline user token add")
        return
    table = Table("id", "label", "of", "may", "good until", "last used", "ended")
    for token in found:
        row = _token_row(token)
        cells = (row["id"], row["label"], row["owner"], ", ".join(row["permissions"]),
                 row["expires"], row["used"] or "never", row["ended"])  # fmt: skip
        table.add_row(*(escape(printable(str(c))) for c in cells))
    screen.print(table)


@tokens.command("end")
def end_token(
    own: Annotated[str, typer.Argument(metavar="ID", help="Id of a token.")],
    run: RunFolder = Path("run"), reason: Reason = "",
) -> None:  # fmt: skip
    """Make a token good for nothing."""
    if _changed(run, "POST", _path("tokens", own, "end"), reason=reason) is None:
        _do(run, lambda desk, by: desk.end_token(by, own, reason))
    _say(f"token {own} is over")


def _row(user: User) -> dict[str, Any]:
    return {
        "name": user.name, "display": user.display, "active": user.active,
        "roles": [role.value for role in Role if role in user.roles],
        "second_factor": user.factor, "made": utc_text(user.made_ns),
    }  # fmt: skip


def _token_row(token: ScriptToken) -> dict[str, Any]:
    return {
        "id": token.id, "label": token.label, "owner": token.owner,
        "permissions": sorted(p.value for p in token.permissions),
        "stations": None if token.stations is None else sorted(token.stations),
        "address": token.address, "made": utc_text(token.made_ns),
        "expires": utc_text(token.expires_ns),
        "used": utc_text(token.used_ns) if token.used_ns else "", "ended": token.ended,
    }  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(commands, name="user")
