"""Tags: what there is, and what their values are now."""

from typing import Annotated

from fastapi import Query, Request, Response

from controller.access.demands import Act
from controller.api.declared import Routes
from controller.api.live_view import MOST_PATTERNS, MOST_WILD, tag_meta, texts, view_of
from controller.api.openapi import json_of
from controller.api.problems import Problem
from controller.api.routes.common import OfParts, answer, tagged
from controller.core.sample import FIRST_BAD, quality_text

routes = Routes("tags")
Patterns = Annotated[
    list[str],
    Query(description="names of tags, * for any part of one; several times for more"),
]
_TAG = {"n": "COAT.V.LINE.SP", "s": "coater", "tx": "line speed", "u": "m/min", "k": "real",
        "lo": 0.0, "hi": 20.0, "d": 2, "lb": ["..."]}  # fmt: skip
_LOOP = {
    "loop": "ENC.L1", "text": "dew point on fan", "pv": "ENC.DP.ZONE", "sp": "ENC.L1.SP",
    "wsp": "ENC.L1.WSP", "op": "ENC.L1.OP", "mode": "ENC.L1.MODE", "status": "ENC.L1.STATUS",
    "out": "", "read_back": "", "pv_unit": "degC", "out_unit": "%", "sp_range": [-80.0, -20.0],
    "out_range": [40.0, 100.0], "operator": None, "modes": ["MAN", "AUTO", "CAS"],
    "cascade": True, "gains_follow": "", "kc": 1.2, "ti_s": 180.0, "td_s": 0.0, "period_s": 1.0,
}  # fmt: skip
_SET_POINT = {
    "tag": "COAT.V.LINE.SP", "text": "line speed set point", "unit": "m/min",
    "range": [0.0, 20.0], "read_back": "COAT.V.LINE.SP.RB", "rate_per_s": None, "labels": ["..."],
    "setting": False, "operator": None,
}  # fmt: skip
_MEASURE = {"name": "frost_point", "text": "frost point, product zone", "unit": "degC",
            "sort": "level", "step_s": 10, "tags": ["ENC.DP.ZONE"]}  # fmt: skip
_STATIONS = {
    "line": {"name": "pilot", "title": "Pilot line"},
    "stations": [
        {"name": "enclosure", "kind": "enclosure", "prefix": "ENC", "title": "Enclosure",
         "period_s": 0.1, "protocol": "modbus", "loops": ["ENC.L1"],
         "loop_tags": {"ENC.L1": {"pv": "ENC.DP.ZONE", "out": ""}}, "outputs": ["DHU.FAN.SP"],
         "written": {"DHU.FAN.SP": "DHU.FAN.SP.RB"}, "settings": ["ENC.SET.DP"],
         "faceplates": [_LOOP], "set_points": [_SET_POINT],
         "plots": [{"name": "course", "title": "Course of the run", "panels": [["ENC.RUN.PHASE"]]}],
         "measures": [_MEASURE], "power": ["DHU.PWR.REG"], "meter": ""},
    ],
    "states": {"IDLE": {"code": 16, "packml": "IDLE", "enabled": ["START", "STOP", "ABORT"]}},
}  # fmt: skip
_VALUE = {"tag": "COAT.V.LINE.SP", "value": 5.0, "unit": "m/min", "text": "", "quality": 0,
          "quality_text": "Good", "usable": True, "time_ns": 1795317022000000000}  # fmt: skip


@routes.get("/meta/tags", Act.LOOK, answers=json_of({"tags": [_TAG]}))
async def meta_tags(request: Request, parts: OfParts) -> Response:
    """Every tag of the line that is mirrored now; with an ETag, for it seldom changes."""
    limits = {tag: of for s in parts.facts.stations.values() for tag, of in s.limits.items()}
    tags = [
        tag_meta(tag) | ({"al": limits[tag.name]} if tag.name in limits else {})
        for tag in parts.mirror.tags
    ]
    return tagged(request, {"tags": tags})


@routes.get("/meta/stations", Act.LOOK, answers=json_of(_STATIONS))
async def meta_stations(request: Request, parts: OfParts) -> Response:
    """The stations with their loops, set points, plots and measures, and the table of states; with
    an ETag, for it changes only with a restart."""
    return tagged(request, parts.meta)


@routes.get(
    "/tags", Act.LOOK, answers=json_of({"t": 1795317022515, "tags": [_VALUE], "unknown": ["..."]})
)
async def values(parts: OfParts, tag: Patterns = ["*"]) -> Response:  # noqa: B006 - read only
    """The values of tags now. A Bad value is shown, not to be used: `usable` says so."""
    patterns = texts(tag)
    if patterns is None or not patterns:
        told = f"tag: 1 to {MOST_PATTERNS} names of 1 to 200 characters, {MOST_WILD} of them with *"
        raise Problem("value", [told])
    view = view_of(parts.mirror, patterns, alarms=False)
    mirror, rows = parts.mirror, view.rows
    columns = zip(
        rows.tolist(), mirror.value[rows].tolist(), mirror.quality[rows].tolist(),
        mirror.time_ns[rows].tolist(), strict=True,
    )  # fmt: skip
    found = []
    for k, value, quality, time_ns in columns:
        meta = mirror.tags[k]
        label = meta.labels[int(value)] if 0 <= value < len(meta.labels) else ""
        found.append(
            {"tag": meta.name, "station": meta.station, "value": value, "unit": meta.unit,
             "text": label, "quality": quality, "quality_text": quality_text(quality),
             "usable": quality < FIRST_BAD, "time_ns": time_ns}
        )  # fmt: skip
    return answer({
        "t": parts.now_ns() // 1_000_000, "tags": found, "unknown": list(view.unknown),
    })  # fmt: skip
