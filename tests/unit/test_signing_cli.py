"""Signing at the terminal: `dryline recipe release|obsolete|verify`, and deploying with users."""

import json
from base64 import b32decode

import pytest
from typer.testing import CliRunner

from controller.__main__ import app
from controller.access.database import STORE, Database
from controller.access.desk import UserDesk
from controller.access.identity import Actor
from controller.access.passwords import Passwords
from controller.access.roles import Role
from controller.access.secret import Secret
from controller.access.totp import STEP_S, code_at
from controller.audit.moment import moments
from controller.audit.reading import Wish, matching
from controller.audit.trail import TRAIL, Trail
from controller.cli import signing
from controller.clock import NS
from controller.core.errors import DrylineError
from tests.support.access_rig import CHEAP, GOOD, OTHER
from tests.support.recipe_kinds import put

PASSWORD = GOOD.reveal()
RELEASE = ("recipe", "release", "coater", "test-film@1.0.0", "--reason", "good", "--override", "x")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DRYLINE_ANCHORS", str(tmp_path / "anchors"))
    monkeypatch.setattr(signing, "Passwords", lambda: Passwords(CHEAP))
    monkeypatch.setattr("getpass.getuser", lambda: "grace")
    put(tmp_path / "recipes", "1.0.0")
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.fixture
def dryline(home):
    def run(*words, typed="", code=0):
        where = ("--run", str(home / "run"), "--recipes", str(home / "recipes"))
        result = CliRunner().invoke(app, [*words, *where], input=typed)
        assert result.exit_code == code, result.output
        assert PASSWORD not in result.output
        return result.output

    return run


@pytest.fixture
def users(home):
    """The author of the recipe, and an approver."""
    now = moments()
    with Trail(home / "run" / TRAIL, now) as trail, Database(home / "run" / STORE) as database:
        desk = UserDesk(database, Passwords(CHEAP), trail, now)
        chief = Actor("chief", "terminal")
        desk.add(chief, "ada", [Role.ENGINEER, Role.APPROVER], GOOD, "Ada Example")
        desk.add(chief, "grace", [Role.APPROVER], GOOD)
        yield desk


def records(home):
    return [r.entry for r in matching(home / "run" / TRAIL, Wish())]


def test_a_release_asks_for_the_password_of_a_user_and_is_signed(dryline, users, home):
    told = dryline(*RELEASE, typed=PASSWORD + "\n")
    assert "release by grace" in told
    assert "signed, audit record" in told
    assert [e.category.value for e in records(home)][-4:] == [
        "login", "signature", "recipe", "recipe"
    ]  # fmt: skip
    assert "as the audit trail knows it" in dryline("recipe", "verify")


def test_without_users_it_is_recorded_and_marked(dryline, home):
    assert "unsigned" in dryline(*RELEASE, "--by", "Anybody")
    assert records(home)[-1].actor == "Anybody"
    assert "unsigned" in dryline("recipe", "verify")


def test_without_a_run_folder_it_says_that_nothing_is_recorded(home, monkeypatch):
    monkeypatch.chdir(home)
    (home / "run").rmdir()
    done = CliRunner().invoke(app, [*RELEASE, "--by", "Anybody"])
    assert done.exit_code == 0, done.output
    assert "no audit trail" in done.output
    assert not (home / "run").exists()


@pytest.mark.parametrize(
    ("more", "typed", "told"),
    [
        ((), "wrong\n", "name, password or code is wrong"),
        ((), "", "name, password or code is wrong"),
        (("--by", "nobody"), PASSWORD, "no user of this line"),
        (("--by", "ada"), PASSWORD, "another person"),
        (("--by", "not a name"), PASSWORD, "user name"),
    ],
)
def test_who_is_not_the_approver_releases_nothing(dryline, users, home, more, typed, told):
    assert told in dryline(*RELEASE, *more, typed=typed, code=1)
    assert not (home / "recipes" / "coater" / "test-film" / "ledger.json").exists()


def test_the_password_comes_from_a_file_that_others_cannot_read(dryline, users, home):
    file = home / "password"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o644)
    assert "chmod 600" in dryline(*RELEASE, "--password-file", str(file), code=1)
    file.chmod(0o600)
    assert "signed" in dryline(*RELEASE, "--password-file", str(file))


def test_a_missing_password_file_is_told(dryline, users, home):
    assert "cannot be read" in dryline(*RELEASE, "--password-file", str(home / "none"), code=1)


def test_a_second_factor_is_the_second_line(dryline, users, home):
    grace = Actor("grace", "terminal")
    key = b32decode(users.begin_factor(grace, "grace").reveal())
    step = moments()().utc_ns // NS // STEP_S
    recovery, *_ = users.finish_factor(grace, "grace", Secret(code_at(key, step)))
    assert "wrong" in dryline(*RELEASE, typed=PASSWORD + "\n", code=1)
    assert "signed" in dryline(*RELEASE, typed=f"{PASSWORD}\n{recovery.reveal()}\n")


def test_a_person_at_a_terminal_types_it_unseen(dryline, users, monkeypatch):
    asked = []
    monkeypatch.setattr("getpass.getpass", lambda text: asked.append(text) or PASSWORD)
    monkeypatch.setattr(signing.sys, "stdin", type("Tty", (), {"isatty": lambda _: True})())
    (grace,) = [u for u in users.users() if u.name == "grace"]
    proof = signing.proof_of("grace", [grace], None)
    assert (proof.password.reveal(), asked) == (PASSWORD, ["Password of grace: "])


def test_a_password_is_in_no_text_of_a_proof(users):
    with pytest.raises(DrylineError):
        signing.proof_of("nobody", users.users(), None)
    assert PASSWORD not in repr(signing.Proof(name="x", password=GOOD, code=OTHER))


def test_a_forged_ledger_is_found_with_exit_code_1(dryline, users, home):
    dryline(*RELEASE, typed=PASSWORD + "\n")
    ledger = home / "recipes" / "coater" / "test-film" / "ledger.json"
    body = json.loads(ledger.read_text())
    body["entries"][-1]["override"] = "rehearsed"
    ledger.write_text(json.dumps(body))
    assert "edited" in dryline("recipe", "verify", code=1)
    body = json.loads(dryline("recipe", "verify", "--json", code=1))
    assert body["sound"] is False


def test_retiring_is_recorded(dryline, users, home):
    dryline(*RELEASE, typed=PASSWORD + "\n")
    dryline("recipe", "obsolete", "coater", "test-film@1.0.0", "--reason", "old")
    assert [e.action for e in records(home)][-2:] == ["obsolete", "obsolete"]
    dryline("recipe", "obsolete", "coater", "test-film@1.0.0", "--reason", "old", code=1)
    assert records(home)[-1].code == "obsolete"


def test_a_deployment_on_a_line_with_users_takes_the_api(home, users):
    words = ("deploy", "coater", "test-film", "--reason", "x", "--expect", "0")
    run = ("--run", str(home / "run"))
    done = CliRunner().invoke(app, [*words, *run], input=PASSWORD + "\n")
    assert done.exit_code == 1
    assert "start it with `dryline api`" in done.output
