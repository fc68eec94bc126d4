"""The API of a line in a process of its own, and people and programs that talk to it."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from controller.access.database import STORE, Database
from controller.access.desk import UserDesk
from controller.access.identity import Actor
from controller.access.passwords import Cost, Passwords
from controller.access.roles import Role
from controller.access.secret import Secret
from controller.audit.moment import moments
from controller.audit.trail import TRAIL, Trail
from tests.support.line_under_test import ROOT, free_ports

PASSWORD = "wagtail orbit ember"  # noqa: S105 - of users that live for a test
CHEAP = Cost(time=1, memory_kib=8, lanes=1)
ENOUGH_S = 60.0
TOO_MANY = 429  # tries of a password within a minute
BASE = "/api/v1"
Found = TypeVar("Found")
Json = dict[str, Any]


def eventually(test: Callable[[], Found], within_s: float = ENOUGH_S) -> Found:
    """The first thing that is true; an AssertionError when nothing is."""
    until_s = time.monotonic() + within_s
    while True:
        with suppress(OSError, httpx.HTTPError):
            found = test()
            if found:
                return found
        assert time.monotonic() < until_s
        time.sleep(0.02)


def add_users(run: Path, anchors: Path, **roles: Sequence[Role]) -> None:
    """Users with PASSWORD, hashed cheaply; by their names."""
    os.environ["DRYLINE_ANCHORS"] = str(anchors)
    now = moments()
    with Trail(run / TRAIL, now) as trail, Database(run / STORE) as database:
        desk = UserDesk(database, Passwords(CHEAP), trail, now)
        for name, given in roles.items():
            desk.add(Actor("chief", "terminal"), name, given, Secret(PASSWORD))


class Person:
    """Somebody at a browser of ours, logged in."""

    def __init__(self, port: int, name: str = "", password: str = PASSWORD) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.origin + BASE, timeout=30.0)
        self.http.headers.update({"Origin": self.origin, "X-Requested-With": "dryline"})
        self._keys = itertools.count()
        self.csrf = ""
        if name:
            self.login(name, password)

    def login(self, name: str, password: str = PASSWORD) -> None:
        answer = self._by_password("/session", {"name": name, "password": password})
        assert answer.status_code == 201, answer.text
        self.csrf = answer.json()["csrf"]
        self.http.headers["X-CSRF-Token"] = self.csrf

    @property
    def cookie(self) -> str:
        """As a WebSocket sends it."""
        return "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(path, params=params)

    def post(self, path: str, body: Json | None = None, key: str = "", **more: Any) -> Any:
        headers = {"Idempotency-Key": key or uuid.uuid4().hex} | more.pop("headers", {})
        return self.http.post(path, json=body or {}, headers=headers, **more)

    def now_ms(self) -> int:
        """Server time, as the newest frame would tell it."""
        return int(self.get("/tags", tag="nothing").json()["t"])

    def propose(self, station: str, verb: str, **more: Any) -> httpx.Response:
        return self.post(f"/stations/{station}/changes", {"verb": verb, **more})

    def execute(self, token: str, seen_ms: int | None = None, ticket: str = "") -> httpx.Response:
        seen = self.now_ms() if seen_ms is None else seen_ms
        return self.post(f"/changes/{token}/execute", {"seen_t": seen, "ticket": ticket})

    def do(self, station: str, verb: str, **more: Any) -> Json:
        """Both steps of what must be accepted; the record of the command."""
        proposed = self.propose(station, verb, **more)
        assert proposed.status_code == 201, proposed.text
        answer = self.execute(proposed.json()["token"])
        assert answer.status_code == 202, answer.text
        found: Json = answer.json()
        return found

    def ticket(self, purpose: str, subject: str, password: str = PASSWORD) -> str:
        body = {"password": password, "purpose": purpose, "subject": subject}
        answer = self._by_password("/session/reauth", body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["ticket"])

    def _by_password(self, path: str, body: Json) -> httpx.Response:
        """The right password, which has to wait when other tests have used up this minute's."""
        while (answer := self.http.post(path, json=body)).status_code == TOO_MANY:
            time.sleep(float(answer.headers["Retry-After"]))
        return answer

    def close(self) -> None:
        self.http.close()


class ApiUnderTest:
    """Use as a context. home: where `recipes` lies; words: further options; module: the program."""

    def __init__(
        self,
        line: Path,
        run: Path,
        *words: str,
        home: Path = ROOT,
        log: Path | None = None,
        module: str = "controller",
    ) -> None:
        self.port = free_ports(1)[0]
        self.run = run
        self.log = log or run.with_name("api.log")
        self.anchors = run.with_name("anchors")
        self._command = [
            sys.executable, "-m", module, "api", "--line", str(line), "--run", str(run),
            "--listen", f"127.0.0.1:{self.port}", *words,
        ]  # fmt: skip
        self._home = home
        self.process: subprocess.Popen[bytes] | None = None
        self._people: list[Person] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        for person in self._people:
            person.close()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(ENOUGH_S)

    def start(self) -> None:
        """Start, and wait until it answers."""
        self.start_only()
        eventually(self._answers)

    def runs(self) -> bool:
        """True while its process lives."""
        return self.process is not None and self.process.poll() is None

    def start_only(self) -> None:
        """Start, and return at once."""
        self.run.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "PYTHONPATH": str(ROOT), "DRYLINE_ANCHORS": str(self.anchors)
        }  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self._home, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.told
        return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5.0).status_code == 200

    @property
    def told(self) -> str:
        """Its log."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def stop(self) -> tuple[int, float]:
        """SIGTERM; exit code, and how long it took."""
        assert self.process is not None
        begun_s = time.monotonic()
        self.process.terminate()
        return self.process.wait(ENOUGH_S), time.monotonic() - begun_s

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(ENOUGH_S)

    def users(self, **roles: Sequence[Role]) -> None:
        """Add users."""
        add_users(self.run, self.anchors, **roles)

    def person(self, name: str = "", password: str = PASSWORD) -> Person:
        """Somebody, logged in when there is a name."""
        person = Person(self.port, name, password)
        self._people.append(person)
        return person

    def terminal(self) -> httpx.Client:
        """The owner of the run folder."""
        transport = httpx.HTTPTransport(uds=str(self.run / "api.sock"))
        return httpx.Client(transport=transport, base_url=f"http://localhost{BASE}", timeout=30.0)

    def heard(self) -> bool:
        """Every station is mirrored and its link is up."""
        with self.terminal() as http:
            stations = http.get("/health").json()["stations"].values()
            return all(s["heard"] for s in stations)


def raw_request(port: int, content: bytes, wait_s: float = 5.0) -> bytes:
    """Bytes to a port, and what comes back until it closes or is silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait_s) as s:
        s.sendall(content)
        found = b""
        with suppress(OSError):
            while piece := s.recv(65536):
                found += piece
        return found
