"""A code in place of a lost password: good once, for one user, for an hour, not to be guessed."""

import base64
import sqlite3
import threading

import pytest

from controller.access import totp
from controller.access.database import ADDED, STORE, VERSION, Database
from controller.access.identity import TERMINAL, Actor
from controller.access.resets import WRONG
from controller.access.roles import Role
from controller.access.secret import Secret
from controller.access.users import all_users
from controller.audit.record import Category, Result
from controller.clock import NS
from controller.core.errors import Refused, StoreError
from tests.support.access_rig import BOSS, GOOD, NONE, OTHER, PANEL, STRANGER, rig

NEW = Secret("walnut ferry magnet")
SAME_NAME = Actor("sato", PANEL)


@pytest.fixture
def line(tmp_path):
    with rig(tmp_path) as made:
        made.user("chief", Role.ADMINISTRATOR)
        made.user("sato", Role.OPERATOR)
        made.user("mori", Role.ENGINEER)
        yield made


def refusal(work):
    with pytest.raises(Refused) as refused:
        work()
    return refused.value


def reset(line, code, name="sato", password=NEW, factor=NONE, address=PANEL):
    """Far enough after every earlier try."""
    line.clock.pass_s(61)
    line.door.reset_password(name, code, password, factor, address)


def test_with_the_code_a_new_password_is_chosen(line):
    code = line.desk.make_reset(BOSS, "Sato", "forgot it")
    reset(line, code, " SATO")
    line.login(password=NEW)
    assert refusal(lambda: line.login(password=GOOD)).code == "login"


def test_it_may_be_typed_carelessly(line):
    code = line.desk.make_reset(BOSS, "sato")
    reset(line, Secret(code.reveal().lower().replace("-", " ")))
    line.login(password=NEW)


def test_the_old_password_and_every_session_end_when_the_code_is_made(line):
    one, two = line.login(), line.login(address=STRANGER)
    before = line.door.newest_ending()
    line.desk.make_reset(BOSS, "sato")
    for login in (one, two):
        assert refusal(lambda own=login.own: line.door.of_cookie(own)).code == "session"
    assert len(line.door.ended_since(before)[1]) == 2
    assert refusal(lambda: line.login(password=GOOD)).code == "login"
    assert refusal(lambda: line.login(password=NONE)).code == "login"


def test_sessions_begun_by_nobody_else_end_with_the_new_password(line):
    mori = line.login("mori")
    reset(line, line.desk.make_reset(BOSS, "sato"))
    line.door.of_cookie(mori.own)


def test_a_code_is_good_once_and_only_the_newest_is(line):
    old = line.desk.make_reset(BOSS, "sato")
    code = line.desk.make_reset(BOSS, "sato")
    assert refusal(lambda: reset(line, old)).code == "reset"
    reset(line, code)
    assert refusal(lambda: reset(line, code, password=OTHER)).code == "reset"
    line.login(password=NEW)


def test_a_code_is_good_for_an_hour_by_a_clock_that_nobody_can_set(line):
    code = line.desk.make_reset(BOSS, "sato")
    line.clock.pass_s(3_600)
    line.clock.set_s(-7_200)
    assert refusal(lambda: reset(line, code)).code == "reset"
    code = line.desk.make_reset(BOSS, "sato")
    line.clock.boot = "boot-2"
    assert refusal(lambda: reset(line, code)).code == "reset"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("nobody", "right"),
        ("mori", "right"),
        ("sato", "of mori"),
        ("sato", ""),
        ("sato", "-"),
        ("sato", "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE-FFFFF"),
        ("sato", "' OR 1=1 --"),
        ("", "right"),
        ("%", "right"),
    ],
)
def test_whatever_is_wrong_sounds_the_same_and_changes_nothing(line, name, code):
    codes = {"right": line.desk.make_reset(BOSS, "sato"), "of mori": None}
    codes["of mori"] = line.desk.make_reset(BOSS, "mori")
    typed = codes.get(code) or Secret(code)
    refused = refusal(lambda: reset(line, typed, name))
    assert (refused.code, refused.reasons) == ("reset", (WRONG,))
    reset(line, codes["right"])
    reset(line, codes["of mori"], "mori")


def test_the_stored_hash_is_no_code(line, tmp_path):
    line.desk.make_reset(BOSS, "sato")
    with line.database.reading() as change:
        (kept,) = change.row("SELECT hash FROM reset")
    assert refusal(lambda: reset(line, Secret(kept))).code == "reset"


def test_a_weak_password_does_not_use_the_code_up(line):
    code = line.desk.make_reset(BOSS, "sato")
    for weak in ("short", "password1234", "sato sato sato sato"):
        assert refusal(lambda w=weak: reset(line, code, password=Secret(w))).code == "password"
    reset(line, code)


def test_a_disabled_user_gets_none_and_a_code_ends_with_disabling(line):
    code = line.desk.make_reset(BOSS, "sato")
    line.desk.disable(BOSS, "sato")
    assert refusal(lambda: reset(line, code)).code == "reset"
    assert refusal(lambda: line.desk.make_reset(BOSS, "sato")).code == "disabled"
    line.desk.enable(BOSS, "sato")
    assert refusal(lambda: reset(line, code)).code == "reset"


def test_a_code_ends_with_another_password(line):
    code = line.desk.make_reset(BOSS, "sato")
    line.desk.set_password(BOSS, "sato", OTHER)
    assert refusal(lambda: reset(line, code)).code == "reset"
    line.login(password=OTHER)


def test_nobody_opens_his_own_account_with_a_session_that_was_left_open(line):
    assert refusal(lambda: line.desk.make_reset(SAME_NAME, "sato")).code == "own"
    line.login(password=GOOD)
    reset(line, line.desk.make_reset(Actor("sato", TERMINAL), "sato"))


def test_a_lost_password_of_the_last_administrator_is_mended_at_the_terminal(line):
    line.desk.make_reset(BOSS, "chief")
    assert line.desk.has_administrator()
    assert refusal(lambda: line.desk.invite(BOSS)).code == "invitation"
    reset(line, line.desk.make_reset(BOSS, "chief"), "chief")
    line.login("chief", NEW)


# -- a second factor -----------------------------------------------------------------------------


def enrol(line):
    key = line.desk.begin_factor(BOSS, "mori")
    codes = line.desk.finish_factor(BOSS, "mori", code_after(line, key, 0))
    return key, codes


def code_after(line, key, seconds):
    raw = base64.b32decode(key.reveal())
    utc_s = line.clock().utc_ns / NS + seconds
    return Secret(totp.code_at(raw, int(utc_s // totp.STEP_S)))


def test_the_paper_alone_opens_nothing_where_there_is_a_second_factor(line):
    key, _ = enrol(line)
    code = line.desk.make_reset(BOSS, "mori")
    refused = refusal(lambda: reset(line, code, "mori"))
    assert (refused.code, refused.reasons) == ("reset", (WRONG,))
    assert refusal(lambda: reset(line, code, "mori", factor=Secret("000000"))).code == "reset"
    factor = code_after(line, key, 61)
    reset(line, code, "mori", factor=factor)
    refusal(lambda: line.door.login("mori", NEW, factor, PANEL))  # used up
    line.login("mori", NEW, code_after(line, key, 61))


def test_a_code_for_a_lost_telephone_stands_in_and_is_used_up(line):
    _, spare = enrol(line)
    reset(line, line.desk.make_reset(BOSS, "mori"), "mori", factor=spare[0])
    assert refusal(lambda: line.login("mori", NEW, spare[0])).code == "login"
    line.login("mori", NEW, spare[1])


def test_telephone_and_password_lost_are_mended_in_any_order(line):
    enrol(line)
    code = line.desk.make_reset(BOSS, "mori")
    line.desk.remove_factor(BOSS, "mori", "lost in the river")
    reset(line, code, "mori")
    line.login("mori", NEW)


# -- guessing, and two at once -------------------------------------------------------------------


def test_who_guesses_is_slowed_as_at_a_login_and_not_told_in_full(line):
    line.desk.make_reset(BOSS, "sato")
    looked_at = 0
    for _ in range(300):
        line.clock.pass_s(0.2)
        guess = refusal(
            lambda: line.door.reset_password("sato", Secret("A" * 5), NEW, NONE, STRANGER)
        )
        looked_at += guess.code == "reset"
    assert 1 <= looked_at <= 3  # of 300 in a minute
    assert refusal(lambda: line.door.login("sato", GOOD, NONE, STRANGER)).code == "wait"
    told = line.records(category=Category.LOGIN)
    assert sum(r.entry.action == "reset password" for r in told) == looked_at


def test_who_is_known_gets_through_while_a_stranger_guesses(line):
    line.login()
    code = line.desk.make_reset(BOSS, "sato")
    for _ in range(20):
        refusal(lambda: line.door.reset_password("sato", Secret("A"), NEW, NONE, STRANGER))
    line.door.reset_password("sato", code, NEW, NONE, PANEL)


def test_of_many_threads_with_one_code_one_sets_the_password(line):
    code = line.desk.make_reset(BOSS, "sato")
    passwords = [Secret(f"walnut {k} ferry magnet") for k in range(8)]
    had, lost, gate = [], [], threading.Barrier(8)

    def take(password):
        gate.wait()
        try:
            line.desk.accept_reset("sato", code, password, NONE, PANEL)
        except Refused as refused:
            lost.append(refused.code)
        else:
            had.append(password)

    threads = [threading.Thread(target=take, args=(p,)) for p in passwords]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(had), lost) == (1, ["reset"] * 7)
    line.login(password=had[0])


# -- what is kept --------------------------------------------------------------------------------


def test_making_and_using_are_recorded_without_the_code(line):
    code = line.desk.make_reset(BOSS, "sato", "forgot it")
    refusal(lambda: reset(line, Secret("AAAAA")))
    reset(line, code)
    made, done = line.records(category=Category.USER)[-2:]
    assert (made.entry.actor, made.entry.action, made.entry.target, made.entry.reason) == (
        "chief", "make reset code", "sato", "forgot it",
    )  # fmt: skip
    assert (done.entry.actor, done.entry.action, done.entry.source, done.entry.result) == (
        "sato", "reset password", PANEL, Result.ACCEPTED,
    )  # fmt: skip
    (failed,) = (r for r in line.records(category=Category.LOGIN) if r.entry.result != "accepted")
    assert (failed.entry.actor, failed.entry.code) == ("sato", "login")
    kept = line.trail.path.read_bytes() + line.database.path.read_bytes()
    kept += line.database.path.with_name(f"{STORE}-wal").read_bytes()
    for part in (code.reveal(), NEW.reveal(), code.reveal().replace("-", "")):
        assert part.encode() not in kept


def test_what_was_typed_as_a_name_is_not_recorded_when_it_is_none(line):
    refusal(lambda: reset(line, Secret("A"), NEW.reveal()))
    assert NEW.reveal().encode() not in line.trail.path.read_bytes()


def test_nothing_changes_when_the_trail_cannot_take_it(line, monkeypatch):
    code = line.desk.make_reset(BOSS, "mori")
    monkeypatch.setattr(line.trail._file, "append", _full)
    with pytest.raises(StoreError):
        line.desk.make_reset(BOSS, "sato")
    line.clock.pass_s(61)
    with pytest.raises(StoreError):
        line.door.reset_password("mori", code, NEW, NONE, PANEL)
    monkeypatch.undo()
    line.login(password=GOOD)
    reset(line, code, "mori")


def _full(_):
    raise OSError(28, "No space left on device")


def test_a_store_of_the_version_before_is_brought_up_to_date_with_its_users(tmp_path):
    with rig(tmp_path) as line:
        line.user("sato", Role.OPERATOR)
        path = line.database.path
    old = sqlite3.connect(path)
    old.execute("DROP TABLE reset")
    old.execute("PRAGMA user_version=1")
    old.close()
    assert set(ADDED) == set(range(1, VERSION))
    for _ in range(2):
        with Database(path) as database, database.reading() as change:
            assert [user.name for user in all_users(change)] == ["sato"]
            assert change.row("PRAGMA user_version") == (VERSION,)
    with rig(tmp_path) as line:
        reset(line, line.desk.make_reset(BOSS, "sato"))
