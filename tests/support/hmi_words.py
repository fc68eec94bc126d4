"""Every word that screens show: their own texts, and what the plant says about itself."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from controller.alarms.catalogue import line_alarms, station_alarms
from controller.config import load_line
from controller.control.station import Station
from controller.core.event import Event
from controller.line import build_station, tag_table
from controller.recipe_kind import recipe_kinds
from hmi.page import STATIC
from plc_sim.faults import FAULTS
from tests.support.line_under_test import SHIPPED

PARTS = ("text", "cause", "consequence", "action")
USED = re.compile(r"""\bt\(\s*"([^"]+)\"""")
USED_BEGINNING = re.compile(r"\bt\(\s*`([^`$]+)\$\{")
HOLES = re.compile(r"\{\w+\}")
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
# Words left over from a sentence; names of files, settings and commands stay what they are.
_ENGLISH = re.compile(r"[a-z]{2,} [a-z]{2,}|[a-z]{5,}")
_NAMES = re.compile(
    r"`[^`]+`|line\.toml|security = insecure|raw_days|\[history\]|outbox_mb|coater nmc-standard"
    r"|controller/runs/measures|Idempotency-Key"
)
LITERAL = re.compile(r'"([a-z_]+\.[^"\s]+)"')


def texts(language: str) -> dict[str, str]:
    """The texts of the screens themselves."""
    found: dict[str, str] = json.loads(_read(f"i18n/{language}.json"))
    return found


def plant_catalogue(language: str = "ja") -> dict[str, str]:
    """Words of the plant by the English ones."""
    found: dict[str, str] = json.loads(_read(f"i18n/plant.{language}.json"))
    return found


def leftover_english(text: str) -> bool:
    """A Japanese text has English words in it that are no names."""
    return bool(_ENGLISH.search(_NAMES.sub("", text)))


def used_keys() -> tuple[set[str], set[str], set[str]]:
    """Keys that modules ask for, what may be one, and beginnings of those put together."""
    keys: set[str] = set()
    literals: set[str] = set()
    beginnings: set[str] = set()
    for path in STATIC.rglob("*.js"):
        if "vendor" in path.parts:
            continue
        source = path.read_text(encoding="utf-8")
        keys |= set(USED.findall(source))
        literals |= set(LITERAL.findall(source))
        keys |= set(re.findall(r'title: "([^"]+)"', source))
        beginnings |= set(USED_BEGINNING.findall(source))
    return keys, literals, beginnings


class _Deaf:
    """What stations tell is not asked for here."""

    def event(self, event: Event) -> None:
        """Nothing."""


@cache
def _stations() -> tuple[Station, ...]:
    config = load_line(SHIPPED)
    table = tag_table(config)
    return tuple(build_station(s, table, _Deaf()) for s in config.stations)


@cache
def line_tags() -> dict[str, Any]:
    """Every tag of the shipped line by its name."""
    return {tag.name: tag for tag in tag_table(load_line(SHIPPED)).tags}


def plant_words() -> Iterator[str]:
    """What the plant says about itself: descriptions, labels, titles, alarms, steps, conditions."""
    config = load_line(SHIPPED)
    yield config.title
    for tag in line_tags().values():
        yield tag.description
        yield from tag.labels
    alarms = [a for s in config.stations for a in station_alarms(s.kind, s.name, s.prefix)]
    for alarm in (*alarms, *line_alarms("LINE")):
        yield from (getattr(alarm, part) for part in PARTS)
    for station in config.stations:
        yield station.title
        yield station.kind
    for kind in recipe_kinds(config).values():
        for parameter in kind.parameters:
            yield parameter.text
            yield from parameter.labels
        yield from kind.interlocks.values()
    for machine in _stations():
        yield from _procedure(machine)
        for _, permissive in machine.start_permissives():
            yield permissive.text
            yield permissive.remedy
        for _, trip in machine.trips():
            yield trip.cause.text
    for fault in FAULTS:
        yield fault.name.replace("_", " ")
        yield fault.effect


def _procedure(station: Station) -> Iterator[str]:
    for steps in station.steps().values():
        for step in steps:
            yield step.name
            yield from (f"{condition.text} ({condition.show()})" for condition in step.until)


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
