"""Changing users: one transaction each, recorded first, never without an administrator."""

import sqlite3
import stat

import pytest

from controller.access.database import STORE, Database
from controller.access.roles import Permission, Role
from controller.access.script_tokens import Scope
from controller.access.secret import Secret
from controller.access.users import tidy_name
from controller.audit.record import Category, Result
from controller.core.errors import Refused, StoreError
from tests.support.access_rig import BOSS, GOOD, OTHER, PANEL, rig


@pytest.fixture
def line(tmp_path):
    with rig(tmp_path) as made:
        yield made


def codes(line):
    return [
        (r.entry.action, r.entry.result, r.entry.code) for r in line.records(category=Category.USER)
    ]


def test_a_user_is_added_and_recorded_with_what_he_may(line):
    line.user("Sato", Role.OPERATOR, Role.APPROVER)
    (user,) = line.desk.users()
    assert (user.name, user.roles) == ("sato", {Role.OPERATOR, Role.APPROVER})
    (record,) = line.records(category=Category.USER)
    assert (record.entry.actor, record.entry.target) == ("chief", "Sato")
    assert record.entry.new == "operator, approver"


@pytest.mark.parametrize("name", ["", "1sato", "sa to", "sato\n", "s" * 33, "сато", "a/b", "=cmd"])
def test_names_that_could_be_mistaken_are_refused(line, name):
    if name.strip() == "sato":
        assert tidy_name(name) == "sato"
        return
    with pytest.raises(Refused):
        line.user(name, Role.VIEWER)


def test_a_name_is_used_once(line):
    line.user("sato", Role.VIEWER)
    line.desk.disable(BOSS, "sato")
    with pytest.raises(Refused, match="not reused"):
        line.user("SATO", Role.VIEWER)
    assert codes(line)[-1] == ("add", Result.REFUSED, "exists")


def test_a_bad_password_or_no_role_is_refused_and_recorded(line):
    with pytest.raises(Refused):
        line.user("sato", Role.VIEWER, password=Secret("password1234"))
    with pytest.raises(Refused):
        line.user("sato")
    assert line.desk.users() == []
    assert [code for *_, code in codes(line)] == ["password", "roles"]


def test_the_last_administrator_stays(line):
    line.user("chief", Role.ADMINISTRATOR)
    for work in (
        lambda: line.desk.disable(BOSS, "chief"),
        lambda: line.desk.set_roles(BOSS, "chief", [Role.ENGINEER]),
    ):
        with pytest.raises(Refused, match="administer users any more"):
            work()
    (chief,) = line.desk.users()
    assert chief.active
    assert chief.roles == {Role.ADMINISTRATOR}
    line.user("deputy", Role.ADMINISTRATOR)
    line.desk.set_roles(BOSS, "chief", [Role.ENGINEER])
    with pytest.raises(Refused):
        line.desk.disable(BOSS, "deputy")


def test_a_disabled_administrator_is_none(line):
    line.user("chief", Role.ADMINISTRATOR)
    line.user("deputy", Role.ADMINISTRATOR)
    line.desk.disable(BOSS, "deputy")
    with pytest.raises(Refused):
        line.desk.disable(BOSS, "chief")


def test_old_and_new_roles_stand_in_the_record(line):
    line.user("sato", Role.OPERATOR)
    line.desk.set_roles(BOSS, "sato", [Role.ENGINEER], "promoted")
    entry = line.records(category=Category.USER)[-1].entry
    assert (entry.old, entry.new, entry.reason) == ("operator", "engineer", "promoted")


def test_nothing_changes_when_the_trail_cannot_take_it(line, monkeypatch):
    line.user("sato", Role.OPERATOR)
    monkeypatch.setattr(line.trail._file, "append", _full)
    with pytest.raises(StoreError):
        line.desk.set_roles(BOSS, "sato", [Role.ENGINEER])
    with pytest.raises(StoreError):
        line.desk.disable(BOSS, "sato")
    (user,) = line.desk.users()
    assert user.active
    assert user.roles == {Role.OPERATOR}
    monkeypatch.undo()
    line.desk.disable(BOSS, "sato")
    assert [r.entry.result for r in line.records(target="sato")][-2:] == [
        Result.FAILED, Result.ACCEPTED,
    ]  # fmt: skip


def _full(_):
    raise OSError(28, "No space left on device")


# -- the first administrator ---------------------------------------------------------------------


def test_there_is_no_user_and_no_password_at_first(line):
    assert line.desk.users() == []
    assert not line.desk.has_administrator()


def test_the_first_administrator_sets_himself_up_with_the_code(line):
    code = line.desk.invite(BOSS)
    line.door.accept_invitation(code, "chief", GOOD, "Chief", PANEL)
    assert line.desk.has_administrator()
    line.login("chief")


def test_the_code_may_be_typed_carelessly(line):
    code = line.desk.invite(BOSS)
    typed = Secret(code.reveal().lower().replace("-", " "))
    line.door.accept_invitation(typed, "chief", GOOD, "", PANEL)


def test_a_code_is_good_once_for_an_hour_and_only_the_newest(line):
    old = line.desk.invite(BOSS)
    code = line.desk.invite(BOSS)
    with pytest.raises(Refused, match="wrong, used or too old"):
        line.desk.accept_invitation(old, "chief", GOOD, "", PANEL)
    line.clock.pass_s(3601)
    with pytest.raises(Refused, match="too old"):
        line.desk.accept_invitation(code, "chief", GOOD, "", PANEL)
    fresh = line.desk.invite(BOSS)
    line.desk.accept_invitation(fresh, "chief", GOOD, "", PANEL)
    with pytest.raises(Refused, match="there is an administrator"):
        line.desk.accept_invitation(fresh, "mallory", GOOD, "", PANEL)
    with pytest.raises(Refused, match="there is an administrator"):
        line.desk.invite(BOSS)


def test_a_bad_password_does_not_use_the_code_up(line):
    code = line.desk.invite(BOSS)
    with pytest.raises(Refused) as refused:
        line.desk.accept_invitation(code, "chief", Secret("short"), "", PANEL)
    assert refused.value.code == "password"
    line.desk.accept_invitation(code, "chief", GOOD, "", PANEL)


def test_who_guesses_codes_is_slowed(line):
    line.desk.invite(BOSS)
    refusals = []
    for _ in range(20):
        with pytest.raises(Refused) as refused:
            line.door.accept_invitation(Secret("AAAAA"), "x", GOOD, "", "192.0.2.1")
        refusals.append(refused.value.code)
    assert refusals.count("invitation") == 1


def test_a_turned_back_clock_does_not_make_a_code_young_again(line):
    code = line.desk.invite(BOSS)
    line.clock.pass_s(3601)
    line.clock.set_s(-7200)
    with pytest.raises(Refused):
        line.desk.accept_invitation(code, "chief", GOOD, "", PANEL)


# -- tokens --------------------------------------------------------------------------------------

READ = Scope(label="report", permissions=frozenset({Permission.VIEW}))


def test_a_token_cannot_have_what_its_owner_or_a_script_may_not(line):
    line.user("sato", Role.OPERATOR)
    wanted = Scope(label="x", permissions=frozenset({Permission.TUNE, Permission.DEPLOY}))
    with pytest.raises(Refused) as refused:
        line.desk.make_token(BOSS, "sato", wanted)
    assert set(refused.value.reasons) == {"tune: sato may not either", "deploy: not for scripts"}


@pytest.mark.parametrize(
    "scope",
    [Scope(label="", permissions=READ.permissions), Scope(label="x", permissions=frozenset()),
     Scope(label="x", permissions=READ.permissions, days=367),
     Scope(label="a\x1b[2J", permissions=READ.permissions)],
)  # fmt: skip
def test_a_token_without_purpose_scope_or_end_is_refused(line, scope):
    line.user("sato", Role.OPERATOR)
    with pytest.raises(Refused):
        line.desk.make_token(BOSS, "sato", scope)


def test_a_token_is_stored_as_a_hash_and_recorded_without_its_secret(line):
    line.user("sato", Role.OPERATOR)
    secret, token = line.desk.make_token(BOSS, "sato", READ)
    text = secret.reveal()
    assert text.startswith(f"dryline_{token.id}_")
    tail = text.split("_", 2)[2].encode()
    for file in line.database.path.parent.iterdir():
        assert tail not in file.read_bytes(), file


# -- the file ------------------------------------------------------------------------------------


def test_the_store_is_for_its_owner_alone(line):
    for file in line.database.path.parent.glob("access.db*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_a_damaged_store_is_refused_not_begun_anew(tmp_path):
    path = tmp_path / STORE
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(StoreError, match="backup"):
        Database(path)
    assert path.read_bytes().startswith(b"nothing")


def test_a_store_of_another_program_or_version_is_refused(tmp_path):
    path = tmp_path / STORE
    Database(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(StoreError, match="99"):
        Database(path)
    db = sqlite3.connect(tmp_path / "other.db")
    db.execute("CREATE TABLE x (y)")
    db.close()
    with pytest.raises(StoreError, match="no Dryline store"):
        Database(tmp_path / "other.db")


def test_users_are_there_after_a_restart(tmp_path):
    with rig(tmp_path) as line:
        line.user("sato", Role.OPERATOR)
        line.desk.set_password(BOSS, "sato", OTHER)
    with rig(tmp_path) as line:
        line.login(password=OTHER)
