"""Many small modules of the screens as one file, made in memory when they are read.

A browser asks for six files at a time, and each answer carries its headers: sixty modules are ten
rounds. What the first module needs before it can begin therefore goes out as one more module,
`/modules.js`. Each module in it is a function that gives its exports, in the order in which a
browser would run them; everybody else takes them from there, so each runs once. On disk the modules
stay what they are, and run as they are where somebody else serves them.

This reads the form in which our modules are written, not all of JavaScript: imports and exports
begin a line and end on it, and what is exported is declared there. Another form is an error that
names it, and the screens are then served without a bundle.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from posixpath import dirname, join, normpath
from types import MappingProxyType

from controller.core.errors import DrylineError

FIRST, BUNDLE = "/main.js", "/modules.js"
_IMPORT = re.compile(
    r'import (?:(?P<whole>[\w$]+)(?:, )?)?(?:\{(?P<names>[^{}]*)\})?(?: from )?"(?P<source>[^"]+)";'
)
_DECLARED = re.compile(
    r"export (?P<default>default )?"
    r"(?P<rest>(?:async )?(?:function\*?|const|class)\s+(?P<name>[A-Za-z_$][\w$]*)\b.*)",
    re.S,
)
_PASSED_ON = re.compile(r'export \{(?P<names>[^{}]*)\} from "(?P<source>[^"]+)";')
_NAMED = re.compile(r"(?P<name>[\w$]+)(?: as (?P<own>[\w$]+))?")
_LATER = re.compile(r'\bimport\("(\.[^"]+)"\)')
_STATEMENT = re.compile(r"(?:import|export)\b(?!\()")


@dataclass(frozen=True, slots=True)
class _Names:
    """What one line takes from a module: (its name there, the name here), in order."""

    source: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Module:
    """path: as in an address; lines: without imports and exports; exports: (name, expression)."""

    path: str
    lines: tuple[str, ...]
    imports: Mapping[int, _Names]  # by the line on which each stands
    exports: tuple[tuple[str, str], ...]
    passed_on: tuple[_Names, ...]


def bundled(sources: Mapping[str, str]) -> Mapping[str, str]:
    """The texts that go out instead of those on disk, and that of BUNDLE, by path.

    sources: every module of ours by its path in an address. {} where nothing needs a bundle;
    DrylineError with file and line for a form that is not read here, and for modules that need each
    other in a ring.
    """
    if FIRST not in sources:
        return MappingProxyType({})
    modules: dict[str, _Module] = {}
    order: list[str] = []
    _collect(FIRST, sources, modules, order, ())
    order.remove(FIRST)
    if not order:
        return MappingProxyType({})
    inside = frozenset(order)
    gives = {path: _given_names(modules[path]) for path in order}
    found = {BUNDLE: _bundle([modules[path] for path in order])}
    for path, text in sources.items():
        if path in inside:
            found[path] = _stand_in(path, modules)
        else:
            changed = _taking_from_bundle(path, text, gives)
            if changed != text:
                found[path] = changed
    return MappingProxyType(found)


def _collect(
    path: str, sources: Mapping[str, str], modules: dict[str, _Module], order: list[str],
    above: tuple[str, ...],
) -> None:  # fmt: skip
    """Depth first, as browsers do: who is needed comes before who needs it."""
    if path in above:
        ring = " -> ".join([*above[above.index(path) :], path])
        raise DrylineError(f"{ring}: modules that need each other can't be put into one file")
    if path in modules:
        return
    if path not in sources:
        raise DrylineError(f"{above[-1]}: imports {path}, which is not there")
    module = modules[path] = _parsed(path, sources[path], first=path == FIRST)
    for taken in (*module.imports.values(), *module.passed_on):
        if _is_ours(taken.source):
            _collect(taken.source, sources, modules, order, (*above, path))
            _demand(taken, _given_names(modules[taken.source]), path)
    order.append(path)


def _given_names(module: _Module) -> frozenset[str]:
    passed_on = (own for taken in module.passed_on for _, own in taken.pairs)
    return frozenset((*(out for out, _ in module.exports), *passed_on))


def _demand(taken: _Names, given: frozenset[str], path: str) -> None:
    """A browser refuses a name that is not given; so do we, for here it would just be undefined."""
    for there, _ in taken.pairs:
        if there not in given:
            raise DrylineError(
                f"{path}: imports {there} from {taken.source}, which does not export it; where one "
                "export declares several names, write one for each"
            )


def _is_ours(source: str) -> bool:
    return source.startswith("/")


def _address(path: str, source: str) -> str:
    """Where an import leads: a path for one of ours, the name as it stands for one of others."""
    return normpath(join(dirname(path), source)) if source.startswith(".") else source


def _pairs(text: str, path: str, number: int) -> tuple[tuple[str, str], ...]:
    pairs = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        named = _NAMED.fullmatch(part)
        if named is None:
            raise _unread(path, number, part)
        pairs.append((named["name"], named["own"] or named["name"]))
    return tuple(pairs)


def _unread(path: str, number: int, line: str) -> DrylineError:
    return DrylineError(
        f"{path} line {number}: {line[:60]!r} is in a form that can't be put into one file; write "
        'import {a, b as c} from "./x.js"; or export const|function|class Name on one line'
    )


def _imported(line: str, path: str, number: int) -> _Names | None:
    found = _IMPORT.match(line)
    if found is None:
        return None
    whole = (("default", found["whole"]),) if found["whole"] else ()
    return _Names(
        _address(path, found["source"]), (*whole, *_pairs(found["names"] or "", path, number))
    )


def _parsed(path: str, text: str, *, first: bool) -> _Module:
    lines: list[str] = []
    imports: dict[int, _Names] = {}
    exports: list[tuple[str, str]] = []
    passed_on: list[_Names] = []
    for number, line in enumerate(text.split("\n")):
        if not _STATEMENT.match(line):
            lines.append(line)
            continue
        taken = _imported(line, path, number + 1)
        onward, declared = _PASSED_ON.match(line), _DECLARED.match(line)
        if taken is not None:
            imports[number] = taken
            lines.append("")
        elif onward is not None:
            pairs = _pairs(onward["names"], path, number + 1)
            passed_on.append(_Names(_address(path, onward["source"]), pairs))
            lines.append("")
        elif declared is not None:
            exports.append(("default" if declared["default"] else declared["name"],
                            declared["name"]))  # fmt: skip
            lines.append(declared["rest"])
        elif first:
            lines.append(line)
        else:
            raise _unread(path, number + 1, line)
    return _Module(path, tuple(lines), imports, tuple(exports), tuple(passed_on))


def _name_of(indices: dict[str, str], source: str) -> str:
    return indices.setdefault(source, f"$$of{len(indices)}")


def _taken(taken: _Names, name: str) -> str:
    pairs = ", ".join(f"{there}: {own}" if there != own else own for there, own in taken.pairs)
    return f"const {{ {pairs} }} = {name};" if taken.pairs else ""


def _bundle(modules: list[_Module]) -> str:
    others: dict[str, str] = {}
    parts = []
    for module in modules:
        name: Callable[[str], str] = lambda source: (  # noqa: E731
            f'modules["{source}"]' if _is_ours(source) else _name_of(others, source)
        )
        lines = [_located(line, module.path) for line in module.lines]
        for number, taken in module.imports.items():
            lines[number] = _taken(taken, name(taken.source))
        gives = [f"{out}: {own}" if out != own else out for out, own in module.exports]
        for taken in module.passed_on:
            gives += [f"{own}: {name(taken.source)}.{there}" for there, own in taken.pairs]
        body = "\n".join(lines)
        given = ", ".join(gives)
        parts.append(f'modules["{module.path}"] = (() => {{\n{body}\nreturn {{ {given} }};\n}})();')
    head = [f'import * as {own} from "{source}";' for source, own in others.items()]
    return "\n".join([*head, "export const modules = {};", *parts, ""])


def _located(line: str, path: str) -> str:
    """What a module says of its surroundings means the same as on disk."""
    line = line.replace("import.meta.url", f'new URL("{path}", import.meta.url)')
    return _LATER.sub(lambda found: f'import("{_address(path, found[1])}")', line)


def _stand_in(path: str, modules: Mapping[str, _Module]) -> str:
    """What the address of a module in the bundle gives: the same exports, from there."""
    module = modules[path]
    names = [out for out, _ in module.exports]
    names += [own for taken in module.passed_on for _, own in taken.pairs]
    lines = [f'import {{ modules }} from "{BUNDLE}";', f'const $$it = modules["{path}"];']
    plain = [name for name in names if name != "default"]
    lines += [f"export const {{ {', '.join(plain)} }} = $$it;"] if plain else []
    lines += ["export default $$it.default;"] if "default" in names else []
    return "\n".join([*lines, ""])


def _taking_from_bundle(path: str, text: str, gives: Mapping[str, frozenset[str]]) -> str:
    """A module outside the bundle; its lines keep their numbers."""
    lines = text.split("\n")
    took = False
    for number, line in enumerate(lines):
        taken = _imported(line, path, number + 1) if _STATEMENT.match(line) else None
        onward = _PASSED_ON.match(line)
        if onward is not None and _address(path, onward["source"]) in gives:
            raise _unread(path, number + 1, line)
        if taken is not None and taken.source in gives:
            _demand(taken, gives[taken.source], path)
            took = True
            lines[number] = _taken(taken, f'$$modules["{taken.source}"]')
    if not took:
        return text
    lines[0] = f'import {{ modules as $$modules }} from "{BUNDLE}"; {lines[0]}'
    return "\n".join(lines)
