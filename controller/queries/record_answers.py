"""Answers about events and runs, newest first, page by page."""

from collections.abc import Callable, Iterator

from controller.core.event import Event
from controller.core.run import RunHead
from controller.history.source import HistorySource
from controller.queries.answers import EventRow, EventsAnswer, RunRow, RunsAnswer
from controller.queries.asks import EventsAsk, RunsAsk
from controller.queries.cursors import Cursor, read_cursor, write_cursor
from controller.queries.local_time import local_text, zone_of
from controller.queries.problems import AskError, AskProblem
from controller.queries.series_answers import Asked, window_of
from controller.run_store import RunReader

AT_ONCE = 1000  # events that are read at once
SCANNED = 200_000  # events that are looked through for one page


def events_answer(ask: EventsAsk, asked: Asked) -> EventsAnswer:
    """Events that fit the question; a page ends early when it had to look through very many."""
    question = ("events", asked.name, ask.start, ask.stop, ask.zone, ask.station, ask.kind,
                ask.text)  # fmt: skip
    if ask.cursor:
        at = read_cursor(ask.cursor, question)
    else:
        start_ns, stop_ns = window_of(ask, asked.now_ns)
        at = Cursor(0, stop_ns - 1, start_ns, stop_ns)
    fits = _fits(ask)
    found: list[Event] = []
    following: Cursor | None = None
    for scanned, (event, after) in enumerate(_backwards(asked.source, ask, at), 1):
        if fits(event):
            found.append(event)
        if len(found) == ask.limit or scanned == SCANNED:
            following = after
            break
    zone = zone_of(ask.zone)
    return EventsAnswer(
        source=asked.name,
        zone=ask.zone,
        start_ns=at.start_ns,
        stop_ns=at.stop_ns,
        events=tuple(_row(event, local_text(event.time_ns, zone)) for event in found),
        truncated=following is not None,
        next=write_cursor(following, question) if following else "",
    )


def _backwards(
    source: HistorySource, ask: EventsAsk, at: Cursor
) -> Iterator[tuple[Event, Cursor | None]]:
    """Events from a cursor back, each with the cursor after it; None after the last."""
    station = ask.station[0] if len(ask.station) == 1 else None
    kind = ask.kind[0] if len(ask.kind) == 1 else None
    while True:
        wanted = at.place + min(AT_ONCE, ask.limit) + 1  # one more, to know whether there is one
        batch = source.events(
            at.start_ns, at.time_ns + 1, station=station, kind=kind, limit=wanted
        )[::-1]
        is_all = len(batch) < wanted
        rest = batch[at.place :] if is_all else batch[at.place : -1]
        for k, event in enumerate(rest):
            same = at.place + 1 if event.time_ns == at.time_ns else 1
            at = at._replace(place=same, time_ns=event.time_ns)
            yield event, None if is_all and k == len(rest) - 1 else at
        if is_all:
            return


def _fits(ask: EventsAsk) -> Callable[[Event], bool]:
    text = ask.text.casefold()

    def fits(event: Event) -> bool:
        if ask.station and event.station not in ask.station:
            return False
        if ask.kind and event.kind not in ask.kind:
            return False
        words = (event.text, event.subject, event.actor)
        return not text or any(text in word.casefold() for word in words)

    return fits


def _row(event: Event, time: str) -> EventRow:
    return EventRow(
        time_ns=event.time_ns,
        time=time,
        kind=event.kind.value,
        station=event.station,
        subject=event.subject,
        text=event.text,
        actor=event.actor,
        data=event.data,
    )


def runs_answer(ask: RunsAsk, reader: RunReader, now_ns: int) -> RunsAnswer:
    """Runs that fit the question."""
    question = ("runs", *ask.model_dump(exclude={"cursor", "limit"}).values())
    try:
        start_ns, stop_ns = ask.window(now_ns)
    except ValueError as error:
        value = f"{ask.start} to {ask.stop}"
        problem = AskProblem(what=str(error), field="start, stop", value=value)
        raise AskError([problem]) from None
    at = Cursor(0, stop_ns, start_ns, stop_ns)
    if ask.cursor:
        at = read_cursor(ask.cursor, question)
    heads = [h for h in reader.runs(ask.station) if _is_asked_for(h, ask, at)]
    given = sum(head.begun_ns > at.time_ns for head in heads) + at.place
    page = heads[given : given + ask.limit]
    following = None
    if page and given + len(page) < len(heads):
        last_ns = page[-1].begun_ns
        so_far = heads[: given + len(page)]
        of_its_time = sum(head.begun_ns == last_ns for head in so_far)
        following = Cursor(of_its_time, last_ns, at.start_ns, at.stop_ns)
    zone = zone_of(ask.zone)
    rows = [
        RunRow(
            head=head,
            begun=local_text(head.begun_ns, zone),
            ended="" if head.ended_ns is None else local_text(head.ended_ns, zone),
        )
        for head in page
    ]
    return RunsAnswer(
        source="local",
        zone=ask.zone,
        runs=tuple(rows),
        truncated=following is not None,
        next=write_cursor(following, question) if following else "",
    )


def _is_asked_for(head: RunHead, ask: RunsAsk, window: Cursor) -> bool:
    if head.begun_ns >= window.stop_ns:
        return False
    if head.ended_ns is not None and head.ended_ns < window.start_ns:
        return False
    if ask.outcome and head.outcome not in ask.outcome:
        return False
    if ask.recipe and ask.recipe.casefold() not in head.recipe.casefold():
        return False
    return not ask.lot or ask.lot in (*head.lots_in, *head.lots_out)
