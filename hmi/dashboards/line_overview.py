"""Line overview: what runs, what is wrong, the values that decide, and how history is doing."""

from hmi.dashboards.panels import (
    GOOD,
    PLAIN,
    QUALITIES,
    SINK_STATES,
    STATES,
    WARNING,
    WRONG,
    Json,
    Place,
    Query,
    annotation,
    chart,
    dashboard,
    line_choice,
    names_of,
    ranges_of,
    stat,
    station_choice,
    steps_of,
    table,
    timeline,
)
from hmi.dashboards.queries import (
    Shown,
    any_of,
    bad_now,
    events,
    marks,
    newest,
    qualities,
    values,
)

STATIONS = ("enclosure", "coater", "calender", "line")
KEY_TAGS = (
    "ENC.DP.ZONE", "ENC.PRESS.PV", "COAT.LOAD.C", "COAT.FEED.PV", "COAT.FIBIDX", "CAL.THK.C",
    "CAL.LOAD.PV", "CAL.TROLL.U", "BUF.POS",
)  # fmt: skip


def measured(station: str, *tags: str) -> Query:
    """Lines of measured values."""
    return Query(values(station, any_of(tags), Shown.MEAN))


def wanted(station: str, *tags: str) -> Query:
    """Dashed steps of set points."""
    return Query(values(station, any_of(tags), Shown.LAST), steps=True)


def line_overview() -> Json:
    """The dashboard."""
    panels = [
        *_states(0),
        *_health(8),
        *_enclosure(12),
        *_coater(20),
        *_calender(36),
        *_quality(52),
    ]
    variables = [line_choice(), station_choice(STATIONS)]
    annotations = [
        annotation("Alarms", "red", marks('r.kind == "alarm" or r.kind == "interlock"')),
        annotation("Runs and recipes", "blue", marks('r.kind == "run" or r.kind == "recipe"')),
        annotation("Quality and links", "orange", marks('r.kind == "quality" or r.kind == "link"')),
    ]
    why = "What runs, what is wrong, the values that decide."
    return dashboard("dryline-line", "Line overview", why, panels, variables, annotations, "1h")


def _states(y: int) -> list[Json]:
    of_stations = r"r.tag =~ /^(ENC|COAT|CAL)\.SERVICE\.STATE$/"
    return [
        timeline("Stations", Place(0, y, 16, 8), Query(values("", of_stations, Shown.LAST)),
                 names_of(STATES),
                 "State of the procedure of every station."),
        table("Bad now", Place(16, y, 8, 8), Query(bad_now()),
              "Tags whose newest sample is Bad; codes: docs/explanation/quality.md."),
    ]  # fmt: skip


def _health(y: int) -> list[Json]:
    none = steps_of((None, GOOD), (1, WRONG))
    return [
        stat("Samples waiting for the disk", Place(0, y, 4, 4),
             Query(newest("line", any_of(["LINE.HISTORY.QUEUE"]))), "short",
             steps_of((None, PLAIN), (100_000, WARNING), (1_000_000, WRONG))),
        stat("Samples lost by history", Place(4, y, 4, 4),
             Query(newest("line", any_of(["LINE.HISTORY.DROPPED"]))), "short", none),
        stat("Last commit", Place(8, y, 4, 4),
             Query(newest("line", any_of(["LINE.HISTORY.COMMIT"]))), "ms",
             steps_of((None, PLAIN), (200, WARNING), (1000, WRONG))),
        stat("Outbox in use", Place(12, y, 4, 4),
             Query(newest("line", any_of(["LINE.HISTORY.OUTBOX"]))), "percent",
             steps_of((None, GOOD), (50, WARNING), (80, WRONG)),
             "Of the disk limit for what waits for sinks."),
        stat("Sinks", Place(16, y, 4, 4),
             Query(newest("line", r"r.tag =~ /^LINE\.SINK\..+\.STATE$/")), "none",
             steps_of((None, PLAIN)), mappings=names_of(SINK_STATES)),
        stat("Oldest live sample not sent", Place(20, y, 4, 4),
             Query(newest("line", r"r.tag =~ /^LINE\.SINK\..+\.LIVE$/")), "s",
             steps_of((None, GOOD), (10, WARNING), (60, WRONG)),
             "A sink that is gone cannot tell so here: see the alarms, and Prometheus."),
    ]  # fmt: skip


def _enclosure(y: int) -> list[Json]:
    return [
        chart("Frost point in the enclosure", Place(0, y, 12, 8),
              [measured("enclosure", "ENC.DP.ZONE", "ENC.DP.SUP"),
               wanted("enclosure", "ENC.L1.WSP")], "celsius",
              "Over ice. Dashed: working set point of the loop."),
        chart("Enclosure pressure", Place(12, y, 6, 8),
              [measured("enclosure", "ENC.PRESS.PV"), wanted("enclosure", "ENC.PRESS.SP")],
              "pressurepa"),
        chart("Gases", Place(18, y, 6, 8),
              [measured("enclosure", "ENC.H2S")], "ppm", "Hydrogen sulfide."),
    ]  # fmt: skip


def _coater(y: int) -> list[Json]:
    return [
        chart("Areal loading", Place(0, y, 12, 8),
              [measured("coater", "COAT.LOAD.C", "COAT.LOAD.E"),
               wanted("coater", "COAT.SET.LOADING")], "suffix: mg/cm2"),
        chart("Powder feed", Place(12, y, 6, 8),
              [measured("coater", "COAT.FEED.PV"), wanted("coater", "COAT.FEED.SP")],
              "suffix: kg/h"),
        chart("Fibrillation index", Place(18, y, 6, 8),
              [measured("coater", "COAT.FIBIDX"), wanted("coater", "COAT.SET.FIB")], "none",
              "Inferred, not measured."),
        chart("Mixing and shear energy", Place(0, y + 8, 12, 8),
              [measured("coater", "COAT.SME", "COAT.ENIP"),
               wanted("coater", "COAT.L8.WSP", "COAT.L10.WSP")], "suffix: kJ/kg"),
        chart("Forming rolls", Place(12, y + 8, 6, 8),
              [measured("coater", "COAT.TROLL1.PV", "COAT.TROLL2.PV", "COAT.TROLL3.PV"),
               wanted("coater", "COAT.TROLL1.SP")], "celsius"),
        chart("Film gap", Place(18, y + 8, 6, 8),
              [measured("coater", "COAT.GAP1.PV"), wanted("coater", "COAT.GAP1.SP")],
              "suffix: um"),
    ]  # fmt: skip


def _calender(y: int) -> list[Json]:
    return [
        chart("Thickness", Place(0, y, 12, 8),
              [measured("calender", "CAL.THK.C", "CAL.THK.DS", "CAL.THK.OS"),
               wanted("calender", "CAL.L16.WSP")], "suffix: um",
              "Dashed: working set point of the loop."),
        chart("Line load", Place(12, y, 6, 8),
              [measured("calender", "CAL.LOAD.PV"), wanted("calender", "CAL.LOAD.SP")],
              "suffix: N/mm"),
        chart("Coating density", Place(18, y, 6, 8),
              [measured("calender", "CAL.DENS")], "suffix: g/cm3"),
        chart("Speeds", Place(0, y + 8, 12, 8),
              [measured("coater", "COAT.V.LINE"), measured("calender", "CAL.V.PV"),
               wanted("coater", "COAT.V.LINE.SP"), wanted("calender", "CAL.V.SP")],
              "suffix: m/min"),
        chart("Buffer between coater and calender", Place(12, y + 8, 6, 8),
              [measured("calender", "BUF.POS")], "percent"),
        chart("Calender rolls", Place(18, y + 8, 6, 8),
              [measured("calender", "CAL.TROLL.U", "CAL.TROLL.L"),
               wanted("calender", "CAL.TROLL.SP")], "celsius"),
    ]  # fmt: skip


def _quality(y: int) -> list[Json]:
    return [
        timeline("Quality of the values that decide", Place(0, y, 12, 9),
                 Query(qualities("", any_of(KEY_TAGS))), ranges_of(QUALITIES),
                 "The worst of each moment. Bad values are not drawn above."),
        table("Events", Place(12, y, 12, 9), Query(events('r.kind != "quality"', 200)),
              "Newest first, of the stations chosen above."),
    ]  # fmt: skip
