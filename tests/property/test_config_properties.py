"""However the files are mutilated: problems or a line, never an exception."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.config import check
from tests.support.line_modules import STAND_INS

BASE = Path(__file__).parents[1] / "golden/config/base"
FILES = ("line.toml", "io_list.csv")
GOOD = {name: (BASE / name).read_bytes() for name in FILES}
_MARKS = [b"", b'"', b"'", b'"""', b"[", b"]]", b"{", b"=", b",", b";", b"|", b"[[line]]\n"]
_BYTES = [
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"\n\n",
    b"\t",
    b"\xe2\x80\xae",
    b"\\u0000",
]
_NUMBERS = [b"nan", b"-inf", b"1e400", b"9" * 5000, b"-1", b"0.5", b"1_0", b"1979-05-27", b"true"]
_WORDS = [b"hr:40", b"s=", b"di:0", b"COAT.HEART", b"a.b.c=1\n", b"W", b"uint32", b"enum", b"opcua"]
PIECES = st.sampled_from([*_MARKS, *_BYTES, *_NUMBERS, *_WORDS, b"[" * 3000]) | st.binary(
    max_size=4
)


@st.composite
def mutilated(draw: st.DrawFn) -> dict[str, bytes]:
    """Both files with up to six cuts and insertions."""
    found = dict(GOOD)
    for _ in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from(FILES))
        content = found[name]
        start = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 0, 1, 1, 2, 5, 30, 300]))
        piece = draw(PIECES | st.integers(0, len(content)).map(lambda k, c=content: c[k : k + 40]))
        found[name] = content[:start] + piece + content[start + length :]
    return found


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@settings(max_examples=500, deadline=None)
@given(files=mutilated())
def test_mutilated_files_give_problems_or_a_line(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    config, problems = check(folder, STAND_INS)
    assert (config is None) == bool(problems)
    for problem in problems:
        assert problem.file in FILES or problem.line is None
        assert problem.message
        assert "\n" not in str(problem)
    order = [FILES.index(p.file) if p.file in FILES else 1 for p in problems]
    assert order == sorted(order)
    if config is not None:
        assert config.summary()


@settings(max_examples=300, deadline=None)
@given(files=st.fixed_dictionaries({name: st.binary(max_size=200) for name in FILES}))
def test_arbitrary_bytes_are_refused_with_problems(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    config, problems = check(folder, STAND_INS)
    assert config is None
    assert problems
