"""Which tags of a history are meant: by patterns of names and by stations."""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate

from controller.core.errors import DrylineError
from controller.history.results import StoredTag


def choose(
    tags: Sequence[StoredTag],
    patterns: Sequence[str] = (),
    stations: Sequence[str] = (),
    current: Callable[[str], StoredTag] | None = None,
) -> tuple[StoredTag, ...]:
    """Tags that fit one of the patterns and one of the stations, sorted by name.

    `COAT.*` fits as in a shell, upper and lower case alike; no patterns, no stations: all. current:
    says which tag a name means that was stored in several units. DrylineError when a pattern or a
    station fits nothing.
    """
    newest = {tag.name: tag for tag in tags}
    if current is not None:
        newest |= {name: current(name) for name in in_several_units(tags)}
    _require_stations(stations, {tag.station for tag in newest.values()})
    left = [t for t in newest.values() if not stations or t.station in stations]
    if not left:
        raise DrylineError("the history has no tags yet")
    chosen = {} if patterns else {tag.name: tag for tag in left}
    for pattern in patterns:
        fits = re.compile(translate(pattern), re.IGNORECASE).match
        # A name may hold brackets and stars of its own.
        found = [t for t in left if t.name == pattern] or [t for t in left if fits(t.name)]
        if not found:
            raise DrylineError(_nothing_fits(pattern, [t.name for t in left], stations))
        chosen |= {tag.name: tag for tag in found}
    return tuple(sorted(chosen.values(), key=lambda tag: tag.name))


def in_several_units(tags: Iterable[StoredTag]) -> dict[str, list[str]]:
    """Names that were stored in more than one unit, with the units."""
    units: dict[str, list[str]] = {}
    for tag in tags:
        units.setdefault(tag.name, []).append(tag.unit)
    return {name: found for name, found in units.items() if len(found) > 1}


def _require_stations(wanted: Sequence[str], known: set[str]) -> None:
    unknown = [s for s in wanted if s not in known]
    if unknown:
        there = ", ".join(sorted(known)) or "none"
        raise DrylineError(f"no tags of station {', '.join(unknown)}; the history has: {there}")


def _nothing_fits(pattern: str, names: list[str], stations: Sequence[str]) -> str:
    where = f" of {', '.join(stations)}" if stations else ""
    near = difflib.get_close_matches(pattern.strip("*"), names, 3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"no tag{where} fits {pattern!r} in this history{hint}"
