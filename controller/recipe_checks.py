"""What one part of a recipe says about another: tags, references, ranges, order of limits.

Runs on the plain values of the file, whatever their shape, so that all mistakes come at once: what
has the wrong shape has been told already and is passed over here.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Protocol, TypeGuard

from controller.core.recipe import Op, RecipeId, Target, Version
from controller.core.tag import Kind
from controller.explain import closest, quoted
from controller.recipe_kind import RecipeKind, RecipeTag
from controller.yaml_tree import KeyPath

LEVELS = ("lolo", "lo", "hi", "hihi")


class Wrong(Protocol):
    """Takes one mistake. of_key: the key at the path is wrong, not its value."""

    def __call__(
        self, path: KeyPath, message: str, value: object = None, *, of_key: bool = False
    ) -> None:
        """Tell it."""
        ...


def parse_base(text: str, own: RecipeId) -> RecipeId:
    """'1.0.0' is a version of the same recipe, 'other-name@1.0.0' of another one of the kind."""
    name, _, version = text.rpartition("@")
    return RecipeId(own.kind, name or own.name, Version.parse(version))


class Formula:
    """The values of the formula that are right by themselves, and the targets made with them."""

    def __init__(self, kind: RecipeKind, table: Mapping[str, object]) -> None:
        self._kind = kind
        self.values: dict[str, float] = {}
        for p in kind.parameters:
            entry = _mapping(table.get(p.name))
            value = entry.get("value")
            if p.labels and value in p.labels:
                self.values[p.name] = float(p.labels.index(str(value)))
                continue
            in_unit = not p.labels and entry.get("unit") == p.unit
            if in_unit and _is_number(value) and p.low <= value <= p.high:
                self.values[p.name] = float(value)

    def target(self, tag: RecipeTag, raw: object) -> tuple[Target | None, str]:
        """What a raw value means to a tag, or what is wrong with it; neither when told already."""
        if isinstance(raw, str) and raw.startswith("="):
            return self._reference(tag, raw[1:])
        if tag.kind is Kind.BOOLEAN or tag.labels:
            return _choice(tag, raw)
        if not _is_number(raw):
            return None, f"must be a number or =parameter; {_takes(tag)}"
        value = float(raw)
        if not tag.low <= value <= tag.high:
            return None, f"out of range; {_takes(tag)}"
        if tag.kind is not Kind.REAL and value != int(value):
            return None, f"must be a whole number; {_takes(tag)}"
        return Target(value), ""

    def _reference(self, tag: RecipeTag, name: str) -> tuple[Target | None, str]:
        parameter = self._kind.parameter(name)
        if parameter is None:
            names = [p.name for p in self._kind.parameters]
            return None, f"no such parameter: {closest(name, names)}parameters: {quoted(names)}"
        if parameter.labels != tag.labels or parameter.unit != tag.unit:
            own = _in(parameter.unit, parameter.labels)
            return None, f"{name} is {own}, {tag.name} is {_in(tag.unit, tag.labels)}"
        value = self.values.get(name)
        if value is None:
            return None, ""
        if not tag.low <= value <= tag.high:
            return None, f"{name} is {value:g} {tag.unit}, out of range; {_takes(tag)}"
        label = parameter.labels[int(value)] if parameter.labels else ""
        return Target(value, parameter=name, label=label), ""


def _choice(tag: RecipeTag, raw: object) -> tuple[Target | None, str]:
    """A switch or an enum: true, false, or one of its texts."""
    if tag.kind is Kind.BOOLEAN:
        if isinstance(raw, bool):
            return Target(float(raw), label=str(raw).lower()), ""
    elif isinstance(raw, str):
        if raw in tag.labels:
            return Target(float(tag.labels.index(raw)), label=raw), ""
        return None, f"{closest(raw, tag.labels)}{_takes(tag)}"
    return None, _takes(tag)


def _takes(tag: RecipeTag) -> str:
    return f"{tag.name} takes {tag.range_text()}"


def _in(unit: str, labels: Sequence[str]) -> str:
    return f"one of {quoted(labels)}" if labels else f"in {unit}" if unit else "without unit"


class Checker:
    """Checks one document of a known kind."""

    def __init__(self, document: Mapping[str, object], kind: RecipeKind, wrong: Wrong) -> None:
        self._document, self._kind, self._wrong = document, kind, wrong
        self._formula = Formula(kind, _mapping(document.get("formula")))

    def everything(self, expected: RecipeId) -> None:
        """All checks. expected: what the place of the file says it is."""
        self._header(expected)
        self._rules()
        seen: dict[str, int] = {}
        for k, phase in enumerate(_list(self._document.get("phases"))):
            self._phase_name(k, _mapping(phase), seen)
            self._phase(("phases", k), _mapping(phase))
        for name, table in _mapping(self._document.get("limits")).items():
            if isinstance(table, dict):
                self._limits(("limits", name), name, table)

    def _header(self, expected: RecipeId) -> None:
        for key, want, place in (
            ("name", expected.name, "folder"),
            ("version", str(expected.version), "file name"),
        ):
            found = self._document.get(key)
            if isinstance(found, str) and found != want:
                self._wrong((key,), f"the {place} says {want!r}: make them equal", value=found)
        base = self._document.get("base")
        if not isinstance(base, str):
            return
        try:
            origin = parse_base(base, expected)
        except ValueError:
            return  # told by the shape
        if origin.name == expected.name and origin.version >= expected.version:
            told = f"version {expected.version} must be greater than its base: raise it"
            self._wrong(("base",), told, value=base)

    def _rules(self) -> None:
        values = self._formula.values
        for rule in self._kind.rules:
            if all(name in values for name in rule.parameters) and not rule.holds(values):
                first = rule.parameters[0]
                others = ", ".join(f"{n} = {values[n]:g}" for n in rule.parameters[1:])
                told = f"{rule.text} ({others})"
                self._wrong(("formula", first, "value"), told, value=values[first])

    def _phase_name(self, k: int, phase: Mapping[str, object], seen: dict[str, int]) -> None:
        name = phase.get("name")
        if isinstance(name, str) and seen.setdefault(name, k) != k:
            told = f"is the name of phase {seen[name] + 1} already: choose another"
            self._wrong(("phases", k, "name"), told, value=name)

    def _phase(self, path: KeyPath, phase: Mapping[str, object]) -> None:
        settings = _mapping(phase.get("set"))
        for tag_name, raw in settings.items():
            where = (*path, "set", tag_name)
            if tag := self._settable(tag_name, where, of_key=True):
                self._target(tag, raw, where)
        moved: set[str] = set(settings)
        for k, item in enumerate(_list(phase.get("ramps"))):
            self._ramp((*path, "ramps", k), _mapping(item), moved)
        for k, item in enumerate(_list(phase.get("until"))):
            self._transition((*path, "until", k), _mapping(item), phase.get("timeout_s"))
        waits = phase.get("ramps"), phase.get("until"), _confirms(phase.get("prompt"))
        if phase and not any(waits):
            told = "waits for nothing: add until, ramps, or a prompt with confirm: true"
            self._wrong(path, told)

    def _ramp(self, path: KeyPath, ramp: Mapping[str, object], moved: set[str]) -> None:
        name, where = ramp.get("tag"), (*path, "tag")
        if not isinstance(name, str):
            return
        if name in moved:
            told = "is set or ramped in this phase already: keep one, or use two phases"
            self._wrong(where, told, value=name)
            return
        moved.add(name)
        tag = self._settable(name, where)
        if tag is None:
            return
        if tag.kind is not Kind.REAL:
            self._wrong(where, "cannot be ramped, it has no values between: set it", value=name)
            return
        self._target(tag, ramp.get("to"), (*path, "to"))
        rate, most = ramp.get("rate"), 60.0 * tag.rate_per_s
        if _is_number(rate) and rate > most:
            told = f"the machine follows {name} by {most:g} {tag.unit} a minute: ramp no faster"
            self._wrong((*path, "rate"), told, value=rate)

    def _transition(self, path: KeyPath, item: Mapping[str, object], timeout_s: object) -> None:
        name, op, band = item.get("tag"), item.get("op"), item.get("band")
        lasting = item.get("for_s")
        if _is_number(lasting) and _is_number(timeout_s) and lasting >= timeout_s:
            told = f"must be below timeout_s, which is {timeout_s:g}: the phase could never end"
            self._wrong((*path, "for_s"), told, value=lasting)
        if op == Op.WITHIN and band is None and "op" in item:
            self._wrong(path, "within needs a band: add band, in the tag's unit")
        if op in (Op.AT_MOST, Op.AT_LEAST, Op.IS) and band is not None:
            told = f"only within has a band: remove it, or write op: within instead of {op}"
            self._wrong((*path, "band"), told, value=band)
        if not isinstance(name, str):
            return
        tag = self._known(name, (*path, "tag"))
        if tag is None:
            return
        if not tag.readable:
            told = "is only written: wait for the measured value that follows it"
            self._wrong((*path, "tag"), told, value=name)
            return
        exact = tag.kind is not Kind.REAL
        if op == Op.IS and not exact:
            told = f"{name} is measured and never exactly a number: use within, <= or >="
            self._wrong((*path, "op"), told, value=op)
        elif op in (Op.AT_MOST, Op.AT_LEAST, Op.WITHIN) and tag.kind in (Kind.BOOLEAN, Kind.ENUM):
            told = f"{name} takes {tag.range_text()}: use op: is"
            self._wrong((*path, "op"), told, value=op)
        self._target(tag, item.get("value"), (*path, "value"))

    def _limits(self, path: KeyPath, name: str, table: Mapping[str, object]) -> None:
        tag = self._known(name, path, of_key=True)
        if tag is None:
            return
        if not tag.alarmable:
            told = "alarm limits go with a measured number of this station"
            self._wrong(path, told, value=name, of_key=True)
            return
        given = [(x, value) for x in LEVELS if _is_number(value := table.get(x))]
        if not any(level in table for level in LEVELS):
            self._wrong(path, f"no limit: give one or more of {quoted(LEVELS)}", of_key=True)
        for level, limit in given:
            if not tag.low <= limit <= tag.high:
                self._wrong((*path, level), f"out of range; {_takes(tag)}", value=limit)
        for (below, low), (above, high) in pairwise(given):
            if not low < high:
                told = f"must be above {below}, which is {low:g} {tag.unit}".rstrip()
                self._wrong((*path, above), told, value=high)
        self._deadband(path, tag, dict(given), table.get("deadband"))

    def _deadband(
        self, path: KeyPath, tag: RecipeTag, limits: Mapping[str, float], deadband: object
    ) -> None:
        """An alarm must be able to clear: the dead-band ends inside the limits."""
        low, high = limits.get("lo", limits.get("lolo")), limits.get("hi", limits.get("hihi"))
        room = (tag.high if high is None else high) - (tag.low if low is None else low)
        if _is_number(deadband) and room > 0 and deadband >= room:
            told = f"as wide as the room between the limits, {room:g} {tag.unit}: the alarm "
            self._wrong((*path, "deadband"), f"{told}would never clear", value=deadband)

    def _target(self, tag: RecipeTag, raw: object, path: KeyPath) -> None:
        if raw is None or isinstance(raw, (dict, list)):
            return  # told by the shape
        _, wrong = self._formula.target(tag, raw)
        if wrong:
            self._wrong(path, wrong, value=raw)

    def _settable(self, name: str, path: KeyPath, *, of_key: bool = False) -> RecipeTag | None:
        tag = self._known(name, path, of_key=of_key)
        if tag is not None and not tag.settable:
            self._wrong(path, f"not set by a recipe: {tag.refusal}", value=name, of_key=of_key)
            return None
        return tag

    def _known(self, name: str, path: KeyPath, *, of_key: bool = False) -> RecipeTag | None:
        tags, prefix = self._kind.tags, self._kind.prefix
        if name in tags:
            return tags[name]
        short = name.removeprefix(prefix)
        if name.startswith(f"{prefix}.") and short in tags:
            told = f"write {short!r}: a recipe serves every station of its kind"
        else:
            told = f"no such tag of a {self._kind.name}: {closest(name, tags)}"
            told += "`dryline recipe tags` lists them"
        self._wrong(path, told, value=name, of_key=of_key)
        return None


def _confirms(prompt: object) -> bool:
    return _mapping(prompt).get("confirm") is True


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
