"""The documents as tests see them: which there are, their fences, links and code words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What is in a folder named vendor is not ours; its hashes are checked.
SKIPPED = frozenset({"node_modules", "vendor", "run", "bench-out", "build", "dist", "__pycache__"})
TEXT = frozenset(
    (".py", ".md", ".toml", ".csv", ".yml", ".yaml", ".svg", ".mjs", ".json", ".txt", ".lock", "")
)
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block of a document."""

    document: str
    language: str
    text: str


def text_files() -> list[Path]:
    """Every text file of the project, whatever is not built, installed or hidden."""
    return sorted(_walk(ROOT))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        hidden = path.name.startswith(".") and path.name != ".ci"
        if hidden or path.name in SKIPPED or path.name.endswith(".egg-info"):
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.suffix in TEXT:
            yield path


def documents() -> list[Path]:
    """Every Markdown file."""
    return [p for p in text_files() if p.suffix == ".md"]


def name(path: Path) -> str:
    """Path as seen from the project's folder."""
    return path.relative_to(ROOT).as_posix()


def fences(path: Path) -> list[Fence]:
    """The fenced blocks of a document."""
    found = _FENCE.findall(path.read_text(encoding="utf-8"))
    return [Fence(name(path), language, text) for language, text in found]


def prose(path: Path) -> str:
    """A document without its fenced blocks."""
    return _FENCE.sub("", path.read_text(encoding="utf-8"))


def links(path: Path) -> list[str]:
    """Targets of the links and pictures of a document."""
    return _LINK.findall(prose(path))


def code_words(path: Path) -> list[str]:
    """What stands between single back-quotes in the prose of a document."""
    return _CODE.findall(prose(path))
