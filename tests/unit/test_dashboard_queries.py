"""What the questions of the dashboards give, asked of rows as the layout writes them."""

import json
import math
from collections.abc import Sequence

import pytest

from controller.core.event import Event, EventKind
from controller.core.sample import Quality
from controller.history.feed import StoredEvent
from controller.history.results import StoredTag
from controller.sinks.layout import Layout
from hmi.dashboards.__main__ import FOLDER
from hmi.dashboards.queries import (
    Shown,
    any_of,
    bad_now,
    energy,
    events,
    marks,
    newest,
    power_sum,
    qualities,
    values,
)
from tests.support.flux_runner import NS, Question, Row, run
from tests.support.history import batch
from tests.support.line_protocol_reader import read_line

T0_NS = 1_767_225_600 * NS
GOOD, BAD = Quality.GOOD, Quality.BAD_SENSOR
POWERS = ("DHU.PWR.REG", "DHU.PWR.FAN", "DHU.PWR.COOL", "GREY.PWR")
Sample = tuple[str, float, float, int]  # tag, second, value, quality
VARIABLES = {
    "line": "pilot", "station": "(enclosure|line)", "dry_room_kw": "100", "lean_room_kw": "46.8",
}  # fmt: skip


def database(samples: Sequence[Sample], told: Sequence[Event] = ()) -> list[Row]:
    """Rows as a server has them, by way of the line protocol that the sink sends."""
    names = list(dict.fromkeys(name for name, *_ in samples))
    layout = Layout("pilot")
    layout.learn(
        StoredTag(
            id=k, name=name, unit="kW", station="line" if name[:4] == "LINE" else "enclosure",
            description="", kind="real", resolution=0.0, low=0.0, high=1.0, labels=(),
            max_interval_s=60.0,
        )
        for k, name in enumerate(names)
    )  # fmt: skip
    rows = [(names.index(n), v, q, T0_NS + round(s * NS)) for n, s, v, q in samples]
    lines = layout.samples(batch(rows)) if rows else []
    lines += [layout.event(StoredEvent(k, 0, event)) for k, event in enumerate(told)]
    out: list[Row] = []
    for text in lines:
        point = read_line(text)
        for field, value in point.fields:
            out.append(
                {"_measurement": point.measurement, "_field": field, "_value": value,
                 "_time": point.time_ns, **dict(point.tags)}
            )  # fmt: skip
    return out


def ask(query: str, rows: list[Row], stop_s: float = 3600.0, window_s: float = 5.0) -> list[Row]:
    question = Question(T0_NS, T0_NS + round(stop_s * NS), round(window_s * NS), VARIABLES)
    return list(run(query, rows, question).rows)


def course(rows: Sequence[Row]) -> list[tuple[float, float | None]]:
    """Second and value of a series as a chart takes them; None breaks the line."""
    return [((row["_time"] - T0_NS) / NS, row.get("_value")) for row in rows]


def zone(shown: Shown = Shown.MEAN) -> str:
    return values("enclosure", any_of(["ENC.DP.ZONE"]), shown)


def test_a_value_is_drawn_once_a_window() -> None:
    rows = database([("ENC.DP.ZONE", s, -60.0 - s, GOOD) for s in range(10)])
    assert course(ask(zone(), rows)) == [(0.0, -62.0), (5.0, -67.0)]
    assert course(ask(zone(Shown.LAST), rows)) == [(0.0, -64.0), (5.0, -69.0)]


def test_a_line_breaks_while_the_tag_was_bad_however_short() -> None:
    rows = database([
        ("ENC.DP.ZONE", 1, -60.0, GOOD),
        ("ENC.DP.ZONE", 2, -12.0, BAD),  # in the window of the good one before
        ("ENC.DP.ZONE", 20, -61.0, GOOD),
    ])  # fmt: skip
    assert course(ask(zone(), rows)) == [(0.0, -60.0), (2.0, None), (20.0, -61.0)]


def test_the_number_of_a_bad_sample_is_never_drawn() -> None:
    rows = database([("ENC.DP.ZONE", s, -12.0, BAD) for s in (0, 60, 120)])
    assert [value for _, value in course(ask(zone(), rows))] == [None] * 3


def test_a_line_goes_on_between_samples_a_minute_apart() -> None:
    rows = database([("ENC.DP.ZONE", 60 * k, -60.0, GOOD) for k in range(4)])
    assert None not in [value for _, value in course(ask(zone(), rows))]


@pytest.mark.parametrize("window_s", [1.0, 5.0, 30.0, 60.0])
def test_a_line_breaks_where_nothing_came(window_s: float) -> None:
    rows = database([("ENC.DP.ZONE", s, -60.0, GOOD) for s in (0, 60, 600, 660)])
    found = course(ask(zone(), rows, window_s=window_s))
    values_ = [value for _, value in found]
    assert values_ == [-60.0, -60.0, None, -60.0, -60.0]
    assert 60.0 < found[2][0] < 600.0


def test_a_line_is_whole_in_a_view_of_a_month() -> None:
    rows = database([("ENC.DP.ZONE", 60 * k, -60.0, GOOD) for k in range(600)])
    found = course(ask(zone(), rows, stop_s=36_000.0, window_s=3600.0))
    assert [value for _, value in found] == [-60.0] * 10


def test_series_carry_the_tag_and_nothing_else() -> None:
    rows = database([("ENC.DP.ZONE", 0, -60.0, GOOD), ("ENC.DP.SUP", 0, -70.0, GOOD)])
    query = values("enclosure", any_of(["ENC.DP.ZONE", "ENC.DP.SUP"]), Shown.MEAN)
    question = Question(T0_NS, T0_NS + NS, NS, VARIABLES)
    found = run(query, rows, question)
    assert found.group == {"_measurement", "_field", "tag"}
    assert {row["tag"] for row in found.rows} == {"ENC.DP.ZONE", "ENC.DP.SUP"}
    assert all(set(row) <= found.group | {"_time", "_value"} for row in found.rows)


def test_quality_shows_the_worst_of_a_window() -> None:
    samples = [("ENC.DP.ZONE", s, -60.0, q) for s, q in ((0, GOOD), (1, BAD), (2, GOOD), (6, GOOD))]
    query = qualities("enclosure", any_of(["ENC.DP.ZONE"]))
    assert course(ask(query, database(samples))) == [(0.0, int(BAD)), (5.0, 0)]


def test_bad_now_lists_tags_whose_newest_sample_is_bad() -> None:
    rows = database([
        ("ENC.DP.ZONE", 0, -60.0, GOOD), ("ENC.DP.ZONE", 9, -60.0, BAD),
        ("ENC.DP.SUP", 0, -60.0, BAD), ("ENC.DP.SUP", 9, -60.0, GOOD),
    ])  # fmt: skip
    found = ask(bad_now(), rows)
    assert found == [{"since": T0_NS + 9 * NS, "tag": "ENC.DP.ZONE", "quality": int(BAD)}]


def test_newest_value_of_each_sink() -> None:
    rows = database([
        ("LINE.SINK.A.LIVE", 0, 1.0, GOOD), ("LINE.SINK.A.LIVE", 9, 2.0, GOOD),
        ("LINE.SINK.B.LIVE", 3, 7.0, GOOD),
    ])  # fmt: skip
    found = ask(newest("line", r"r.tag =~ /^LINE\.SINK\..+\.LIVE$/"), rows)
    assert {row["tag"]: row["_value"] for row in found} == {
        "LINE.SINK.A.LIVE": 2.0, "LINE.SINK.B.LIVE": 7.0,
    }  # fmt: skip


def powers(second: float, total: float, frost_point: float, quality: int = GOOD) -> list[Sample]:
    """One sample of each power, a quarter of the total each, and of the frost point."""
    return [
        *((name, second, total / 4.0, GOOD) for name in POWERS[:3]),
        (POWERS[3], second, total / 4.0, quality),
        ("ENC.DP.ZONE", second, frost_point, GOOD),
    ]


def saving(samples: list[Sample]) -> list[float]:
    query = power_sum(POWERS, "saving", '1.0 - SUM / float(v: "${dry_room_kw}")')
    found = ask(query, database(samples), window_s=120.0)
    return [row["_value"] for row in found if row.get("_value") is not None]


def test_saving_is_one_less_the_ratio_of_powers() -> None:
    assert saving(powers(0, 35.0, -61.0)) == [pytest.approx(0.65)]


def test_saving_counts_only_while_the_frost_point_keeps_its_limit() -> None:
    samples = powers(0, 35.0, -61.0) + powers(200, 10.0, -55.0) + powers(400, 45.0, -60.0)
    assert saving(samples) == [pytest.approx(0.65), pytest.approx(0.55)]


def test_no_saving_is_told_while_a_power_is_bad_or_missing() -> None:
    assert saving(powers(0, 35.0, -61.0, BAD)) == []
    assert saving(powers(0, 35.0, -61.0)[1:]) == []


def test_energy_is_what_the_meter_rose_by() -> None:
    samples = [("DHU.KWH", 600.0 * k, 100.0 + 2.0 * k, GOOD) for k in range(13)]
    found = course(ask(energy(["DHU.KWH"], "1h"), database(samples), stop_s=7300.0))
    assert found == [(0.0, 10.0), (3600.0, 12.0), (7200.0, 2.0)]


def test_a_meter_that_begins_anew_adds_nothing() -> None:
    readings = [(0, 100.0), (60, 101.0), (120, 0.0), (180, 3.0)]
    samples = [("DHU.KWH", float(s), v, GOOD) for s, v in readings]
    assert course(ask(energy(["DHU.KWH"], "1h"), database(samples))) == [(0.0, 4.0)]


def told(second: int, station: str, kind: EventKind, text: str) -> Event:
    return Event(
        time_ns=T0_NS + second * NS, kind=kind, station=station, subject="x", text=text,
        data={"run": "R1"},
    )  # fmt: skip


EVENTS = (
    told(1, "enclosure", EventKind.ALARM, "too wet"),
    told(2, "coater", EventKind.ALARM, "torque"),
    told(3, "", EventKind.RUN, "begun"),
)


def test_events_are_those_of_the_chosen_stations_newest_first() -> None:
    found = ask(events('r.kind != "quality"', 10), database([], EVENTS))
    assert [(row["station"], row["text"]) for row in found] == [
        ("line", "begun"), ("enclosure", "too wet"),
    ]  # fmt: skip
    assert set(found[0]) == {"time", "station", "kind", "text"}
    assert len(ask(events('r.kind != "quality"', 1), database([], EVENTS))) == 1


def test_marks_are_annotations() -> None:
    found = ask(marks('r.kind == "alarm"'), database([], EVENTS))
    assert found == [{"time": T0_NS + NS, "tags": "enclosure", "text": "too wet"}]


def test_every_query_of_the_dashboards_runs() -> None:
    samples = [s for k in range(5) for s in powers(60.0 * k, 35.0, -61.0)]
    samples += [("LINE.HISTORY.QUEUE", 0.0, 3.0, GOOD), ("ENC.SERVICE.STATE", 0.0, 64.0, GOOD)]
    rows = database(samples, EVENTS)
    answered = 0
    for path in FOLDER.glob("*.json"):
        found = json.loads(path.read_text(encoding="utf-8"))
        texts = [t["query"] for p in found["panels"] for t in p["targets"]]
        texts += [a["target"]["query"] for a in found["annotations"]["list"]]
        for text in texts:
            for row in ask(text, rows, window_s=120.0):
                value = row.get("_value", 0.0)
                assert value is None or math.isfinite(value)
                answered += 1
    assert answered > 20
