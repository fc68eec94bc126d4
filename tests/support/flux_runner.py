"""Runs the part of Flux that our dashboards use, on rows in memory.

Written from the language's documents, to see that a query asks what it is meant to ask. It is no
proof of what a server answers.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.support.flux_reader import FluxError, Node, read

Row = dict[str, Any]
NS = 10**9
_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": NS, "m": 60 * NS, "h": 3600 * NS, "d": 86400 * NS}
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "+": operator.add, "-": operator.sub,
    "*": operator.mul, "/": operator.truediv,
    "=~": lambda text, regex: bool(re.search(regex, text)),
    "!~": lambda text, regex: not re.search(regex, text),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows; those with the same values in the columns of the group are one table."""

    rows: tuple[Row, ...]
    group: frozenset[str]

    def tables(self) -> dict[tuple[tuple[str, Any], ...], list[Row]]:
        """Rows by the key of their table."""
        found: dict[tuple[tuple[str, Any], ...], list[Row]] = {}
        for row in self.rows:
            key = tuple(sorted((c, row[c]) for c in self.group if row.get(c) is not None))
            found.setdefault(key, []).append(row)
        return found


@dataclass(frozen=True, slots=True)
class Question:
    """What Grafana puts into a query. Times in nanoseconds."""

    start_ns: int
    stop_ns: int
    window_ns: int
    variables: Mapping[str, str]


def run(text: str, rows: Iterable[Row], question: Question) -> Stream:
    """The first result of a query."""
    for name, value in question.variables.items():
        text = text.replace(f"${{{name}}}", value).replace(f"${{{name}:regex}}", value)
    script = read(text)
    runner = _Runner(tuple(rows), question)
    for name, node in script.bound.items():
        runner.bound[name] = runner.value(node, {})
    found = runner.value(script.results[0], {})
    if not isinstance(found, Stream):
        raise FluxError("the result is no stream")
    return found


class _Runner:
    def __init__(self, rows: tuple[Row, ...], question: Question) -> None:
        self._rows = rows
        self.bound: dict[str, Any] = {
            "v": {
                "timeRangeStart": question.start_ns, "timeRangeStop": question.stop_ns,
                "windowPeriod": question.window_ns, "defaultBucket": "line",
            },
        }  # fmt: skip

    def value(self, node: Node, local: Mapping[str, Any]) -> Any:
        parts = node.parts
        match node.kind:
            case "string" | "regex" | "bool":
                return parts[0]
            case "number":
                return float(parts[0]) if "." in parts[0] else int(parts[0])
            case "duration":
                number, unit = re.fullmatch(r"(\d+)(\D+)", parts[0]).groups()  # type: ignore[union-attr]
                return int(number) * _UNITS[unit]
            case "name":
                name = parts[0]
                return local[name] if name in local else self.bound.get(name, name)
            case "member":
                return self.value(parts[0], local).get(parts[1])
            case "minus":
                return -self.value(parts[0], local)
            case "list":
                return [self.value(n, local) for n in parts]
            case "record":
                base = dict(local[parts[0]]) if parts[0] else {}
                return base | {k: self.value(n, local) for k, n in parts[1].items()}
            case "lambda":
                name, body = parts
                return lambda row: self.value(body, {**local, name: row})
            case "binary":
                return self._binary(*parts, local)
            case "pipe":
                return self._call(parts[1], local, self.value(parts[0], local))
            case "call":
                return self._call(node, local)
        raise FluxError(node.kind)

    def _binary(self, sign: str, left: Node, right: Node, local: Mapping[str, Any]) -> Any:
        a = self.value(left, local)
        if sign in ("and", "or"):
            if bool(a) is (sign == "or"):
                return a
            return self.value(right, local)
        b = self.value(right, local)
        return None if a is None or b is None else _COMPARE[sign](a, b)

    def _call(self, node: Node, local: Mapping[str, Any], *piped: Any) -> Any:
        target, given = node.parts
        arguments = {key: self.value(value, local) for key, value in given.items()}
        function = getattr(self, f"_{target.parts[-1]}")
        return function(*piped, **arguments)

    def _from(self, bucket: str) -> Stream:
        assert bucket == "line"
        columns = {c for row in self._rows for c in row} - {"_time", "_value"}
        return Stream(self._rows, frozenset(columns))

    @staticmethod
    def _int(v: Any) -> int:
        return int(v)

    _time = _int

    @staticmethod
    def _float(v: Any) -> float:
        return float(v)

    @staticmethod
    def _range(stream: Stream, start: int, stop: int) -> Stream:
        rows = (r | {"_start": start, "_stop": stop} for r in stream.rows)
        inside = tuple(r for r in rows if start <= r["_time"] < stop)
        return Stream(inside, stream.group | {"_start", "_stop"})

    @staticmethod
    def _filter(stream: Stream, fn: Callable[[Row], Any]) -> Stream:
        return Stream(tuple(r for r in stream.rows if fn(r)), stream.group)

    @staticmethod
    def _aggregateWindow(
        stream: Stream, every: int, fn: str, createEmpty: bool, timeSrc: str
    ) -> Stream:
        assert not createEmpty
        assert timeSrc == "_start"
        out = []
        for rows in stream.tables().values():
            windows: dict[int, list[Row]] = {}
            for row in sorted(rows, key=lambda r: r["_time"]):
                windows.setdefault(row["_time"] // every * every, []).append(row)
            for start, found in windows.items():
                kept = [r["_value"] for r in found if r["_value"] is not None]
                base = {c: found[0].get(c) for c in stream.group}
                if kept:
                    at = max(start, base.get("_start", start))
                    out.append(base | {"_time": at, "_value": _aggregate(fn, kept)})
        return Stream(tuple(out), stream.group)

    @staticmethod
    def _elapsed(stream: Stream, unit: int) -> Stream:
        out = [
            row | {"elapsed": (row["_time"] - before["_time"]) // unit}
            for rows in stream.tables().values()
            for before, row in pairwise(rows)
        ]
        return Stream(tuple(out), stream.group)

    @staticmethod
    def _difference(stream: Stream, nonNegative: bool) -> Stream:
        out = []
        for rows in stream.tables().values():
            for before, row in pairwise(rows):
                step = row["_value"] - before["_value"]
                out.append(row | {"_value": None if nonNegative and step < 0 else step})
        return Stream(tuple(out), stream.group)

    @staticmethod
    def _map(stream: Stream, fn: Callable[[Row], Row]) -> Stream:
        rows = tuple(fn(r) for r in stream.rows)
        columns = {c for r in rows for c in r}
        return Stream(rows, stream.group & columns)

    def _drop(self, stream: Stream, columns: Sequence[str]) -> Stream:
        return self._keep(stream, [c for r in stream.rows for c in r if c not in columns])

    @staticmethod
    def _keep(stream: Stream, columns: Sequence[str]) -> Stream:
        kept = set(columns)
        rows = tuple({c: x for c, x in r.items() if c in kept} for r in stream.rows)
        return Stream(rows, stream.group & kept)

    @staticmethod
    def _set(stream: Stream, key: str, value: str) -> Stream:
        return Stream(tuple(r | {key: value} for r in stream.rows), stream.group)

    @staticmethod
    def _union(tables: Sequence[Stream]) -> Stream:
        rows = tuple(r for t in tables for r in t.rows)
        groups = {t.group for t in tables if t.rows}
        return Stream(rows, next(iter(groups)) if len(groups) == 1 else frozenset())

    @staticmethod
    def _group(stream: Stream, columns: Sequence[str] = ()) -> Stream:
        return Stream(stream.rows, frozenset(columns))

    @staticmethod
    def _sort(stream: Stream, columns: Sequence[str], desc: bool = False) -> Stream:
        rows = sorted(stream.rows, key=lambda r: [r[c] for c in columns], reverse=desc)
        return Stream(tuple(rows), stream.group)

    @staticmethod
    def _limit(stream: Stream, n: int) -> Stream:
        rows = tuple(r for rows in stream.tables().values() for r in rows[:n])
        return Stream(rows, stream.group)

    @staticmethod
    def _last(stream: Stream) -> Stream:
        newest = (max(rows, key=lambda r: r["_time"]) for rows in stream.tables().values())
        return Stream(tuple(newest), stream.group)

    @staticmethod
    def _rename(stream: Stream, columns: Mapping[str, str]) -> Stream:
        rows = tuple({columns.get(c, c): x for c, x in r.items()} for r in stream.rows)
        return Stream(rows, frozenset(columns.get(c, c) for c in stream.group))

    @staticmethod
    def _pivot(
        stream: Stream, rowKey: Sequence[str], columnKey: Sequence[str], valueColumn: str
    ) -> Stream:
        out: dict[tuple[Any, ...], Row] = {}
        for key, rows in stream.tables().items():
            for row in rows:
                place = (key, *(row[c] for c in rowKey))
                kept = dict(key) | {c: row[c] for c in rowKey}
                name = "_".join(row[c] for c in columnKey)
                out.setdefault(place, kept)[name] = row[valueColumn]
        return Stream(tuple(out.values()), stream.group)


def _aggregate(name: str, values: Sequence[Any]) -> Any:
    match name:
        case "mean":
            return sum(values) / len(values)
        case "last":
            return values[-1]
        case "max":
            return max(values)
        case "sum":
            return sum(values)
    raise FluxError(name)
