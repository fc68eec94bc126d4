"""What the line shows of itself: figures of history, disk and sinks as tags, and their alarms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from controller.control.alarm import AlarmChange, AlarmLimit, Level, LimitAlarm
from controller.core.event import Event, EventKind
from controller.core.sample import GOOD
from controller.core.tag import HistoryRule, Tag, Writer
from controller.history.status import HistorianStatus
from controller.sinks.condition import State
from controller.sinks.figures import sink_tags
from controller.sinks.places import SinkConfig

OWN = "line"  # the line publishes figures of its own, like a station
GB = 1e9
Reading = Callable[[HistorianStatus], float]


def _tag(name: str, text: str, unit: str = "") -> Tag:
    return Tag(
        name=name,
        station=OWN,
        description=text,
        writer=Writer.STATION,
        unit=unit,
        high=1e12,
        history=HistoryRule(max_interval_s=60),
    )


def _figure(name: str, text: str, unit: str, read: Reading) -> tuple[Tag, Reading]:
    return _tag(name, text, unit), read


HISTORY: tuple[tuple[Tag, Reading], ...] = (
    _figure("HISTORY.ACCEPTED", "samples given to history", "", lambda s: s.accepted),
    _figure("HISTORY.STORED", "samples durable in history", "", lambda s: s.stored),
    _figure("HISTORY.QUEUE", "samples waiting for the disk", "", lambda s: s.queued),
    _figure("HISTORY.DROPPED", "samples lost, with a gap event", "", lambda s: s.dropped),
    _figure("HISTORY.COMMIT", "duration of the last commit", "ms", lambda s: s.commit_ms),
    _figure("HISTORY.FAILING", "history cannot write", "", lambda s: float(s.failing)),
    _figure("HISTORY.BYTES", "size of the store", "", lambda s: s.used_bytes),
    _figure("HISTORY.OUTBOX", "disk limit of sinks used", "%", lambda s: 100 * s.outbox_share),
    _figure("DISK.FREE", "free space of the disk of history", "GB", lambda s: s.disk_free / GB),
)

RECORD = _tag("RECORD.FAILING", "runs and station memory cannot be written")
REFUSED = _tag("SECURITY.REFUSED", "PLCs that do not prove to be the accepted ones")
INSECURE = _tag("SECURITY.INSECURE", "stations reached without encryption")


def health_tags(sinks: Sequence[SinkConfig]) -> list[Tag]:
    """The tags, without the prefix of the line."""
    return [*(tag for tag, _ in HISTORY), RECORD, REFUSED, INSECURE, *sink_tags(sinks)]


def figures(
    status: HistorianStatus, record_failure: str, *, refused: int = 0, insecure: int = 0
) -> list[float]:
    """Values of the tags of history, record and security, in their order; sinks follow."""
    history = (float(read(status)) for _, read in HISTORY)
    return [*history, float(bool(record_failure)), float(refused), float(insecure)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One limit of a figure, and what it tells a person. action: what to do."""

    limit: AlarmLimit
    text: str
    action: str


@dataclass(frozen=True, slots=True)
class LineAlarm:
    """An alarm of the line that stands."""

    tag: str
    level: Level
    text: str
    action: str
    since_ns: int


def _above(level: Level, limit: float, text: str, action: str, **more: float) -> Meaning:
    return Meaning(limit=AlarmLimit(level=level, limit=limit, **more), text=text, action=action)


_OF_HISTORY: dict[str, tuple[Meaning, ...]] = {
    "HISTORY.FAILING": (
        _above(
            Level.HI, 0.5, "history cannot be written, samples wait in memory",
            "make room on the disk or mend it; what waits is stored by itself then",
        ),
    ),
    "RECORD.FAILING": (
        _above(
            Level.HI, 0.5, "runs and station memory cannot be written",
            "make room on the disk or mend it; START, DEPLOY and trials are refused until then",
        ),
    ),
    REFUSED.name: (
        _above(
            Level.HI, 0.5, "a PLC does not prove to be the accepted one and is refused",
            "`dryline trust list` shows its certificate; accept it only if the PLC shows the same",
        ),
    ),
    INSECURE.name: (
        _above(
            Level.HI, 0.5, "a station is reached without encryption",
            "name a policy in line.toml; until then keep everybody else off that network",
        ),
    ),
    "HISTORY.OUTBOX": (
        _above(
            Level.HI, 80.0, "what waits for sinks fills 80 % of its disk limit",
            "mend the sink or raise outbox_mb; at the limit the oldest samples go unsent",
            deadband=5.0,
        ),
    ),
    "DISK.FREE": (
        _above(
            Level.LO, 2.0, "the disk of history is nearly full",
            "make room, or let raw_days of [history] be shorter",
            deadband=0.2,
        ),
        _above(
            Level.LOLO, 0.2, "the disk of history is all but full",
            "make room now: without it START and DEPLOY are refused",
            deadband=0.05,
        ),
    ),
}  # fmt: skip

_OF_SINKS: dict[str, tuple[Meaning, ...]] = {
    "STATE": (
        _above(
            Level.LO, State.OFF + 0.5, "the process of the sink does not run",
            "look into the log of the controller",
            on_delay_s=15.0,
        ),
        _above(
            Level.HI, State.WAITING - 0.5, "the sink does not get rid of data, which waits on disk",
            "mend the server or the way to it",
            on_delay_s=60.0,
        ),
        _above(
            Level.HIHI, State.DISK - 0.5, "the sink has stopped",
            "`dryline sink list` says why: token, bucket, address or the local disk",
        ),
    ),
    "QUARANTINED": (
        _above(
            Level.HI, 0.5, "the server refused lines, which lie in quarantine",
            "`dryline sink quarantine`, then `dryline sink retry`",
        ),
    ),
}  # fmt: skip


class HealthAlarms:
    """The alarms of the line. `scan` is told the time and every figure once a second."""

    def __init__(self, sinks: Sequence[SinkConfig]) -> None:
        self._rows: list[tuple[int, LimitAlarm, dict[Level, Meaning]]] = []
        for k, tag in enumerate(health_tags(sinks)):
            meanings = _meanings(tag.name)
            if meanings:
                limits = [meaning.limit for meaning in meanings]
                by_level = {meaning.limit.level: meaning for meaning in meanings}
                self._rows.append((k, LimitAlarm(tag.name, limits), by_level))
        self._active: dict[tuple[str, Level], LineAlarm] = {}
        self.remarks: dict[str, str] = {}  # by tag without prefix: said behind an alarm's text

    @property
    def active(self) -> list[LineAlarm]:
        """The alarms that stand, in the order they came."""
        return list(self._active.values())

    def scan(
        self, now_s: float, utc_ns: int, names: Sequence[str], values: Sequence[float]
    ) -> list[Event]:
        """Judge all figures; an event for every alarm that came or went. names: of the tags."""
        events = []
        for k, alarm, meanings in self._rows:
            for change in alarm.scan(now_s, values[k], GOOD):
                meaning = self._remarked(alarm.tag, meanings[change.level])
                events.append(self._event(names[k], meaning, change, utc_ns))
        return events

    def _remarked(self, tag: str, meaning: Meaning) -> Meaning:
        remark = self.remarks.get(tag, "")
        return replace(meaning, text=f"{meaning.text}: {remark}") if remark else meaning

    def _event(self, tag: str, meaning: Meaning, change: AlarmChange, utc_ns: int) -> Event:
        key = tag, change.level
        if change.active:
            text = f"{tag} alarm: {meaning.text}"
            self._active[key] = LineAlarm(tag, change.level, meaning.text, meaning.action, utc_ns)
        else:
            text = f"{tag} alarm gone: {meaning.text}"
            self._active.pop(key, None)
        return Event(
            time_ns=utc_ns,
            kind=EventKind.ALARM,
            station="",
            subject=tag,
            text=text,
            data={**change.plain(), "action": meaning.action},
        )


def _meanings(name: str) -> tuple[Meaning, ...]:
    if name.startswith("SINK."):
        return _OF_SINKS.get(name.rpartition(".")[2], ())
    return _OF_HISTORY.get(name, ())
