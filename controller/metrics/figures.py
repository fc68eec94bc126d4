"""The figures of a running controller, as families of numbers. Nothing here knows Prometheus.

What is read belongs to the event loop and to other threads; it is read as it stands, without a
lock that the scan would wait for. Two figures of one scrape may be a scan apart.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version
from math import isnan
from typing import NamedTuple

from controller.alarms.states import ASKING, STANDING, AlarmState
from controller.config import LineConfig
from controller.control.states import State
from controller.control.station import Station
from controller.core.ports import Clock
from controller.core.sample import FIRST_BAD, FIRST_UNCERTAIN
from controller.history.status import HistorianStatus
from controller.line import Line
from controller.sinks.condition import State as SinkState
from controller.sinks.status import SinkStatus
from controller.spread import Spread


class Kind(Enum):
    """What a number means over time."""

    COUNTER = "counter"  # only rises, from zero at the start of what counts
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(NamedTuple):
    """One family. name: without the prefix `dryline_`, and without `_total`."""

    name: str
    text: str
    kind: Kind = Kind.GAUGE
    labels: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The name that is asked for in a query."""
        return f"dryline_{self.name}{'_total' if self.kind is Kind.COUNTER else ''}"


class Row(NamedTuple):
    """One number and the values of its labels."""

    labels: tuple[str, ...]
    value: float | Spread


Family = tuple[Metric, Sequence[Row]]


@dataclass(slots=True)
class Shown:
    """A controller as far as it has come: its parts are there from their start on."""

    config: LineConfig
    clock: Clock
    tag_values: bool = False
    history: Callable[[], HistorianStatus] | None = None
    line: Line | None = None
    sinks: Callable[[], Sequence[SinkStatus]] | None = None
    ending: bool = False


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, text, Kind.COUNTER, labels)


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, text, Kind.GAUGE, labels)


def _histogram(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, text, Kind.HISTOGRAM, labels)


def _alarms_in(station: Station, states: frozenset[AlarmState]) -> float:
    alarms = station.alarm_desk.board.alarms.values()
    return float(sum(alarm.state in states for alarm in tuple(alarms)))


LINE = _gauge("info", "always 1; labels say which controller this is", "version", "line", "part")
SPEED = _gauge("speed_ratio", "plant seconds in a second, 1 but for simulations")
RECORD = _gauge("record_failing", "1: runs and station memory cannot be saved")
ALARMS = _gauge("line_alarms_active", "alarms of disk, history and sinks that stand")

HISTORY: tuple[tuple[Metric, Callable[[HistorianStatus], float]], ...] = (
    (_counter("history_accepted_samples", "samples given to history"), lambda s: s.accepted),
    (_counter("history_stored_samples", "samples durable in history"), lambda s: s.stored),
    (_counter("history_filtered_samples", "samples within the dead-band, not kept"),
     lambda s: s.filtered),
    (_counter("history_dropped_samples", "samples lost, with a gap event"), lambda s: s.dropped),
    (_gauge("history_queued_samples", "samples that wait for the disk"), lambda s: s.queued),
    (_gauge("history_held_samples", "samples kept back in case a step follows"), lambda s: s.held),
    (_counter("history_stored_events", "events durable in history"), lambda s: s.events_stored),
    (_counter("history_dropped_events", "events lost"), lambda s: s.events_dropped),
    (_gauge("history_queued_events", "events that wait for the disk"), lambda s: s.events_queued),
    (_counter("history_commits", "durable commits"), lambda s: s.commits),
    (_gauge("history_last_commit_seconds", "duration of the last commit"),
     lambda s: s.commit_ms / 1000.0),
    (_counter("history_commit_failures", "commits that the disk refused"), lambda s: s.failures),
    (_gauge("history_failing", "1: the last commit failed"), lambda s: float(s.failing)),
    (_gauge("history_journal_samples", "samples not sealed into chunks yet"),
     lambda s: s.journal_samples),
    (_counter("history_seals", "times the journal was sealed"), lambda s: s.seals),
    (_counter("history_quarantined_pieces", "stored pieces that failed their checksum"),
     lambda s: s.quarantined),
    (_gauge("history_size_bytes", "size of the store"), lambda s: s.used_bytes),
    (_gauge("history_disk_free_bytes", "free space of the disk of history"), lambda s: s.disk_free),
    (_gauge("history_outbox_ratio", "disk limit of what waits for sinks in use, 1 at the limit"),
     lambda s: s.outbox_share),
    (_gauge("history_running", "1: history is open and written"), lambda s: float(s.running)),
)  # fmt: skip

SINK_STATE = _gauge("sink_state", "1 for the state the sink is in, else 0", "sink", "state")
SINK_STATUS = _gauge("sink_status_age_seconds", "age of what the sink tells of itself", "sink")
SINK: tuple[tuple[Metric, Callable[[SinkStatus], float]], ...] = (
    (_gauge("sink_queued_samples", "samples not sent yet", "sink"), lambda s: s.queue),
    (_gauge("sink_oldest_unsent_seconds", "age of the oldest sample not sent", "sink"),
     lambda s: s.age_s),
    (_gauge("sink_live_age_seconds", "the same, backfill left aside", "sink"), lambda s: s.live_s),
    (_gauge("sink_queued_events", "events not sent yet", "sink"), lambda s: s.events_queue),
    (_counter("sink_sent_samples", "samples sent since the sink exists", "sink"), lambda s: s.sent),
    (_counter("sink_sent_events", "events sent since the sink exists", "sink"),
     lambda s: s.events_sent),
    (_counter("sink_retried_requests", "requests repeated", "sink"), lambda s: s.retried),
    (_gauge("sink_quarantined_lines", "refused lines in quarantine", "sink"),
     lambda s: s.quarantined),
    (_counter("sink_dropped_samples", "samples given up, with a gap event", "sink"),
     lambda s: s.dropped),
)  # fmt: skip

STATION_STATE = _gauge("station_state", "1 for the state of the procedure", "station", "state")
TAGS = _gauge("tags", "tags of the station by quality", "station", "quality")
STATION: tuple[tuple[Metric, Callable[[Station], float]], ...] = (
    (_counter("scans", "scans begun", "station"), lambda s: s.timing.count),
    (_gauge("scan_last_lateness_seconds", "lateness of the last scan, plant time", "station"),
     lambda s: s.timing.late_ms / 1000.0),
    (_gauge("scan_last_duration_seconds", "duration of the last scan", "station"),
     lambda s: s.timing.took_ms / 1000.0),
    (_counter("scan_overruns", "scans left out after an overrun", "station"),
     lambda s: s.timing.overruns),
    (_gauge("station_faulted", "1: the last scan raised an exception", "station"),
     lambda s: float(s.faulted)),
    (_gauge("station_run_open", "1: a run has begun and not ended", "station"),
     lambda s: float(s.recipes.run is not None)),
    (_gauge("station_alarms_active", "alarms of the station that stand", "station"),
     lambda s: _alarms_in(s, STANDING)),
    (_gauge("station_alarms_unacknowledged", "alarms that nobody has acknowledged", "station"),
     lambda s: _alarms_in(s, ASKING)),
    (_gauge("station_alarms_shelved", "alarms that somebody has shelved", "station"),
     lambda s: _alarms_in(s, frozenset({AlarmState.SHELVED}))),
    (_gauge("station_interlocks_bypassed", "interlocks out of force by a person", "station"),
     lambda s: s.interlock_desk.bypassed),
    (_gauge("link_up", "1: connected, and the heartbeat of the PLC moves", "station"),
     lambda s: float(s.timing.link_up)),
    (_counter("link_losses", "times the link was lost", "station"),
     lambda s: s.timing.link_losses),
    (_counter("link_refused_writes", "writes that failed or were refused", "station"),
     lambda s: s.timing.writes_refused),
    (_gauge("link_heartbeat_age_seconds", "age of the PLC's last heartbeat", "station"),
     lambda s: s.timing.age_s),
    (_gauge("link_round_trip_seconds", "time in which the PLC confirmed the last write, 0 for none",
            "station"), lambda s: s.timing.round_trip_ms / 1000.0),
    (_gauge("link_round_trip_worst_seconds", "longest such time of the last minute, 0 for none",
            "station"), lambda s: s.timing.round_trip_worst_ms / 1000.0),
)  # fmt: skip

SCAN_AGE = _gauge("scan_age_seconds", "time since the last scan began", "station")
SCAN_FAILURES = _counter("scan_exceptions", "scans that raised an exception", "station")
LATENESS = _histogram("scan_lateness_seconds", "lateness of scans, plant time", "station")
DURATION = _histogram("scan_duration_seconds", "duration of scans", "station")
NEIGHBOUR = _gauge("neighbour_link_up", "1: a station of another controller is read", "station")
TAG_VALUE = _gauge("tag_value", "the value; missing while Bad", "tag", "station", "unit")
TAG_QUALITY = _gauge("tag_quality", "0 Good, from 64 Uncertain, from 128 Bad", "tag", "station")

METRICS: tuple[Metric, ...] = (
    LINE, SPEED, RECORD, ALARMS,
    *(metric for metric, _ in HISTORY),
    SINK_STATE, SINK_STATUS,
    *(metric for metric, _ in SINK),
    STATION_STATE, TAGS,
    *(metric for metric, _ in STATION),
    SCAN_AGE, SCAN_FAILURES, LATENESS, DURATION, NEIGHBOUR,
    TAG_VALUE, TAG_QUALITY,
)  # fmt: skip


def families(shown: Shown) -> Iterator[Family]:
    """Every family with its numbers now."""
    config = shown.config
    yield LINE, [Row((version("dryline"), config.name, config.part), 1.0)]
    yield SPEED, [Row((), shown.clock.speed)]
    if shown.history is not None:
        yield from _history(shown.history())
    if shown.sinks is not None:
        yield from _sinks(shown.sinks(), shown.clock.link_s())
    line = shown.line
    if line is not None:
        yield RECORD, [Row((), float(bool(line.record.failure)))]
        yield ALARMS, [Row((), len(line.alarms.active))]
        yield from _stations(line)
        yield from _scans(line, shown.clock.link_s())
        if shown.tag_values:
            yield from _tags(line)


def _history(status: HistorianStatus) -> Iterator[Family]:
    for metric, read in HISTORY:
        value = read(status)
        yield metric, [] if isnan(value) else [Row((), value)]


def _sinks(statuses: Sequence[SinkStatus], now_link_s: float) -> Iterator[Family]:
    states = [
        Row((s.name, state.name.lower()), float(s.state is state))
        for s in statuses
        for state in SinkState
    ]
    yield SINK_STATE, states
    ran = (s for s in statuses if s.link_s)
    yield SINK_STATUS, [Row((s.name,), max(0.0, now_link_s - s.link_s)) for s in ran]
    for metric, read in SINK:
        yield metric, [Row((s.name,), read(s)) for s in statuses]


def _stations(line: Line) -> Iterator[Family]:
    stations = line.stations
    states = [
        Row((name, state.name.lower()), float(station.procedure.state is state))
        for name, station in stations.items()
        for state in State
    ]
    yield STATION_STATE, states
    yield TAGS, [row for name in stations for row in _by_quality(line, name)]
    for metric, read in STATION:
        yield metric, [Row((name,), read(station)) for name, station in stations.items()]


def _by_quality(line: Line, station: str) -> Iterable[Row]:
    region = line.table.region(station)
    quality = line.table.quality[region.start : region.stop].copy()
    bad = int((quality >= FIRST_BAD).sum())
    good = int((quality < FIRST_UNCERTAIN).sum())
    counts = {"good": good, "uncertain": len(quality) - good - bad, "bad": bad}
    return (Row((station, key), n) for key, n in counts.items())


def _scans(line: Line, now_link_s: float) -> Iterator[Family]:
    scans = line.scans.items()
    ages = ((name, scan.begun_link_s) for name, scan in scans)
    yield SCAN_AGE, [Row((n,), max(0.0, now_link_s - at)) for n, at in ages if at is not None]
    yield SCAN_FAILURES, [Row((name,), scan.failures) for name, scan in scans]
    yield LATENESS, [Row((name,), scan.late) for name, scan in scans]
    yield DURATION, [Row((name,), scan.took) for name, scan in scans]
    yield NEIGHBOUR, [Row((name,), float(link.up)) for name, link in line.neighbours.items()]


def _tags(line: Line) -> Iterator[Family]:
    table = line.table
    rows = zip(table.tags, table.value.tolist(), table.quality.tolist(), strict=True)
    own = [(tag, v, q) for tag, v, q in rows if tag.station not in line.neighbours]
    yield (
        TAG_VALUE,
        [Row((tag.name, tag.station, tag.unit), v) for tag, v, q in own if q < FIRST_BAD],
    )
    yield TAG_QUALITY, [Row((tag.name, tag.station), q) for tag, _, q in own]
