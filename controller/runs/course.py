"""The course of a run: which state its station was in when, and how many metres it had made."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from controller.clock import NS
from controller.control.states import State
from controller.core.event import EventKind
from controller.core.run import RunHead
from controller.history.codec import Floats, Ints
from controller.history.several import AnyReader
from controller.runs.held import NOTHING, Held, Spans, read_held, span_array, whole_minutes

SLACK_M = 1.0  # a counter that goes back by less did not restart: the web was pulled back


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """States of a run. execute: when it was in EXECUTE; unknown_s: nobody knows which state.

    seconds: by the name of the state, in the order in which they were first entered.
    """

    execute: Spans
    seconds: Mapping[str, float]
    unknown_s: float

    @property
    def execute_s(self) -> float:
        """Time in EXECUTE."""
        return self.seconds.get(State.EXECUTE.name, 0.0)


def read_course(
    reader: AnyReader, intervals: Mapping[str, float], head: RunHead, prefix: str, stop_ns: int
) -> Course:
    """From the stored state tag; where its samples are no longer kept, from the state events.

    intervals: tag -> the longest it goes without being stored, in seconds.
    """
    tag = f"{prefix}.SERVICE.STATE"
    held = NOTHING
    if tag in intervals:
        held = read_held(reader, tag, intervals[tag], head.begun_ns, stop_ns)
    if held.minutes or not len(held.values):
        held = _of_events(reader, head, stop_ns)
    seconds: dict[str, float] = {}
    for code, lasting_s in zip(held.values.tolist(), held.lasting_s.tolist(), strict=True):
        name = State(int(code)).name
        seconds[name] = seconds.get(name, 0.0) + lasting_s
    running = held.values == State.EXECUTE
    unknown_s = (stop_ns - head.begun_ns) / NS - held.known_s
    return Course(_joined(held.start_ns[running], held.stop_ns[running]), seconds, unknown_s)


def _of_events(reader: AnyReader, head: RunHead, stop_ns: int) -> Held:
    """Each state holds until the next event: what happened while nobody recorded is not seen."""
    events = reader.events(head.begun_ns, stop_ns, station=head.station, kind=EventKind.STATE)
    steps = [(e.time_ns, State[str(e.data["new"])]) for e in events if e.data.get("new")]
    if not steps:
        return NOTHING
    start_ns = np.array([t for t, _ in steps], np.int64)
    values = np.array([float(state) for _, state in steps])
    stops_ns = np.append(start_ns[1:], stop_ns)
    return Held(start_ns, stops_ns, values, np.zeros(len(values), np.uint8))


def _joined(start_ns: Ints, stop_ns: Ints) -> Spans:
    spans: list[tuple[int, int]] = []
    for start, stop in zip(start_ns.tolist(), stop_ns.tolist(), strict=True):
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
    return span_array(spans)


@dataclass(frozen=True, slots=True, eq=False)
class Length:
    """Web made since START, at the times at which the counter was read; it never falls.

    known: there was a reading; without one the length is 0 throughout.
    """

    time_ns: Ints
    metres: Floats
    known: bool = True

    @property
    def made_m(self) -> float:
        """Metres of the whole run."""
        return float(self.metres[-1])

    def at(self, time_ns: Ints) -> Floats:
        """Metres made by then: in proportion between two readings, the last one holds."""
        since = self.time_ns[0]  # float64 does not hold nanoseconds of this century exactly
        when = (time_ns - since).astype(np.float64)
        readings = (self.time_ns - since).astype(np.float64)
        return np.asarray(np.interp(when, readings, self.metres))

    def when_ns(self, metres: float) -> int | None:
        """When so many metres had been made, in proportion between readings; None for never."""
        after = int(np.searchsorted(self.metres, metres))
        if after == len(self.metres):
            return None
        if after == 0:
            return int(self.time_ns[0])
        low, high = self.metres[after - 1 : after + 1].tolist()
        begin_ns, end_ns = self.time_ns[after - 1 : after + 1].tolist()
        return int(begin_ns + round((end_ns - begin_ns) * (metres - low) / (high - low)))


def after_metres(spans: Spans, length: Length, lead_m: float) -> Spans:
    """Spans without the time in which their first metres were made; some vanish altogether."""
    late = []
    for start_ns, stop_ns in spans.tolist():
        begun_m = float(length.at(np.array([start_ns], np.int64))[0])
        reached_ns = length.when_ns(begun_m + lead_m)
        if reached_ns is not None and reached_ns < stop_ns:
            late.append((max(start_ns, reached_ns), stop_ns))
    return span_array(late)


def read_length(
    reader: AnyReader, intervals: Mapping[str, float], tag: str, start_ns: int, stop_ns: int
) -> Length:
    """Metres of a run from the length counter of its station; Bad readings do not count."""
    time_ns, reading = np.zeros(0, np.int64), np.zeros(0)
    if tag in intervals and stop_ns > start_ns:
        held = read_held(reader, tag, intervals[tag], start_ns, stop_ns)
        time_ns, reading = held.start_ns, held.values
        if held.minutes:
            time_ns, reading = _ends_of_minutes(reader, tag, start_ns, stop_ns)
    if not len(time_ns):
        return Length(np.array([start_ns], np.int64), np.zeros(1), known=False)
    metres = _growth(reading)
    if time_ns[0] > start_ns:
        time_ns, metres = np.append(start_ns, time_ns), np.append(0.0, metres)
    return Length(time_ns, metres)


def _ends_of_minutes(
    reader: AnyReader, tag: str, start_ns: int, stop_ns: int
) -> tuple[Ints, Floats]:
    """Last readings, as if at the ends of their minutes, and the first one, at the start of its."""
    found = whole_minutes(reader, tag, start_ns, stop_ns)
    if found is None:
        return np.zeros(0, np.int64), np.zeros(0)
    known = np.flatnonzero(np.isfinite(found.last))
    begin = known[:1]
    time_ns = np.append(found.edges_ns[begin], found.edges_ns[known + 1])
    return time_ns, np.append(found.first[begin], found.last[known])


def _growth(reading: Floats) -> Floats:
    """What a counter gained since its first reading.

    A fall to less than half, by more than SLACK_M, is a restart from 0: what it shows then was made
    since. A smaller fall is web pulled back, which counts again only when it passes once more.
    """
    gained, top = 0.0, float(reading[0])
    out = np.zeros(len(reading))
    before = top
    for k, now in enumerate(reading.tolist()):
        if before - now > max(SLACK_M, 0.5 * before):
            gained, top = gained + now, now
        elif now > top:
            gained, top = gained + now - top, now
        before = now
        out[k] = gained
    return out


def last_known_ns(
    reader: AnyReader, intervals: Mapping[str, float], head: RunHead, prefix: str
) -> int:
    """The end of a run; of an open one the newest sample of its state."""
    if head.ended_ns is not None:
        return head.ended_ns
    tag = f"{prefix}.SERVICE.STATE"
    span = reader.span(tag) if tag in intervals else None
    return max(head.begun_ns, span[1]) if span else head.begun_ns
