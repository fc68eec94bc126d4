"""Enclosure energy: who takes the power, and what drying a whole room would take instead."""

from hmi.dashboards.panels import (
    GOOD,
    PLAIN,
    WARNING,
    WINDOW,
    WRONG,
    Json,
    Place,
    Query,
    annotation,
    chart,
    dashboard,
    line_choice,
    note,
    number_input,
    stat,
    station_choice,
    steps_of,
)
from hmi.dashboards.queries import Shown, any_of, energy, marks, power_sum, values

CONSUMERS = ("DHU.PWR.REG", "DHU.PWR.FAN", "DHU.PWR.COOL", "GREY.PWR")
COUNTERS = ("DHU.KWH", "GREY.KWH")
# Mean powers of the simulated dry rooms in production in steady weather (`dryline score` compares
# against the same models): a beginning, to be replaced by what the plant's own room takes.
FIXED_KW, OPTIMISED_KW = 92.7, 46.8
MEANING = """\
**Saving** = 1 − (air treatment of the enclosure + grey room around it) / dry room.

The dry room in it is **not measured**: it is a number that you enter above. The values given are
mean powers of two *simulated* dry rooms in steady weather, as it is run today and with settings
optimised for its own dew point. Weather, people and machines change them: enter what your own room
takes, over the same days.

Only time counts in which the frost point is at most −60 °C and all four powers are Good. A saving
depends on the boundary more than on control; against a lean dry room and with a generous grey room
it can be nothing. See *physics* in the documents."""


def enclosure_energy() -> Json:
    """The dashboard."""
    variables = [
        line_choice(),
        number_input(
            "dry_room_kw", "Dry room as it is, kW", FIXED_KW, "Mean power to compare with"
        ),
        number_input("lean_room_kw", "Dry room optimised, kW", OPTIMISED_KW, "The same, optimised"),
        station_choice(("enclosure", "line")),
    ]
    annotations = [
        annotation("Alarms", "red", marks('r.kind == "alarm" or r.kind == "device"')),
        annotation("Runs and recipes", "blue", marks('r.kind == "run" or r.kind == "recipe"')),
    ]
    why = "Who takes the power, and what drying a whole room would take instead."
    panels = [*_figures(0), *_power(6), *_air(22)]
    return dashboard(
        "dryline-energy", "Enclosure energy", why, panels, variables, annotations, "24h"
    )


def _saving(variable: str) -> str:
    return power_sum(CONSUMERS, "saving", f'1.0 - SUM / float(v: "${{{variable}}}")')


def _figures(y: int) -> list[Json]:
    thresholds = steps_of((None, WRONG), (0.0, WARNING), (0.2, GOOD))
    total = power_sum(CONSUMERS, "total")
    return [
        stat("Mean power, frost point in limit", Place(0, y, 4, 6), Query(total), "kwatt",
             steps_of((None, PLAIN)), "Enclosure and grey room.", average=True),
        stat("Saving, dry room as it is", Place(4, y, 4, 6), Query(_saving("dry_room_kw")),
             "percentunit", thresholds, "Mean over the time shown.", average=True),
        stat("Saving, dry room optimised", Place(8, y, 4, 6), Query(_saving("lean_room_kw")),
             "percentunit", thresholds, "Mean over the time shown.", average=True),
        note("What a saving is", Place(12, y, 12, 6), MEANING),
    ]  # fmt: skip


def _power(y: int) -> list[Json]:
    return [
        chart("Power by consumer", Place(0, y, 12, 8),
              [Query(values("enclosure", any_of(CONSUMERS), Shown.MEAN))], "kwatt",
              "Stacked: regeneration, fan, cooling, grey room.", stacked=True, interval=WINDOW),
        chart("Saving against the dry room as it is", Place(12, y, 12, 8),
              [Query(_saving("dry_room_kw"))], "percentunit",
              "Only where the frost point keeps its limit.", interval=WINDOW),
        chart("Energy by hour", Place(0, y + 8, 12, 8), [Query(energy(COUNTERS, "1h"))],
              "kwatth", "By the meters.", stacked=True, bars=True, interval=WINDOW),
        chart("Weather", Place(12, y + 8, 6, 8),
              [Query(values("enclosure", any_of(["AMB.T"]), Shown.MEAN))], "celsius",
              "Outdoor temperature.", interval=WINDOW),
        chart("Outdoor humidity", Place(18, y + 8, 6, 8),
              [Query(values("enclosure", any_of(["AMB.W"]), Shown.MEAN))], "suffix: g/kg", "",
              interval=WINDOW),
    ]  # fmt: skip


def _air(y: int) -> list[Json]:
    def measured(*tags: str) -> Query:
        return Query(values("enclosure", any_of(tags), Shown.MEAN))

    def wanted(*tags: str) -> Query:
        return Query(values("enclosure", any_of(tags), Shown.LAST), steps=True)

    return [
        chart("Frost points", Place(0, y, 12, 8),
              [measured("ENC.DP.ZONE", "ENC.DP.SUP", "ENC.DP.RET", "GREY.DP"),
               wanted("ENC.L1.WSP")], "celsius",
              "Over ice. The limit is -60 degC in the product zone."),
        chart("Regeneration", Place(12, y, 6, 8),
              [measured("DHU.TREG.PV", "DHU.TREGOUT"), wanted("DHU.TREG.SP")], "celsius"),
        chart("Supply fan", Place(18, y, 6, 8),
              [measured("DHU.FAN.PV"), wanted("DHU.FAN.SP")], "percent"),
    ]  # fmt: skip
