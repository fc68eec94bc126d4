"""Panels and dashboards as Grafana reads them. Colours are those of the theme, dark or light."""

from collections.abc import Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]
SOURCE: Json = {"type": "influxdb", "uid": "dryline-influx"}
SCHEMA = 39
WINDOW = "2m"  # every Good tag has a sample in it
COLUMNS = 24

GOOD, WARNING, WRONG, PLAIN = "green", "yellow", "red", "text"
STATES: tuple[tuple[int, str, str], ...] = (
    (4, "STOPPED", "text"), (8, "STARTING", "super-light-blue"), (16, "IDLE", "semi-dark-blue"),
    (32, "PAUSED", "yellow"), (64, "EXECUTE", "green"), (128, "STOPPING", "super-light-orange"),
    (256, "ABORTING", "dark-red"), (512, "ABORTED", "red"),
    (1024, "HOLDING", "super-light-yellow"), (2048, "HELD", "orange"),
    (4096, "UNHOLDING", "super-light-green"), (8192, "PAUSING", "super-light-yellow"),
    (16384, "RESUMING", "super-light-green"), (32768, "RESETTING", "super-light-blue"),
    (65536, "COMPLETING", "super-light-purple"), (131072, "COMPLETED", "purple"),
)  # fmt: skip
SINK_STATES: tuple[tuple[int, str, str], ...] = (
    (0, "off", WRONG), (1, "sending", GOOD), (2, "backfill", "blue"), (3, "waiting", WARNING),
    (4, "disk", WRONG), (5, "stopped", WRONG),
)  # fmt: skip
QUALITIES: tuple[tuple[int, int, str, str], ...] = (
    (0, 63, "Good", GOOD), (64, 127, "Uncertain", WARNING), (128, 255, "Bad", WRONG),
)  # fmt: skip


class Place(NamedTuple):
    """Where a panel lies, in the 24 columns of a dashboard."""

    x: int
    y: int
    w: int
    h: int


class Query(NamedTuple):
    """One question of a panel. steps: the value holds until the next one, drawn dashed."""

    text: str
    steps: bool = False


def names_of(rows: Sequence[tuple[int, str, str]]) -> list[Json]:
    """Value mappings of a state."""
    options = {
        str(code): {"text": text, "color": color, "index": k}
        for k, (code, text, color) in enumerate(rows)
    }
    return [{"type": "value", "options": options}]


def ranges_of(rows: Sequence[tuple[int, int, str, str]]) -> list[Json]:
    """Value mappings of a quality."""
    return [
        {"type": "range", "options": {
            "from": low, "to": high, "result": {"text": text, "color": color, "index": k}}}
        for k, (low, high, text, color) in enumerate(rows)
    ]  # fmt: skip


def steps_of(*steps: tuple[float | None, str]) -> Json:
    """Thresholds: colour from a value on, the first from nothing on."""
    rows = [{"value": value, "color": color} for value, color in steps]
    return {"mode": "absolute", "steps": rows}


def _panel(
    kind: str, title: str, place: Place, queries: Sequence[Query], unit: str, why: str
) -> Json:
    return {
        "type": kind,
        "title": title,
        "description": why,
        "gridPos": place._asdict(),
        "datasource": SOURCE,
        "targets": [
            {"refId": chr(ord("A") + k), "datasource": SOURCE, "query": query.text}
            for k, query in enumerate(queries)
        ],
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "displayName": "${__field.labels.tag}",
                "mappings": [],
                "thresholds": steps_of((None, PLAIN)),
            },
            "overrides": [],
        },
        "options": {},
    }


def chart(
    title: str,
    place: Place,
    queries: Sequence[Query],
    unit: str,
    why: str = "",
    *,
    stacked: bool = False,
    bars: bool = False,
    interval: str = "1s",
) -> Json:
    """Values over time; a row without a value breaks the line."""  # fmt: skip
    panel = _panel("timeseries", title, place, queries, unit, why)
    panel["interval"] = interval
    panel["fieldConfig"]["defaults"] |= {
        "color": {"mode": "palette-classic"},
        "custom": {
            "drawStyle": "bars" if bars else "line",
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "fillOpacity": 30 if stacked or bars else 0,
            "showPoints": "auto",
            "spanNulls": False,
            "insertNulls": False,
            "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        },
    }
    panel["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byFrameRefID", "options": target["refId"]}, "properties": [
            {"id": "custom.lineInterpolation", "value": "stepAfter"},
            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
        ]}
        for target, query in zip(panel["targets"], queries, strict=True) if query.steps
    ]  # fmt: skip
    panel["options"] = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    return panel


def timeline(title: str, place: Place, query: Query, mappings: list[Json], why: str = "") -> Json:
    """States over time."""
    panel = _panel("state-timeline", title, place, [query], "none", why)
    panel["interval"] = "1s"
    panel["fieldConfig"]["defaults"] |= {
        "mappings": mappings,
        "custom": {
            "fillOpacity": 80, "lineWidth": 0, "spanNulls": False, "insertNulls": False,
        },
    }  # fmt: skip
    panel["options"] = {
        "mergeValues": True, "showValue": "auto", "rowHeight": 0.8, "alignValue": "left",
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "single", "sort": "none"},
    }  # fmt: skip
    return panel


def stat(
    title: str,
    place: Place,
    query: Query,
    unit: str,
    thresholds: Json,
    why: str = "",
    *,
    mappings: list[Json] | None = None,
    average: bool = False,
) -> Json:
    """One number a series: the newest, or the average over the time shown."""  # fmt: skip
    panel = _panel("stat", title, place, [query], unit, why)
    panel["interval"] = WINDOW if average else "1s"
    panel["fieldConfig"]["defaults"] |= {"thresholds": thresholds, "mappings": mappings or []}
    panel["options"] = {
        "colorMode": "value", "graphMode": "none", "textMode": "value", "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {
            "calcs": ["mean" if average else "lastNotNull"], "fields": "", "values": False,
        },
    }  # fmt: skip
    return panel


def table(title: str, place: Place, query: Query, why: str = "") -> Json:
    """Rows of text."""
    panel = _panel("table", title, place, [query], "none", why)
    del panel["fieldConfig"]["defaults"]["displayName"]
    panel["options"] = {"showHeader": True, "cellHeight": "sm"}
    return panel


def note(title: str, place: Place, text: str) -> Json:
    """A few sentences."""
    panel = _panel("text", title, place, [], "none", "")
    panel["options"] = {"mode": "markdown", "content": text}
    return panel


def number_input(name: str, label: str, value: float, why: str) -> Json:
    """A number that a person may change."""
    text = f"{value:g}"
    option = {"text": text, "value": text, "selected": True}
    return {
        "type": "textbox", "name": name, "label": label, "description": why, "query": text,
        "current": option, "options": [option], "hide": 0, "skipUrlSync": False,
    }  # fmt: skip


def line_choice() -> Json:
    """Which line, of those that are in the database."""
    return {
        "type": "query", "name": "line", "label": "Line", "datasource": SOURCE,
        "query": (
            'import "influxdata/influxdb/schema"\n'
            'schema.tagValues(bucket: v.defaultBucket, tag: "line")\n'
        ),
        "current": {"text": "pilot", "value": "pilot", "selected": True},
        "options": [], "refresh": 1, "sort": 1, "includeAll": False, "multi": False, "hide": 0,
        "skipUrlSync": False, "description": "",
    }  # fmt: skip


def station_choice(stations: Sequence[str]) -> Json:
    """Whose events are shown."""
    return {
        "type": "custom", "name": "station", "label": "Events of", "query": ",".join(stations),
        "current": {"text": ["All"], "value": ["$__all"], "selected": True},
        "options": [{"text": s, "value": s, "selected": False} for s in stations],
        "includeAll": True, "multi": True, "hide": 0, "skipUrlSync": False, "description": "",
    }  # fmt: skip


def annotation(name: str, color: str, query: str) -> Json:
    """Marks on every chart of a dashboard."""
    return {
        "name": name, "enable": True, "hide": False, "iconColor": color, "datasource": SOURCE,
        "target": {"refId": "Anno", "query": query},
    }  # fmt: skip


def dashboard(
    uid: str,
    title: str,
    why: str,
    panels: Sequence[Json],
    variables: Sequence[Json],
    annotations: Sequence[Json],
    span: str,
) -> Json:
    """A whole dashboard; panels get their numbers here."""  # fmt: skip
    return {
        "uid": uid,
        "title": title,
        "description": why,
        "tags": ["dryline"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": f"now-{span}", "to": "now"},
        "timezone": "browser",
        "templating": {"list": list(variables)},
        "annotations": {"list": list(annotations)},
        "links": [
            {"type": "dashboards", "title": "Dryline", "tags": ["dryline"], "asDropdown": False,
             "includeVars": True, "keepTime": True, "targetBlank": False, "icon": "dashboard"}
        ],
        "panels": [{"id": k + 1, **panel} for k, panel in enumerate(panels)],
    }  # fmt: skip
