"""The trail for people and programs outside: CSV without formulas, JSON lines as they are."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from controller.audit.record import Record, Value
from controller.runs.csv_cells import Cell, line

COLUMNS = (
    "number", "time", "category", "action", "actor", "source", "station", "target", "old", "new",
    "reason", "result", "code", "detail", "command", "signed as", "signed content", "late",
    "previous", "hash",
)  # fmt: skip


def utc_text(utc_ns: int) -> str:
    """A time with milliseconds, in UTC; its number where no calendar has it."""
    try:
        moment = datetime.fromtimestamp(utc_ns // 1_000_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return str(utc_ns)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{utc_ns // 1_000_000 % 1_000:03d}Z"


def csv_lines(records: Iterable[Record]) -> Iterator[str]:
    """A head line, then one line a record; what no spreadsheet takes for a formula."""
    yield line(COLUMNS)
    for record in records:
        yield line(_cells(record))


def as_json(record: Record) -> dict[str, Any]:
    """A record as the API shows it."""
    entry = record.entry
    return {
        "number": record.number, "time": utc_text(record.moment.utc_ns),
        "utc_ns": record.moment.utc_ns, "category": entry.category.value, "action": entry.action,
        "actor": entry.actor, "source": entry.source, "station": entry.station,
        "target": entry.target, "old": entry.old, "new": entry.new, "reason": entry.reason,
        "result": entry.result.value, "code": entry.code, "detail": entry.detail,
        "command": entry.command, "late": record.late,
        "signature": dict(entry.signature) if entry.signature else None,
        "previous": record.previous, "hash": record.hash,
    }  # fmt: skip


def _cells(record: Record) -> Iterator[Cell]:
    entry = record.entry
    signature = entry.signature or {}
    yield record.number
    yield utc_text(record.moment.utc_ns)
    yield from (entry.category.value, entry.action, entry.actor, entry.source, entry.station)
    yield from (entry.target, _cell(entry.old), _cell(entry.new), entry.reason)
    yield from (entry.result.value, entry.code, entry.detail, entry.command)
    yield from (str(signature.get("meaning", "")), str(signature.get("content_hash", "")))
    yield from ("late" if record.late else "", record.previous, record.hash)


def _cell(value: Value) -> Cell:
    return str(value).lower() if isinstance(value, bool) else value
