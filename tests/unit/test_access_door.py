"""Logins, sessions, tickets, second factors and tokens, as a network API sees them."""

import base64
import threading
from dataclasses import replace

import pytest

from controller.access import totp
from controller.access.identity import Via, require
from controller.access.passwords import Cost, Match, Passwords
from controller.access.roles import Permission, Role
from controller.access.script_tokens import Scope
from controller.access.secret import Secret
from controller.access.settings import AccessSettings
from controller.access.users import Ended, credentials
from controller.audit.record import Category
from controller.clock import NS
from controller.core.errors import Refused
from tests.support.access_rig import BOSS, GOOD, NONE, OTHER, PANEL, STRANGER, rig


@pytest.fixture
def line(tmp_path):
    with rig(tmp_path) as made:
        made.user("sato", Role.OPERATOR)
        made.user("chief", Role.ADMINISTRATOR)
        made.user("mori", Role.ENGINEER, Role.APPROVER)
        yield made


def refusal(work):
    with pytest.raises(Refused) as refused:
        work()
    return refused.value


# -- login ---------------------------------------------------------------------------------------


def test_a_login_gives_a_session_with_the_rights_of_the_roles(line):
    login = line.login()
    own = line.door.of_cookie(login.own)
    assert own == login.identity
    assert (own.user, own.via, own.idle, own.address) == ("sato", Via.SESSION, False, PANEL)
    require(own, Permission.OPERATE)


def test_names_are_taken_as_people_type_them(line):
    assert line.login(" SATO ").identity.user == "sato"


@pytest.mark.parametrize(
    ("name", "password"),
    [("sato", OTHER), ("nobody", GOOD), ("left", GOOD), ("", GOOD), ("'; DROP TABLE user", GOOD),
     ("sato", NONE), ("sato", Secret("x" * 100_000)), ("sato", Secret("\ud800"))],
)  # fmt: skip
def test_whatever_is_wrong_sounds_the_same(line, name, password):
    line.user("left", Role.OPERATOR)
    line.desk.disable(BOSS, "left")
    found = refusal(lambda: line.login(name, password))
    assert (found.code, found.reasons) == ("login", ("name, password or code is wrong",))


def test_unknown_and_disabled_users_cost_a_hash_like_any_other(line, monkeypatch):
    line.user("left", Role.OPERATOR)
    line.desk.disable(BOSS, "left")
    seen = []
    hasher = line.passwords._hasher

    class Counting:
        def verify(self, stored, password):
            seen.append(stored)
            return hasher.verify(stored, password)

    monkeypatch.setattr(line.passwords, "_hasher", Counting())
    for name in ("sato", "nobody", "left"):
        refusal(lambda n=name: line.login(n, OTHER))
    assert len(seen) == 3
    assert seen[1] == seen[2] == line.passwords._nobody


def test_tries_in_a_row_must_wait(line):
    refusal(lambda: line.login(password=OTHER))
    found = refusal(lambda: line.door.login("sato", GOOD, NONE, PANEL))
    assert found.code == "wait"
    assert "wait 1 s" in found.reasons[0]


def test_a_guesser_outside_locks_out_neither_console_nor_known_panel(line):
    line.login()
    for _ in range(30):
        line.clock.pass_s(0.5)
        refusal(lambda: line.door.login("sato", OTHER, NONE, STRANGER))
    line.door.login("sato", GOOD, NONE, PANEL)
    line.door.login("sato", GOOD, NONE, "127.0.0.1")


def test_what_a_proxy_passes_on_is_no_console(line):
    for _ in range(5):
        line.clock.pass_s(0.5)
        refusal(lambda: line.door.login("sato", OTHER, NONE, "127.0.0.1", forwarded=True))
    line.door.login("sato", GOOD, NONE, "127.0.0.1")


def test_what_was_typed_as_a_name_is_not_recorded_when_it_is_none(line):
    refusal(lambda: line.login(GOOD.reveal(), NONE))
    raw = line.trail.path.read_bytes()
    assert b"wagtail" not in raw
    assert line.records(category=Category.LOGIN)[-1].entry.actor == "(no such user)"


def test_logins_failures_and_logouts_are_recorded_with_their_address(line):
    refusal(lambda: line.login(password=OTHER, address=STRANGER))
    login = line.login()
    line.door.logout(login.own)
    told = [(r.entry.action, r.entry.actor, r.entry.source, r.entry.result.value)
            for r in line.records(category=Category.LOGIN)]  # fmt: skip
    assert told == [
        ("login", "sato", STRANGER, "refused"),
        ("login", "sato", PANEL, "accepted"),
        ("logout", "sato", PANEL, "done"),
    ]


def test_a_flood_of_guesses_does_not_flood_the_trail(line):
    before = len(line.records())
    for k in range(600):
        line.clock.pass_s(0.1)
        refusal(lambda n=k: line.door.login(f"user{n}", OTHER, NONE, f"2001:db8:{n:x}::1"))
    assert len(line.records()) - before <= 31


def test_a_password_stored_with_old_parameters_is_stored_anew(line):
    line.door._passwords = Passwords(Cost(time=2, memory_kib=16, lanes=1))
    login = line.login()
    with line.database.reading() as change:
        stored = credentials(change, "sato").password
    assert line.door._passwords.check(stored, GOOD) is Match.RIGHT
    assert line.door.of_cookie(login.own).user == "sato"


def test_a_login_works_while_the_trail_cannot_be_written(line, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(line.trail._file, "append", full)
    require(line.login().identity, Permission.REST)
    monkeypatch.undo()
    refusal(lambda: line.desk.disable(BOSS, "nobody"))
    late = [r for r in line.records(category=Category.LOGIN) if r.late]
    assert [r.entry.action for r in late] == ["login"]


# -- sessions ------------------------------------------------------------------------------------


def test_ids_are_long_different_and_not_in_the_store(line):
    ids = {line.login().own.reveal() for _ in range(5)}
    assert len(ids) == 5
    assert {len(i) for i in ids} == {43}
    raw = b"".join(f.read_bytes() for f in line.database.path.parent.iterdir())
    assert not [i for i in ids if i.encode() in raw]


@pytest.mark.parametrize("own", ["", "x", "a" * 43, "' OR 1=1 --"])
def test_an_invented_id_is_no_session(line, own):
    assert refusal(lambda: line.door.of_cookie(Secret(own))).code == "session"


def test_a_key_of_the_store_is_no_id(line):
    login = line.login()
    assert refusal(lambda: line.door.of_cookie(Secret(login.identity.key))).code == "session"


def test_after_five_quiet_minutes_one_may_look_and_bring_to_rest(line):
    login = line.login()
    line.clock.pass_s(299)
    require(line.door.of_cookie(login.own), Permission.OPERATE)
    line.clock.pass_s(2)
    idle = line.door.of_cookie(login.own)
    require(idle, Permission.VIEW)
    require(idle, Permission.REST)
    assert refusal(lambda: require(idle, Permission.OPERATE)).code == "idle"


def test_acting_keeps_awake_and_looking_does_not(line):
    login = line.login()
    for _ in range(10):
        line.clock.pass_s(200)
        line.door.acted(line.door.of_cookie(login.own))
    assert not line.door.of_cookie(login.own).idle
    for _ in range(3):
        line.clock.pass_s(110)
        line.door.of_cookie(login.own)
    assert line.door.of_cookie(login.own).idle


def test_an_idle_session_is_not_woken_by_acting_but_by_the_password(line):
    login = line.login()
    line.clock.pass_s(400)
    idle = line.door.of_cookie(login.own)
    line.door.acted(idle)
    assert line.door.of_cookie(login.own).idle
    assert refusal(lambda: line.door.wake(idle, OTHER)).code == "login"
    line.clock.pass_s(61)
    line.door.wake(idle, GOOD)
    assert not line.door.of_cookie(login.own).idle


def test_a_session_ends_after_twelve_hours_whatever_is_done(line):
    login = line.login()
    for _ in range(12 * 60 - 1):
        line.clock.pass_s(60)
        line.door.acted(line.door.of_cookie(login.own))
    line.clock.pass_s(60)
    assert refusal(lambda: line.door.of_cookie(login.own)).code == "session"


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, -86_400.0])
def test_setting_the_clock_neither_ends_nor_prolongs_a_session(line, step_s):
    login = line.login()
    line.clock.set_s(step_s)
    assert not line.door.of_cookie(login.own).idle
    line.clock.pass_s(301)
    assert line.door.of_cookie(login.own).idle
    line.clock.pass_s(12 * 3600)
    refusal(lambda: line.door.of_cookie(login.own))


def test_sessions_live_on_when_the_program_is_restarted_but_not_the_machine(tmp_path):
    with rig(tmp_path) as line:
        line.user("sato", Role.OPERATOR)
        own = line.login().own
        t_s = line.clock.t_s
    with rig(tmp_path) as line:
        line.clock.t_s = t_s + 10
        assert line.door.of_cookie(own).user == "sato"
        line.clock.boot = "boot-2"
        refusal(lambda: line.door.of_cookie(own))


CHANGES = {
    Ended.ROLES: lambda line: line.desk.set_roles(BOSS, "sato", [Role.VIEWER]),
    Ended.PASSWORD: lambda line: line.desk.set_password(BOSS, "sato", OTHER),
    Ended.DISABLED: lambda line: line.desk.disable(BOSS, "sato"),
    Ended.FACTOR: lambda line: line.desk.remove_factor(BOSS, "sato", "lost"),
}


@pytest.mark.parametrize("why", CHANGES)
def test_a_change_of_rights_ends_every_session_of_the_user_and_says_so(line, why):
    first, second, other = line.login(), line.login(), line.login("mori")
    number = line.door.newest_ending()
    CHANGES[why](line)
    for login in (first, second):
        assert refusal(lambda o=login.own: line.door.of_cookie(o)).code == "session"
    assert line.door.of_cookie(other.own).user == "mori"
    number, ended = line.door.ended_since(number)
    assert ended == {first.identity.key: why, second.identity.key: why}
    assert line.door.ended_since(number)[1] == {}


def test_logout_and_expiry_are_told_to_open_connections(line):
    gone, old = line.login(), line.login("mori")
    number = line.door.newest_ending()
    line.door.logout(gone.own)
    line.door.logout(gone.own)
    number, ended = line.door.ended_since(number)
    assert ended == {gone.identity.key: Ended.LOGOUT}
    line.clock.pass_s(12 * 3600)
    _, ended = line.door.ended_since(number)
    assert ended == {old.identity.key: Ended.EXPIRED}


def test_a_change_made_by_another_process_is_told_too(line, tmp_path):
    login = line.login()
    number = line.door.newest_ending()
    with rig(tmp_path) as terminal:
        terminal.desk.disable(BOSS, "sato")
    assert line.door.ended_since(number)[1] == {login.identity.key: Ended.DISABLED}
    refusal(lambda: line.door.of_key(login.identity.key))


def test_old_sessions_are_forgotten_but_prove_an_address_for_a_month(line):
    own = line.login().own
    line.door.logout(own)
    line.clock.pass_s(40 * 86_400)
    line.login("mori")
    line.clock.pass_s(13 * 3600)
    line.door.ended_since(0)
    with line.database.reading() as change:
        assert change.rows("SELECT user FROM session WHERE user = 'sato'") == []


# -- the password again --------------------------------------------------------------------------


def test_a_ticket_is_good_once_for_one_purpose_on_one_subject(line):
    own = line.login("mori").identity
    ticket = line.door.ticket(own, GOOD, NONE, "deploy", "coater abc")
    for purpose, subject in (("release", "coater abc"), ("deploy", "coater abd")):
        wrong = refusal(lambda p=purpose, s=subject: line.door.redeem(own, ticket, p, s))
        assert wrong.code == "ticket"
    line.door.redeem(own, ticket, "deploy", "coater abc")
    refusal(lambda: line.door.redeem(own, ticket, "deploy", "coater abc"))


def test_a_ticket_is_good_for_a_minute_and_in_its_session(line):
    own = line.login("mori").identity
    other = line.login("mori").identity
    line.clock.pass_s(61)
    ticket = line.door.ticket(own, GOOD, NONE, "deploy", "x")
    refusal(lambda: line.door.redeem(other, ticket, "deploy", "x"))
    line.clock.pass_s(61)
    refusal(lambda: line.door.redeem(own, ticket, "deploy", "x"))


def test_a_ticket_wants_the_password_and_counts_as_a_try(line):
    own = line.login("mori").identity
    assert refusal(lambda: line.door.ticket(own, OTHER, NONE, "deploy", "x")).code == "login"
    assert refusal(lambda: line.door.ticket(own, GOOD, NONE, "deploy", "x")).code == "wait"


def test_a_ticket_dies_with_its_session(line):
    login = line.login("mori")
    line.clock.pass_s(61)
    ticket = line.door.ticket(login.identity, GOOD, NONE, "deploy", "x")
    line.door.logout(login.own)
    refusal(lambda: line.door.redeem(login.identity, ticket, "deploy", "x"))


def test_of_many_threads_with_one_ticket_one_has_it(line):
    own = line.login("mori").identity
    ticket = line.door.ticket(own, GOOD, NONE, "deploy", "x")
    had = []

    def take():
        try:
            line.door.redeem(own, ticket, "deploy", "x")
        except Refused:
            return
        had.append(1)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(had) == 1


def test_ones_own_password_is_changed_with_the_old_one_and_ends_all_sessions(line):
    login = line.login()
    line.clock.pass_s(61)
    assert (
        refusal(lambda: line.door.change_own_password(login.identity, OTHER, OTHER)).code == "login"
    )
    line.clock.pass_s(61)
    line.door.change_own_password(login.identity, GOOD, OTHER)
    refusal(lambda: line.door.of_cookie(login.own))
    line.login(password=OTHER)


# -- second factor -------------------------------------------------------------------------------


def enrol(line, name="mori"):
    key = line.desk.begin_factor(BOSS, name)
    codes = line.desk.finish_factor(BOSS, name, code_now(line, key))
    return key, codes


def code_now(line, key):
    raw = base64.b32decode(key.reveal())
    return Secret(totp.code_at(raw, int(line.clock().utc_ns / NS // totp.STEP_S)))


def test_with_a_second_factor_the_password_alone_is_wrong(line):
    key, _ = enrol(line)
    assert refusal(lambda: line.login("mori")).reasons == ("name, password or code is wrong",)
    line.clock.pass_s(61)
    assert line.login("mori", code=later(line, key)).identity.strong


def later(line, key):
    """The code of the moment at which `login` will try."""
    line.clock.pass_s(61)
    code = code_now(line, key)
    line.clock.pass_s(-61)
    return code


def test_a_code_is_good_once(line):
    key, _ = enrol(line)
    line.clock.pass_s(61)
    code = code_now(line, key)
    line.door.login("mori", GOOD, code, PANEL)
    line.clock.pass_s(2)
    assert refusal(lambda: line.door.login("mori", GOOD, code, PANEL)).code == "login"


def test_a_wrong_password_does_not_use_the_code_up(line):
    key, _ = enrol(line)
    line.clock.pass_s(61)
    code = code_now(line, key)
    refusal(lambda: line.door.login("mori", OTHER, code, PANEL))
    line.clock.pass_s(2)
    line.door.login("mori", GOOD, code, PANEL)


def test_a_recovery_code_stands_in_once(line):
    _, codes = enrol(line)
    assert len({c.reveal() for c in codes}) == 10
    typed = Secret(codes[3].reveal().lower())
    line.login("mori", code=typed)
    assert refusal(lambda: line.login("mori", code=typed)).code == "login"


def test_a_key_counts_after_a_code_made_with_it_was_given_back(line):
    line.desk.begin_factor(BOSS, "mori")
    assert refusal(lambda: line.desk.finish_factor(BOSS, "mori", Secret("000000"))).code == "code"
    line.login("mori")


def test_a_role_may_ask_for_a_second_factor_and_gives_little_until_then(tmp_path):
    settings = AccessSettings(second_factor_for=frozenset({Role.ENGINEER}))
    with rig(tmp_path, settings) as line:
        line.user("mori", Role.ENGINEER)
        own = line.login("mori").identity
        require(own, Permission.VIEW)
        require(own, Permission.REST)
        assert "second factor" in refusal(lambda: require(own, Permission.TUNE)).reasons[0]
        key, _ = enrol(line)
        require(line.login("mori", code=later(line, key)).identity, Permission.TUNE)


# -- tokens --------------------------------------------------------------------------------------

SCOPE = Scope(
    label="report", permissions=frozenset({Permission.VIEW, Permission.OPERATE}),
    stations=frozenset({"coater"}), days=10,
)  # fmt: skip


def test_a_token_gives_what_it_was_made_for_and_no_more(line):
    secret, _ = line.desk.make_token(BOSS, "mori", SCOPE)
    script = line.door.of_token(secret, STRANGER)
    assert (script.via, script.actor.name) == (Via.TOKEN, "token report of mori")
    require(script, Permission.OPERATE, "coater")
    refusal(lambda: require(script, Permission.OPERATE, "calender"))
    refusal(lambda: require(script, Permission.TUNE, "coater"))


def test_a_token_loses_what_its_owner_loses_and_ends_with_him(line):
    secret, _ = line.desk.make_token(BOSS, "mori", SCOPE)
    line.desk.set_roles(BOSS, "mori", [Role.VIEWER])
    assert line.door.of_token(secret, PANEL).permissions == {Permission.VIEW}
    line.desk.disable(BOSS, "mori")
    assert refusal(lambda: line.door.of_token(secret, PANEL)).code == "token"


def test_a_token_expires_can_be_ended_and_is_bound_to_its_address(line):
    bound, token = line.desk.make_token(BOSS, "mori", replace(SCOPE, address=PANEL))
    line.door.of_token(bound, PANEL)
    refusal(lambda: line.door.of_token(bound, STRANGER))
    line.desk.end_token(BOSS, token.id, "not needed")
    refusal(lambda: line.door.of_token(bound, PANEL))
    short, _ = line.desk.make_token(BOSS, "mori", SCOPE)
    line.clock.pass_s(10 * 86_400)
    refusal(lambda: line.door.of_token(short, PANEL))


@pytest.mark.parametrize(
    "text",
    ["", "dryline_", "dryline_0123456789_" + "a" * 43, "Bearer x", "dryline_zz_\0", "é" * 60],
)  # fmt: skip
def test_an_invented_token_is_refused(line, text):
    assert refusal(lambda: line.door.of_token(Secret(text), PANEL)).code == "token"


def test_one_altered_character_of_a_token_is_refused(line):
    secret, _ = line.desk.make_token(BOSS, "mori", SCOPE)
    text = secret.reveal()
    other = text[:-1] + ("A" if text[-1] != "A" else "B")
    refusal(lambda: line.door.of_token(Secret(other), PANEL))


def test_use_of_a_token_is_noted_once_an_hour(line):
    secret, _ = line.desk.make_token(BOSS, "mori", SCOPE)
    assert line.desk.tokens()[0].used_ns == 0
    line.door.of_token(secret, PANEL)
    first = line.desk.tokens()[0].used_ns
    line.clock.pass_s(600)
    line.door.of_token(secret, PANEL)
    assert line.desk.tokens()[0].used_ns == first
    line.clock.pass_s(3600)
    line.door.of_token(secret, PANEL)
    assert line.desk.tokens()[0].used_ns > first


def test_a_script_cannot_enter_a_password(line):
    secret, _ = line.desk.make_token(BOSS, "mori", SCOPE)
    script = line.door.of_token(secret, PANEL)
    assert refusal(lambda: line.door.ticket(script, GOOD, NONE, "deploy", "x")).code == "forbidden"
