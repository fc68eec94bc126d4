"""What product code never does, seen in its syntax tree: run text, unpack objects, skip checks."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import ROOT

FILES = sorted(
    path
    for package in ("controller", "plc_sim", "hmi")
    for path in (ROOT / package).rglob("*.py")
    if "node_modules" not in path.parts
)
BUILTINS = {"eval", "exec", "compile", "__import__"}
MODULES = {
    "pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "telnetlib",
    "ftplib", "code", "codeop", "xml", "imp",
}  # fmt: skip
CALLS = {
    ("os", "system"), ("os", "popen"), ("tempfile", "mktemp"), ("yaml", "load"),
    ("hashlib", "md5"), ("hashlib", "sha1"), ("ssl", "_create_unverified_context"),
    ("hashes", "MD5"), ("hashes", "SHA1"), ("numpy", "load"), ("np", "load"),
}  # fmt: skip
KEYWORDS = {
    ("shell", True), ("verify", False), ("check_hostname", False), ("verify_ssl", False),
    ("allow_pickle", True), ("cert_reqs", "CERT_NONE"),
}  # fmt: skip
WEAK = {"md5", "sha1", "MD5", "SHA1"}


def unsafe(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        line = getattr(node, "lineno", 0)
        for found in _of(node):
            yield f"{line}: {found}"


def _of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Assert():
            yield "assert"
        case ast.Import(names=names):
            yield from (f"import {n.name}" for n in names if n.name.partition(".")[0] in MODULES)
        case ast.ImportFrom(module=str(module), level=0, names=names):
            if module.partition(".")[0] in MODULES:
                yield f"from {module}"
            yield from (n.name for n in names if (module, n.name) in CALLS)
        case ast.Assign(targets=[ast.Attribute(attr=attr)], value=ast.Constant(value=value)):
            if (attr, value) in KEYWORDS:
                yield f"{attr} = {value}"
        case ast.Attribute(value=ast.Name(id="ssl"), attr="CERT_NONE"):
            yield "ssl.CERT_NONE"
        case ast.Call(func=func, args=args, keywords=keywords):
            yield from _of_call(func, args, keywords)


def _of_call(func: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]) -> Iterator[str]:
    match func:
        case ast.Name(id=name) if name in BUILTINS:
            yield name
        case ast.Attribute(value=ast.Name(id=owner), attr=attr):
            if (owner, attr) in CALLS:
                yield f"{owner}.{attr}"
            first = args[0] if args else None
            if attr == "new" and isinstance(first, ast.Constant) and first.value in WEAK:
                yield f"{owner}.new({first.value})"
    for keyword in keywords:
        if (
            isinstance(keyword.value, ast.Constant)
            and (keyword.arg, keyword.value.value) in KEYWORDS
        ):
            yield f"{keyword.arg}={keyword.value.value}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_of_the_product_does_it(path: Path) -> None:
    assert list(unsafe(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "eval('1')", "exec(x)", "compile(a, b, c)", "__import__(x)", "assert x", "import pickle",
        "from pickle import loads", "import marshal", "import yaml", "yaml.load(x)",
        "subprocess.run(x, shell=True)", "get(x, verify=False)", "hashlib.md5(x)",
        "hashlib.new('sha1', x)", "from hashlib import md5", "hashes.SHA1()", "os.system(x)",
        "context.check_hostname = False", "context.verify_mode = ssl.CERT_NONE",
        "np.load(x, allow_pickle=True)",
    ],
)  # fmt: skip
def test_it_would_be_found(text: str) -> None:
    assert list(unsafe(text))


def test_the_whole_product_was_looked_at() -> None:
    assert len(FILES) > 150
