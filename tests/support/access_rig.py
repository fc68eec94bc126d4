"""Users, sessions and a trail in a folder, with a clock that the test moves and cheap hashes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.access.database import STORE, Database
from controller.access.desk import UserDesk
from controller.access.door import Door, Login
from controller.access.identity import Actor
from controller.access.passwords import Cost, Passwords
from controller.access.roles import Role
from controller.access.secret import Secret
from controller.access.settings import AccessSettings
from controller.audit.reading import Wish, matching
from controller.audit.record import Record
from controller.audit.trail import Trail
from tests.support.audit_trails import TestClock, open_trail

CHEAP = Cost(time=1, memory_kib=8, lanes=1)
BOSS = Actor("chief", "terminal")
GOOD = Secret("wagtail orbit ember")
OTHER = Secret("pebble lantern quartz")
NONE = Secret("")
PANEL, STRANGER = "10.0.0.5", "192.0.2.77"


@dataclass
class Rig:
    """What a test of access works with."""

    database: Database
    trail: Trail
    clock: TestClock
    passwords: Passwords
    door: Door

    @property
    def desk(self) -> UserDesk:
        return self.door.desk

    def user(self, name: str, *roles: Role, password: Secret = GOOD) -> None:
        self.desk.add(BOSS, name, roles, password)

    def login(
        self, name: str = "sato", password: Secret = GOOD, code: Secret = NONE,
        address: str = PANEL,
    ) -> Login:  # fmt: skip
        """Far enough after every earlier try."""
        self.clock.pass_s(61)
        return self.door.login(name, password, code, address)

    def records(self, **wish: object) -> list[Record]:
        return list(matching(self.trail.path, Wish(**wish)))


@contextmanager
def rig(folder: Path, settings: AccessSettings | None = None) -> Iterator[Rig]:
    clock = TestClock()
    passwords = Passwords(CHEAP)
    with (
        open_trail(folder, clock) as trail,
        Database(folder / "run" / STORE) as database,
    ):
        yield Rig(database, trail, clock, passwords,
                  Door(database, passwords, trail, clock, settings))  # fmt: skip
