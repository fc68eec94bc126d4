"""`run.json`: the record of a run as plain values, and what must hold inside it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import Enum

from controller.clock import NS
from controller.core.errors import DrylineError
from controller.core.run import RunEntry, RunHead, RunRecord
from controller.runs.recipe_changes import RecipeChanges, text_hash
from controller.runs.run_times import after_text, utc_text

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

FORMAT = 1
MAX_BYTES = 256 * 2**20  # a reader holds it in memory


def run_json(record: RunRecord, summary: object, changes: RecipeChanges) -> bytes:
    """The file. Numbers that JSON does not have become the texts NaN, Infinity, -Infinity."""
    begun_ns = record.head.begun_ns
    whole = {
        "format": FORMAT,
        "head": plain_head(record.head),
        "recipe_sha256": text_hash(record.recipe_text),
        "summary": plain(summary),
        "difference_to_run_before": plain(changes.plain()),
        "entries": [plain_entry(e, begun_ns) for e in record.entries],
    }
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1)
    # A lone surrogate has no UTF-8; as \\udXXX it is the escape JSON has for it.
    return (text + "\n").encode("utf-8", "backslashreplace")


def plain_head(head: RunHead) -> dict[str, Json]:
    """The head with its times in words as well."""
    ended = None if head.ended_ns is None else utc_text(head.ended_ns)
    found = {key: plain(value) for key, value in asdict(head).items()}
    return found | {"begun_utc": utc_text(head.begun_ns), "ended_utc": ended}


def plain_entry(entry: RunEntry, begun_ns: int) -> dict[str, Json]:
    """An entry with its time in words as well."""
    return {
        "number": entry.number,
        "time_ns": entry.time_ns,
        "time_utc": utc_text(entry.time_ns),
        "after_start": after_text(entry.time_ns, begun_ns),
        "kind": entry.kind,
        "subject": entry.subject,
        "text": entry.text,
        "actor": entry.actor,
        "data": plain(entry.data),
    }


def plain(value: object) -> Json:
    """A value as JSON has it, mappings and sequences inside included."""
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): plain(inside) for key, inside in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [plain(inside) for inside in value]
    raise DrylineError(f"{value!r} of type {type(value).__name__} is nothing JSON can hold")


def check_record(record: RunRecord) -> None:
    """Refuse a record that contradicts itself; a bundle of it would never be found intact."""
    hashed, wanted = text_hash(record.recipe_text), record.head.content_hash
    if hashed != wanted:
        text = f"its recipe has SHA-256 {hashed or 'none'}, its head says {wanted or 'none'}"
        raise DrylineError(f"run {record.head.id}: {text}")
    wrong = numbering([e.number for e in record.entries])
    if wrong:
        raise DrylineError(f"run {record.head.id}: {wrong}")


def numbering(numbers: Sequence[object]) -> str:
    """What is wrong with the numbers of entries, "" when they are 1, 2, 3 ..."""
    for expected, number in enumerate(numbers, 1):
        if number != expected or isinstance(number, bool):
            return f"entry {expected} is missing: in its place is number {number!r}"
    return ""


def recipe_in_words(head: RunHead) -> str:
    """Which recipe the run followed."""
    return f"{head.recipe} (SHA-256 {head.content_hash})" if head.content_hash else head.recipe


def seconds_after(time_ns: int, begun_ns: int) -> float:
    """Seconds since START, to the millisecond."""
    return round((time_ns - begun_ns) / NS, 3)
