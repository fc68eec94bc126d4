"""A recipe file becomes a Recipe, or every mistake in it with its line and column; and back."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from controller.core.recipe import (
    Limits,
    Phase,
    Prompt,
    Quantity,
    Ramp,
    Recipe,
    RecipeId,
    Target,
    Transition,
)
from controller.core.tag import Kind
from controller.explain import dotted, findings, quoted
from controller.recipe_checks import Checker, Formula, parse_base
from controller.recipe_kind import RecipeKind
from controller.recipe_shape import FORMAT, PhaseShape, RecipeShape, recipe_model
from controller.text_file import read_text, shown
from controller.yaml_tree import KeyPath, PlacedProblem, Tree, read_yaml

MAX_BYTES = 256 * 1024
MAX_PROBLEMS = 100  # a file with more is beyond reading; the first ones say what is wrong
MODELINE = "# yaml-language-server: $schema=../schema.json\n"
_PLAIN = re.compile(r"[.A-Za-z][A-Za-z0-9 ._/-]*(?<! )")
_WORDS = (("text in quotes", "text"), ("a table", "a mapping"), ("an array", "a list"))
_NOT_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A file that is right. text: what it holds, LF line ends; places: of its header."""

    recipe: Recipe
    text: str
    tree: Tree

    @property
    def content_hash(self) -> str:
        """SHA-256 of the text as UTF-8: line ends do not count, every other character does."""
        return content_hash(self.text)


def content_hash(text: str) -> str:
    """SHA-256 of a text as UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def recipe_text(path: Path, file: str) -> tuple[str | None, list[PlacedProblem]]:
    """The text of a recipe file, or None and why it cannot be read. file: what problems call it."""
    advice = "`dryline recipe list` shows what there is"
    text, problems, _ = read_text(path, file, MAX_BYTES, advice)
    return text, [_placed(p.file, p.line, p.field, p.value, p.message) for p in problems]


def _placed(file: str, line: int | None, field: str, value: str, message: str) -> PlacedProblem:
    return PlacedProblem(file=file, line=line, field=field, value=value, message=message)


def parse_recipe(
    text: str, file: str, expected: RecipeId, kinds: Mapping[str, RecipeKind]
) -> tuple[RecipeFile | None, list[PlacedProblem]]:
    """The recipe of a text, or None and every problem in the order of the lines.

    expected: what folders and file name say it is; the header must say the same.
    """
    tree, problems = read_yaml(text, file)
    kind = kinds.get(expected.kind)
    if kind is None:
        told = f"the line has no station of this kind; kinds: {quoted(kinds)}"
        problems.append(_placed(file, None, "kind", shown(expected.kind), told))
    document = tree.value
    if not isinstance(document, dict) or not tree.complete:
        return None, problems[:MAX_PROBLEMS]
    reader = _Reader(file, tree, problems)
    model = RecipeShape if kind is None else recipe_model(kind.name, kind.parameters)
    shape = reader.shape(document, model)
    if kind is not None:
        Checker(document, kind, reader.wrong).everything(expected)
    if problems or shape is None or kind is None:
        problems.sort(key=lambda p: (p.line or 0, p.column or 0))
        return None, problems[:MAX_PROBLEMS]
    return RecipeFile(_build(document, shape, kind, expected), text, tree), []


class _Reader:
    """Places mistakes; each place is told once, the first mistake there."""

    def __init__(self, file: str, tree: Tree, problems: list[PlacedProblem]) -> None:
        self._file, self._tree, self._problems = file, tree, problems
        self._told = set(tree.told)

    def wrong(
        self, path: KeyPath, message: str, value: object = None, *, of_key: bool = False
    ) -> None:
        """One mistake of ours."""
        self._tell(path, "" if value is None else shown(value), message, of_key)

    def shape(self, document: dict[str, object], model: type[RecipeShape]) -> RecipeShape | None:
        """The document as the model has it, or None and its problems."""
        try:
            # By way of JSON, because a strict model takes the text of an enum only from there.
            return model.model_validate_json(json.dumps(document))
        except ValidationError as error:
            for found in findings(error, model):
                value = "null" if found.value == "None" else found.value
                self._tell(found.path, value, found.message, found.of_key)
            return None

    def _tell(self, path: KeyPath, value: str, message: str, of_key: bool) -> None:
        if path in self._told:
            return
        self._told.add(path)
        span = self._tree.place(path, of_key=of_key)
        self._problems.append(
            PlacedProblem(
                file=self._file, line=span.line, column=span.column,
                field=dotted(path), value=_in_yaml(value), message=_in_yaml(message),
            )
        )  # fmt: skip


def _in_yaml(text: str) -> str:
    """Words that other files of ours use, as people say them of YAML."""
    for other, ours in _WORDS:
        text = text.replace(other, ours)
    return text


def _build(
    document: dict[str, object], shape: RecipeShape, kind: RecipeKind, own: RecipeId
) -> Recipe:
    """The recipe of a document in which nothing is wrong."""
    table = document["formula"]
    formula = Formula(kind, table if isinstance(table, dict) else {})
    quantities = {}
    for p in kind.parameters:
        value = formula.values[p.name]
        quantities[p.name] = Quantity(value, p.unit, p.labels[int(value)] if p.labels else "")
    return Recipe(
        id=own,
        title=shape.title,
        author=shape.author,
        base=parse_base(shape.base, own) if shape.base is not None else None,
        reason=shape.reason,
        formula=quantities,
        phases=tuple(_phase(p, formula, kind) for p in shape.phases),
        limits={tag: Limits(**x.model_dump()) for tag, x in shape.limits.items()},
    )


def _phase(shape: PhaseShape, formula: Formula, kind: RecipeKind) -> Phase:
    def target(tag: str, raw: object) -> Target:
        found, wrong = formula.target(kind.tags[tag], raw)
        if found is None:
            raise ValueError(wrong)
        return found

    prompt = shape.prompt
    return Phase(
        name=shape.name,
        title=shape.title,
        timeout_s=shape.timeout_s,
        on_timeout=shape.on_timeout,
        set={tag: target(tag, raw) for tag, raw in shape.set.items()},
        ramps=tuple(
            Ramp(tag=r.tag, target=target(r.tag, r.to), rate_per_min=r.rate) for r in shape.ramps
        ),
        until=tuple(
            Transition(
                tag=u.tag, op=u.op, target=target(u.tag, u.value), band=u.band or 0.0,
                for_s=u.for_s,
            )
            for u in shape.until
        ),
        prompt=Prompt(text=prompt.text, confirm=prompt.confirm) if prompt else None,
        on_unhold=shape.on_unhold,
    )  # fmt: skip


def as_plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain values for a record; the numbers are those the station gets."""
    return {**asdict(recipe), "id": str(recipe.id), "base": recipe.base and str(recipe.base)}


def dump(recipe: Recipe, kind: RecipeKind) -> str:
    """The recipe as a file; reading it gives the same recipe. Comments are not kept."""
    own = recipe.id
    base = recipe.base
    header = (
        ("format", str(FORMAT)),
        ("kind", own.kind),
        ("name", yaml_text(own.name)),
        ("version", str(own.version)),
        ("title", yaml_text(recipe.title)),
        ("author", yaml_text(recipe.author)),
        ("base", base_text(base, own)),
        ("reason", yaml_text(recipe.reason)),
    )
    lines = [MODELINE.rstrip(), *(f"{key}: {value}" for key, value in header), "", "formula:"]
    for name, quantity in recipe.formula.items():
        value = yaml_text(quantity.label) if quantity.label else _number(quantity.value)
        unit = "" if quantity.label else f", unit: {yaml_text(quantity.unit)}"
        lines.append(f"  {name}: {{value: {value}{unit}}}")
    lines += ["", "phases:"]
    for phase in recipe.phases:
        lines += _phase_lines(phase, kind)
    if recipe.limits:
        lines += ["", "limits:"]
        lines += [f"  {tag}: {{{_limits(limits)}}}" for tag, limits in recipe.limits.items()]
    return "\n".join(lines) + "\n"


def base_text(base: RecipeId | None, own: RecipeId) -> str:
    """The base as the header has it."""
    if base is None:
        return "null"
    return str(base.version) if base.name == own.name else f'"{base.name}@{base.version}"'


def _phase_lines(phase: Phase, kind: RecipeKind) -> list[str]:
    lines = [f"  - name: {yaml_text(phase.name)}", f"    title: {yaml_text(phase.title)}"]
    if phase.set:
        lines.append("    set:")
        lines += [f"      {tag}: {_target(t, tag, kind)}" for tag, t in phase.set.items()]
    if phase.ramps:
        lines.append("    ramps:")
        for r in phase.ramps:
            to = _target(r.target, r.tag, kind)
            lines.append(f"      - {{tag: {r.tag}, to: {to}, rate: {_number(r.rate_per_min)}}}")
    if phase.until:
        lines.append("    until:")
        for u in phase.until:
            value = _target(u.target, u.tag, kind)
            band = f", band: {_number(u.band)}" if u.op.value == "within" else ""
            lasting = f", for_s: {_number(u.for_s)}" if u.for_s else ""
            body = f'tag: {u.tag}, op: "{u.op}", value: {value}{band}{lasting}'
            lines.append(f"      - {{{body}}}")
    if phase.prompt:
        confirm = str(phase.prompt.confirm).lower()
        lines.append(f"    prompt: {{text: {json.dumps(phase.prompt.text, ensure_ascii=False)}, "
                     f"confirm: {confirm}}}")  # fmt: skip
    return [
        *lines,
        f"    timeout_s: {_number(phase.timeout_s)}",
        f"    on_timeout: {phase.on_timeout}",
        f"    on_unhold: {phase.on_unhold}",
    ]


def _limits(limits: Limits) -> str:
    given = ((key, getattr(limits, key)) for key in Limits.__dataclass_fields__)
    return ", ".join(f"{key}: {_number(value)}" for key, value in given if value is not None)


def _target(target: Target, tag: str, kind: RecipeKind) -> str:
    if target.parameter:
        return f"={target.parameter}"
    if kind.tags[tag].kind is Kind.BOOLEAN:
        return target.label
    if target.label:
        return yaml_text(target.label)
    return _number(target.value)


def _number(value: float) -> str:
    whole = abs(value) < 1e15 and value == int(value)
    return str(int(value)) if whole else repr(float(value))


def yaml_text(text: str) -> str:
    """Plain where every reader takes it as text, else in quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT and not text.startswith("."):
        return text
    return json.dumps(text, ensure_ascii=False)
