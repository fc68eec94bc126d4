"""Somebody who sets up a line for the first time: `dryline up`, a terminal, browsers. Remembers
every secret that it saw."""

import contextlib
import itertools
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import httpx
from typer.testing import CliRunner

from controller.__main__ import app
from tests.support.api_process import BASE, ENOUGH_S, eventually
from tests.support.line_under_test import ROOT, STATIONS, free_ports, line_folder

Json = dict[str, Any]
_WAIT = re.compile(r"too many tries: wait (\d+) s")
API = '\n[api]\nlisten = "127.0.0.1:{port}"\ntls = true\n'


class Newcomer:
    """Use as a context. home: everything that is written lies in it."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="new-"))
        *ports, self.port = free_ports(len(STATIONS) + 1)
        self.line = line_folder(self.home / "line", dict(zip(STATIONS, ports, strict=True)))
        with (self.line / "line.toml").open("a", encoding="utf-8") as stream:
            stream.write(API.format(port=self.port))
        self.recipes = shutil.copytree(ROOT / "recipes", self.home / "recipes")
        self.run = self.home / "run"
        self.log = self.home / "up.log"
        self.secrets: set[str] = set()
        self.arguments: set[str] = set()  # command lines of all processes, as they were seen
        self._environment = os.environ | {
            "PYTHONPATH": str(ROOT), "DRYLINE_ANCHORS": str(self.home / "anchors"),
            "COLUMNS": "300",
        }  # fmt: skip
        self._open: list[httpx.Client] = []
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._open:
            client.close()
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    # -- processes -------------------------------------------------------------------------------

    def start(self) -> None:
        """`dryline up`; returns when the API answers and every station is heard."""
        words = ["up", "--line", str(self.line), "--run", str(self.run),
                 "--recipes", str(self.recipes)]  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "controller", *words], cwd=self.home, env=self._environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        eventually(self._heard, 2 * ENOUGH_S)

    def _heard(self) -> bool:
        if not (self.run / "api.sock").exists():
            return False
        transport = httpx.HTTPTransport(uds=str(self.run / "api.sock"))
        with httpx.Client(transport=transport, base_url=f"http://localhost{BASE}") as http:
            found = http.get("/stations").json()["stations"].values()
            return all(s.get("link_up") and s["heard"] for s in found)

    def stop(self) -> None:
        """Ctrl-C at the terminal."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(ENOUGH_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def look_at_arguments(self) -> None:
        """What every user of the machine can read of all processes now."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    self.arguments.add((entry / "cmdline").read_text(errors="replace"))
                except OSError:
                    continue

    # -- the terminal ----------------------------------------------------------------------------

    def dryline(self, *words: str, typed: str = "", code: int = 0, waits: int = 0) -> str:
        """A command; what it printed, on both ways. One that is told a secret is a process of its
        own, whose arguments others see. waits: how often, after wrong passwords, it does as it is
        told and comes again later."""
        told, got = self._process(words, typed) if typed else self._here(words)
        while waits and (asked := _WAIT.search(told)):
            waits -= 1
            time.sleep(float(asked[1]))
            told, got = self._process(words, typed)
        assert got == code, told
        with (self.home / "terminal.log").open("a", encoding="utf-8") as stream:
            stream.write(told)
        return told

    def _process(self, words: Sequence[str], typed: str) -> tuple[str, int]:
        process = subprocess.Popen(
            [sys.executable, "-m", "controller", *words], cwd=self.home, env=self._environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.look_at_arguments()
        told, _ = process.communicate(typed, timeout=ENOUGH_S)
        return told, process.returncode

    def _here(self, words: Sequence[str]) -> tuple[str, int]:
        more = {name: self._environment[name] for name in ("DRYLINE_ANCHORS", "COLUMNS")}
        with contextlib.chdir(self.home):
            done = CliRunner().invoke(app, list(words), env=more)
        return done.output, done.exit_code

    def on_run(self, *words: str, typed: str = "", code: int = 0, waits: int = 0) -> str:
        """A command about the run folder."""
        return self.dryline(*words, "--run", str(self.run), typed=typed, code=code, waits=waits)

    def on_recipes(self, *words: str, typed: str = "", code: int = 0, waits: int = 0) -> str:
        """A command about recipes."""
        where = ("--recipes", str(self.recipes), "--line", str(self.line))
        return self.dryline(*words, *where, typed=typed, code=code, waits=waits)

    def add(self, name: str, password: str, *roles: str, display: str = "") -> None:
        self.secrets.add(password)
        words = [word for role in roles for word in ("--role", role)]
        more = ["--name", display] if display else []
        self.on_run("user", "add", name, *words, *more, typed=password + "\n")

    # -- browsers --------------------------------------------------------------------------------

    @property
    def origin(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def browser(self) -> "Browser":
        found = Browser(self)
        self._open.append(found.http)
        return found

    def written(self) -> Sequence[Path]:
        """Every file there is now."""
        return [path for path in self.home.rglob("*") if path.is_file() and not path.is_symlink()]


def tls() -> ssl.SSLContext:
    """A browser whose user has looked at the certificate and goes on."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Browser:
    """A page of ours, logged in or not."""

    def __init__(self, home: Newcomer) -> None:
        self._home = home
        self.http = httpx.Client(verify=tls(), base_url=home.origin + BASE, timeout=30.0)
        self.http.headers.update({"Origin": home.origin, "X-Requested-With": "dryline"})
        self._keys = itertools.count()

    def post(self, path: str, body: Json, code: int = 0, **headers: str) -> Json:
        """code: 0 for any success."""
        headers = {"Idempotency-Key": uuid.uuid4().hex, **headers}
        answer = self.http.post(path, json=body, headers=headers)
        assert answer.is_success if code == 0 else answer.status_code == code, answer.text
        found: Json = answer.json() if answer.content else {}
        return found

    def put(self, path: str, body: Json, **headers: str) -> Json:
        answer = self.http.put(path, json=body, headers=headers)
        assert answer.is_success, answer.text
        found: Json = answer.json() if answer.content else {}
        return found

    def login(self, name: str, password: str, code: str = "") -> Self:
        said = self.post("/session", {"name": name, "password": password, "code": code})
        self.http.headers["X-CSRF-Token"] = said["csrf"]
        self._home.secrets |= {password, said["csrf"], *self.http.cookies.values()}
        return self

    def ticket(self, purpose: str, subject: str, password: str, code: str = "") -> str:
        body = {"password": password, "purpose": purpose, "subject": subject, "code": code}
        made = str(self.post("/session/reauth", body)["ticket"])
        self._home.secrets.add(made)
        return made

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
