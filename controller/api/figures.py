"""Figures of the API itself, as families like those of the controllers (`controller.metrics`)."""

from collections.abc import Iterable, Iterator

from controller.api.parts import Parts
from controller.metrics.figures import Family, Kind, Metric, Row
from controller.metrics.prometheus import page, registry_for

_INFO = Metric("api_info", "always 1; labels say which API this is", labels=("version", "line"))
_REQUESTS = Metric(
    "api_requests", "answers, by class of their status", Kind.COUNTER, ("method", "status")
)
_CLIENTS = Metric("api_live_clients", "windows at the live socket")
_FRAMES = Metric("api_live_messages", "messages to windows", Kind.COUNTER)
_BYTES = Metric("api_live_sent_bytes", "bytes of them", Kind.COUNTER)
_ENCODED = Metric("api_live_encoded_frames", "frames that were made, each for all", Kind.COUNTER)
_REFUSED = Metric("api_live_refused", "windows for which there was no place", Kind.COUNTER)
_CLOSED = Metric("api_live_closed", "windows that went, by close code", Kind.COUNTER, ("code",))
_CONFLATED = Metric(
    "api_live_conflated_frames", "frames left out for windows that were slow", Kind.COUNTER
)
_STALLS = Metric("api_live_stalls", "times a window fell behind and got none", Kind.COUNTER)
_AGE = Metric("api_station_age_seconds", "since the controller was heard", labels=("station",))
_HEARD = Metric("api_station_heard", "1: its controller is heard", labels=("station",))
_WAITING = Metric("api_work_waiting", "work that blocks, under way or waiting", labels=("pool",))
_AWAY = Metric("api_work_refused", "work turned away", Kind.COUNTER, ("pool",))
_HELD = Metric("api_logins_held_back", "tries to log in that were not looked at", Kind.COUNTER)
_TRAIL = Metric("api_audit_failing", "1: the audit trail cannot be written, or was broken")
_RECORDS = Metric("api_audit_records", "newest record of the audit trail")


def page_of(parts: Parts, accept: str) -> tuple[str, bytes]:
    """Content type and body."""
    return page(registry_for(lambda: families(parts)), accept)


def families(parts: Parts) -> Iterable[Family]:
    """Every family with its numbers now."""
    counts, hub, trail = parts.counts, parts.hub, parts.given.trail
    yield _INFO, [Row((hub.app, parts.facts.name), 1.0)]
    yield _REQUESTS, [Row(labels, n) for labels, n in sorted(counts.requests.items())]
    yield _CLIENTS, [Row((), len(hub.connections))]
    yield _FRAMES, [Row((), counts.frames)]
    yield _BYTES, [Row((), counts.frame_bytes)]
    yield _ENCODED, [Row((), counts.encoded)]
    yield _REFUSED, [Row((), counts.sockets_refused)]
    yield _CLOSED, [Row((str(code),), n) for code, n in sorted(counts.closed.items())]
    yield _CONFLATED, [Row((), hub.conflated)]
    yield _STALLS, [Row((), hub.stalls)]
    yield from _stations(parts)
    pools = [(pool.name, pool) for pool in parts.pools.all()]
    yield _WAITING, [Row((name,), pool.inside) for name, pool in pools]
    yield _AWAY, [Row((name,), pool.turned_away) for name, pool in pools]
    yield _HELD, [Row((), parts.door.throttle.held_back)]
    yield _TRAIL, [Row((), float(bool(trail.failing or trail.broken)))]
    yield _RECORDS, [Row((), trail.head.number)]


def _stations(parts: Parts) -> Iterator[Family]:
    link_s = parts.given.clock.link_s()
    sources = parts.mirror.controllers()
    known = [(name, sources[name]) for name in parts.facts.stations if name in sources]
    yield _AGE, [Row((name,), max(0.0, link_s - source.seen_s)) for name, source in known]
    heard = {name: not source.silent for name, source in known}
    yield _HEARD, [Row((name,), float(heard.get(name, False))) for name in parts.facts.stations]
