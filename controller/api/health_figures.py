"""Figures for the person who asks whether everything is well: links, scans, history, sinks, API.

Nothing secret is among them: no addresses of PLCs, no paths, no names of sessions. Addresses of
windows are told to whom they belong, and to who administers users.
"""

from collections import Counter
from datetime import datetime
from typing import Any

from controller.access.identity import Identity
from controller.api.live_windows import windows_of
from controller.api.parts import Parts
from controller.clock import NS
from controller.core.sample import FIRST_BAD, quality_text
from controller.line import SOFTWARE
from controller.line_health import OWN

Plain = dict[str, Any]
LINK = ("LINK.UP", "LINK.AGE", "LINK.LOSSES", "LINK.REFUSED", "LINK.RTT", "LINK.RTTMAX")
SCAN = ("SCAN.COUNT", "SCAN.LATE", "SCAN.TOOK", "SCAN.OVERRUNS")
PLC = ("HEART", "BOOT", "MAP", "SEQ", "REJECTS")
SINK = "SINK"


def figures(parts: Parts, by: Identity) -> Plain:
    """Everything, by subject. by: who asks; of the windows of others only who administers users is
    told one by one."""
    said = parts.stations.line or {}
    line = _line(parts)
    return {
        "t": parts.now_ns() // 1_000_000,
        "stations": {name: _station(parts, name) for name in parts.facts.stations},
        "controllers": [_controller(one) for one in said.get("controllers", ())],
        "history": said.get("history"),
        "line": {tag: row for tag, row in line.items() if SINK not in tag.split(".")},
        "sinks": _sinks(parts, line),
        "api": _api(parts),
        "windows": windows_of(parts.hub, by, parts.given.clock.link_s()),
        "audit": _audit(parts),
        "certificate": _certificate(parts),
        "software": SOFTWARE,
        "recipes": _recipes(parts),
    }


def _value(parts: Parts, tag: str) -> Plain | None:
    """A tag as a figure; None where the line has no such tag."""
    mirror = parts.mirror
    if tag not in mirror:
        return None
    k = mirror.index(tag)
    meta, value, quality = mirror.tags[k], float(mirror.value[k]), int(mirror.quality[k])
    usable = quality < FIRST_BAD
    return {
        "value": value if usable else None, "unit": meta.unit, "text": meta.description,
        "quality_text": quality_text(quality),
        "label": meta.labels[int(value)] if usable and 0 <= value < len(meta.labels) else "",
    }  # fmt: skip


def _station(parts: Parts, name: str) -> Plain:
    facts, said = parts.facts.stations[name], parts.stations.find(name)
    source = parts.mirror.controllers().get(name)
    config = parts.given.config.station(name)

    def group(names: tuple[str, ...]) -> Plain:
        found = {one: _value(parts, f"{facts.prefix}.{one}") for one in names}
        return {one.rpartition(".")[2].lower(): row for one, row in found.items() if row}

    return {
        "title": facts.title, "protocol": config.protocol, "period_s": facts.period_s,
        "heard": source is not None and not source.silent,
        "heard_age_s": _age_s(parts, source.seen_s) if source is not None else None,
        "controller": source.hello.part if source is not None else None,
        "link_up": said["link_up"] if said else None,
        "faulted": said["faulted"] if said else None,
        "link": group(LINK), "scan": group(SCAN), "plc": group(PLC),
    }  # fmt: skip


def _age_s(parts: Parts, seen_s: float) -> float:
    return round(max(0.0, parts.given.clock.link_s() - seen_s), 2)


def _controller(said: Plain) -> Plain:
    return {
        key: said.get(key)
        for key in ("part", "stations", "pid", "since_ns", "software", "history", "record",
                    "insecure", "real_time")
    }  # fmt: skip


def _line(parts: Parts) -> dict[str, Plain]:
    """Every tag of the line's own."""
    names = [tag.name for tag in parts.mirror.tags if tag.station == OWN]
    return {name: row for name in names if (row := _value(parts, name)) is not None}


def _sinks(parts: Parts, line: dict[str, Plain]) -> list[Plain]:
    """Each sink with its figures; of a line whose stations are controlled apart, of each part."""
    found = []
    for sink in parts.given.config.sinks:
        own = f"{SINK}.{sink.name.upper()}."
        figures = {tag.replace(own, ""): row for tag, row in line.items() if own in tag}
        found.append({"name": sink.name, "kind": sink.kind, "figures": figures})
    return found


def _api(parts: Parts) -> Plain:
    counts, hub = parts.counts, parts.hub
    windows = Counter(c.client.identity.actor.name for c in hub.connections)
    statuses: Counter[str] = Counter()
    for (_, status), number in counts.requests.items():
        statuses[status] += number
    return {
        "app": hub.app, "boot": hub.boot, "ready": parts.ready, "windows": dict(windows),
        "requests": dict(statuses), "frames": counts.frames, "frame_bytes": counts.frame_bytes,
        "encoded": counts.encoded, "refused": counts.sockets_refused,
        "conflated": hub.conflated, "stalls": hub.stalls,
        "closed": {str(code): number for code, number in sorted(counts.closed.items())},
        "pools": [
            {"name": pool.name, "inside": pool.inside, "turned_away": pool.turned_away}
            for pool in parts.pools.all()
        ],
        "clock_ahead_s": round((parts.now_ns() - parts.given.clock.utc_ns()) / NS, 3),
    }  # fmt: skip


def _audit(parts: Parts) -> Plain:
    trail = parts.given.trail
    return {
        "records": trail.head.number, "bytes": trail.size_bytes, "failing": trail.failing,
        "broken": trail.broken, "anchor_failing": trail.anchor_failing, "dropped": trail.dropped,
    }  # fmt: skip


def _certificate(parts: Parts) -> Plain | None:
    """Of the API; None without TLS."""
    found = parts.given.certificate
    if found is None:
        return None
    return {
        "fingerprint": found.fingerprint, "generated": found.generated,
        "names": list(found.names), "not_after": _iso(found.not_after),
        "days_left": round(found.days_left(parts.given.now().utc_ns / NS), 1),
    }  # fmt: skip


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _recipes(parts: Parts) -> Plain:
    """What each station is to follow, with the hash of its content."""
    stations = (parts.stations.line or {}).get("stations", {})
    return {
        name: {
            "recipe": deployed["recipe"], "number": deployed["number"],
            "content_hash": deployed["content_hash"],
        }
        for name, said in stations.items()
        if (deployed := (said.get("recipe") or {}).get("requested"))
    }  # fmt: skip
