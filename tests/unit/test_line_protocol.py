"""Lines as servers want them, and what samples and events look like in the database."""

import json

import numpy as np
import pytest

from controller.core.event import Event, EventKind
from controller.core.sample import Quality, Samples
from controller.history.feed import StoredEvent
from controller.history.results import StoredTag
from controller.sinks import line_protocol
from controller.sinks.latest import latest_only
from controller.sinks.layout import Layout
from tests.support.history import T0_NS, Row, batch, rows_of
from tests.support.line_protocol_reader import NotLineProtocol, Point, read_line


def stored_tag(number: int, name: str, unit: str = "degC", station: str = "coater") -> StoredTag:
    return StoredTag(number, name, unit, station, "", "real", 0.01, 0.0, 1.0, (), 60.0)


def layout(part: str = "") -> Layout:
    made = Layout("pilot", part)
    made.learn(
        [stored_tag(1, "COAT.T"), stored_tag(2, "COAT.N", ""), stored_tag(3, "ENC.DP", "°C frost")]
    )
    return made


def points(*rows: Row) -> list[Point]:
    return [read_line(line) for line in layout().samples(batch(rows))]


def event_point(event: Event, twin: int = 0, part: str = "") -> Point:
    return read_line(layout(part).event(StoredEvent(7, twin, event)))


def an_event(**changes: object) -> Event:
    plain: dict[str, object] = {
        "time_ns": T0_NS,
        "kind": EventKind.STATE,
        "station": "coater",
        "subject": "coater",
        "text": 'EXECUTE -> HELD: "film torn", 5 m',
    }
    return Event(**plain | changes)  # type: ignore[arg-type]


def test_a_line_is_written_as_the_specification_shows_it() -> None:
    series = line_protocol.series("my rolls, left", {"unit": "m/min", "tag": "A=B C", "none": ""})
    fields = {"value": 1.5, "on": True, "count": 3, "text": 'say "a\\b"'}
    assert line_protocol.line(series, fields, 12) == (
        "my\\ rolls\\,\\ left,tag=A\\=B\\ C,unit=m/min"
        ' value=1.5,on=true,count=3i,text="say \\"a\\\\b\\"" 12'
    )


def test_what_line_protocol_cannot_say_is_left_out() -> None:
    fields = {"value": float("nan"), "limit": float("inf"), "quality": 0}
    assert line_protocol.line("m", fields, 1) == "m quality=0i 1"
    with pytest.raises(ValueError, match="needs a field"):
        line_protocol.line("m", {"value": float("-inf")}, 1)


def test_a_sample_is_a_point_of_its_station_with_tag_and_unit() -> None:
    (point,) = points((1, 81.25, 0, T0_NS))
    assert point.measurement == "coater"
    assert dict(point.tags) == {"line": "pilot", "tag": "COAT.T", "unit": "degC"}
    assert point.fields == (("value", 81.25), ("quality", 0))
    assert point.time_ns == T0_NS


def test_a_tag_without_unit_has_no_empty_tag() -> None:
    (point,) = points((2, 1.0, 0, T0_NS))
    assert dict(point.tags) == {"line": "pilot", "tag": "COAT.N"}


@pytest.mark.parametrize(
    ("value", "quality", "there"),
    [
        (5.0, Quality.GOOD, True),
        (5.0, Quality.UNCERTAIN_HELD, True),
        (5.0, Quality.BAD_LINK, False),
        (float("nan"), Quality.BAD_NOT_A_NUMBER, False),
        (float("nan"), Quality.GOOD, False),
        (float("inf"), Quality.GOOD, False),
    ],
)
def test_only_a_number_that_may_be_used_is_a_value(
    value: float, quality: Quality, there: bool
) -> None:
    (point,) = points((1, value, int(quality), T0_NS))
    assert point.field("quality") == int(quality)
    assert point.field("value") == (value if there else None)


def test_values_are_always_floats_so_that_a_field_keeps_its_type() -> None:
    found = points((1, 3.0, 0, T0_NS), (1, 1e16, 0, T0_NS + 1), (1, 1e-7, 0, T0_NS + 2))
    assert [type(p.field("value")) for p in found] == [float] * 3
    assert [p.field("value") for p in found] == [3.0, 1e16, 1e-7]


def test_samples_of_unknown_tags_are_noticed() -> None:
    assert layout().knows(batch([(1, 0.0, 0, 0), (3, 0.0, 0, 0)]))
    assert not layout().knows(batch([(1, 0.0, 0, 0), (4, 0.0, 0, 0)]))


def test_an_event_is_a_point_whose_texts_are_fields() -> None:
    data = {"run": "coater-20260101-000000", "recipe": "base@1.2.0", "n": 3}
    point = event_point(an_event(actor="kim", data=data))
    assert point.measurement == "events"
    assert dict(point.tags) == {"line": "pilot", "station": "coater", "kind": "state"}
    fields = dict(point.fields)
    assert json.loads(str(fields.pop("data"))) == data
    assert fields == {
        "text": 'EXECUTE -> HELD: "film torn", 5 m',
        "subject": "coater",
        "actor": "kim",
        "run": "coater-20260101-000000",
        "recipe": "base@1.2.0",
    }


def test_runs_and_recipes_make_no_new_series() -> None:
    series = {
        event_point(an_event(kind=EventKind.RUN, subject=f"run-{k}", data={"run": f"run-{k}"})).tags
        for k in range(100)
    }
    assert len(series) == 1


def test_events_of_the_line_as_a_whole_belong_to_the_line_and_name_the_part() -> None:
    whole = event_point(an_event(station=""))
    assert (whole.tag("station"), whole.tag("part")) == ("line", "")
    part = event_point(an_event(station=""), part="coater")
    assert part.tag("part") == "coater"
    assert event_point(an_event(), part="coater").tag("part") == ""


def test_events_of_one_moment_are_told_apart() -> None:
    keys = {event_point(an_event(), twin=k).key for k in range(3)}
    assert len(keys) == 3


def test_line_ends_in_a_text_do_not_end_the_line() -> None:
    text = layout().event(StoredEvent(1, 0, an_event(text="one\ntwo\r\nthree\u2028four")))
    assert len(text.splitlines()) == 1
    assert read_line(text).field("text") == "one two  three four"


@pytest.mark.parametrize(
    "text",
    ["", "m", "m f=1", "m f=1 x", "m,f=1 1", "m, f=1 1", "m,t= f=1 1", "m f=nan 1", "m f= 1",
     'm f="a 1', "m f=1,f=2 1", "m f=1ii 1", "m,t=a\\ f=1 1", "m f=1 9223372036854775808"],
)  # fmt: skip
def test_the_reader_of_these_tests_refuses_what_is_wrong(text: str) -> None:
    with pytest.raises(NotLineProtocol):
        read_line(text)


def test_of_one_moment_the_version_written_last_is_kept() -> None:
    first = batch([(1, 1.0, 0, 5), (2, 2.0, 0, 5), (1, 3.0, 0, 5), (1, 4.0, 0, 6)])
    assert rows_of(latest_only(first)) == [(2, 2.0, 0, 5), (1, 3.0, 0, 5), (1, 4.0, 0, 6)]
    later = [batch([(1, 9.0, 0, 6)]), batch([(3, 9.0, 0, 5)])]
    assert rows_of(latest_only(first, later)) == [(2, 2.0, 0, 5), (1, 3.0, 0, 5)]
    alone = batch([(1, 1.0, 0, 5), (1, 2.0, 0, 6)])
    assert latest_only(alone) is alone
    assert isinstance(latest_only(alone), Samples)
    assert np.array_equal(latest_only(alone, [batch([(9, 1.0, 0, 1)])]).values, alone.values)
