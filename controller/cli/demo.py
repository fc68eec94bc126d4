"""The login of a demonstration: one user who may do everything, on a simulated plant.

No password is built in: one is drawn for every run folder, and lies there for its owner alone.
"""

import getpass
from pathlib import Path

from controller.access.chance import code_to_type
from controller.access.identity import TERMINAL, Actor
from controller.access.roles import Role
from controller.access.secret import Secret
from controller.cli.users import desk_of
from controller.core.errors import DrylineError
from controller.whole_file import SECRET, replace_file

NAME = "demo"
ROLES = (Role.ENGINEER, Role.APPROVER, Role.ADMINISTRATOR)
KEPT_IN = "demo-password"
GROUPS = 3


def demo_login(run: Path) -> Secret | None:
    """The password of the user `demo`, who is added where there is nobody yet; None where there
    are users and no such file: somebody else sees to them. DrylineError when it cannot be read."""
    path = run / KEPT_IN
    with desk_of(run) as desk:
        if desk.users():
            return _kept(path)
        password = code_to_type(GROUPS)
        replace_file(path, password.reveal().encode(), SECRET)
        desk.add(Actor(getpass.getuser(), TERMINAL), NAME, ROLES, password, "Demo")
    return password


def _kept(path: Path) -> Secret | None:
    try:
        return Secret(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DrylineError(f"{path}: cannot be read: {error}; delete it") from error
