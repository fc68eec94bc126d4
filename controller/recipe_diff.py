"""What changed between two versions of a recipe, in process words, and how risky each change is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

from controller.core.recipe import Limits, Phase, Quantity, Recipe, RecipeId, Target
from controller.core.units import UNITS
from controller.recipe_kind import RecipeKind

Proven = Mapping[str, tuple[float, float]]  # parameter -> lowest and highest value of good runs


class Risk(Enum):
    """How much a change asks of the reader, the least first."""

    INSIDE_PROVEN = "inside the proven range"
    OUTSIDE_PROVEN = "outside the proven range"
    TOUCHES_LIMIT = "touches an alarm limit or an interlock"


_ORDER = {risk: k for k, risk in enumerate(Risk)}


class PhaseMove(StrEnum):
    """What happened to a phase."""

    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterChange:
    """One parameter. percent: of the old value; None where the unit has no true zero (degC) or the
    old value is 0. why: one line for each reason of the risk."""

    name: str
    text: str
    unit: str
    old: Quantity | None
    new: Quantity | None
    difference: float | None
    percent: float | None
    risk: Risk
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseChange:
    """One phase; `text` says what changed."""

    phase: str
    move: PhaseMove
    text: str
    risk: Risk
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitChange:
    """One number of one alarm; None: there is no such limit."""

    tag: str
    field: str
    unit: str
    old: float | None
    new: float | None
    risk: Risk = Risk.TOUCHES_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeDiff:
    """Everything that changed from `old` to `new`."""

    old: RecipeId
    new: RecipeId
    reason: str
    parameters: tuple[ParameterChange, ...] = ()
    phases: tuple[PhaseChange, ...] = ()
    limits: tuple[LimitChange, ...] = field(default=())

    @property
    def empty(self) -> bool:
        """Nothing that the process would notice."""
        return not (self.parameters or self.phases or self.limits)

    @property
    def risk(self) -> Risk:
        """The highest risk of all changes."""
        changes: list[ParameterChange | PhaseChange | LimitChange]
        changes = [*self.parameters, *self.phases, *self.limits]
        risks = [c.risk for c in changes]
        return max(risks, key=_ORDER.__getitem__, default=Risk.INSIDE_PROVEN)


def diff(old: Recipe, new: Recipe, kind: RecipeKind, proven: Proven | None = None) -> RecipeDiff:
    """The changes from one version to another; both are of `kind`.

    proven: the range of each parameter over the good runs so far; a parameter without one has not
    been proven at all.
    """
    return RecipeDiff(
        old=old.id,
        new=new.id,
        reason=new.reason,
        parameters=tuple(_parameters(old, new, kind, proven or {})),
        phases=tuple(_phases(old.phases, new.phases, kind)),
        limits=tuple(_limits(old.limits, new.limits, kind)),
    )


def _parameters(
    old: Recipe, new: Recipe, kind: RecipeKind, proven: Proven
) -> Iterator[ParameterChange]:
    for p in kind.parameters:
        before, after = old.formula.get(p.name), new.formula.get(p.name)
        if before == after:
            continue
        difference = percent = None
        if before and after and not p.labels:
            difference = after.value - before.value
            has_zero = UNITS[p.unit].offset == 0.0
            percent = 100.0 * difference / abs(before.value) if has_zero and before.value else None
        risk, why = _judge(p.name, after, proven)
        if interlock := kind.interlocks.get(p.tag):
            risk, why = Risk.TOUCHES_LIMIT, (interlock, *why)
        yield ParameterChange(
            name=p.name, text=p.text, unit=p.unit, old=before, new=after,
            difference=difference, percent=percent, risk=risk, why=why,
        )  # fmt: skip


def _judge(name: str, new: Quantity | None, proven: Proven) -> tuple[Risk, tuple[str, ...]]:
    if new is None:
        return Risk.OUTSIDE_PROVEN, ("no longer given",)
    if name not in proven:
        return Risk.OUTSIDE_PROVEN, ("no good run had it yet",)
    low, high = proven[name]
    if low <= new.value <= high:
        return Risk.INSIDE_PROVEN, ()
    return Risk.OUTSIDE_PROVEN, (f"good runs had {low:g} to {high:g} {new.unit}".rstrip(),)


def _phases(old: Sequence[Phase], new: Sequence[Phase], kind: RecipeKind) -> Iterator[PhaseChange]:
    before, after = {p.name: p for p in old}, {p.name: p for p in new}
    for name, phase in before.items():
        if name not in after:
            yield _phase_change(phase, PhaseMove.REMOVED, phase.title, kind)
    moved = _moved([n for n in before if n in after], [n for n in after if n in before])
    places = list(after)
    for k, (name, phase) in enumerate(after.items()):
        where = f"after {places[k - 1]}" if k else "to the front"
        if name not in before:
            yield _phase_change(phase, PhaseMove.ADDED, f"{where}: {phase.title}", kind)
            continue
        if name in moved:
            yield _phase_change(phase, PhaseMove.MOVED, where, kind)
        for text, tag in _inside(before[name], phase):
            touched = kind.interlocks.get(tag)
            yield PhaseChange(
                phase=name, move=PhaseMove.CHANGED, text=text,
                risk=Risk.TOUCHES_LIMIT if touched else Risk.OUTSIDE_PROVEN,
                why=(touched,) if touched else (),
            )  # fmt: skip


def _phase_change(phase: Phase, move: PhaseMove, text: str, kind: RecipeKind) -> PhaseChange:
    tags = [*phase.set, *(r.tag for r in phase.ramps), *(u.tag for u in phase.until)]
    why = dict.fromkeys(kind.interlocks[tag] for tag in tags if tag in kind.interlocks)
    risk = Risk.TOUCHES_LIMIT if why else Risk.OUTSIDE_PROVEN
    return PhaseChange(phase=phase.name, move=move, text=text, risk=risk, why=tuple(why))


def _moved(old: Sequence[str], new: Sequence[str]) -> set[str]:
    """The least names to take out so that the rest stands in the same order: all but the longest
    rising subsequence."""
    rank = {name: k for k, name in enumerate(old)}
    runs: list[list[str]] = [[]]  # the longest one that ends at each place of new
    for name in new:
        before = [run for run in runs if not run or rank[run[-1]] < rank[name]]
        runs.append([*max(before, key=len), name])
    longest: list[str] = max(runs, key=len)
    return set(new) - set(longest)


def _inside(old: Phase, new: Phase) -> Iterator[tuple[str, str]]:
    """What changed inside a phase, in words, and the tag it concerns."""
    yield from _settings(old.set, new.set)
    yield from _items("ramps", {r.tag: r for r in old.ramps}, {r.tag: r for r in new.ramps})
    yield from _items(
        "waits for",
        {(u.tag, u.op): u for u in old.until},
        {(u.tag, u.op): u for u in new.until},
    )
    for what, a, b in (
        ("times out after", f"{old.timeout_s:g} s", f"{new.timeout_s:g} s"),
        ("on time-out", old.on_timeout, new.on_timeout),
        ("on the way back from held", old.on_unhold, new.on_unhold),
        ("is called", old.title, new.title),
        ("tells the operator", _prompt(old), _prompt(new)),
    ):
        if a != b:
            yield f"{what} {b} (was {a})", ""


def _prompt(phase: Phase) -> str:
    if phase.prompt is None:
        return "nothing"
    return f"{phase.prompt.text!r}{' and waits' if phase.prompt.confirm else ''}"


def _settings(old: Mapping[str, Target], new: Mapping[str, Target]) -> Iterator[tuple[str, str]]:
    for tag in dict.fromkeys((*old, *new)):
        a, b = old.get(tag), new.get(tag)
        if str(a) == str(b):
            continue  # the same number or parameter; what a parameter is now is told elsewhere
        if b is None:
            yield f"no longer sets {tag} (was {a})", tag
        else:
            yield f"sets {tag} to {b} ({'not set before' if a is None else f'was {a}'})", tag


def _items(what: str, old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    for key in dict.fromkeys((*old, *new)):
        a, b = old.get(key), new.get(key)
        if str(a) == str(b):
            continue
        if b is not None:
            yield f"{what} {b} ({'new' if a is None else f'was {a}'})", b.tag
        elif a is not None:
            yield f"no longer {what} {a}", a.tag


def _limits(
    old: Mapping[str, Limits], new: Mapping[str, Limits], kind: RecipeKind
) -> Iterator[LimitChange]:
    for tag in dict.fromkeys((*old, *new)):
        unit = kind.tags[tag].unit if tag in kind.tags else ""
        a, b = old.get(tag), new.get(tag)
        for name in Limits.__dataclass_fields__:
            before, after = (getattr(x, name) if x else None for x in (a, b))
            default = name in ("deadband", "delay_s") and not (before or after)
            if before != after and not default:
                yield LimitChange(
                    tag=tag, field=name, unit="s" if name == "delay_s" else unit,
                    old=before, new=after,
                )  # fmt: skip


def as_json(found: RecipeDiff) -> dict[str, Any]:
    """The diff as plain values."""
    return {
        "old": str(found.old),
        "new": str(found.new),
        "reason": found.reason,
        "risk": found.risk.name,
        "parameters": [
            {
                "parameter": c.name, "text": c.text, "unit": c.unit,
                "old": _plain(c.old), "new": _plain(c.new),
                "difference": c.difference, "percent": c.percent,
                "risk": c.risk.name, "why": list(c.why),
            }
            for c in found.parameters
        ],
        "phases": [
            {
                "phase": c.phase, "change": c.move.value, "text": c.text,
                "risk": c.risk.name, "why": list(c.why),
            }
            for c in found.phases
        ],
        "limits": [
            {
                "tag": c.tag, "limit": c.field, "unit": c.unit, "old": c.old, "new": c.new,
                "risk": c.risk.name,
            }
            for c in found.limits
        ],
    }  # fmt: skip


def _plain(quantity: Quantity | None) -> float | str | None:
    return None if quantity is None else quantity.label or quantity.value


def rows(found: RecipeDiff) -> list[tuple[str, str, str, str, str, str]]:
    """The diff as a table: what, old, new, unit, change, risk with its reasons."""
    table = []
    for p in found.parameters:
        change = "" if p.difference is None else f"{p.difference:+.4g}"
        change = change if p.percent is None else f"{p.percent:+.1f} %"
        what = p.name if p.text == p.name.replace("_", " ") else f"{p.name} ({p.text})"
        cells = (what, _cell(_plain(p.old)), _cell(_plain(p.new)), p.unit, change)
        table.append((*cells, _risk(p.risk, p.why)))
    for c in found.phases:
        cells = (f"phase {c.phase} {c.move}: {c.text}", "", "", "", "")
        table.append((*cells, _risk(c.risk, c.why)))
    for x in found.limits:
        cells = (f"alarm {x.tag} {x.field}", _cell(x.old), _cell(x.new), x.unit, "")
        table.append((*cells, _risk(x.risk, ())))
    return table


def _cell(value: float | str | None) -> str:
    return "none" if value is None else value if isinstance(value, str) else f"{value:g}"


def _risk(risk: Risk, why: Sequence[str]) -> str:
    return risk.value + (f": {'; '.join(why)}" if why else "")
