"""Which tag a row belongs to, and what is known of it: from the file, the line or the history."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from controller.core.tag import HistoryRule, Kind, Tag, Writer
from controller.history.codec import Floats

MOST_LABELS = 1000  # codes of an enumeration
IMPORTED = "imported"  # station of tags of which nobody says one


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What a person says about foreign files.

    units: unit by tag; names: new name by the one in the file; station: of tags without one;
    interval_s: how often at least a tag was stored of which nothing else is known.
    """

    units: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    station: str = IMPORTED
    interval_s: float = 60.0


class TagBook:
    """Numbers the tags in the order in which they turn up. Two units of one tag are refused."""

    def __init__(
        self, wording: Wording, stored: Iterable[Tag] = (), line: Iterable[Tag] = ()
    ) -> None:
        """stored: tags the history has already, line: tags of the line; the first have the say."""
        self._wording = wording
        self._stored: dict[str, Tag] = {}
        self._stored_units: dict[str, set[str]] = {}
        for tag in stored:
            self._stored[tag.name] = tag
            self._stored_units.setdefault(tag.name, set()).add(tag.unit)
        self._known = {tag.name: tag for tag in line} | self._stored
        self._number: dict[str, int] = {}
        self._tags: list[Tag] = []
        self._bare: dict[int, tuple[float, float]] = {}  # no range known: the one seen so far
        self._labels: dict[int, dict[int, str]] = {}

    def __len__(self) -> int:
        return len(self._tags)

    def learn(self, tags: Iterable[Tag]) -> None:
        """What a file of ours says about its tags, those without samples too.

        The history it goes into still has the say.
        """
        for tag in tags:
            named = replace(tag, name=self._wording.names.get(tag.name, tag.name))
            if named.name not in self._stored:
                self._known[named.name] = named
            with suppress(ValueError):  # in another unit than before: its rows will tell
                self.number(tag.name, tag.unit, tag.station)

    def number(self, name: str, unit: str | None, station: str | None) -> int:
        """The tag of a row; None: the file does not say. ValueError says why it cannot be."""
        name = self._wording.names.get(name, name)
        if not name:
            raise ValueError("a tag without a name")
        known = self._known.get(name)
        said = self._wording.units.get(name, unit)
        unit = said if said is not None else known.unit if known else ""
        self._require_unit(name, unit)
        if name not in self._number:
            self._number[name] = len(self._tags)
            self._tags.append(self._new(name, unit, station, known))
        return self._number[name]

    def _require_unit(self, name: str, unit: str) -> None:
        if name in self._number:
            other = {self._tags[self._number[name]].unit} - {unit}
            where = "earlier in what is imported"
        else:
            other = self._stored_units.get(name, set()) - {unit}
            where = "in the history"
        if other:
            raise ValueError(
                f"{name} is in {_shown(unit)} here, in {_shown(min(other))} {where}: "
                "convert it, or give it another name with --map"
            )

    def _new(self, name: str, unit: str, station: str | None, known: Tag | None) -> Tag:
        if known is not None and known.unit == unit:
            return known
        self._bare[len(self._tags)] = (np.inf, -np.inf)
        return Tag(
            name=name,
            station=station or self._wording.station,
            description="",
            writer=Writer.DEVICE,
            unit=unit,
            history=HistoryRule(max_interval_s=self._wording.interval_s),
        )

    def labelled(self, number: int, value: float, label: str) -> None:
        """What a file calls a value of a tag: the label of a tag without any."""
        if number in self._bare and 0 <= value < MOST_LABELS and value == int(value):
            self._labels.setdefault(number, {})[int(value)] = label

    def seen(self, numbers: NDArray[np.int32], values: Floats) -> None:
        """Values that are taken: the range of a tag without one."""
        if not self._bare:
            return
        finite = np.isfinite(values)
        numbers, values = numbers[finite], values[finite]
        for number in set(np.unique(numbers).tolist()) & set(self._bare):
            own = values[numbers == number]
            low, high = self._bare[number]
            self._bare[number] = min(low, float(own.min())), max(high, float(own.max()))

    def tags(self) -> Sequence[Tag]:
        """The tags by their numbers, as far as they are known now."""
        out = list(self._tags)
        for number, (low, high) in self._bare.items():
            if low <= high:
                out[number] = replace(out[number], low=low, high=high)
        for number, labels in self._labels.items():
            texts = tuple(labels.get(code, "") for code in range(max(labels) + 1))
            out[number] = replace(out[number], kind=Kind.ENUM, labels=texts)
        return out


def _shown(unit: str) -> str:
    return repr(unit) if unit else "no unit"
