"""What the line shows of itself: figures of history, disk and sinks as tags, and their alarms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from typing import Any

from controller.alarms.board import AlarmBoard, Told
from controller.alarms.catalogue import line_alarms
from controller.alarms.states import STANDING
from controller.control.station_memory import Memory
from controller.core.sample import GOOD, Quality
from controller.core.tag import HistoryRule, Tag, Writer
from controller.history.status import HistorianStatus
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
EXPIRES = _tag("SECURITY.EXPIRES", "until the first certificate in use expires", "d")


def health_tags(sinks: Sequence[SinkConfig]) -> list[Tag]:
    """The tags, without the prefix of the line."""
    return [*(tag for tag, _ in HISTORY), RECORD, REFUSED, INSECURE, EXPIRES, *sink_tags(sinks)]


def figures(
    status: HistorianStatus, record_failure: str, *, refused: int = 0, insecure: int = 0,
    expires_d: float = nan,
) -> list[float]:  # fmt: skip
    """Values of the tags of history, record and security, in their order; sinks follow.

    expires_d: days; nan where no certificate is in use.
    """
    history = (float(read(status)) for _, read in HISTORY)
    return [*history, float(bool(record_failure)), float(refused), float(insecure), expires_d]


@dataclass(frozen=True, slots=True)
class LineAlarm:
    """An alarm of the line that stands. name: level or condition, as in its id."""

    tag: str
    name: str
    text: str
    action: str
    since_ns: int


class LineAlarms:
    """The alarms of the line's own figures. prefix: LINE, or LINE.COAT.CAL of a part.

    `scan` is told the time and every figure once a second. changed: something in `memory` did.
    """

    def __init__(self, prefix: str, sinks: Sequence[SinkConfig]) -> None:
        self.prefix = prefix
        tags = [replace(tag, name=f"{prefix}.{tag.name}") for tag in health_tags(sinks)]
        self.board = AlarmBoard(line_alarms(prefix, [s.name for s in sinks]), tags)
        self.changed = False

    @property
    def active(self) -> list[LineAlarm]:
        """The alarms that stand, in the order they came."""
        standing = [a for a in self.board.alarms.values() if a.state in STANDING]
        return [
            LineAlarm(a.definition.tag, a.definition.name, a.text, a.definition.action, a.raised_ns)
            for a in sorted(standing, key=lambda a: a.raised_ns)
        ]

    def scan(self, now_s: float, utc_ns: int, values: Sequence[float]) -> Told:
        """Judge all figures; what came and went. A figure that nobody knows is Bad."""
        qualities = [int(Quality.BAD_NO_DATA) if isnan(value) else GOOD for value in values]
        return self.board.scan(now_s, utc_ns, values, qualities)

    def remark(self, figure: str, text: str) -> None:
        """Say behind the text of the alarms of a figure what is meant. figure: without prefix."""
        for alarm in self.board.alarms.values():
            if alarm.definition.tag == f"{self.prefix}.{figure}":
                alarm.remark = text

    def memory(self) -> Memory:
        """What must survive a restart."""
        return Memory(alarms=self.board.state())

    def recall(self, alarms: Mapping[str, Any], utc_ns: int) -> tuple[str, ...]:
        """Come back after a restart; what could not be read, in sentences."""
        return self.board.restore(alarms, utc_ns)
