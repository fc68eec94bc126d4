"""What the first page asks for in one go."""

import pytest

from hmi.page import BUNDLE, STATIC, needed


def test_the_frame_is_asked_for_at_once_and_screens_when_they_are_looked_at():
    found = {path.as_posix() for path in needed()}
    first = {"main.js", "frame.js", "screens/index.js", "screens/overview.js", "vendor/preact.mjs"}
    assert first <= found
    assert not found & {"screens/trends.js", "screens/energy.js", "vendor/uplot.mjs"}
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    of_others = [path for path in found if path.startswith("vendor/")]
    assert f'<link rel="modulepreload" href="{BUNDLE}">' in page
    assert page.count('rel="modulepreload"') == len(of_others) + 1


@pytest.mark.parametrize(
    "words",
    ['import { a } from "./b.js";', "import './b.js';", 'import a, {\n  c,\n} from "./b.js";',
     'export { a } from "./b.js";', 'export * from "./b.js";', 'const x=1;import{a}from"./b.js";'],
)  # fmt: skip
def test_every_form_of_static_import_is_followed(tmp_path, words):
    (tmp_path / "main.js").write_text(words)
    (tmp_path / "b.js").write_text('import "./c.js";\n')
    (tmp_path / "c.js").write_text("")
    assert [p.as_posix() for p in needed(tmp_path)] == ["b.js", "c.js", "main.js"]


@pytest.mark.parametrize(
    "words", ['const load = () => import("./b.js");', '// from "./b.js"', 'const a = "./b.js";']
)
def test_what_is_imported_later_or_not_at_all_is_not_followed(tmp_path, words):
    (tmp_path / "main.js").write_text(words)
    assert [p.as_posix() for p in needed(tmp_path)] == ["main.js"]
