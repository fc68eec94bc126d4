"""Codes with which users who lost their passwords choose new ones.

An administrator makes a code and hands it over; he never knows the password. From then on the old
one is good for nothing, so that a stolen one ends with it. A code is good once, for an hour, for
this user alone, and only the newest is; only its hash is stored. Who has a second factor needs it
here, too: the paper with the code alone opens nothing.
"""

from controller.access import factors
from controller.access.chance import code_to_type, hash_of, tidied
from controller.access.database import Change
from controller.access.secret import Secret
from controller.access.settings import AccessSettings
from controller.access.users import Credentials, User, credentials, void_password
from controller.audit.moment import Moment
from controller.clock import NS
from controller.core.errors import Refused

RESET_GROUPS = 6  # 147 bits
WRONG = "name or code is wrong, used or too old"


def make(change: Change, user: User, moment: Moment) -> Secret:
    """A code; the password and the sessions of the user end, and so does an earlier code."""
    if not user.active:
        raise Refused("disabled", [f"{user.name} is disabled: enable the user first"])
    void_password(change, user)
    code = code_to_type(RESET_GROUPS)
    change.run(
        "INSERT INTO reset VALUES (?, ?, ?, ?)",
        user.name, hash_of(code), moment.boot, moment.mono_ns,
    )  # fmt: skip
    return code


def require_right(
    change: Change, name: str, code: Secret, moment: Moment, settings: AccessSettings
) -> Credentials:
    """Whose code it is; Refused("reset"), which sounds the same whatever is wrong."""
    row = change.row(
        "SELECT boot, made_ns FROM reset WHERE user = ? AND hash = ?", name, hash_of(tidied(code))
    )
    known = credentials(change, name)
    age_s = moment.seconds_since(row[1], row[0]) if row else None
    if age_s is None or not 0.0 <= age_s < settings.reset_s or known is None:
        raise Refused("reset", [WRONG])
    if not known.user.active:
        raise Refused("reset", [WRONG])
    return known


def use_up(
    change: Change, name: str, code: Secret, factor: Secret, moment: Moment,
    settings: AccessSettings,
) -> User:  # fmt: skip
    """Use the code and the one of the second factor up, together with what they are for."""
    known = require_right(change, name, code, moment, settings)
    if not factors.use_up(change, known, factor, moment.utc_ns / NS):
        raise Refused("reset", [WRONG])
    return known.user
