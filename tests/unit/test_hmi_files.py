"""The files of the screens fit together, come from where they say, and leave nothing to chance."""

import re
import shutil
from pathlib import Path

import pytest

from hmi import page, vendoring

STATIC = page.STATIC
MODULES = sorted(p for p in STATIC.rglob("*.js") if "vendor" not in p.parts)
IMPORT = re.compile(
    r"""(?:^|\n)\s*(?:import|export)\b[^"'`;]*?from\s+"([^"]+)"|import\s+"([^"]+)";"""
)
LATE = re.compile(r"""import\("([^"]+)"\)""")
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySetInnerHTML"
    r"|\beval\(|new Function|style=\"|on[a-z]+=\"|javascript:|toLocale"
)
OUTSIDE = re.compile(r"https?://(?!www\.w3\.org/)")


def imports(path: Path) -> list[str]:
    return [a or b for a, b in IMPORT.findall(path.read_text(encoding="utf-8"))]


def test_the_page_lists_every_module_and_the_hashes_of_what_comes_from_others() -> None:
    present = (STATIC / "index.html").read_text(encoding="utf-8")
    assert present == page.made(present)


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="mark is missing"):
        page.made("<html></html>")


def test_what_comes_from_others_is_what_was_listed() -> None:
    assert list(vendoring.mistakes()) == []


def test_a_changed_a_missing_and_an_unlisted_file_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "vendor"
    shutil.copytree(vendoring.VENDOR, folder)
    (folder / "preact.mjs").write_text("alert(1)")
    (folder / "htm.mjs").unlink()
    (folder / "more.mjs").write_text("")
    found = list(vendoring.mistakes(folder))
    assert found == [
        "preact.mjs: is not what VENDOR.toml says",
        "htm.mjs: missing",
        "more.mjs: not in VENDOR.toml",
    ]


def test_every_package_of_others_comes_with_its_licence() -> None:
    for package in vendoring.packages():
        texts = [f for f in package.files if f.path.startswith("licences/")]
        assert texts, package.name
        assert package.licence in ("MIT", "Apache-2.0")


def test_names_in_the_import_map_are_files_of_others() -> None:
    listed = {file.path for package in vendoring.packages() for file in package.files}
    assert set(page.NAMES.values()) <= listed


@pytest.mark.parametrize("module", MODULES, ids=lambda p: p.relative_to(STATIC).as_posix())
def test_a_module_imports_what_there_is_and_writes_no_markup(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    for name in imports(module):
        if name.startswith("."):
            assert (module.parent / name).resolve().is_file(), name
        else:
            assert name in page.NAMES, name
    assert FORBIDDEN.findall(text) == []
    assert OUTSIDE.findall(text) == []
    assert text.count("\n") <= 400


def test_every_module_is_used() -> None:
    used = {(m.parent / n).resolve() for m in MODULES for n in imports(m) if n.startswith(".")}
    screens = STATIC / "screens"
    late = LATE.findall((screens / "index.js").read_text(encoding="utf-8"))
    used |= {(screens / name).resolve() for name in late}
    assert {m.resolve() for m in MODULES} - used == {STATIC / "main.js"}


def test_the_style_sheet_fetches_nothing_and_names_colours_once() -> None:
    css = (STATIC / "hmi.css").read_text(encoding="utf-8")
    assert "url(" not in css
    assert "@import" not in css
    rules = css[css.index("* { box-sizing") :]
    rules = re.sub(r"--[a-z0-9-]+:[^;]+;", "", rules)  # paper is a third theme
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b", rules) == []


def test_both_themes_name_every_colour_that_is_used() -> None:
    css = (STATIC / "hmi.css").read_text(encoding="utf-8")
    light, dark = css.split('[data-theme="dark"] {')[0], css.split('[data-theme="dark"] {')[1]
    in_light = set(re.findall(r"(--[a-z0-9-]+):", light))
    in_dark = set(re.findall(r"(--[a-z0-9-]+):", dark.partition("}")[0]))
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", css)) - {"--own"}
    assert used <= in_light
    assert in_light == in_dark
