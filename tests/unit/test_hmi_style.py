"""The style sheet: a class means one thing, so it is defined in one section only."""

import re
from collections import defaultdict
from pathlib import Path

SHEET = Path(__file__).parents[2] / "hmi" / "static" / "hmi.css"
SECTION = re.compile(r"/\* -- (.+?) -+ \*/")
PIECE = re.compile(r"/\*.*?\*/|[{}]|[^{}/]+|/", re.DOTALL)


def sections_of(text: str) -> dict[str, list[str]]:
    """Sections in which a selector stands, each as often as it stands there; what is inside of
    @media changes a thing on purpose and is left out."""
    found: dict[str, list[str]] = defaultdict(list)
    section, selector, open_blocks = "top", "", []
    for piece in PIECE.findall(text):
        if piece == "{":
            open_blocks.append(selector.strip())
            if not any(block.startswith("@") for block in open_blocks):
                for one in open_blocks[-1].split(","):
                    found[" ".join(one.split())].append(section)
            selector = ""
        elif piece == "}":
            open_blocks.pop()
            selector = ""
        elif piece.startswith("/*"):
            named = SECTION.fullmatch(piece)
            section = named[1] if named else section
        else:
            selector += piece
    assert not open_blocks
    return found


def test_the_reader_of_style_sheets_finds_what_stands_twice() -> None:
    sheet = "/* -- a -- */ .x { top: 1px; } @media print { .z { top: 0; } } /* -- b -- */ .y, .x {}"
    assert sections_of(sheet) == {".x": ["a", "b"], ".y": ["b"]}


def test_no_class_is_defined_in_two_sections() -> None:
    sections = sections_of(SHEET.read_text(encoding="utf-8"))
    assert len(sections) > 400
    twice = {
        selector: found
        for selector, found in sections.items()
        if selector.startswith(".") and len(set(found)) > 1
    }
    assert twice == {}
