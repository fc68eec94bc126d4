"""The modules of the screens as one file: what runs is what lies on disk, once and in its order."""

import json
import shutil
import subprocess

import pytest

from controller.api.bundling import BUNDLE, bundled
from controller.api.screens import read_screens, shipped_folder
from controller.core.errors import DrylineError
from hmi.page import needed
from tests.support import debian

MODULES = {
    "/main.js": """\
// begins
import { shout } from "./words/loud.js";
import "./noted.js";
import { LAST, count as counted } from "./passing.js";
globalThis.told.push("main", shout("a"), counted(), LAST);
export const later = () => import("./late.js");
""",
    "/words/loud.js": """\
import Plain, { other as $renamed } from "./plain.js";
import { upper } from "of-others";
globalThis.told.push("loud");
export const shout = (word) => upper(Plain(word)) + $renamed;
""",
    "/words/plain.js": """\
globalThis.told.push("plain");
export default function plain(word) { return `${word}${mark}`; }
const mark = "!";
export const other = "?";
export const place = new URL("./x.json", import.meta.url).pathname;
export const late = () => import("../late.js");
""",
    "/noted.js": "globalThis.told.push('noted');\n",
    "/passing.js": """\
import { late } from "./words/plain.js";
let turns = 0;
export async function slow() { return late(); }
export function count() { return (turns += 1); }
export class Kept {}
export { other as LAST, place } from "./words/plain.js";
""",
    "/late.js": """\
import { count, place } from "./passing.js";
import { shout } from "./words/loud.js";
import { upper } from "of-others";
globalThis.told.push("late", count(), shout(upper("b")));
export default place;
""",
}
OTHERS = "export const upper = (word) => word.toUpperCase();\n"


def run(folder, modules, script):
    """What a script told that was run beside the modules."""
    for path, text in modules.items():
        place = folder / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    (folder / "package.json").write_text('{"type": "module"}')
    package = folder / "node_modules" / "of-others"
    package.mkdir(parents=True, exist_ok=True)
    (package / "package.json").write_text('{"exports": "./it.mjs"}')
    (package / "it.mjs").write_text(OTHERS)
    (folder / "script.js").write_text(
        f"globalThis.told = [];\n{script}\nconsole.log(JSON.stringify(globalThis.told));\n"
    )
    done = subprocess.run(
        [debian.require("node", "nodejs"), str(folder / "script.js")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def served(modules):
    """As they go out. Node has no server's root: addresses from there become those of files."""
    depths = {path: "../" * (path.count("/") - 1) or "./" for path in (*modules, BUNDLE)}
    return {
        path: text.replace('from "/', f'from "{depths[path]}').replace(
            'import("/', f'import("{depths[path]}'
        )
        for path, text in {**modules, **bundled(modules)}.items()
    }


SCRIPT = """
const { later } = await import("./main.js");
const found = (await later()).default;
const again = await import("./passing.js");
const same = (await again.slow()) === (await later());
globalThis.told.push(again.count(), same, found.endsWith("/words/x.json"));
globalThis.told.push(Object.keys(again).sort().join());
"""


def test_modules_run_once_in_their_order_with_what_they_give_and_where_they_lie(tmp_path):
    plain = run(tmp_path / "plain", MODULES, SCRIPT)
    assert plain[:4] == ["plain", "loud", "noted", "main"]
    assert plain[-4:-1] == [3, True, True]
    assert run(tmp_path / "bundled", served(MODULES), SCRIPT) == plain


def test_what_is_imported_later_stays_outside_and_takes_from_the_bundle():
    found = bundled(MODULES)
    assert set(found) == {BUNDLE, *MODULES}
    assert 'modules["/late.js"]' not in found[BUNDLE]
    assert 'const { count, place } = $$modules["/passing.js"];' in found["/late.js"]
    assert found["/late.js"].count("\n") == MODULES["/late.js"].count("\n")


def test_a_first_module_that_needs_none_of_ours_needs_no_bundle():
    assert bundled({"/main.js": 'import { x } from "y";\n', "/b.js": ""}) == {}
    assert bundled({"/b.js": ""}) == {}


@pytest.mark.parametrize(
    "line",
    ["export default 1;", "export { a };", "export let a = 1;", "export * from './c.js';",
     'import * as c from "./c.js";', "import { a } from './c.js';", "export const { a } = b;",
     'import { a as "b" } from "./c.js";', "import {"],
)  # fmt: skip
def test_a_form_that_is_not_read_is_named_with_its_line(line):
    modules = {"/main.js": 'import { a } from "./b.js";\n', "/b.js": f"// b\n{line}\n"}
    with pytest.raises(DrylineError, match=r"^/b\.js line 2: .*in a form"):
        bundled({**modules, "/c.js": ""})


def test_modules_in_a_ring_and_missing_ones_are_named():
    first = 'import { a } from "./b.js";\n'
    with pytest.raises(DrylineError, match=r"^/b\.js -> /c\.js -> /b\.js: modules that need"):
        bundled({"/main.js": first, "/b.js": 'import { c } from "./c.js";\n',
                 "/c.js": 'import { a } from "./b.js";\n'})  # fmt: skip
    several = {"/b.js": "export const a = 1, c = 2;\n"}
    assert BUNDLE in bundled({"/main.js": first, **several})
    told = r"^/(main|late)\.js: imports c from /b\.js, which does not export it"
    with pytest.raises(DrylineError, match=told):
        bundled({"/main.js": 'import { c } from "./b.js";\n', **several})
    with pytest.raises(DrylineError, match=told):
        bundled({"/main.js": first, "/late.js": 'import { c } from "./b.js";\n', **several})
    with pytest.raises(DrylineError, match=r"^/main\.js: imports /b\.js, which is not there"):
        bundled({"/main.js": first})


def test_the_screens_that_come_with_the_program_go_out_as_one_file():
    folder = shipped_folder()
    assert folder is not None
    bundle = read_screens(folder)[BUNDLE].body.decode()
    own = [p.as_posix() for p in needed(folder) if p.parts[0] != "vendor"]
    own.remove("main.js")
    assert len(own) > 40
    assert [path for path in own if f'modules["/{path}"] = ' not in bundle] == []


def test_a_workshop_with_a_form_that_is_not_read_is_served_one_by_one(tmp_path, caplog):
    folder = tmp_path / "static"
    found = shipped_folder()
    assert found is not None
    shutil.copytree(found, folder)
    frame = folder / "frame.js"
    frame.write_text(frame.read_text() + "export default 1;\n")
    files = read_screens(folder)
    assert BUNDLE not in files
    assert files["/frame.js"].body == frame.read_bytes()
    assert "one by one: /frame.js line" in caplog.text
