"""Second factors in the store: setting one up, checking a code, codes for a lost telephone."""

from controller.access import totp
from controller.access.chance import code_to_type, hash_of, tidied
from controller.access.database import Change
from controller.access.secret import Secret
from controller.access.users import Credentials, User, changed_factor
from controller.core.errors import Refused

RECOVERY_CODES = 10
RECOVERY_GROUPS = 4  # 98 bits


def begin_setup(change: Change, user: User) -> Secret:
    """A key that counts once a code made with it was given back."""
    key = totp.new_key()
    change.run("UPDATE user SET factor_new = ? WHERE name = ?", key.reveal(), user.name)
    return key


def finish_setup(change: Change, user: User, code: Secret, utc_s: float) -> list[Secret]:
    """The key counts from now on; the codes for a lost telephone, shown this once."""
    row = change.row("SELECT factor_new FROM user WHERE name = ?", user.name)
    key = Secret(row[0] if row else "")
    step = totp.step_of(key, code, utc_s, used=0) if key else None
    if step is None:
        raise Refused("code", ["this code does not fit the key: is the telephone's clock right?"])
    change.run(
        "UPDATE user SET factor_key = ?, factor_new = '', factor_step = ? WHERE name = ?",
        key.reveal(), step, user.name,
    )  # fmt: skip
    change.run("DELETE FROM recovery WHERE user = ?", user.name)
    codes = [code_to_type(RECOVERY_GROUPS) for _ in range(RECOVERY_CODES)]
    for code_ in codes:
        change.run("INSERT INTO recovery VALUES (?, ?)", user.name, hash_of(code_))
    changed_factor(change, user)
    return codes


def remove(change: Change, user: User) -> None:
    """No second factor any more."""
    change.run(
        "UPDATE user SET factor_key = '', factor_new = '', factor_step = 0 WHERE name = ?",
        user.name,
    )
    change.run("DELETE FROM recovery WHERE user = ?", user.name)
    changed_factor(change, user)


def right_step(known: Credentials, code: Secret, utc_s: float) -> int | None:
    """The step of a right one-time code that was not used."""
    return totp.step_of(known.factor_key, code, utc_s, known.factor_step)


def use_up(change: Change, known: Credentials, code: Secret, utc_s: float) -> bool:
    """Check a code and use it up, in one transaction with what it is for: two requests at once
    with the same code cannot both have it."""
    if not known.user.factor:
        return True
    step = right_step(known, code, utc_s)
    if step is not None:
        statement = "UPDATE user SET factor_step = ? WHERE name = ? AND factor_step < ?"
        return change.run(statement, step, known.user.name, step) == 1
    statement = "DELETE FROM recovery WHERE user = ? AND hash = ?"
    return change.run(statement, known.user.name, hash_of(tidied(code))) == 1
