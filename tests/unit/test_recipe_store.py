"""The life of a recipe: draft, released by a second person, obsolete; and what is refused."""

import json
import threading
from pathlib import Path

import pytest

from controller.clock import ManualClock
from controller.core.errors import ConfigError, Refused, StoreError
from controller.core.recipe import RecipeId, Version
from controller.recipe_ledger import LEDGER, LOCK, Action, Ledger, locked
from controller.recipe_library import Status
from controller.recipe_store import RecipeStore, Rehearsal
from tests.support.recipe_kinds import film, put, shipped_kinds, store

V1, V2 = Version(1, 0, 0), Version(1, 1, 0)
OWN = RecipeId("coater", "test-film", V1)
T0 = "2026-01-01T00:00:00Z"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of recipes with the draft 1.0.0."""
    put(tmp_path / "recipes", "1.0.0")
    return tmp_path / "recipes"


def release(recipes: RecipeStore, own: RecipeId = OWN, by: str = "Grace Other") -> None:
    recipes.release(own, by, "good runs", rehearsal(recipes, own))


def rehearsal(recipes: RecipeStore, own: RecipeId = OWN, passed: bool = True) -> Rehearsal:
    stored = recipes.load(own)
    return Rehearsal(passed=passed, content_hash=stored.content_hash, summary="ready in 28 min")


def edit(root: Path, find: str = "title: Test film", replace: str = "title: Better film") -> Path:
    path = root / "coater" / "test-film" / "1.0.0.yaml"
    path.write_text(path.read_text().replace(find, replace))
    return path


def refused(code: str) -> "pytest.RaisesExc[Refused]":
    return pytest.raises(Refused, match=f"^{code}: ")


# -- drafts ----------------------------------------------------------------------------------------


def test_version_without_an_entry_is_a_draft_that_may_be_edited(root: Path) -> None:
    assert store(root).load(OWN).status is Status.DRAFT
    edit(root)
    assert store(root).load(OWN).recipe.title == "Better film"


def test_draft_is_not_given_to_those_who_want_a_released_version(root: Path) -> None:
    with refused("not_released") as caught:
        store(root).released(OWN)
    assert caught.value.reasons == ("coater/test-film@1.0.0 is draft: release it first",)


def test_newest_version_is_found_by_name_alone_and_an_unknown_one_is_named(root: Path) -> None:
    put(root, "1.10.0")
    put(root, "1.9.0")
    assert store(root).find("coater", "test-film").version == Version(1, 10, 0)
    assert store(root).find("coater", "test-film@1.0.0") == OWN
    for kind, text, told in (
        ("coater", "test-fim", "did you mean 'test-film'?"),
        ("coater", "test-film@3.0.0", "there are 1.0.0, 1.9.0, 1.10.0"),
        ("coter", "test-film", "did you mean 'coater'?"),
        ("coater", "../coater/test-film", "no recipe"),
    ):
        with refused("unknown") as caught:
            store(root).find(kind, text)
        assert told in str(caught.value)


def test_folders_outside_cannot_be_reached(root: Path) -> None:
    for kind, name in (("..", "x"), ("coater", ".."), ("coater", "a/b"), ("", "x")):
        with refused("unknown"):
            store(root).load(RecipeId(kind, name, V1))


# -- release ---------------------------------------------------------------------------------------


def test_release_records_who_when_why_with_which_content_and_rehearsal(root: Path) -> None:
    recipes = store(root)
    release(recipes)
    stored = recipes.released(OWN)
    assert stored.status is Status.RELEASED
    (entry,) = recipes.ledger("coater", "test-film")
    assert entry == stored.released
    assert entry.model_dump(mode="json") == {
        "version": "1.0.0",
        "action": "release",
        "content_hash": stored.content_hash,
        "author": "Ada Example",
        "actor": "Grace Other",
        "reason": "good runs",
        "rehearsal": "ready in 28 min",
        "override": "",
        "time_utc": T0,
        "previous": "",
    }


def test_a_record_that_was_brought_says_so_for_good(root: Path) -> None:
    recipes = store(root)
    brought = rehearsal(recipes).model_copy(update={"brought_by": "Grace Other"})
    entry = recipes.release(OWN, "Grace Other", "good runs", brought)
    assert entry.model_dump(mode="json")["brought_by"] == "Grace Other"
    (kept,) = store(root).ledger("coater", "test-film")
    assert (kept, kept.hash()) == (entry, entry.hash())
    assert kept.hash() != kept.model_copy(update={"brought_by": ""}).hash()


def test_author_cannot_approve_however_the_name_is_written(root: Path) -> None:
    for name in ("Ada Example", "ada  example ", "ADA EXAMPLE"):
        with refused("release") as caught:
            release(store(root), by=name)
        assert "another person has to approve" in str(caught.value)
    assert store(root).load(OWN).status is Status.DRAFT


def test_every_reason_against_a_release_is_told_at_once(root: Path) -> None:
    put(root, "1.1.0", {"base: null": "base: 1.0.5"})
    with refused("release") as caught:
        store(root).release(RecipeId("coater", "test-film", V2), "Ada Example", " ")
    assert [reason.split(":")[0] for reason in caught.value.reasons] == [
        "Ada Example is its author",
        "a release needs a reason",
        "no passed rehearsal",
        "its base coater/test-film@1.0.5 is not there",
    ]


def test_failed_rehearsal_and_one_of_other_content_do_not_count(root: Path) -> None:
    recipes = store(root)
    with refused("release") as caught:
        recipes.release(OWN, "Grace", "good", rehearsal(recipes, passed=False))
    assert "the rehearsal failed (ready in 28 min)" in str(caught.value)
    before = rehearsal(recipes)
    edit(root)
    with refused("release") as caught:
        recipes.release(OWN, "Grace", "good", before)
    assert before.content_hash in str(caught.value)
    assert recipes.load(OWN).content_hash in str(caught.value)


def test_override_needs_a_reason_and_is_recorded(root: Path) -> None:
    recipes = store(root)
    with refused("release"):
        recipes.release(OWN, "Grace", "good", override="  ")
    entry = recipes.release(OWN, "Grace", "good", override="plant is down, only the text changed")
    assert entry.override == "plant is down, only the text changed"
    assert entry.rehearsal == ""


def test_wrong_file_is_not_released(root: Path) -> None:
    recipes = store(root)
    proof = rehearsal(recipes)
    edit(root, "value: 10,", "value: 100,")
    with pytest.raises(ConfigError, match="out of range"):
        recipes.release(OWN, "Grace", "good", proof)
    assert recipes.ledger("coater", "test-film") == ()


def test_second_release_is_told_who_was_first_and_when(root: Path) -> None:
    recipes = store(root)
    release(recipes)
    with refused("release") as caught:
        release(recipes, by="Third Person")
    assert f"was released by Grace Other at {T0}" in str(caught.value)


# -- after the release -----------------------------------------------------------------------------


def test_released_file_that_was_edited_is_refused_with_both_hashes(root: Path) -> None:
    recipes = store(root)
    release(recipes)
    was = recipes.load(OWN).content_hash
    edit(root, "# A recipe", "# My recipe")
    with pytest.raises(ConfigError) as caught:
        recipes.load(OWN)
    (problem,) = caught.value.problems
    assert problem.file.endswith("coater/test-film/1.0.0.yaml")
    assert was in problem.message
    assert "Restore the file from version control" in problem.message
    with pytest.raises(ConfigError):
        recipes.released(OWN)
    assert [p.field for p in recipes.check()] == ["content"]
    edit(root, "# My recipe", "# A recipe")
    assert recipes.released(OWN).content_hash == was


def test_number_used_again_for_other_content_is_refused(root: Path) -> None:
    recipes = store(root)
    release(recipes)
    path = edit(root)
    path.unlink()
    (missing,) = recipes.check()
    assert "no such file" in missing.message
    put(root, "1.0.0", {"value: 10,": "value: 12,"})
    with pytest.raises(ConfigError, match="its number used again"):
        recipes.load(OWN)


def test_tampered_and_broken_file_tells_both(root: Path) -> None:
    recipes = store(root)
    release(recipes)
    edit(root, "value: 10,", "value: 100,")
    assert [p.field for p in recipes.check()] == ["content", "formula.feed.value"]


def test_obsolete_version_stays_readable_and_never_comes_back(root: Path) -> None:
    recipes = store(root)
    with refused("obsolete") as caught:
        recipes.obsolete(OWN, "Grace", "old")
    assert "is a draft" in str(caught.value)
    release(recipes)
    with refused("obsolete"):
        recipes.obsolete(OWN, "Grace", "")
    recipes.obsolete(OWN, "Grace Other", "replaced")
    assert recipes.load(OWN).status is Status.OBSOLETE
    with refused("not_released") as caught:
        recipes.released(OWN)
    assert "choose another version" in str(caught.value)
    with refused("release") as caught:
        release(recipes)
    assert "make a new version" in str(caught.value)
    edit(root)
    with pytest.raises(ConfigError, match="SHA-256"):
        recipes.load(OWN)


def test_entries_follow_each_other_and_an_edited_ledger_is_not_believed(root: Path) -> None:
    recipes = store(root)
    release(recipes)
    recipes.obsolete(OWN, "Grace Other", "replaced")
    path = root / "coater" / "test-film" / LEDGER
    good = path.read_text()
    for find, replace, told in (
        ("good runs", "bad runs", "entry 2 does not follow"),
        ('"format": 1', '"format": 2', "restore"),
        ('"release"', '"relase"', "not one of the choices"),
        ("Grace Other", "Grace", "entry 2 does not follow"),
    ):
        path.write_text(good.replace(find, replace, 1))
        with pytest.raises(ConfigError) as caught:
            recipes.load(OWN)
        assert told in str(caught.value)
        assert LEDGER in str(caught.value)
    for text in ("", "{", "[]", '{"format": 1}', "\x00"):
        path.write_text(text)
        with pytest.raises(ConfigError, match="restore"):
            recipes.ledger("coater", "test-film")
    path.write_text(good)
    assert recipes.load(OWN).status is Status.OBSOLETE


def test_first_entry_taken_out_shows(root: Path) -> None:
    recipes = store(root)
    release(recipes)
    recipes.obsolete(OWN, "Grace Other", "replaced")
    path = root / "coater" / "test-film" / LEDGER
    body = json.loads(path.read_text())
    path.write_text(json.dumps({**body, "entries": body["entries"][1:]}))
    with pytest.raises(ConfigError, match="entry 1 does not follow"):
        recipes.load(OWN)


# -- new versions ----------------------------------------------------------------------------------


def test_new_version_is_the_text_of_its_base_under_another_header(root: Path) -> None:
    recipes = store(root)
    path = recipes.create(OWN, V2, "Carl: the #1", "Try more feed")
    assert path == root / "coater" / "test-film" / "1.1.0.yaml"
    stored = recipes.load(RecipeId("coater", "test-film", V2))
    recipe = stored.recipe
    assert (recipe.author, recipe.reason, recipe.base) == ("Carl: the #1", "Try more feed", OWN)
    assert stored.status is Status.DRAFT
    assert recipe.phases == recipes.load(OWN).recipe.phases
    assert path.read_text().splitlines()[0] == "# A recipe that uses every part of the format."
    assert path.read_text().splitlines()[10:] == film("1.0.0").splitlines()[10:]


def test_new_recipe_under_another_name_names_its_base(root: Path) -> None:
    recipes = store(root)
    recipes.create(OWN, V1, "Carl", "Trial", name="thin-film")
    recipe = recipes.load(RecipeId("coater", "thin-film", V1)).recipe
    assert recipe.base == OWN


def test_new_version_replaces_folded_header_texts(root: Path) -> None:
    put(root, "1.0.0", {"reason: Base of the corpus": "reason: >-\n  Base of\n  the corpus"})
    recipes = store(root)
    recipes.create(OWN, V2, "Carl", "Shorter")
    assert recipes.load(RecipeId("coater", "test-film", V2)).recipe.reason == "Shorter"


def test_new_version_must_be_greater_and_its_number_never_used(root: Path) -> None:
    recipes = store(root)
    release(recipes)
    recipes.create(OWN, V2, "Carl", "more feed")
    for version, told in (
        (Version(0, 9, 0), "must be greater than its base 1.0.0"),
        (V1, "was used before, released by Grace Other"),
        (V2, "is there already"),
    ):
        with refused("new") as caught:
            recipes.create(OWN, version, "Carl", "more feed")
        assert told in str(caught.value)
    with refused("new") as caught:
        recipes.create(OWN, Version(2, 0, 0), " ", "")
    assert len(caught.value.reasons) == 2


def test_number_of_a_released_file_that_was_deleted_stays_taken(root: Path) -> None:
    recipes = store(root)
    second = RecipeId("coater", "test-film", V2)
    path = recipes.create(OWN, V2, "Carl", "more feed")
    release(recipes, second)
    path.unlink()
    with refused("new") as caught:
        recipes.create(OWN, V2, "Carl", "once more")
    assert "take another number" in str(caught.value)


def test_refused_new_recipe_leaves_no_folder(root: Path) -> None:
    with refused("new"):
        store(root).create(OWN, V1, "", "Trial", name="thin-film")
    assert [p.name for p in (root / "coater").iterdir()] == ["test-film"]


# -- two at once -----------------------------------------------------------------------------------


def test_second_writer_is_told_who_writes_and_since_when(root: Path) -> None:
    recipes = store(root)
    folder = root / "coater" / "test-film"
    proof = rehearsal(recipes)
    with (
        locked(folder, "Grace Other", "release of 1.0.0", T0),
        refused("busy") as caught,
    ):
        recipes.release(OWN, "Third Person", "me too", proof)
    assert f"release of 1.0.0 by Grace Other since {T0} is under way" in str(caught.value)
    recipes.release(OWN, "Third Person", "me too", proof)
    assert not (folder / LOCK).exists()


def test_lock_file_of_a_crashed_writer_stops_nobody(root: Path) -> None:
    folder = root / "coater" / "test-film"
    (folder / LOCK).write_text("release of 0.9.0 by nobody since long ago, and a long text behind")
    release(store(root))
    assert store(root).load(OWN).status is Status.RELEASED
    assert not (folder / LOCK).exists()


def test_of_many_releases_at_once_one_is_done_and_all_others_are_told(root: Path) -> None:
    recipes = store(root)
    proof = rehearsal(recipes)
    people = [f"Person {k}" for k in range(8)]
    outcomes: dict[str, str] = {}
    begin = threading.Barrier(len(people))

    def approve(name: str) -> None:
        begin.wait()
        try:
            RecipeStore(root, shipped_kinds(), ManualClock()).release(OWN, name, "good", proof)
            outcomes[name] = "done"
        except Refused as error:
            outcomes[name] = str(error)

    threads = [threading.Thread(target=approve, args=(name,)) for name in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [name for name, told in outcomes.items() if told == "done"]
    assert len(outcomes) == len(people)
    assert len(done) == 1
    (entry,) = recipes.ledger("coater", "test-film")
    assert (entry.actor, entry.action) == (done[0], Action.RELEASE)
    for told in outcomes.values():
        assert told == "done" or "by Person" in told
    assert not (root / "coater" / "test-film" / LOCK).exists()


def test_ledger_is_replaced_whole(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = store(root)
    release(recipes)
    before = (root / "coater" / "test-film" / LEDGER).read_bytes()

    def full(_path: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match="No space"):
        recipes.obsolete(OWN, "Grace Other", "old")
    monkeypatch.undo()
    assert (root / "coater" / "test-film" / LEDGER).read_bytes() == before
    assert recipes.released(OWN).status is Status.RELEASED


# -- what lies around ------------------------------------------------------------------------------


def test_files_and_folders_that_are_no_recipes_are_told(root: Path) -> None:
    folder = root / "coater" / "test-film"
    (folder / "1.0.yaml").write_text("")
    (folder / "notes.txt").write_text("")
    (root / "coater" / "Old Recipes").mkdir()
    (root / "slitter").mkdir()
    told = "\n".join(map(str, store(root).check()))
    for name in ("1.0.yaml", "notes.txt", "Old Recipes", "slitter"):
        assert name in told
    assert len(store(root).check()) == 4
    assert store(root).check("coater", "other-name") != []


def test_list_shows_right_and_wrong_versions(root: Path) -> None:
    put(root, "1.1.0", {"value: 10,": "value: 100,"})
    release(store(root))
    first, second = store(root).every()
    assert (first.status, first.title, first.problems) == (Status.RELEASED, "Test film", ())
    assert (second.status, second.title, len(second.problems)) == (Status.DRAFT, "", 1)
    assert first.entry is not None
    assert first.entry.actor == "Grace Other"


def test_empty_folder_has_no_recipes(tmp_path: Path) -> None:
    assert store(tmp_path / "nothing").every() == []
    assert store(tmp_path / "nothing").check() == []
    assert Ledger.read(tmp_path, "x").entries == ()


def test_rehearsal_record_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text('{"passed": true, "content_hash": "ab", "summary": "ok", "seeds": 3}')
    assert Rehearsal.read(path, "").passed
    path.write_text('{"passed": true, "content_hash": "ab", "summary": "ok", "brought_by": ""}')
    assert Rehearsal.read(path, "eva").brought_by == "eva"
    for text in ('{"passed": "yes", "content_hash": "ab", "summary": "ok"}', "{}", "x"):
        path.write_text(text)
        with pytest.raises(ConfigError):
            Rehearsal.read(path, "")
    with pytest.raises(ConfigError, match="no such file"):
        Rehearsal.read(tmp_path / "none.json", "")
