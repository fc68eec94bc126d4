"""What the packages import, and that no secret gets out of them."""

import ast
import logging
from pathlib import Path

import pytest

from controller.access.roles import Permission, Role
from controller.access.script_tokens import Scope
from controller.access.secret import Secret
from controller.access.signature import PURPOSE, Meaning, Wanted, sign
from controller.audit.export import as_json, csv_lines
from controller.core.errors import DrylineError
from tests.support.access_rig import BOSS, GOOD, NONE, OTHER, PANEL, rig
from tests.support.documents import ROOT

FENCES = {
    "sqlite3": "database.py",
    "argon2": "passwords.py",
    "secrets": "chance.py",
    "hmac": "chance.py",
    "cryptography": "certificate.py",
}
CLOCKS = {"time", "datetime"}
FILES = sorted((ROOT / "controller" / "access").glob("*.py")) + sorted(
    (ROOT / "controller" / "audit").glob("*.py")
)


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_each_fence_is_one_file_and_time_is_told(path):
    names = imported(path)
    for package, fence in FENCES.items():
        assert (package in names) <= (path.name == fence), package
    assert "time" not in names
    assert not names & {"pickle", "random", "subprocess"}


def test_the_fences_are_where_they_are_said_to_be():
    there = {name: path for path in FILES for name in imported(path) if name in FENCES}
    assert {name: path.name for name, path in there.items()} == FENCES


def test_no_secret_is_in_logs_messages_texts_the_trail_or_its_exports(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    with rig(tmp_path) as line:
        line.user("mori", Role.ENGINEER, Role.APPROVER)
        code = line.desk.invite(BOSS)
        login = line.login("mori")
        line.clock.pass_s(61)
        wanted = Wanted(meaning=Meaning.APPROVED, subject="x@1.0.0", content_hash="a" * 64,
                        reason="good")  # fmt: skip
        ticket = line.door.ticket(login.identity, GOOD, NONE, PURPOSE, wanted.ticket_subject)
        signature = sign(line.door, line.trail, line.clock, login.identity, ticket, wanted)
        scope = Scope(label="x", permissions=frozenset({Permission.VIEW}))
        token, listed = line.desk.make_token(BOSS, "mori", scope)
        key = line.desk.begin_factor(BOSS, "mori")
        line.user("sato", Role.OPERATOR)
        reset = line.desk.make_reset(BOSS, "sato")
        secrets = [GOOD, OTHER, code, login.own, login.csrf, ticket, token, key, reset]
        for secret in secrets:  # each where it does not belong, too
            for work in (
                lambda s=secret: line.login(s.reveal(), NONE),
                lambda s=secret: line.login("mori", s, s),
                lambda s=secret: line.door.of_cookie(Secret(s.reveal() + "x")),
                lambda s=secret: line.door.of_token(Secret(s.reveal() + "x"), PANEL),
                lambda s=secret: line.desk.set_password(BOSS, "nobody", s),
                lambda s=secret: line.door.accept_invitation(s, "chief", Secret("x"), "", PANEL),
                lambda s=secret: line.door.reset_password(s.reveal(), s, s, s, PANEL),
                lambda s=secret: line.door.reset_password("sato", s, Secret("x"), s, PANEL),
            ):
                try:
                    shown.append(repr(work()))
                except DrylineError as error:
                    shown.append(repr(error) + str(error))
        shown += [repr(login), repr(signature), repr(listed), repr(line.door.__dict__), caplog.text]
        records = line.records()
        shown += [*csv_lines(records), *(str(as_json(r)) for r in records)]
        shown.append(line.trail.path.read_bytes().decode())
    leaks = [(text[:80], n) for n, s in enumerate(secrets) for text in shown if s.reveal() in text]
    assert leaks == []
