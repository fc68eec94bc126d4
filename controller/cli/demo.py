"""A demonstration: one user who may do everything, and recipes of its own, on a simulated plant.

No password is built in: one is drawn for every run folder, and lies there for its owner alone. The
authors of the shipped recipes are users who cannot log in, so that their drafts can be released.
"""

import getpass
import shutil
from pathlib import Path

from controller.access.chance import code_to_type
from controller.access.identity import TERMINAL, Actor
from controller.access.roles import Role
from controller.access.secret import Secret
from controller.cli.users import desk_of
from controller.core.errors import DrylineError
from controller.whole_file import SECRET, replace_file

NAME = "demo"
WHY = "a demonstration"
ROLES = (Role.ENGINEER, Role.APPROVER, Role.ADMINISTRATOR)
KEPT_IN = "demo-password"
GROUPS = 3
AUTHORS = {"tanaka": "Aiko Tanaka", "okafor": "Ben Okafor", "rossi": "Chiara Rossi"}


def demo_login(run: Path) -> Secret | None:
    """The password of the user `demo`, who is added where there is nobody yet; None where there
    are users and no such file: somebody else sees to them. DrylineError when it cannot be read."""
    path = run / KEPT_IN
    with desk_of(run) as desk:
        known = {user.name: user for user in desk.users()}
        if known.keys() - AUTHORS.keys():  # else the first start was killed in the middle
            return _kept(path)
        password = code_to_type(GROUPS)
        replace_file(path, password.reveal().encode(), SECRET)
        by = Actor(getpass.getuser(), TERMINAL)
        for name, display in AUTHORS.items():
            if name not in known:
                desk.add(by, name, [Role.ENGINEER], code_to_type(GROUPS), display, WHY)
            if name not in known or known[name].active:
                desk.disable(by, name, WHY)
        desk.add(by, NAME, ROLES, password, "Demo", WHY)
    return password


def demo_recipes(recipes: Path, run: Path) -> Path:
    """A copy in the run folder, so that what is released there leaves the original alone."""
    own = run / "recipes"
    if not own.exists():
        whole = run / "recipes.new"
        shutil.rmtree(whole, ignore_errors=True)  # a start that was killed
        shutil.copytree(recipes, whole)
        whole.rename(own)
    return own


def _kept(path: Path) -> Secret | None:
    try:
        return Secret(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DrylineError(f"{path}: cannot be read: {error}; delete it") from error
