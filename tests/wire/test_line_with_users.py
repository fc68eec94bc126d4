"""From the first start of a real line to its backup: users, signatures, sockets, and no secret
anywhere. The tests of this module are one story, in this order."""

import asyncio
import base64
import json
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import websockets

from controller.access.totp import STEP_S, code_at
from controller.clock import WallClock
from tests.support.api_process import BASE, eventually
from tests.support.newcomer import Browser, Newcomer, tls

CHIEF, EVA, BOSS, SATO = (
    "wagtail orbit ember", "pebble lantern quartz", "thimble meadow kayak", "walnut ribbon glacier"
)  # fmt: skip
RECIPE = "nmc-standard@2.0.0"
CLOSED_S = 5.0
WAITS = 1  # after one wrong password: the next that is right is taken when that time is over


@pytest.fixture(scope="module")
def home() -> Iterator[Newcomer]:
    with Newcomer() as found:
        found.start()
        yield found


def test_the_first_start_lets_nobody_in_and_shows_how_to_begin(home: Newcomer) -> None:
    browser = home.browser()
    assert browser.http.get("/setup").json() == {"needed": True}
    for name, password in (("admin", "admin"), ("admin", ""), ("dryline", "dryline")):
        with suppress(AssertionError):
            browser.post("/session", {"name": name, "password": password}, 401)
    assert browser.http.get("/stations").status_code == 401
    with closing(sqlite3.connect(home.run / "access.db")) as db:
        assert db.execute("SELECT count(*) FROM user").fetchone() == (0,)
    assert "no administrator yet: `dryline user add`" in home.log.read_text()
    assert set(_listening(home)) == {"127.0.0.1"}
    files = [
        home.run / name for name in ("access.db", "api.sock", "audit.jsonl", "tls/tls-key.pem")
    ]
    assert [path.stat().st_mode & 0o077 for path in files] == [0] * len(files)


def _listening(home: Newcomer) -> Iterator[str]:
    """Addresses at which the API's port is open, out of the kernel's own list."""
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            place, state = row.split()[1], row.split()[3]
            host, _, port = place.partition(":")
            if state == "0A" and int(port, 16) == home.port:
                yield "127.0.0.1" if host == "0100007F" else host


def test_the_first_administrator_comes_by_a_code_that_is_good_once(home: Newcomer) -> None:
    code = home.on_run("user", "invite").split()[-1]
    home.secrets |= {code, CHIEF}
    body = {"code": code, "name": "chief", "password": CHIEF}
    browser = home.browser()
    browser.post("/setup", {**body, "password": "dryline12345"}, 422)
    eventually(lambda: browser.http.post("/setup", json=body).status_code == 201)
    browser.http.post("/setup", json={**body, "name": "second"})
    assert browser.http.get("/setup").json() == {"needed": False}
    assert "there is an administrator" in home.on_run("user", "invite", code=1)
    (user,) = json.loads(home.on_run("user", "list", "--json"))
    assert (user["name"], user["roles"]) == ("chief", ["administrator"])


def test_users_come_from_the_terminal_with_passwords_that_are_no_arguments(home: Newcomer) -> None:
    home.add("eva", EVA, "engineer", display="Eva E.")
    home.add("boss", BOSS, "approver")
    home.add("sato", SATO, "operator")
    told = home.on_run("user", "add", "mori", "--role", "viewer", typed="password12345\n", code=1)
    assert "too easy to guess" in told
    words = ("--label", "report", "--may", "view", "--days", "1")
    token = home.on_run("user", "token", "add", "sato", *words).split()[-1]
    home.secrets |= {token, token.rsplit("_", 1)[-1]}


def test_a_second_factor_is_set_up_and_then_asked_for(home: Newcomer) -> None:
    eva = home.browser().login("eva", EVA)
    path = f"{BASE}/session/factor"
    made = eva.post("/session/factor", {}, **{"X-Dryline-Ticket": eva.ticket("look", path, EVA)})
    step = WallClock().utc_ns() // 10**9 // STEP_S
    code = code_at(base64.b32decode(made["key"]), step)
    ticket = eva.ticket("look", path, EVA)
    codes = eva.put("/session/factor", {"code": code}, **{"X-Dryline-Ticket": ticket})["codes"]
    home.secrets |= {made["key"], *codes}
    assert eva.http.get("/session").status_code == 401
    home.browser().login("eva", EVA, codes[0])
    home.recovery = codes[1:]  # type: ignore[attr-defined]


def test_a_release_and_a_deployment_are_signed_at_the_terminal(home: Newcomer) -> None:
    on_run = ("--run", str(home.run))
    home.on_recipes("recipe", "new", "coater", "nmc-standard", "2.0.0", "--by", "eva",
                    "--reason", "for the newcomer")  # fmt: skip
    release = ("recipe", "release", "coater", RECIPE, "--reason", "fine", "--override", "x")
    told = home.on_recipes(
        *release, "--by", "eva", *on_run, typed=f"{EVA}\n{_code(home)}\n", code=1
    )
    assert "its author" in told or "may not approve" in told
    told = home.on_recipes(*release, "--by", "boss", *on_run, typed=SATO + "\n", code=1)
    assert "wrong" in told
    home.on_recipes(*release, "--by", "boss", *on_run, typed=BOSS + "\n", waits=WAITS)
    deploy = ("deploy", "coater", RECIPE, "--reason", "first")
    assert "wrong" in home.on_run(*deploy, "--by", "boss", typed="nothing\n", code=1)
    home.on_run(*deploy, "--by", "boss", typed=BOSS + "\n", waits=WAITS)
    assert "signed by boss" in home.on_run("deployed", "coater")
    assert "as the audit trail knows it" in home.on_recipes("recipe", "verify", *on_run)


def _code(home: Newcomer) -> str:
    return str(home.recovery.pop())  # type: ignore[attr-defined]


def test_a_run_keeps_the_signature_of_what_it_follows(home: Newcomer) -> None:
    home.on_run("start", "coater", "--reason", "newcomer")
    shown = json.loads(home.on_run("run", "show", "coater", "--line", str(home.line), "--json"))
    begun = next(e for e in shown["entries"] if e["kind"] == "run")
    assert begun["data"]["signature"]["signer"] == "boss"
    assert begun["data"]["signature"]["content_hash"] == begun["data"]["content_hash"]
    home.on_run("stop", "coater")
    on_run = ("--run", str(home.run))
    assert "1 runs of recipes, 1 of a signed deployment" in home.on_recipes(
        "recipe", "verify", *on_run
    )


@pytest.mark.parametrize("how", ["logout", "roles", "disabled", "expired"])
async def test_open_sockets_end_with_the_session(home: Newcomer, how: str) -> None:
    await asyncio.to_thread(_again, home)
    browser = await asyncio.to_thread(lambda: _patient_login(home, "sato", SATO))
    uri = home.origin.replace("https", "wss") + f"{BASE}/live"
    async with websockets.connect(
        uri, origin=home.origin, additional_headers={"Cookie": browser.cookie}, ssl=tls(),
        compression=None, open_timeout=30,
    ) as ws:  # fmt: skip
        await ws.send('{"op":"hello","v":1}')
        await ws.recv()
        await asyncio.to_thread(_end, home, browser, how)
        begun_s = time.monotonic()
        with suppress(websockets.ConnectionClosed):
            async with asyncio.timeout(10.0):
                while True:
                    await ws.recv()
        took_s = time.monotonic() - begun_s
    print(f"\n{how}: closed {took_s:.2f} s later, {ws.close_code}")
    assert ws.close_code in (4001, 4003)
    assert took_s < CLOSED_S
    assert browser.http.get("/session").status_code == 401


def _again(home: Newcomer) -> None:
    """Sato as he was: an active operator."""
    home.on_run("user", "enable", "sato")
    home.on_run("user", "role", "sato", "--role", "operator")


def _patient_login(home: Newcomer, name: str, password: str) -> Browser:
    found: list[Browser] = []

    def tried() -> bool:
        browser = home.browser()
        with suppress(AssertionError):  # a console may try four times a minute
            found.append(browser.login(name, password))
        return bool(found)

    eventually(tried, 90.0)
    return found[0]


def _end(home: Newcomer, browser: Browser, how: str) -> None:
    match how:
        case "logout":
            assert browser.http.delete("/session").status_code == 204
        case "roles":
            home.on_run("user", "role", "sato", "--role", "viewer")
        case "disabled":
            home.on_run("user", "disable", "sato")
        case "expired":
            with closing(sqlite3.connect(home.run / "access.db")) as db:
                db.execute("UPDATE session SET begun_ns = begun_ns - 43200000000000 - 1")
                db.commit()


def test_what_was_done_and_refused_is_in_the_trail(home: Newcomer) -> None:
    shown = json.loads(home.on_run("audit", "show", "--limit", "1000", "--json"))
    done = {(r["category"], r["action"], r["result"]) for r in shown}
    assert {
        ("process", "API started", "done"), ("process", "controller started", "done"),
        ("user", "add", "accepted"), ("user", "add", "refused"), ("user", "roles", "accepted"),
        ("token", "make token", "accepted"), ("login", "login", "accepted"),
        ("login", "login", "refused"), ("login", "logout", "done"),
        ("signature", "approved", "accepted"), ("signature", "deployed", "accepted"),
        ("recipe", "release", "done"), ("deploy", "DEPLOY", "done"), ("command", "START", "done"),
        ("login", "password for sign", "refused"),
    } <= done, done  # fmt: skip
    assert "every one as it was written" in home.on_run("audit", "verify", "--line", str(home.line))


def test_heads_of_the_trail_are_kept_in_history(home: Newcomer) -> None:
    found = home.on_run("events", "--line", str(home.line))
    assert "head " in found


def test_no_secret_is_written_anywhere_it_does_not_belong(home: Newcomer) -> None:
    """Logs, trail, history, exports, bundles, the manifest of a backup, command lines."""
    out = home.home / "out"
    out.mkdir()
    on_line = ("--line", str(home.line))
    home.on_run("audit", "export", str(out / "audit.csv"))
    home.on_run("audit", "export", str(out / "audit.json"), "--format", "json")
    home.on_run("run", "export", "coater", "--out", str(out / "bundle"), *on_line)
    home.on_run("backup", str(out / "line.zip"), *on_line, "--recipes", str(home.recipes))
    home.stop()
    home.secrets |= {(home.run / "pki" / "plc-password").read_text().strip()}
    keys = [p.read_text() for p in home.run.rglob("*.pem") if "PRIVATE" in p.read_text()]
    home.secrets |= {line for key in keys for line in key.splitlines()[1:-1]}
    assert len(home.secrets) > 30
    places = dict(_places(home))
    assert {"out/audit.csv", "up.log", "run/audit.jsonl", "run/history.db"} <= set(places)
    for text in (b"newcomer", b"run/access.db"):
        assert any(text in content for content in places.values())  # it would be found
    leaks = [
        (name, secret[:4])
        for name, content in places.items()
        for secret in home.secrets
        if secret.encode() in content
    ]
    assert leaks == []
    assert [a for a in home.arguments for secret in home.secrets if secret in a] == []
    store = b"".join(p.read_bytes() for p in home.run.glob("access.db*"))
    hashed = home.secrets - {s for s in home.secrets if s.isupper() and "-" not in s}
    assert [s[:4] for s in hashed if s.encode() in store] == []


def _places(home: Newcomer) -> Iterator[tuple[str, bytes]]:
    """Everything that was written, packed or not; of a backup what tells of its files."""
    for path in home.written():
        name = path.relative_to(home.home).as_posix()
        if not zipfile.is_zipfile(path):
            if not _keeps(home, path):
                yield name, path.read_bytes()
            continue
        with zipfile.ZipFile(path) as packed:
            whole = "manifest.json" not in packed.namelist() or path.name != "line.zip"
            for inside in packed.namelist() if whole else ["manifest.json"]:
                yield f"{name}/{inside}", packed.read(inside)


def _keeps(home: Newcomer, path: Path) -> bool:
    """Where secrets belong: the store of users, keys and passwords; what commands printed to the
    person who asked for a code."""
    kept = ("access.db", "pki/", "tls/")
    inside = path.relative_to(home.run).as_posix() if path.is_relative_to(home.run) else ""
    return inside.startswith(kept) or path.name == "terminal.log"


def test_the_log_is_small_and_has_no_trace(home: Newcomer) -> None:
    text = home.log.read_text(encoding="utf-8")
    assert "Traceback" not in text
    assert len(text) < 200_000
