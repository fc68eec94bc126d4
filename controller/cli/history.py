"""Commands that ask history: history, events."""

import csv
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import typer
from rich.table import Column, Table

from controller.cli import (
    SHIPPED_LINE,
    AsJson,
    LineFolder,
    RunFolder,
    print_json,
    screen,
    span_ns,
    told,
)
from controller.cli.plot import save_plot
from controller.clock import SystemClock
from controller.config import load_line
from controller.core.errors import DrylineError
from controller.core.event import EventKind
from controller.core.sample import quality_text
from controller.history.source import HistorySource
from controller.queries.answers import BucketSeries, EventRow, RawSeries
from controller.queries.asks import MAX_SAMPLES, Ask, BucketsAsk, EventsAsk, RawAsk
from controller.queries.calendar_edges import Per
from controller.queries.local_time import local_text, zone_of
from controller.queries.problems import AskError, understood
from controller.queries.service import HistoryService
from controller.queries.sources import LOCAL, open_sources
from controller.run_store import STORE, RunReader

USUAL_LAST = "1h"
USUAL_BUCKETS = 20
MAX_EVENTS = 1000  # of one page; there may be any number of pages
OPTIONS = {"start": "--from", "stop": "--to", "n": "--buckets"}

Zone = Annotated[
    str, typer.Option(help="Time zone of what is typed and shown, for example Europe/Berlin.")
]
Source = Annotated[str, typer.Option(help="local, or the name of a sink of line.toml.")]
AnyAsk = TypeVar("AnyAsk", bound=Ask)


def history(  # noqa: PLR0913, PLR0917 - one parameter an option
    names: Annotated[list[str], typer.Argument(help="Tags, for example ENC.DP.ZONE DHU.FAN.SP")],
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
    last: Annotated[
        str | None,
        typer.Option(help=f"How far back: 90s, 30m, 8h, 29d.  [default: {USUAL_LAST}]"),
    ] = None,
    begin: Annotated[
        str, typer.Option("--from", help="Begin: 2026-11-22, '2026-11-22 14:00', -8h.")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="End, not included; now: newest sample.")] = "",
    zone: Zone = "UTC",
    buckets: Annotated[
        int | None,
        typer.Option(min=0, help=f"0: raw samples.  [default: {USUAL_BUCKETS}]"),
    ] = None,
    per: Annotated[Per | None, typer.Option(help="Buckets of the calendar, in the zone.")] = None,
    source: Source = LOCAL,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV on standard output.")] = False,
    png: Annotated[Path | None, typer.Option(help="Plot into this file.")] = None,
    json: AsJson = False,
) -> None:
    """Print, export or plot the history of tags; works while the line runs and when it does not."""
    length_ns = told(lambda: _length_ns(last, begin, end))
    told(lambda: _one_kind(buckets, per))
    with _opened(line, run) as sources:
        reader = told(lambda: _source(sources, source))
        newest_ns = told(lambda: _newest_ns(reader, names))
        service = _service(sources, run, newest_ns + 1)
        start = begin or str(newest_ns + 1 - length_ns)
        asked = {
            "tag": tuple(names), "start": start, "stop": end or "now", "zone": zone,
            "source": source,
        }  # fmt: skip
        if png is not None:
            told(lambda: _plot(reader, asked, newest_ns + 1, png))
            screen.print(f"{png} written", highlight=False)
            return
        n = USUAL_BUCKETS if buckets is None else buckets
        rows = told(
            lambda: list(_bucket_rows(service, asked, n, per) if n else _raw_rows(service, asked))
        )
    if json:
        print_json(rows)
    elif as_csv:
        sys.stdout.write(_as_csv(rows))
    else:
        screen.print(_as_table(rows))


def events(  # noqa: PLR0913, PLR0917
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
    station: Annotated[str, typer.Option(help="Only this station.")] = "",
    kind: Annotated[str, typer.Option(help="state, command, link, quality, device ...")] = "",
    text: Annotated[str, typer.Option(help="Only with this in text, subject or actor.")] = "",
    begin: Annotated[
        str, typer.Option("--from", help="Begin: 2026-11-22, '2026-11-22 14:00', -8h.")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="End, not included; now: newest event.")] = "",
    zone: Zone = "UTC",
    source: Source = LOCAL,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    json: AsJson = False,
) -> None:
    """Print the newest events: state changes, commands, faults, quality changes."""
    asked: dict[str, object] = {"zone": zone, "source": source, "text": text}
    if station:
        asked["station"] = station
    if kind:
        asked["kind"] = told(lambda: _kind(kind))
    with _opened(line, run) as sources:
        reader = told(lambda: _source(sources, source))
        now_ns = told(lambda: _newest_event_ns(reader)) + 1
        service = _service(sources, run, now_ns)
        window = {"start": begin or "0", "stop": end or "now"}
        found = told(lambda: list(_newest_events(service, asked | window, limit)))[::-1]
    if json:
        print_json(
            [
                {"time_ns": e.time_ns, "kind": e.kind, "station": e.station, "subject": e.subject,
                 "text": e.text, "actor": e.actor, "data": e.data}
                for e in found
            ]
        )  # fmt: skip
        return
    for e in found:
        who = f" [{e.actor}]" if e.actor else ""
        shown = f"{_clock_text(e.time_ns, zone)} {e.station:10} {e.kind:9} {e.text}{who}"
        screen.print(shown, markup=False, highlight=False, soft_wrap=True)


# -- what is asked ---------------------------------------------------------------------------------


def _length_ns(last: str | None, begin: str, end: str) -> int:
    if last is not None and (begin or end):
        raise DrylineError("--last goes without --from and --to")
    if end and not begin:
        raise DrylineError("--to needs --from")
    return span_ns(USUAL_LAST if last is None else last, "--last")


def _one_kind(buckets: int | None, per: Per | None) -> None:
    if buckets is not None and per is not None:
        raise DrylineError("--buckets and --per: give one of them")


def _kind(text: str) -> EventKind:
    if text not in list(EventKind):
        raise DrylineError(f"no kind {text!r} of events; kinds: {', '.join(EventKind)}")
    return EventKind(text)


@contextmanager
def _opened(line: Path, run: Path) -> Iterator[Mapping[str, HistorySource]]:
    sources = told(lambda: open_sources(load_line(line), run, SystemClock().link_s))
    try:
        yield sources
    finally:
        for source in sources.values():
            source.close()


def _source(sources: Mapping[str, HistorySource], name: str) -> HistorySource:
    if name not in sources:
        raise DrylineError(f"no source {name!r}; sources: {', '.join(sources)}")
    return sources[name]


def _service(sources: Mapping[str, HistorySource], run: Path, now_ns: int) -> HistoryService:
    """A service for which now is the newest of what is asked for: the line may have ended."""
    return HistoryService(sources, lambda: RunReader(run / STORE), lambda: now_ns)


def _newest_ns(reader: HistorySource, names: Sequence[str]) -> int:
    ends = {name: reader.span(name) for name in names}
    missing = [name for name, end in ends.items() if end is None]
    if missing:
        raise DrylineError(f"no history of {', '.join(missing)}; `dryline tags` lists tags")
    return max(end[1] for end in ends.values() if end)


def _newest_event_ns(reader: HistorySource) -> int:
    newest = reader.events(limit=1)
    return newest[-1].time_ns if newest else 0


def _understood(model: type[AnyAsk], given: Mapping[str, object]) -> AnyAsk:
    """The question; mistakes are told with the names of the options."""
    return _in_options(lambda: understood(model, given))


Found = TypeVar("Found")


def _in_options(work: Callable[[], Found]) -> Found:
    try:
        return work()
    except AskError as error:
        raise type(error)(
            [replace(p, field=OPTIONS.get(p.field, p.field)) for p in error.problems]
        ) from None


# -- what is shown ---------------------------------------------------------------------------------


def _bucket_rows(
    service: HistoryService, asked: Mapping[str, object], n: int, per: Per | None
) -> Iterator[dict[str, Any]]:
    how: dict[str, object] = {"n": n} if per is None else {"per": per}
    ask = _understood(BucketsAsk, {**asked, **how})
    answer = _in_options(lambda: service.buckets(ask))
    begins = [_clock_text(edge, ask.zone) for edge in answer.edges_ns[:-1].tolist()]
    for series in answer.series:
        yield from _rows_of(series, begins)


def _rows_of(series: BucketSeries, begins: Sequence[str]) -> Iterator[dict[str, Any]]:
    for k, begin in enumerate(begins):
        yield {
            "tag": series.tag.name,
            "from": begin,
            "min": _number(series.min[k]),
            "max": _number(series.max[k]),
            "mean": _number(series.mean[k]),
            "last": _number(series.last[k]),
            "samples": int(series.count[k]),
            "bad": int(series.bad[k]),
        }


def _raw_rows(service: HistoryService, asked: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        ask = _understood(RawAsk, {**asked, "limit": MAX_SAMPLES, "cursor": cursor})
        page = _in_options(lambda ask=ask: service.raw(ask))  # type: ignore[misc]
        for series in page.series:
            yield from _samples_of(series, ask.zone)
        if not page.truncated:
            return
        cursor = page.next


def _samples_of(series: RawSeries, zone: str) -> Iterator[dict[str, Any]]:
    columns = (series.time_ns, series.value, series.quality)
    for t, v, q in zip(*(column.tolist() for column in columns), strict=True):
        yield {
            "tag": series.tag.name,
            "time": _clock_text(t, zone),
            "value": _number(v),
            "quality": quality_text(q),
        }


def _newest_events(
    service: HistoryService, asked: Mapping[str, object], limit: int
) -> Iterator[EventRow]:
    cursor, left = "", limit
    while left:
        given = {**asked, "limit": min(left, MAX_EVENTS), "cursor": cursor}
        ask = _understood(EventsAsk, given)
        page = _in_options(lambda ask=ask: service.events(ask))  # type: ignore[misc]
        yield from page.events
        left -= len(page.events)
        if not page.truncated:
            return
        cursor = page.next


def _plot(reader: HistorySource, asked: Mapping[str, object], now_ns: int, png: Path) -> None:
    ask = _understood(BucketsAsk, asked)
    start_ns, stop_ns = ask.window(now_ns)
    save_plot(reader, ask.tag, start_ns, stop_ns, png)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _cell(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _as_table(rows: list[dict[str, Any]]) -> Table:
    names = rows[0] if rows else ["tag"]
    table = Table(*(Column(name, overflow="fold") for name in names))  # a time is never cut short
    for r in rows:
        table.add_row(*(_cell(v) for v in r.values()))
    return table


def _as_csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else ["tag"])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _clock_text(time_ns: int, zone: str) -> str:
    """'2026-11-22 14:00:00.000Z', or with the offset of the zone."""
    return local_text(time_ns, zone_of(zone)).replace("T", " ", 1)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (history, events):
        app.command()(command)
