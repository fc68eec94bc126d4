"""Every wrong recipe of the corpus is refused in exactly the expected words, with its place."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from controller.core.recipe import RecipeId, Version
from controller.recipe_file import parse_recipe, recipe_text
from controller.recipe_kind import RecipeKind
from tests.support.recipe_kinds import shipped_kinds

CORPUS = Path(__file__).parent / "recipes"
BASE = (CORPUS / "base.yaml").read_bytes()
OWN = RecipeId("coater", "test-film", Version(1, 2, 0))
FILE = "1.2.0.yaml"
CASES = {
    f"{table.stem}.{case['name']}": case
    for table in sorted(CORPUS.glob("*.toml"))
    for case in tomllib.loads(table.read_text(encoding="utf-8"))["case"]
}
# What is wrong with the file as a whole has no place in it.
WITHOUT_PLACE = {"yaml.too_large"}


@pytest.fixture(scope="module")
def kinds() -> dict[str, RecipeKind]:
    return shipped_kinds()


def spoilt(case: dict[str, Any]) -> bytes:
    """The base with the edits of a case; every `find` stands in it once, "" is the whole file."""
    text = bytes.fromhex(case.get("replace_hex", "")) or case.get("replace", "").encode()
    edits = [(case.get("find", "").encode(), text * case.get("times", 1))]
    if also := case.get("also"):
        edits.append((also["find"].encode(), also["replace"].encode()))
    found = BASE
    for find, replace in edits:
        assert not find or found.count(find) == 1, find
        found = found.replace(find, replace) if find else replace
    return found


def test_base_of_the_corpus_is_right(kinds: dict[str, RecipeKind]) -> None:
    assert parse_recipe(BASE.decode(), FILE, OWN, kinds)[1] == []


def test_corpus_is_large_and_names_no_case_twice() -> None:
    count = sum(
        len(tomllib.loads(t.read_text(encoding="utf-8"))["case"]) for t in CORPUS.glob("*.toml")
    )
    assert len(CASES) == count >= 200


@pytest.mark.parametrize("name", CASES)
def test_wrong_recipe_is_told_exactly(
    name: str, kinds: dict[str, RecipeKind], tmp_path: Path
) -> None:
    case = CASES[name]
    path = tmp_path / FILE
    path.write_bytes(spoilt(case))
    found = None
    text, problems = recipe_text(path, FILE)
    if text is not None:
        found, problems = parse_recipe(text, FILE, OWN, kinds)
    assert found is None
    told = [str(p).removeprefix(f"{FILE}:").lstrip() for p in problems]
    assert told == [line.lstrip() for line in case["expected"]]
    if name not in WITHOUT_PLACE:
        assert all(re.match(r"\d+(:\d+)?: ", line) for line in told)
