"""The sentences with which the program refuses something, read out of its source.

A sentence is a template: what it says in any case, with holes {a} {b} for values. Words that a
variable or a function of the same module gives are followed; what comes from elsewhere (the reasons
of another refusal, an error of the system) is not there, for it has its own place.
"""

import ast
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import product
from pathlib import Path

from tests.support.documents import ROOT

CONTROLLER = ROOT / "controller"
REFUSALS = {"Refused", "Problem", "Refusal", "refuse", "_refuse", "refused", "_refused"}
HOLE = "\0"
MOST = 60  # ways in which one sentence may be put together
DEEPEST = 12

WORDS = re.compile(r"[a-z]{2,}")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class _Module:
    """One file; what its names and functions say."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))

    @cached_property
    def functions(self) -> dict[str, _Function]:
        """By name, methods too."""
        return {n.name: n for n in ast.walk(self.tree) if isinstance(n, _Function)}

    def refusals(self) -> Iterator[str]:
        """Every template of every refusal."""
        for function in [*self.functions.values(), None]:
            own = list(_own_nodes(function or self.tree))
            for node in own:
                if isinstance(node, ast.Call) and _name(node.func) in REFUSALS:
                    own_reasons = node.args[1:2] or node.args[:1]  # a code before them, or in each
                    for reasons in own_reasons:
                        yield from self._texts(reasons, function, 0) or []

    def _texts(self, node: ast.expr, inside: _Function | None, depth: int) -> list[str] | None:
        """What an expression may say; None when it is not known here."""
        if depth > DEEPEST:
            return None
        more = depth + 1
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr():
                parts = [self._part(value, inside, more) for value in node.values]
                return _joined(parts)
            case ast.BinOp(op=ast.Add()):
                sides = [self._texts(side, inside, more) for side in (node.left, node.right)]
                if isinstance(node.right, ast.List) or isinstance(node.left, ast.List):
                    return _either(sides)
                return _joined([side or [HOLE] for side in sides]) if any(sides) else None
            case ast.IfExp():
                return _any([self._texts(x, inside, more) for x in (node.body, node.orelse)])
            case ast.BoolOp(op=ast.Or()):
                return _any([self._texts(x, inside, more) for x in node.values])
            case ast.List() | ast.Tuple() | ast.Set():
                return _either([self._texts(x, inside, more) for x in node.elts])
            case ast.Starred():
                return self._texts(node.value, inside, more)
            case ast.ListComp() | ast.GeneratorExp():
                return self._texts(node.elt, inside, more)
            case ast.Dict():
                return _either([self._texts(x, inside, more) for x in node.values])
            case ast.Subscript():
                return self._texts(node.value, inside, more)
            case ast.Call():
                return self._called(node, inside, more)
            case ast.Name():
                return self._named(node.id, inside, more)
        return None

    def _part(self, node: ast.expr, inside: _Function | None, depth: int) -> list[str]:
        if isinstance(node, ast.FormattedValue):
            known = isinstance(node.value, ast.Name | ast.IfExp | ast.Constant | ast.Call)
            found = self._texts(node.value, inside, depth) if known else None
            return found or [HOLE]
        return self._texts(node, inside, depth) or [HOLE]

    def _called(self, node: ast.Call, inside: _Function | None, depth: int) -> list[str] | None:
        name = _name(node.func)
        if name in ("tuple", "list", "sorted") and node.args:
            return self._texts(node.args[0], inside, depth)
        if name == "get" and isinstance(node.func, ast.Attribute):
            return self._texts(node.func.value, inside, depth)
        function = self.functions.get(name)
        if function is None or name in REFUSALS:
            return None
        given = [n.value for n in _own_nodes(function) if isinstance(n, ast.Return | ast.Yield)]
        found = _either([self._texts(v, function, depth) for v in given if v is not None])
        return [text for text in found if text] if found else None  # "" is no reason

    def _named(self, name: str, inside: _Function | None, depth: int) -> list[str] | None:
        scopes = [_own_nodes(inside)] if inside else []
        for nodes in (*scopes, iter(self.tree.body)):
            found = [self._texts(v, inside, depth) for v in _given_to(name, nodes)]
            if found:
                return _any(found)
        return None


def _given_to(name: str, nodes: Iterator[ast.AST]) -> Iterator[ast.expr]:
    """Whatever is assigned or appended to a name."""
    for node in nodes:
        match node:
            case ast.Assign(targets=targets, value=value) if any(
                isinstance(t, ast.Name) and t.id == name for t in targets
            ):
                yield value
            case ast.AnnAssign(target=ast.Name(id=own), value=ast.expr() as value) if own == name:
                yield value
            case ast.AugAssign(target=ast.Name(id=own), value=value) if own == name:
                yield value
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=own), attr="append" | "extend"), args=[value]
            ) if own == name:
                yield value
            case ast.Assign(targets=[ast.Tuple(elts=elts)], value=ast.Tuple(elts=values)):
                for target, value in zip(elts, values, strict=False):
                    if isinstance(target, ast.Name) and target.id == name:
                        yield value


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Of a function or module, without those of the functions in it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, _Function):
            waiting += ast.iter_child_nodes(node)


def _name(node: ast.expr) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))


def _joined(parts: list[list[str]]) -> list[str]:
    return ["".join(one) for one, _ in zip(product(*parts), range(MOST), strict=False)]


def _either(found: list[list[str] | None]) -> list[str] | None:
    known = [text for texts in found if texts for text in texts]
    return list(dict.fromkeys(known)) or None


def _any(found: list[list[str] | None]) -> list[str] | None:
    """The same, where what is not known may stand as well."""
    return _either([texts or [HOLE] for texts in found]) if any(found) else None


def with_holes(template: str) -> str:
    """A template with named holes, as a catalogue has them."""
    pieces = template.split(HOLE)
    holes = [f"{{{chr(97 + k)}}}" for k in range(len(pieces) - 1)]
    return pieces[0] + "".join(h + p for h, p in zip(holes, pieces[1:], strict=True))


def refusal_sentences(without: frozenset[str]) -> dict[str, str]:
    """Every template that has words of its own, and the first file that says it."""
    found: dict[str, str] = {}
    for path in sorted(CONTROLLER.rglob("*.py")):
        name = path.relative_to(CONTROLLER).as_posix()
        if name in without or name.partition("/")[0] in without:
            continue
        for text in _Module(path).refusals():
            template = with_holes(text)
            if " " in text and WORDS.search(text):
                found.setdefault(template, name)
    return found
