"""The door: logins, sessions, tokens, re-entered passwords. What a network API asks first.

Everything here blocks, on the disk for a moment and on a password for 0.1 to 0.3 s: call it in a
thread, what takes a password in one thread of its own. Whoever is refused learns nothing that helps
him guess: a wrong name, a wrong password, a wrong code and a disabled user sound alike and take the
same time.
"""

import math
from dataclasses import dataclass

from controller.access import factors, resets, script_tokens, sessions
from controller.access.chance import derived
from controller.access.database import Change, Database
from controller.access.desk import UserDesk
from controller.access.identity import TERMINAL, Actor, Identity, Via
from controller.access.passwords import Match, Passwords
from controller.access.roles import Permission, permissions_of
from controller.access.secret import Secret
from controller.access.settings import AccessSettings
from controller.access.throttle import Origin, Throttle
from controller.access.users import (
    Credentials,
    Ended,
    User,
    credentials,
    renew_hash,
    tidy_name,
)
from controller.access.web_guard import is_this_machine
from controller.audit.moment import Moment, Now
from controller.audit.record import Category, Entry, Result
from controller.audit.refusals import mark_recorded
from controller.audit.trail import Trail
from controller.clock import NS
from controller.core.errors import Refused

WRONG = "name, password or code is wrong"
NOBODY = "(no such user)"  # a password typed into the field for names must not be recorded
CSRF = "csrf"
WITHOUT_FACTOR = "set up a second factor: until then you may only look"


@dataclass(frozen=True, slots=True)
class Login:
    """own: for the cookie, nowhere else; csrf: for the page, which sends it with each change."""

    own: Secret
    csrf: Secret
    identity: Identity


class Door:
    """One for a process. forwarded: a request came through a proxy, see `web_guard`."""

    def __init__(
        self, database: Database, passwords: Passwords, trail: Trail, now: Now,
        settings: AccessSettings | None = None,
    ) -> None:  # fmt: skip
        self._database, self._passwords, self._trail = database, passwords, trail
        self._now = now
        self.settings = settings or AccessSettings()
        self.throttle = Throttle()
        self.desk = UserDesk(database, passwords, trail, now, self.settings)

    # -- in and out ------------------------------------------------------------------------------

    def login(
        self, name: str, password: Secret, code: Secret, address: str, *, forwarded: bool = False
    ) -> Login:
        """A new session. Refused("login") or Refused("wait"). code: empty when none is given."""
        moment = self._now()
        account = _account(name)
        origin = self._origin(account, address, moment, forwarded=forwarded)
        self._require_slow(account, address, origin, moment)
        with self._database.reading() as change:
            known = credentials(change, account)
        match = self._match(known, password)
        try:
            login = self._enter(known, match, password, code, address, moment)
        except Refused as refused:
            self._tell_failure("login", known, address, origin, moment)
            mark_recorded(refused)
            raise
        self.throttle.succeeded(account, address, origin)
        self._note("login", login.identity.actor, Result.ACCEPTED)
        return login

    def _enter(
        self, known: Credentials | None, match: Match, password: Secret, code: Secret,
        address: str, moment: Moment,
    ) -> Login:  # fmt: skip
        anew = self._passwords.hash(password) if match is Match.OUTDATED else ""
        with self._database.changing() as change:
            user = _proven(change, known, match, code, moment)
            if anew and known is not None:
                renew_hash(change, user, known.password, anew)
            own, key = sessions.begin(change, user, address, moment, strong=user.factor)
            session = sessions.by_key(change, key, moment, self.settings)
        return Login(own, derived(own, CSRF), self._of_session(session))

    def prove(self, name: str, password: Secret, code: Secret, action: str) -> Identity:
        """Who sits at the terminal, for one act and without a session; Refused as at a login."""
        moment, account, origin = self._now(), _account(name), Origin.CONSOLE
        self._require_slow(account, TERMINAL, origin, moment)
        with self._database.reading() as change:
            known = credentials(change, account)
        match = self._match(known, password)
        try:
            with self._database.changing() as change:
                user = _proven(change, known, match, code, moment)
        except Refused as refused:
            self._tell_failure(action, known, TERMINAL, origin, moment)
            mark_recorded(refused)
            raise
        self.throttle.succeeded(account, TERMINAL, origin)
        self._note(action, Actor(user.name, TERMINAL), Result.ACCEPTED)
        permissions, limited = self._rights(user)
        return Identity(
            user=user.name, display=user.display, roles=user.roles, permissions=permissions,
            via=Via.TERMINAL, address=TERMINAL, key=TERMINAL, strong=user.factor, limited=limited,
        )  # fmt: skip

    def logout(self, own: Secret) -> None:
        """End a session; nothing happens when it was over."""
        with self._database.changing() as change:
            try:
                session = sessions.look_up(change, own, self._now(), self.settings)
            except Refused:
                return
            sessions.end(change, session.key, Ended.LOGOUT)
        self._note("logout", Actor(session.user.name, session.address), Result.DONE)

    def accept_invitation(
        self, code: Secret, name: str, password: Secret, display: str, address: str,
        *, forwarded: bool = False,
    ) -> User:  # fmt: skip
        """The first administrator sets himself up with the code from the terminal."""
        moment = self._now()
        account = "first administrator"
        origin = self._origin(account, address, moment, forwarded=forwarded)
        self._require_slow(account, address, origin, moment)
        user = self.desk.accept_invitation(code, name, password, display, address)
        self.throttle.succeeded(account, address, origin)
        return user

    def reset_password(
        self, name: str, code: Secret, password: Secret, factor: Secret, address: str,
        *, forwarded: bool = False,
    ) -> None:  # fmt: skip
        """Another password with the code of an administrator; a try like a login."""
        moment = self._now()
        account = _account(name)
        origin = self._origin(account, address, moment, forwarded=forwarded)
        self._require_slow(account, address, origin, moment)
        with self._database.reading() as change:
            known = credentials(change, account)
            try:
                resets.require_right(change, account, code, moment, self.settings)
            except Refused as refused:
                self._tell_failure("reset password", known, address, origin, moment)
                mark_recorded(refused)
                raise
        self.desk.accept_reset(account, code, password, factor, address)
        self.throttle.succeeded(account, address, origin)

    def change_own_password(self, identity: Identity, old: Secret, new: Secret) -> None:
        """Needs the old one; every session of the user ends, this one too."""
        self._check_again(identity, old, Secret(""), "change password", with_code=False)
        self.desk.set_password(identity.actor, identity.user, new, "by the user")

    # -- who asks --------------------------------------------------------------------------------

    def of_cookie(self, own: Secret) -> Identity:
        """Who this session belongs to; Refused("session")."""
        with self._database.reading() as change:
            return self._of_session(sessions.look_up(change, own, self._now(), self.settings))

    def of_key(self, key: str) -> Identity:
        """The same for a connection that knows its session by the key."""
        with self._database.reading() as change:
            return self._of_session(sessions.by_key(change, key, self._now(), self.settings))

    def of_token(self, text: Secret, address: str) -> Identity:
        """Whose script this is; Refused("token")."""
        moment = self._now()
        with self._database.reading() as change:
            try:
                token = script_tokens.look_up(change, text, address, moment)
            except Refused as refused:
                self._tell_token(script_tokens.named(change, text), address, moment)
                mark_recorded(refused)
                raise
            permissions = script_tokens.permissions_now(change, token)
            owner = credentials(change, token.owner)
        if not script_tokens.use_is_noted(token, moment):
            with self._database.changing() as change:
                script_tokens.used(change, token, moment)
        return Identity(
            user=token.owner, display=owner.user.display if owner else token.owner,
            roles=frozenset(), permissions=permissions, via=Via.TOKEN, address=address,
            key=token.id, stations=token.stations, label=token.label,
        )  # fmt: skip

    def csrf_of(self, own: Secret) -> Secret:
        """What the page of this session must send with each change."""
        return derived(own, CSRF)

    def acted(self, identity: Identity) -> None:
        """A person did something: call it with every change that was allowed."""
        if identity.via is not Via.SESSION:
            return
        moment = self._now()
        with self._database.reading() as change:
            session = sessions.by_key(change, identity.key, moment, self.settings)
        if sessions.NOTED_EVERY_S < session.quiet_s < self.settings.idle_s:
            with self._database.changing() as change:
                sessions.acted(change, session, moment)

    # -- the password again ----------------------------------------------------------------------

    def wake(self, identity: Identity, password: Secret) -> None:
        """End idleness with the password; no code, the session has had one."""
        self._check_again(identity, password, Secret(""), "wake", with_code=False)
        moment = self._now()
        with self._database.changing() as change:
            session = sessions.by_key(change, identity.key, moment, self.settings)
            sessions.acted(change, session, moment)

    def ticket(
        self, identity: Identity, password: Secret, code: Secret, purpose: str, subject: str
    ) -> Secret:
        """A ticket for one purpose on one subject, good once within a minute."""
        known = self._check_again(identity, password, code, f"password for {purpose}")
        moment = self._now()
        with self._database.changing() as change:
            session = sessions.by_key(change, identity.key, moment, self.settings)
            if session.user != known.user:
                raise Refused("session", [sessions.OVER])
            sessions.acted(change, session, moment)
            return sessions.issue_ticket(change, identity.key, purpose, subject, moment)

    def redeem(self, identity: Identity, ticket: Secret, purpose: str, subject: str) -> None:
        """Use a ticket up; Refused("ticket")."""
        with self._database.changing() as change:
            sessions.redeem_ticket(
                change, ticket, identity.key, purpose, subject, self._now(), self.settings
            )

    def _check_again(
        self, identity: Identity, password: Secret, code: Secret, action: str,
        *, with_code: bool = True,
    ) -> Credentials:  # fmt: skip
        if identity.via is not Via.SESSION:
            raise Refused("forbidden", ["only a person can enter a password"])
        moment, user, address = self._now(), identity.user, identity.address
        origin = self._origin(user, address, moment)
        self._require_slow(user, address, origin, moment)
        with self._database.reading() as change:
            known = credentials(change, user)
        match = self._match(known, password)
        right = known is not None and match is not Match.WRONG and known.user.active
        if right and with_code and known is not None:
            with self._database.changing() as change:
                right = factors.use_up(change, known, code, moment.utc_ns / NS)
        if not right or known is None:
            self._tell_failure(action, known, address, origin, moment)
            refused = Refused("login", [WRONG])
            mark_recorded(refused)
            raise refused
        self.throttle.succeeded(user, address, origin)
        self._note(action, identity.actor, Result.ACCEPTED)
        return known

    # -- connections that stay open --------------------------------------------------------------

    def newest_ending(self) -> int:
        """The number with which `ended_since` begins."""
        with self._database.reading() as change:
            return sessions.newest_ending(change)

    def ended_since(self, number: int) -> tuple[int, dict[str, Ended]]:
        """Which sessions ended, by key, for whatever reason and in whatever process; ask every
        second and close the connections they hold."""
        moment = self._now()
        with self._database.reading() as change:
            overdue = sessions.overdue(change, moment, self.settings)
        if overdue:
            with self._database.changing() as change:
                sessions.sweep(change, moment, self.settings)
        with self._database.reading() as change:
            newest, ended = sessions.ended_since(change, number)
        return newest, dict(ended)

    # -- parts -----------------------------------------------------------------------------------

    def _match(self, known: Credentials | None, password: Secret) -> Match:
        usable = known is not None and known.user.active
        return self._passwords.check(known.password if known and usable else None, password)

    def _of_session(self, session: sessions.Session) -> Identity:
        user = session.user
        permissions, limited = self._rights(user)
        return Identity(
            user=user.name, display=user.display, roles=user.roles, permissions=permissions,
            via=Via.SESSION, address=session.address, key=session.key,
            idle=session.quiet_s >= self.settings.idle_s, strong=session.strong, limited=limited,
        )  # fmt: skip

    def _rights(self, user: User) -> tuple[frozenset[Permission], str]:
        """What somebody may do now, and why it is not more."""
        permissions = permissions_of(user.roles)
        lacking = not user.factor and bool(user.roles & self.settings.second_factor_for)
        if lacking:
            return permissions & {Permission.VIEW, Permission.REST}, WITHOUT_FACTOR
        return permissions, ""

    def _origin(
        self, account: str, address: str, moment: Moment, *, forwarded: bool = False
    ) -> Origin:
        if not forwarded and (address in self.settings.consoles or is_this_machine(address)):
            return Origin.CONSOLE
        with self._database.reading() as change:
            proven = sessions.is_proven(change, account, address, moment, self.settings)
        return Origin.PROVEN if proven else Origin.UNKNOWN

    def _require_slow(self, account: str, address: str, origin: Origin, moment: Moment) -> None:
        wait_s = self.throttle.admit(account, address, origin, moment.mono_ns / NS)
        if wait_s > 0.0:
            raise Refused("wait", [f"too many tries: wait {math.ceil(wait_s)} s"])

    def _tell_failure(
        self, action: str, known: Credentials | None, address: str, origin: Origin, moment: Moment
    ) -> None:
        count = self.throttle.failures_to_tell(origin, moment.mono_ns / NS)
        if count:
            name = known.user.name if known else NOBODY
            detail = f"{count} failures, this is the last" if count > 1 else ""
            self._note(action, Actor(name, address), Result.REFUSED, detail)

    def _tell_token(self, own: str, address: str, moment: Moment) -> None:
        """A token that is not good, by its id if there is or was one of that; not each of many."""
        count = self.throttle.failures_to_tell(Origin.UNKNOWN, moment.mono_ns / NS)
        if count:
            self._trail.note(
                Entry(
                    category=Category.TOKEN, action="use token", actor=NOBODY, source=address,
                    target=own, result=Result.REFUSED, code="token",
                    detail=f"{count} failures, this is the last" if count > 1 else "",
                )
            )  # fmt: skip

    def _note(self, action: str, by: Actor, result: Result, detail: str = "") -> None:
        """Kept in memory while the disk refuses: who must stop a station must get in."""
        self._trail.note(
            Entry(
                category=Category.LOGIN, action=action, actor=by.name, source=by.source,
                result=result, code="ok" if result is not Result.REFUSED else "login",
                detail=detail,
            )
        )  # fmt: skip


def may_listen(address: str, *, encrypted: bool, administrator: bool) -> str:
    """Why an API may not listen at an address, "" when it may: loopback only until there are TLS
    and somebody who administers users."""
    if is_this_machine(address):
        return ""
    if not administrator:
        return f"{address}: only this machine may connect until there is an administrator"
    if not encrypted:
        return f"{address}: only this machine may connect without TLS"
    return ""


def _proven(
    change: Change, known: Credentials | None, match: Match, code: Secret, moment: Moment
) -> User:
    """The user, as he is now; Refused when he is not proven, or was changed while the password
    was looked at."""
    if known is None or match is Match.WRONG or not known.user.active:
        raise Refused("login", [WRONG])
    current = credentials(change, known.user.name)
    if current is None or current.user != known.user:
        raise Refused("login", [WRONG])
    if not factors.use_up(change, current, code, moment.utc_ns / NS):
        raise Refused("login", [WRONG])
    return current.user


def _account(name: str) -> str:
    try:
        return tidy_name(name)
    except Refused:
        return name[:64]
