"""Releases that are signed, put down in the audit trail, and compared with it."""

import json
from functools import partial
from pathlib import Path

import pytest

from controller.access.identity import Actor
from controller.access.ledger_check import check_ledgers
from controller.access.ledger_witness import LedgerWitness, against_release, require_signed
from controller.access.roles import Role
from controller.access.signature import Proof, sign_at_terminal
from controller.audit.append_file import AppendFile
from controller.audit.record import Category, Result
from controller.core.errors import Refused
from controller.core.recipe import RecipeId, Version
from controller.recipe_ledger import LEDGER, Action
from tests.support.access_rig import GOOD, NONE, OTHER, Rig, rig
from tests.support.recipe_kinds import put, store

OWN = RecipeId("coater", "test-film", Version(1, 0, 0))


@pytest.fixture
def line(tmp_path):
    """A line whose users are the author of the test recipe, an approver, and a guest."""
    put(tmp_path / "recipes", "1.0.0")
    with rig(tmp_path) as made:
        made.desk.add(Actor("chief", "terminal"), "ada", [Role.ENGINEER, Role.APPROVER], GOOD,
                      "Ada Example")  # fmt: skip
        made.user("grace", Role.APPROVER)
        made.user("sato", Role.VIEWER)
        yield made


@pytest.fixture
def recipes(line, tmp_path):
    return store(tmp_path / "recipes")


def witness(line: Rig, name: str = "grace", password=GOOD, **more) -> LedgerWitness:
    line.clock.pass_s(61)
    proof = Proof(name=name, password=password, code=NONE)
    signing = partial(sign_at_terminal, line.door, line.trail, line.clock, proof)
    given = {"by": Actor(name, "terminal"), "users": line.desk.users(), "signing": signing} | more
    return LedgerWitness(trail=line.trail, **given)


def release(line, recipes, own=OWN, name="grace", **more):
    beside = witness(line, name, **more)
    return recipes.release(own, name, "good runs", None, "a test", beside)


def refusal(work) -> Refused:
    with pytest.raises(Refused) as caught:
        work()
    return caught.value


def ledger(recipes) -> Path:
    return recipes.root / "coater" / "test-film" / LEDGER


def edit(recipes, change) -> None:
    """What somebody does who can write the file: also the hashes of the chain."""
    body = json.loads(ledger(recipes).read_text())
    change(body["entries"])
    ledger(recipes).write_text(json.dumps(body))


def check(line, recipes):
    return check_ledgers(recipes, line.trail.path, "", "")


def test_a_release_is_signed_and_its_hash_is_in_the_trail_before_and_after(line, recipes):
    entry = release(line, recipes)
    assert entry.signature["signer"] == "grace"
    assert against_release(line.trail.path, OWN, entry) == []
    told = [r.entry for r in line.records() if r.entry.category is Category.RECIPE]
    assert [(e.result, e.new) for e in told] == [
        (Result.ACCEPTED, entry.hash()), (Result.DONE, entry.hash())
    ]  # fmt: skip
    found = check(line, recipes)
    assert found.sound
    assert [(c.against, c.notes) for c in found.entries] == [((), ())]
    require_signed(line.trail.path, recipes.load(OWN))


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [("grace", OTHER, "login"), ("nobody", GOOD, "login"), ("sato", GOOD, "forbidden")],
)
def test_only_an_approver_with_his_password_releases(line, recipes, name, password, code):
    assert refusal(lambda: release(line, recipes, name=name, password=password)).code == code
    assert not ledger(recipes).exists()
    assert line.records()[-1].entry.result is Result.REFUSED


def test_the_author_is_found_out_by_the_name_that_screens_show(line, recipes):
    refused = refusal(lambda: release(line, recipes, name="ada"))
    assert refused.code == "author"
    assert not ledger(recipes).exists()


def test_an_author_who_is_no_user_is_certainly_another_person_to_nobody(line, recipes):
    put(recipes.root, "1.1.0", {"author: Ada Example": "author: Someone Else"})
    own = RecipeId("coater", "test-film", Version(1, 1, 0))
    refused = refusal(lambda: release(line, recipes, own))
    assert refused.code == "author"
    assert "no user of this line" in refused.reasons[0]


def test_without_users_a_release_is_marked_as_unsigned(line, recipes):
    entry = release(line, recipes, users=())
    assert entry.signature is None
    assert "signature" not in json.loads(ledger(recipes).read_text())["entries"][0]
    assert line.records()[-1].entry.detail.startswith("unsigned")
    (checked,) = check(line, recipes).entries
    assert (checked.against, checked.notes) == ((), ("unsigned",))


def test_where_there_are_users_nobody_releases_without_one(line, recipes):
    assert refusal(lambda: release(line, recipes, signing=None)).code == "ticket"


def test_what_was_released_unsigned_is_released_once_more_and_then_holds(line, recipes):
    release(line, recipes, users=())
    refused = refusal(lambda: require_signed(line.trail.path, recipes.load(OWN)))
    assert refused.code == "unsigned"
    entry = release(line, recipes)
    assert recipes.load(OWN).released == entry
    require_signed(line.trail.path, recipes.load(OWN))
    assert refusal(lambda: release(line, recipes)).code == "release"
    assert check(line, recipes).sound


def test_a_trail_that_cannot_be_written_stops_a_release(line, recipes, monkeypatch):
    entry = release(line, recipes)
    put(recipes.root, "1.1.0")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AppendFile, "_write", refuse)
    own = RecipeId("coater", "test-film", Version(1, 1, 0))
    assert refusal(lambda: release(line, recipes, own, users=())).code == "trail"
    assert recipes.ledger("coater", "test-film") == (entry,)


# -- what somebody may do to the file --------------------------------------------------------------


def test_an_edit_of_the_last_entry_shows(line, recipes):
    release(line, recipes)
    edit(recipes, lambda entries: entries[-1].update(override="it was rehearsed, honestly"))
    found = check(line, recipes)
    assert not found.sound
    assert "edited or added by hand" in found.entries[0].against[0]
    assert "does not stand in its ledger" in found.missing[0]


def test_a_ledger_that_lost_its_end_or_is_gone_shows(line, recipes):
    release(line, recipes)
    recipes.obsolete(OWN, "grace", "old", witness(line))
    edit(recipes, lambda entries: entries.pop())
    (missing,) = check(line, recipes).missing
    assert "obsolete of coater/test-film@1.0.0" in missing
    ledger(recipes).unlink()
    assert len(check(line, recipes).missing) == 2


def test_an_entry_added_by_hand_shows(line, recipes):
    entry = release(line, recipes)

    def add(entries) -> None:
        forged = {**entries[0], "action": Action.OBSOLETE.value, "previous": entry.hash()}
        entries.append(forged)

    edit(recipes, add)
    found = check(line, recipes)
    assert [bool(c.against) for c in found.entries] == [False, True]


def test_a_signature_moved_to_another_version_is_of_something_else(line, recipes):
    first = release(line, recipes)
    put(recipes.root, "1.1.0")
    own = RecipeId("coater", "test-film", Version(1, 1, 0))
    second = recipes.release(own, "eve", "good runs", None, "x", None)
    stolen = second.model_copy(update={"signature": first.signature, "actor": "grace"})
    against = against_release(line.trail.path, own, stolen)
    assert "the content is not what was signed" in against
    assert "the signature is of something else" in against
    assert refusal(lambda: require_signed(line.trail.path, recipes.load(own))).code == "unsigned"


@pytest.mark.parametrize(
    "forged", [{}, {"signer": 5}, {"signer": "grace"}, {"x": 1}, {"number": "1"}]
)
def test_a_signature_that_is_none_is_told(line, recipes, forged):
    entry = release(line, recipes).model_copy(update={"signature": forged})
    assert against_release(line.trail.path, OWN, entry) == ["its signature cannot be read"]


def test_a_signature_holds_when_the_trail_was_found_broken_and_continued(line, recipes):
    entry = release(line, recipes)
    line.trail.path.rename(line.trail.path.with_name("audit.jsonl.broken-1"))
    assert against_release(line.trail.path, OWN, entry) == []
    assert check(line, recipes).sound
