"""How screens call recipes and versions. Run by Node."""

from pathlib import Path

import pytest

from tests.support.javascript import run_module


def call(place: Path, call: str, given: object = None) -> object:
    names = call.partition("(")[0]
    script = f'import {{ {names} }} from "./recipe_names.js";\ntell({call} ?? null);'
    return run_module(place, script, given)


@pytest.mark.parametrize(
    ("title", "parts"),
    [
        ("coater/nmc-standard@1.1.0",
         {"kind": "coater", "name": "nmc-standard", "version": "1.1.0"}),
        ("built-in", None), ("", None), (None, None), ("coater/nmc", None),
    ],
)  # fmt: skip
def test_a_title_has_parts_or_is_the_built_in_procedure(
    tmp_path: Path, title: str | None, parts: object
) -> None:
    assert call(tmp_path, "recipeParts(input)", title) == parts


def test_an_address_holds_whatever_a_name_is(tmp_path: Path) -> None:
    given = {"kind": "a/b", "name": "x?y", "version": "1.0.0&z"}
    assert call(tmp_path, "recipeAddress(input)", given) == "/recipes/a%2Fb/x%3Fy?v=1.0.0%26z"
    assert call(tmp_path, "recipePath(input)", given) == "/recipes/a%2Fb/x%3Fy/1.0.0%26z"


@pytest.mark.parametrize(
    ("version", "known", "following"),
    [
        ("1.1.0", ["1.0.0", "1.1.0"], "1.2.0"),
        ("1.0.0", ["1.0.0", "1.1.0", "1.2.0"], "1.3.0"),
        ("2.9.4", [], "2.10.0"),
    ],
)
def test_the_next_version_is_free(
    tmp_path: Path, version: str, known: list[str], following: str
) -> None:
    assert call(tmp_path, "nextVersion(input[0], input[1])", [version, known]) == following


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("# c\nkind: coater\nname: 'nmc'\nversion: 1.0.0 # first\ntitle: x\n",
         {"kind": "coater", "name": "nmc", "version": "1.0.0"}),
        ("kind: coater\nname: nmc\n", None),
        ("kind: coater\nname:\nversion: 1.0.0\n", None),
        ("  kind: a\n  name: b\n  version: c\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_file_says_in_its_header_what_it_is(tmp_path: Path, text: str, header: object) -> None:
    assert call(tmp_path, "headerOf(input)", text) == header


def test_versions_stand_along_the_web_and_the_newest_first(tmp_path: Path) -> None:
    rows = [
        {"kind": kind, "name": name, "version": version}
        for kind, name, version in (
            ("other", "z", "1.0.0"), ("enclosure", "a", "1.0.0"), ("coater", "b", "1.9.0"),
            ("coater", "b", "1.10.0"), ("coater", "a", "1.0.0"),
        )
    ]  # fmt: skip
    found = call(tmp_path, "inOrder(input[0], input[1])", [rows, ["coater", "enclosure"]])
    assert isinstance(found, list)
    told = [f"{r['kind']} {r['name']} {r['version']}" for r in found]
    assert told == [
        "coater a 1.0.0", "coater b 1.10.0", "coater b 1.9.0", "enclosure a 1.0.0", "other z 1.0.0"
    ]  # fmt: skip


def test_a_tag_of_a_recipe_gets_the_prefix_of_its_station(tmp_path: Path) -> None:
    assert call(tmp_path, "fullName('.FEED.SP', 'COAT')") == "COAT.FEED.SP"
    assert call(tmp_path, "fullName('DHU.FAN.SP', 'ENC')") == "DHU.FAN.SP"
