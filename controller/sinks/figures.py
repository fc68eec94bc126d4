"""What a sink shows of itself as tags of the line."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from controller.core.tag import HistoryRule, Kind, Tag, Writer
from controller.sinks.condition import State
from controller.sinks.places import SinkConfig
from controller.sinks.status import SinkStatus

Reading = Callable[[SinkStatus], float]


def _figure(name: str, text: str, unit: str, read: Reading) -> tuple[Tag, Reading]:
    tag = Tag(
        name=name,
        station="line",
        description=text,
        writer=Writer.STATION,
        unit=unit,
        high=1e12,
        history=HistoryRule(max_interval_s=60),
    )
    return tag, read


FIGURES: tuple[tuple[Tag, Reading], ...] = (
    _figure("STATE", "what the sink does", "", lambda s: float(s.state)),
    _figure("QUEUE", "samples not sent yet", "", lambda s: s.queue),
    _figure("AGE", "age of the oldest sample not sent", "s", lambda s: s.age_s),
    _figure("LIVE", "the same, backfill left aside", "s", lambda s: s.live_s),
    _figure("EVENTS", "events not sent yet", "", lambda s: s.events_queue),
    _figure("SENT", "samples sent", "", lambda s: s.sent),
    _figure("RETRIED", "requests repeated", "", lambda s: s.retried),
    _figure("QUARANTINED", "refused lines in quarantine", "", lambda s: s.quarantined),
    _figure("DROPPED", "samples given up, with a gap event", "", lambda s: s.dropped),
)


def sink_tags(sinks: Sequence[SinkConfig]) -> list[Tag]:
    """SINK.NAME.QUEUE and so on for every sink, without the prefix of the line."""
    return [_named(tag, sink.name) for sink in sinks for tag, _ in FIGURES]


def _named(tag: Tag, sink: str) -> Tag:
    named = replace(tag, name=f"SINK.{sink.upper()}.{tag.name}")
    if tag.name != "STATE":
        return named
    labels = tuple(state.name.lower() for state in State)
    return replace(named, kind=Kind.ENUM, high=float(len(labels) - 1), labels=labels)
