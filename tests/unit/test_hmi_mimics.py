"""Drawings are data: only what is allowed, only tags that exist, only texts that there are."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hmi.page import STATIC
from tests.support.hmi_words import line_tags, plant_catalogue, texts

MIMICS = sorted((STATIC / "mimics").glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"
BINDINGS = {"text", "level", "show", "running", "unit"}
each = pytest.mark.parametrize("path", MIMICS, ids=lambda p: p.stem)


def allowed() -> tuple[set[str], re.Pattern[str]]:
    """The lists of the module that takes drawings over."""
    source = (STATIC / "elements" / "mimic.js").read_text(encoding="utf-8")
    elements = re.search(r"ELEMENTS = (\[[^\]]+\])", source)
    attributes = re.search(r"ATTRIBUTES = /(.+)/;", source)
    assert elements
    assert attributes
    return set(json.loads(elements[1])), re.compile(attributes[1])


def elements(path: Path) -> list[ElementTree.Element]:
    return list(ElementTree.parse(path).getroot().iter())  # noqa: S314 - our own file


@each
def test_only_allowed_elements_and_attributes(path: Path) -> None:
    names, attribute = allowed()
    for element in elements(path):
        assert element.tag.removeprefix(SVG) in names, element.tag
        assert all(attribute.match(name) for name in element.attrib), element.attrib


@each
def test_every_tag_of_a_drawing_is_one_of_the_line(path: Path) -> None:
    known = line_tags()
    for element in elements(path):
        tag = element.get("data-tag")
        assert tag is None or tag in known, tag
        assert element.get("data-as", "text") in BINDINGS


@each
def test_what_a_drawing_opens_exists(path: Path) -> None:
    known = line_tags()
    for element in elements(path):
        target = element.get("data-open")
        if target is None:
            continue
        found = target in known or f"{target}.SP" in known or target.startswith("/station/")
        assert found, target


@each
def test_words_of_a_drawing_are_in_the_catalogues(path: Path) -> None:
    own, plant = texts("ja"), plant_catalogue()
    for element in elements(path):
        key = element.get("data-text")
        assert key is None or key in own or key in plant, key


def test_a_drawing_may_hold_no_script_no_style_no_address() -> None:
    names, attribute = allowed()
    assert not {"script", "style", "a", "image", "use", "foreignObject", "animate", "set"} & names
    for name in ("onload", "href", "xlink:href", "style", "fill", "filter", "mask", "from"):
        assert not attribute.match(name)


def test_there_are_drawings_for_the_shipped_stations() -> None:
    assert {p.stem for p in MIMICS} == {"line", "coater", "calender", "enclosure"}
