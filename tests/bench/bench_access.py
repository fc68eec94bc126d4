"""Who guesses names: does a login take longer for one that is there? And what the trail costs.

CPU time of one process, of kinds in random order; the users' real hashing parameters.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from controller.access.database import STORE, Database
from controller.access.door import Door
from controller.access.passwords import Passwords
from controller.access.roles import Role
from controller.access.secret import Secret
from controller.audit.check import check
from controller.core.errors import Refused
from tests.support.access_rig import BOSS, GOOD
from tests.support.audit_trails import TestClock, anchor_of, entry, open_trail

EACH = 60
RECORDS = 5_000
APART_S = 120.0  # nobody has to wait
NAMES = {"known": ("sato", "mori"), "unknown": ("nobody", "who", "x y z"), "disabled": ("left",)}


def run() -> Mapping[str, object]:
    """Milliseconds of a refused login by kind, the ratios, and records a second."""
    with tempfile.TemporaryDirectory() as folder:
        return {"login": _logins(Path(folder)), "trail": _trail(Path(folder) / "trail")}


def _logins(folder: Path) -> Mapping[str, object]:
    clock = TestClock()
    spent: dict[str, list[float]] = {kind: [] for kind in NAMES}
    with open_trail(folder, clock) as trail, Database(folder / STORE) as database:
        door = Door(database, Passwords(), trail, clock)
        for name in (*NAMES["known"], *NAMES["disabled"]):
            door.desk.add(BOSS, name, [Role.OPERATOR], GOOD)
        door.desk.disable(BOSS, NAMES["disabled"][0])
        chance = random.Random(1)
        kinds = [kind for kind in NAMES for _ in range(EACH)]
        chance.shuffle(kinds)
        for kind in kinds:
            clock.pass_s(APART_S)
            begun_s = time.process_time()
            _refused(door, chance.choice(NAMES[kind]))
            spent[kind].append(time.process_time() - begun_s)
    median = {kind: statistics.median(values) for kind, values in spent.items()}
    return {
        "ms": {kind: 1000.0 * value for kind, value in median.items()},
        "to known": {kind: value / median["known"] for kind, value in median.items()},
    }


def _refused(door: Door, name: str) -> None:
    try:
        door.login(name, Secret("one guess more"), Secret(""), "192.0.2.7")
    except Refused:
        return
    raise AssertionError(f"{name} was let in")


def _trail(folder: Path) -> Mapping[str, object]:
    with open_trail(folder, TestClock()) as trail:
        begun_s = time.perf_counter()
        for _ in range(RECORDS // 10):
            trail.append(*(entry("SET", target="COAT.SP") for _ in range(10)))
        written_s = time.perf_counter() - begun_s
        begun_s = time.perf_counter()
        found, _ = check(trail.path, anchor_of(folder))
        read_s = time.perf_counter() - begun_s
    return {
        "records a second, ten at once": RECORDS / written_s,
        "records verified a second": found.records / read_s,
    }
