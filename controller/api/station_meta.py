"""What screens must know of stations before they show anything: loops, set points, plots, words.

It follows from the configuration alone, so it is made once and changes with a restart.
"""

from collections.abc import Mapping
from typing import Any

from controller.api.line_facts import LineFacts
from controller.config import LineConfig, StationConfig
from controller.control.loop import Loop
from controller.control.pid_config import LoopMode
from controller.control.states import TABLE
from controller.control.station import Station
from controller.core.errors import Refused
from controller.core.point import READ_BACK, Access
from controller.line import station_kind
from controller.operator_limits import OperatorLimits
from controller.runs.key_plots import key_plots
from controller.runs.measure import Measure, full_name, measures_of

Plain = dict[str, Any]


def stations_meta(config: LineConfig, facts: LineFacts) -> Plain:
    """The line, its stations, and the table of states that all of them follow."""
    return {
        "line": {"name": facts.name, "title": facts.title},
        "stations": [_station(s, facts) for s in config.stations],
        "states": {
            state.name: {
                "code": int(state), "packml": row.packml.name,
                "enabled": [verb.value for verb in row.enabled],
            }
            for state, row in TABLE.items()
        },
    }  # fmt: skip


def _station(station: StationConfig, facts: LineFacts) -> Plain:
    own, program = facts.stations[station.name], station_kind(station.kind)
    loops = program.loops_of(station.prefix)
    return {
        "name": own.name, "kind": own.kind, "prefix": own.prefix, "title": own.title,
        "period_s": own.period_s, "protocol": station.protocol,
        "loops": list(own.loops), "loop_tags": dict(own.loop_tags),
        "outputs": sorted(own.outputs), "written": dict(own.written),
        "settings": sorted(own.settings),
        "faceplates": [_loop(loop, station.name, facts) for loop in loops.values()],
        "set_points": _set_points(station, program, facts.limits),
        "plots": [
            {"name": p.name, "title": p.title, "panels": [list(panel) for panel in p.panels]}
            for p in key_plots(program, station.kind, station.prefix)
        ],
        **_measures(station),
    }  # fmt: skip


def _loop(loop: Loop, station: str, facts: LineFacts) -> Plain:
    config, own = loop.pid.config, facts.stations[station]
    return {
        "loop": loop.name, "text": config.name, "pv": loop.pv, "sp": f"{loop.name}.SP",
        "wsp": f"{loop.name}.WSP", "op": f"{loop.name}.OP", "mode": f"{loop.name}.MODE",
        "status": f"{loop.name}.STATUS", "out": loop.out,
        "read_back": own.written.get(loop.out, ""), "pv_unit": config.pv_unit,
        "out_unit": config.out_unit, "sp_range": [config.sp_low, config.sp_high],
        "out_range": [config.out_low, config.out_high],
        "operator": facts.limits.of(station, f"{loop.name}.SP"),
        "modes": [mode.name for mode in config.modes],
        "cascade": LoopMode.CAS in config.modes, "gains_follow": loop.gains_follow,
        "kc": config.kc, "ti_s": config.ti_s, "td_s": config.td_s, "period_s": config.period_s,
    }  # fmt: skip


def _set_points(
    station: StationConfig, program: type[Station], limits: OperatorLimits
) -> list[Plain]:
    """Everything a SET may name, but for the set points of loops."""
    found = [
        {
            "tag": point.tag, "text": point.description, "unit": point.unit,
            "range": [point.low, point.high], "read_back": point.tag + READ_BACK,
            "rate_per_s": point.rate_per_s if point.rate_per_s < float("inf") else None,
            "labels": list(point.labels), "setting": False,
        }
        for point in station.points
        if point.access is Access.WRITE
    ]  # fmt: skip
    for key, (_, low, high, unit, text) in program.SETTINGS.items():
        found.append({
            "tag": f"{station.prefix}.SET.{key}", "text": text, "unit": unit,
            "range": [low, high], "read_back": "", "rate_per_s": None, "labels": [],
            "setting": True,
        })  # fmt: skip
    return [{**row, "operator": limits.of(station.name, str(row["tag"]))} for row in found]


def _measures(station: StationConfig) -> Mapping[str, Any]:
    """By which figures runs of this kind are judged; none for a kind that has none."""
    try:
        kind = measures_of(station.kind)
    except Refused:
        return {"measures": [], "power": [], "meter": ""}

    def plain(measure: Measure) -> Plain:
        return {
            "name": measure.name, "text": measure.text, "unit": measure.unit,
            "sort": measure.sort.value, "step_s": measure.step_s,
            "tags": [full_name(tag, station.prefix) for tag in measure.plus],
        }  # fmt: skip

    return {
        "measures": [plain(m) for m in kind.measures],
        "power": [full_name(tag, station.prefix) for tag in kind.power.plus],
        "meter": full_name(kind.meter, station.prefix) if kind.meter else "",
    }
