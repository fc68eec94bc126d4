"""Sessions, and tickets for what asks for the password again.

Only hashes of ids are stored. All times are by the clock that nobody can set, so that a session
does not live on because somebody turned back the wall's; they end when the machine is restarted,
not when the program is.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from controller.access.chance import hash_of, unguessable
from controller.access.database import Change
from controller.access.secret import Secret
from controller.access.settings import DAY_S, AccessSettings
from controller.access.users import Ended, User, end_sessions, found
from controller.audit.moment import Moment
from controller.clock import NS
from controller.core.errors import Refused

NOTED_EVERY_S = 15.0  # how exactly it is kept when somebody acted last
KEPT_ENDINGS = 10_000
OVER = "your session is over: log in again"


@dataclass(frozen=True, slots=True)
class Session:
    """key: its hash, to name it by; strong: begun with a second factor; quiet_s: since the last
    action; left_s: until it ends in any case."""

    key: str
    user: User
    address: str
    strong: bool
    quiet_s: float
    left_s: float

    @property
    def id(self) -> str:
        """Names it for people; of no use to who would like to have it."""
        return self.key[:16]


def begin(
    change: Change, user: User, address: str, moment: Moment, *, strong: bool
) -> tuple[Secret, str]:
    """A new session: the id for the cookie, and its key."""
    own = unguessable()
    key = hash_of(own)
    change.run(
        "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '')",
        key, user.name, user.version, address, int(strong), moment.boot, moment.mono_ns,
        moment.mono_ns, moment.utc_ns,
    )  # fmt: skip
    return own, key


def look_up(change: Change, own: Secret, moment: Moment, settings: AccessSettings) -> Session:
    """The session of an id; Refused("session") when there is none, any more or ever."""
    return by_key(change, hash_of(own), moment, settings)


def by_key(change: Change, key: str, moment: Moment, settings: AccessSettings) -> Session:
    """The session of a key, with the rights that its user has at this moment."""
    row = change.row(
        "SELECT user, version, address, strong, boot, begun_ns, acted_ns FROM session"
        " WHERE hash = ? AND ended = ''",
        key,
    )
    if row is None:
        raise Refused("session", [OVER])
    name, version, address, strong, boot, begun_ns, acted_ns = row
    age_s = moment.seconds_since(begun_ns, boot)
    user = found(change, name)
    if age_s is None or not 0.0 <= age_s < settings.session_s or user is None:
        raise Refused("session", [OVER])
    if not user.active or user.version != version:
        raise Refused("session", [OVER])
    quiet_s = (moment.mono_ns - acted_ns) / NS
    return Session(key, user, address, bool(strong), quiet_s, settings.session_s - age_s)


def open_ones(
    change: Change, moment: Moment, settings: AccessSettings, user: str = ""
) -> list[Session]:
    """Every session that is open now, of one user when he is named; the newest first."""
    rows = change.rows("SELECT hash, user FROM session WHERE ended = '' ORDER BY begun_utc_ns DESC")
    found = []
    for key, owner in rows:
        if user and owner != user:
            continue
        with suppress(Refused):  # its time is over, and nobody has swept yet
            found.append(by_key(change, key, moment, settings))
    return found


def acted(change: Change, session: Session, moment: Moment) -> None:
    """Somebody did something: the time to idleness begins anew."""
    change.run("UPDATE session SET acted_ns = ? WHERE hash = ?", moment.mono_ns, session.key)


def end(change: Change, key: str, why: Ended) -> bool:
    """End a session; False when it was over already."""
    return end_sessions(change, why, "hash = ?", key) > 0


def overdue(change: Change, moment: Moment, settings: AccessSettings) -> bool:
    """There is something for `sweep` to do."""
    row = change.row(
        "SELECT 1 FROM session WHERE ended = '' AND (boot != ? OR begun_ns <= ?) LIMIT 1",
        moment.boot, moment.mono_ns - round(settings.session_s * NS),
    )  # fmt: skip
    return row is not None


def sweep(change: Change, moment: Moment, settings: AccessSettings) -> int:
    """End the sessions whose time is over and forget what is of no use; how many ended."""
    oldest_ns = moment.mono_ns - round(settings.session_s * NS)
    count = end_sessions(change, Ended.RESTARTED, "boot != ?", moment.boot)
    count += end_sessions(change, Ended.EXPIRED, "begun_ns <= ?", oldest_ns)
    forget_ns = moment.utc_ns - round(settings.proven_days * DAY_S * NS)
    change.run("DELETE FROM session WHERE ended != '' AND begun_utc_ns < ?", forget_ns)
    change.run(
        "DELETE FROM ending WHERE number <= (SELECT max(number) FROM ending) - ?", KEPT_ENDINGS
    )
    change.run(
        "DELETE FROM ticket WHERE boot != ? OR made_ns < ?",
        moment.boot, moment.mono_ns - round(settings.ticket_s * NS),
    )  # fmt: skip
    return count


def ended_since(change: Change, number: int) -> tuple[int, Mapping[str, Ended]]:
    """Keys of the sessions that ended after a number, why, and the number to ask with next time."""
    rows = change.rows("SELECT number, hash, why FROM ending WHERE number > ?", number)
    newest = max((row[0] for row in rows), default=number)
    return newest, {key: Ended(why) for _, key, why in rows}


def newest_ending(change: Change) -> int:
    """The number to begin asking with."""
    row = change.row("SELECT COALESCE(max(number), 0) FROM ending")
    return int(row[0]) if row else 0


def is_proven(
    change: Change, name: str, address: str, moment: Moment, settings: AccessSettings
) -> bool:
    """This user has logged in from this address not long ago."""
    since_ns = moment.utc_ns - round(settings.proven_days * DAY_S * NS)
    row = change.row(
        "SELECT 1 FROM session WHERE user = ? AND address = ? AND begun_utc_ns >= ? LIMIT 1",
        name, address, since_ns,
    )  # fmt: skip
    return row is not None


# -- tickets -------------------------------------------------------------------------------------


def issue_ticket(change: Change, key: str, purpose: str, subject: str, moment: Moment) -> Secret:
    """A ticket for one purpose on one subject; good once, in this session, for a minute."""
    ticket = unguessable()
    change.run(
        "INSERT INTO ticket VALUES (?, ?, ?, ?, ?, ?)",
        hash_of(ticket), key, purpose, subject, moment.boot, moment.mono_ns,
    )  # fmt: skip
    return ticket


def redeem_ticket(
    change: Change, ticket: Secret, key: str, purpose: str, subject: str, moment: Moment,
    settings: AccessSettings,
) -> None:  # fmt: skip
    """Use a ticket up; Refused("ticket") for one that is old, used, or for something else."""
    oldest_ns = moment.mono_ns - round(settings.ticket_s * NS)
    taken = change.run(
        "DELETE FROM ticket WHERE hash = ? AND session = ? AND purpose = ? AND subject = ?"
        " AND boot = ? AND made_ns >= ? AND made_ns <= ?",
        hash_of(ticket), key, purpose, subject, moment.boot, oldest_ns, moment.mono_ns,
    )  # fmt: skip
    if taken != 1:
        raise Refused("ticket", [f"enter your password again: {purpose} needs it just before"])
