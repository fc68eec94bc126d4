"""`dryline user` and `dryline audit`: at the terminal, no password in arguments."""

import csv
import json

import pytest
from typer.testing import CliRunner

from controller.__main__ import app
from controller.access.database import STORE, Database
from controller.access.passwords import Passwords
from controller.access.secret import Secret
from controller.audit.anchor import Anchor
from controller.audit.outside import head_event
from controller.audit.trail import TRAIL
from controller.cli import users
from controller.clock import ManualClock
from controller.core.errors import Refused
from controller.historian import Historian
from tests.support.access_rig import CHEAP, GOOD, OTHER
from tests.support.history import T0_NS, make_tag

PASSWORD = GOOD.reveal()


@pytest.fixture
def dryline(tmp_path, monkeypatch):
    """Runs a command on a run folder of its own; the anchor is in another."""
    monkeypatch.setenv("DRYLINE_ANCHORS", str(tmp_path / "anchors"))
    monkeypatch.setattr(users, "Passwords", lambda: Passwords(CHEAP))
    monkeypatch.setattr("getpass.getuser", lambda: "chief")

    def run(*words, typed="", code=0):
        result = CliRunner().invoke(app, [*words, "--run", str(tmp_path / "run")], input=typed)
        assert result.exit_code == code, result.output
        assert PASSWORD not in result.output
        return result.output

    return run


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / TRAIL


def add(dryline, name="sato", *roles):
    words = [w for role in roles or ("operator",) for w in ("--role", role)]
    return dryline("user", "add", name, *words, typed=PASSWORD + "\n")


def listed(dryline):
    return json.loads(dryline("user", "list", "--json"))


def test_users_are_added_listed_changed_and_disabled(dryline):
    assert "No users yet" in dryline("user", "list")
    assert "sato added: operator, approver" in add(dryline, "Sato", "operator", "approver")
    dryline("user", "role", "sato", "--role", "engineer", "--reason", "promoted")
    dryline("user", "disable", "sato")
    (sato,) = listed(dryline)
    assert (sato["roles"], sato["active"]) == (["engineer"], False)
    dryline("user", "enable", "sato")
    assert listed(dryline)[0]["active"]
    assert "sato" in dryline("user", "list")


def test_listing_makes_no_files(dryline, tmp_path):
    dryline("user", "list")
    dryline("user", "token", "list")
    assert not (tmp_path / "run").exists()


def test_the_password_comes_from_standard_input_and_not_from_arguments(dryline, tmp_path):
    add(dryline)
    dryline("user", "password", "sato", typed=OTHER.reveal() + "\n")
    with Database(tmp_path / "run" / STORE) as database, database.reading() as change:
        (stored,) = change.row("SELECT password FROM user")
    assert Passwords(CHEAP).check(stored, OTHER).value == "right"
    assert "--password" not in dryline("user", "add", "--help")


def test_a_person_types_it_twice(dryline, monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    typed = iter([PASSWORD, "something else", PASSWORD, PASSWORD])
    monkeypatch.setattr(users.sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
    for expected in ("the two are not the same", "added"):
        try:
            result = users._new_password().reveal()
        except users.DrylineError as error:
            result = str(error)
        assert expected in (result if expected != "added" else "added" + result)


@pytest.mark.parametrize(
    ("words", "typed", "told"),
    [(("add", "sato", "--role", "operator"), "short\n", "12 to 128"),
     (("add", "sato", "--role", "boss"), "", "boss"), (("add", "sato"), "", "role"),
     (("disable", "nobody"), "", "no user 'nobody"),
     (("add", "../x", "--role", "viewer"), PASSWORD + "\n", "begins with a letter")],
)  # fmt: skip
def test_mistakes_are_told(dryline, words, typed, told):
    code = 2 if "Usage" in told or told in ("boss", "role") else 1
    assert told in dryline("user", *words, typed=typed, code=code).replace("\n", " ")


def test_the_last_administrator_stays(dryline):
    add(dryline, "chief", "administrator")
    assert "administer users" in dryline("user", "disable", "chief", code=1)


def test_the_invitation_is_printed_while_there_is_no_administrator(dryline):
    assert "Code for the first administrator" in dryline("user", "invite")
    add(dryline, "chief", "administrator")
    dryline("user", "invite", code=1)


def test_a_reset_code_is_printed_and_good_for_a_new_password(dryline, tmp_path):
    add(dryline)
    printed = dryline("user", "reset", "Sato", "--reason", "forgot it")
    assert printed.startswith("Code for sato, good once and for an hour: ")
    code = Secret(printed.split()[-1])
    with users.desk_of(tmp_path / "run") as desk:
        desk.accept_reset("sato", code, OTHER, Secret(""), "terminal")
        with pytest.raises(Refused):
            desk.accept_reset("sato", code, OTHER, Secret(""), "terminal")
    assert "nobody" in dryline("user", "reset", "nobody", code=1)


def test_a_token_is_printed_once(dryline, tmp_path):
    add(dryline)
    out = dryline("user", "token", "add", "sato", "--label", "report", "--may", "view",
                  "--station", "coater")  # fmt: skip
    secret = out.split()[-1]
    assert secret.startswith("dryline_")
    shown = dryline("user", "token", "list") + dryline("user", "token", "list", "--json")
    assert secret not in shown
    (token,) = json.loads(dryline("user", "token", "list", "--json"))
    assert token["stations"] == ["coater"]
    dryline("user", "token", "end", token["id"])
    assert json.loads(dryline("user", "token", "list", "--json"))[0]["ended"] == "by chief"
    kept = b"".join(f.read_bytes() for f in (tmp_path / "run").iterdir())
    assert secret.split("_")[2].encode() not in kept


# -- audit ---------------------------------------------------------------------------------------


def test_what_was_done_is_shown_with_who_and_where(dryline):
    add(dryline)
    dryline("user", "role", "sato", "--role", "viewer", "--reason", "left the shift")
    out = dryline("audit", "show")
    assert "chief (terminal): add sato: - -> operator [accepted]" in out
    assert "roles sato: operator -> viewer [accepted] reason: left the shift" in out
    (one,) = json.loads(dryline("audit", "show", "--json", "--limit", "1"))
    assert one["action"] == "roles"
    assert "roles" not in dryline("audit", "show", "--category", "trail")
    assert "roles" in dryline("audit", "show", "--since", "1h", "--actor", "chief")


def test_an_untouched_trail_is_intact_and_its_head_is_told(dryline):
    add(dryline)
    out = dryline("audit", "verify")
    head = out.split("head ")[1].strip()
    assert head.startswith("2:")
    found = json.loads(dryline("audit", "verify", "--json", "--head", head))
    assert (found["intact"], found["records"], found["first_bad"]) == (True, 2, None)


def test_an_altered_record_is_named_with_exit_code_1(dryline, path):
    add(dryline)
    add(dryline, "mori")
    path.write_bytes(path.read_bytes().replace(b"sato", b"otas", 1))
    out = dryline("audit", "verify", code=1)
    assert "first bad record: 2 (altered)" in out
    found = json.loads(dryline("audit", "verify", "--json", code=1))
    assert (found["intact"], found["first_bad"], found["damage"]) == (False, 2, "altered")


def test_an_older_copy_of_everything_in_the_folder_is_found(dryline, path):
    add(dryline)
    old = path.read_bytes()
    add(dryline, "mori")
    path.write_bytes(old)
    assert "first bad record: 3 (behind)" in dryline("audit", "verify", code=1)


def test_a_head_that_was_noted_elsewhere_counts(dryline, path, tmp_path):
    add(dryline)
    dryline("audit", "verify", "--head", "9:" + "0" * 64, code=1)
    dryline("audit", "verify", "--head", "9", code=1)
    for file in (tmp_path / "anchors").iterdir():
        file.unlink()
    assert "no anchor" in dryline("audit", "verify", code=1).replace("\n", " ")


def test_a_head_that_the_history_keeps_counts(dryline, path, tmp_path):
    add(dryline)
    historian = Historian(tmp_path / "run" / "history.db", [make_tag("T.PV")], ManualClock())
    historian.start()
    historian.event(head_event(Anchor(3, "0" * 64), T0_NS))
    assert historian.close(60.0)
    assert "the history knows record 3" in dryline("audit", "verify", code=1).replace("\n", " ")


def test_no_trail_is_a_finding(dryline):
    assert "missing" in dryline("audit", "verify", code=1)
    dryline("audit", "show", code=1)


def test_a_broken_trail_is_accepted_with_a_reason(dryline, path):
    add(dryline)
    path.write_bytes(b"")
    add(dryline, "mori")
    assert "(broken)" in dryline("audit", "verify", code=1)
    dryline("audit", "accept", "--reason", " ", code=1)
    dryline("audit", "accept", "--reason", "restored from backup")
    assert "accepted by chief: restored from backup" in dryline("audit", "verify")


def test_an_export_is_complete_recorded_and_overwrites_nothing(dryline, tmp_path):
    dryline("user", "add", "sato", "--role", "viewer", "--reason", "=1+1", typed=PASSWORD)
    out = tmp_path / "audit.csv"
    dryline("audit", "export", str(out))
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["action"] for row in rows] == ["begun", "add"]
    assert rows[1]["reason"] == "'=1+1"
    dryline("audit", "export", str(out), code=1)
    lines = tmp_path / "audit.jsonl"
    dryline("audit", "export", str(lines), "--format", "json", "--category", "user")
    assert [json.loads(text)["target"] for text in lines.read_text().splitlines()] == ["sato"]
    assert "export audit trail" in dryline("audit", "show", "--category", "export")
