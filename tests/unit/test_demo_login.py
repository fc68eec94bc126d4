"""The one user of a demonstration."""

import re
import stat

import pytest

from controller.access.identity import TERMINAL, Actor
from controller.access.roles import Role
from controller.access.secret import Secret
from controller.cli.demo import AUTHORS, KEPT_IN, NAME, demo_login, demo_recipes
from controller.cli.users import desk_of
from controller.core.errors import DrylineError
from tests.support.line_under_test import ROOT


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("DRYLINE_ANCHORS", str(tmp_path / "anchors"))
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def users(run):
    with desk_of(run) as desk:
        return {user.name: user.roles for user in desk.users() if user.active}


def authors():
    """Of the shipped recipes."""
    found = [path.read_text() for path in (ROOT / "recipes").glob("*/*/*.yaml")]
    return {re.search(r"^author: (.*)$", text, re.MULTILINE)[1] for text in found}


def test_a_new_folder_gets_a_user_with_a_password_of_its_own(run, tmp_path):
    first = demo_login(run)
    assert users(run) == {NAME: {Role.ENGINEER, Role.APPROVER, Role.ADMINISTRATOR}}
    with desk_of(run) as desk:
        assert {u.display for u in desk.users() if not u.active} == authors()
    other = tmp_path / "other"
    other.mkdir()
    assert demo_login(other).reveal() != first.reveal()
    assert len(first.reveal()) == 17
    assert stat.S_IMODE((run / KEPT_IN).stat().st_mode) == 0o600


def test_the_password_is_the_same_when_the_demonstration_is_started_again(run):
    first = demo_login(run)
    assert demo_login(run).reveal() == first.reveal()


def test_a_line_that_has_users_is_left_alone(run):
    with desk_of(run) as desk:
        own = Actor("own", TERMINAL)
        desk.add(own, "sato", [Role.ADMINISTRATOR], Secret("wagtail orbit ember"))
    assert demo_login(run) is None
    assert set(users(run)) == {"sato"}
    assert not (run / KEPT_IN).exists()


def test_a_kill_before_the_user_was_added_leaves_no_password_that_does_not_fit(run):
    (run / KEPT_IN).write_text("OLD")
    assert demo_login(run).reveal() == (run / KEPT_IN).read_text() != "OLD"


def test_a_file_that_cannot_be_read_is_named(run):
    demo_login(run)
    (run / KEPT_IN).write_bytes(b"\xff")
    with pytest.raises(DrylineError, match=f"{KEPT_IN}: cannot be read"):
        demo_login(run)


def test_recipes_are_copied_once_and_a_half_made_copy_is_made_anew(run):
    (run / "recipes.new" / "rest").mkdir(parents=True)
    own = demo_recipes(ROOT / "recipes", run)
    assert not (own / "rest").exists()
    assert (own / "enclosure/idle/1.0.0.yaml").read_text()
    (own / "enclosure/idle/1.0.0.yaml").write_text("changed")
    assert demo_recipes(ROOT / "recipes", run) == own
    assert (own / "enclosure/idle/1.0.0.yaml").read_text() == "changed"


def test_a_start_that_was_killed_among_the_authors_is_finished_by_the_next(run):
    (run / KEPT_IN).write_text("OLD")
    with desk_of(run) as desk:
        name, display = next(iter(AUTHORS.items()))
        desk.add(
            Actor("own", TERMINAL), name, [Role.ENGINEER], Secret("basalt heron moss"), display
        )
    first = demo_login(run)
    assert first.reveal() == (run / KEPT_IN).read_text() != "OLD"
    assert users(run) == {NAME: {Role.ENGINEER, Role.APPROVER, Role.ADMINISTRATOR}}
    with desk_of(run) as desk:
        assert {u.display for u in desk.users() if not u.active} == authors()
    assert demo_login(run).reveal() == first.reveal()
