"""Changing users: every change is one transaction, and none happens that is not in the audit trail.

The record is written, durably, just before the commit: when the trail cannot take it nothing is
changed. A kill between the two leaves a record of a change that did not happen, never a change
without a record. Refusals are recorded too.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from controller.access import factors, resets, script_tokens, sessions
from controller.access.chance import code_to_type, hash_of, tidied
from controller.access.database import Change, Database
from controller.access.identity import TERMINAL, Actor
from controller.access.passwords import Passwords, require_good
from controller.access.roles import Role
from controller.access.script_tokens import Scope, ScriptToken
from controller.access.secret import Secret
from controller.access.sessions import Session
from controller.access.settings import AccessSettings
from controller.access.users import (
    Ended,
    User,
    administrators,
    all_users,
    insert,
    require_administrator_left,
    require_found,
    roles_text,
    set_active,
    set_password,
    set_roles,
    tidy_name,
)
from controller.audit.moment import Now
from controller.audit.record import Category, Entry, Result, Value
from controller.audit.refusals import mark_recorded
from controller.audit.trail import Trail
from controller.clock import NS
from controller.core.errors import Refused, StoreError

INVITATION_GROUPS = 6  # 147 bits


@dataclass(slots=True)
class _Told:
    """What the record of a change says beside who and what."""

    old: Value = None
    new: Value = None
    detail: str = ""
    prepared: str = ""  # not told


class UserDesk:
    """What administrators, the terminal, and users about themselves may change.

    It does not ask who may: a route asks `identity.require`, the terminal belongs to whoever owns
    the run folder. Methods that take a password hash it: call them in a thread.
    """

    def __init__(
        self, database: Database, passwords: Passwords, trail: Trail, now: Now,
        settings: AccessSettings | None = None,
    ) -> None:  # fmt: skip
        self._database, self._passwords, self._trail = database, passwords, trail
        self._now = now
        self._settings = settings or AccessSettings()

    def users(self) -> list[User]:
        """Everybody."""
        with self._database.reading() as change:
            return all_users(change)

    def has_administrator(self) -> bool:
        """Somebody can administer users."""
        with self._database.reading() as change:
            return bool(administrators(change))

    def add(
        self, by: Actor, name: str, roles: Collection[Role], password: Secret, display: str = "",
        reason: str = "",
    ) -> User:  # fmt: skip
        """A new user."""

        def prepare() -> str:
            return self._hashed(password, tidy_name(name), display)

        with self._change(by, "add", name, reason, prepare=prepare) as (change, told):
            told.new = roles_text(roles)
            return self._insert(change, name, display, roles, told.prepared)

    def set_roles(self, by: Actor, name: str, roles: Collection[Role], reason: str = "") -> User:
        """Other roles; his sessions end. The last administrator stays one."""
        with self._change(by, "roles", name, reason) as (change, told):
            user = require_found(change, tidy_name(name))
            _require_roles(roles)
            told.old, told.new = roles_text(user.roles), roles_text(roles)
            set_roles(change, user, roles)
            if Role.ADMINISTRATOR in user.roles:
                require_administrator_left(change)
            return require_found(change, user.name)

    def disable(self, by: Actor, name: str, reason: str = "") -> None:
        """Nobody logs in with this name; his sessions end and his tokens are refused."""
        with self._change(by, "disable", name, reason) as (change, told):
            user = require_found(change, tidy_name(name))
            told.old, told.new = user.active, False
            set_active(change, user, active=False)
            if Role.ADMINISTRATOR in user.roles:
                require_administrator_left(change)

    def enable(self, by: Actor, name: str, reason: str = "") -> None:
        """The name may be used again, with its old password."""
        with self._change(by, "enable", name, reason) as (change, told):
            user = require_found(change, tidy_name(name))
            told.old, told.new = user.active, True
            set_active(change, user, active=True)

    def set_password(self, by: Actor, name: str, password: Secret, reason: str = "") -> None:
        """Another password; his sessions end."""

        def prepare() -> str:
            with self._database.reading() as change:
                user = require_found(change, tidy_name(name))
            return self._hashed(password, user.name, user.display)

        with self._change(by, "password", name, reason, prepare=prepare) as (change, told):
            user = require_found(change, tidy_name(name))
            set_password(change, user, told.prepared, self._now().utc_ns)

    # -- lost passwords --------------------------------------------------------------------------

    def make_reset(self, by: Actor, name: str, reason: str = "") -> Secret:
        """A code with which somebody chooses a new password, shown this once; his password and his
        sessions end. One's own is chosen with the old one, or at the terminal."""
        with self._change(by, "make reset code", name, reason) as (change, _):
            user = require_found(change, tidy_name(name))
            if by.name == user.name and by.source != TERMINAL:
                raise Refused("own", ["choose another password for yourself under your account"])
            return resets.make(change, user, self._now())

    def accept_reset(
        self, name: str, code: Secret, password: Secret, factor: Secret, source: str
    ) -> None:
        """Another password in exchange for the code. `Door.reset_password` slows down who guesses.

        factor: of the second factor, for who has one.
        """
        name = tidy_name(name)

        def prepare() -> str:
            with self._database.reading() as change:  # before it costs a hash
                known = resets.require_right(change, name, code, self._now(), self._settings)
            return self._hashed(password, name, known.user.display)

        by = Actor(name, source)
        with self._change(by, "reset password", name, "", prepare=prepare) as (change, told):
            moment = self._now()
            user = resets.use_up(change, name, code, factor, moment, self._settings)
            set_password(change, user, told.prepared, moment.utc_ns)

    # -- second factors --------------------------------------------------------------------------

    def begin_factor(self, by: Actor, name: str) -> Secret:
        """A key for the telephone; it counts after `finish_factor`."""
        with self._change(by, "second factor begun", name, "") as (change, _):
            return factors.begin_setup(change, require_found(change, tidy_name(name)))

    def finish_factor(self, by: Actor, name: str, code: Secret) -> list[Secret]:
        """The key counts; codes for a lost telephone, shown this once."""
        with self._change(by, "second factor set up", name, "") as (change, told):
            user = require_found(change, tidy_name(name))
            told.old, told.new = user.factor, True
            return factors.finish_setup(change, user, code, self._now().utc_ns / NS)

    def remove_factor(self, by: Actor, name: str, reason: str) -> None:
        """For a lost telephone, when the codes are lost too."""
        with self._change(by, "second factor removed", name, reason) as (change, told):
            user = require_found(change, tidy_name(name))
            told.old, told.new = user.factor, False
            factors.remove(change, user)

    # -- sessions --------------------------------------------------------------------------------

    def sessions(self, user: str = "") -> list[Session]:
        """Open ones, of one user when he is named."""
        with self._database.reading() as change:
            return sessions.open_ones(change, self._now(), self._settings, user)

    def end_session(self, by: Actor, own: str, reason: str = "", user: str = "") -> None:
        """End a session by its id, the connections it holds with it. user: only one of his."""
        with self._change(by, "end session", own, reason) as (change, told):
            open_ones = sessions.open_ones(change, self._now(), self._settings, user)
            found = next((s for s in open_ones if s.id == own), None)
            if found is None:
                raise Refused("unknown", ["there is no such session, or it is over"])
            told.detail = f"of {found.user.name} from {found.address}"
            sessions.end(change, found.key, Ended.LOGOUT if user else Ended.ADMINISTRATOR)

    # -- tokens ----------------------------------------------------------------------------------

    def tokens(self) -> list[ScriptToken]:
        """Every token there is or was."""
        with self._database.reading() as change:
            return script_tokens.all_tokens(change)

    def make_token(self, by: Actor, owner: str, scope: Scope) -> tuple[Secret, ScriptToken]:
        """A token for a script, shown this once."""
        with self._change(by, "make token", owner, "", Category.TOKEN) as (change, told):
            user = require_found(change, tidy_name(owner))
            secret, token = script_tokens.make(change, user, scope, self._now())
            told.new = ", ".join(sorted(token.permissions))
            stations = "all" if token.stations is None else ", ".join(sorted(token.stations))
            told.detail = f"{token.id} {token.label}; {scope.days} days; stations {stations}"
            return secret, token

    def end_token(self, by: Actor, own: str, reason: str) -> None:
        """A token is good for nothing any more."""
        with self._change(by, "end token", own, reason, Category.TOKEN) as (change, told):
            token = script_tokens.end(change, own, f"by {by.name}")
            told.detail = f"{token.label} of {token.owner}"

    # -- the first administrator -----------------------------------------------------------------

    def invite(self, by: Actor) -> Secret:
        """A code with which the first administrator sets himself up; good once, for an hour.

        Only while there is none; an earlier code is good no more.
        """
        with self._change(by, "invite", "first administrator", "") as (change, _):
            self._require_no_administrator(change)
            code, moment = code_to_type(INVITATION_GROUPS), self._now()
            change.run("DELETE FROM invitation")
            change.run("INSERT INTO invitation VALUES (?, ?, ?)",
                       hash_of(code), moment.boot, moment.mono_ns)  # fmt: skip
            return code

    def accept_invitation(
        self, code: Secret, name: str, password: Secret, display: str, source: str
    ) -> User:
        """The first administrator. `Door.accept_invitation` slows down who guesses."""
        by = Actor("first administrator", source)

        def prepare() -> str:
            with self._database.reading() as change:
                self._require_invitation(change, code)  # before it costs a hash
            return self._hashed(password, tidy_name(name), display)

        with self._change(by, "accept invitation", name, "", prepare=prepare) as (change, told):
            self._require_invitation(change, code)
            change.run("DELETE FROM invitation")
            told.new = roles_text([Role.ADMINISTRATOR])
            return self._insert(change, name, display, [Role.ADMINISTRATOR], told.prepared)

    def _require_no_administrator(self, change: Change) -> None:
        if administrators(change):
            raise Refused("invitation", ["there is an administrator: ask one of them"])

    def _require_invitation(self, change: Change, code: Secret) -> None:
        self._require_no_administrator(change)
        moment = self._now()
        row = change.row("SELECT boot, made_ns FROM invitation WHERE hash = ?",
                         hash_of(tidied(code)))  # fmt: skip
        age_s = moment.seconds_since(row[1], row[0]) if row else None
        if age_s is None or not 0.0 <= age_s < self._settings.invitation_s:
            told = "this code is wrong, used or too old: `dryline user invite` prints a new one"
            raise Refused("invitation", [told])

    # -- parts -----------------------------------------------------------------------------------

    def _insert(
        self, change: Change, name: str, display: str, roles: Collection[Role], hashed: str
    ) -> User:
        _require_roles(roles)
        return insert(change, tidy_name(name), display, roles, hashed, self._now().utc_ns)

    def _hashed(self, password: Secret, name: str, display: str) -> str:
        """What is stored of a good password. Takes its time, so before a transaction begins."""
        require_good(password, [name, display, self._settings.line])
        return self._passwords.hash(password)

    @contextmanager
    def _change(
        self, by: Actor, action: str, target: str, reason: str,
        category: Category = Category.USER, prepare: Callable[[], str] | None = None,
    ) -> Iterator[tuple[Change, _Told]]:  # fmt: skip
        told = _Told()

        def entry(result: Result, code: str = "ok", detail: str = "") -> Entry:
            return Entry(
                category=category, action=action, actor=by.name, source=by.source, target=target,
                old=told.old, new=told.new, reason=reason, result=result, code=code,
                detail=detail or told.detail,
            )  # fmt: skip

        try:
            told.prepared = prepare() if prepare else ""
            with self._database.changing(
                lambda: _written(self._trail, entry(Result.ACCEPTED))
            ) as change:
                yield change, told
        except Refused as refused:
            self._trail.note(entry(Result.REFUSED, refused.code, "; ".join(refused.reasons)))
            mark_recorded(refused)
            raise
        except StoreError as error:
            self._trail.note(entry(Result.FAILED, "store", str(error)))
            mark_recorded(error)
            raise


def _written(trail: Trail, entry: Entry) -> None:
    trail.append(entry)


def _require_roles(roles: Collection[Role]) -> None:
    if not roles:
        known = ", ".join(Role)
        raise Refused("roles", [f"name at least one role: {known}; or disable the user"])
