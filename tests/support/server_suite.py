"""What every server with the write interface of InfluxDB must show, whichever version it is.

A class of tests asks for the fixture `real`, a RealServer whose line nobody else uses.
"""

import json
import math
import sys
import time
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from controller.__main__ import app
from controller.clock import NS
from controller.core.event import Event, EventKind
from controller.core.sample import Quality
from controller.sinks import line_protocol
from controller.sinks.influx import Sink
from controller.sinks.ledger_reader import quarantine, send_again
from tests.support.history import Row
from tests.support.line_protocol_reader import Point, read_line
from tests.support.read_back import Reading, readings
from tests.support.sink_plant import RealServer, SinkPlant, eventually, exactly, tags_of

PRINTABLE = "".join(c for c in map(chr, range(32, 0x250)) if c.isprintable())
ODD = [
    *(f"a{c}b" for c in map(chr, range(128))),
    *("é", "温度", "😀", "\u202eright to left", "e\u0301", "a\u2028b", "𝔘", " both ", "\ufeffmark"),
    *('"', '\\"', "\\", "\\\\", "ends with \\", "a=b,c d", "#", "${x}", "'", "`", "%s", "\\n"),
    PRINTABLE,
]
SPECIAL = [
    0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 1e15, 1e16, 123456789012345678.0, 1e21, 1e22, 1e-5, 1e-7,
    math.pi, -math.e, 2.0**53 + 2, sys.float_info.max, -sys.float_info.max, sys.float_info.min,
    5e-324, -5e-324, 4.35, 1.7976931348623155e308,
]  # fmt: skip


def times(n: int) -> list[int]:
    """n times of the last minutes, some of them a nanosecond apart."""
    start_ns = time.time_ns() - 600 * NS
    steps = np.random.default_rng(5).choice([1, 7, 999, 100_003, 20_000_001], n)
    return [start_ns + int(step) for step in np.cumsum(steps)]


def any_floats(n: int) -> list[float]:
    """Floats with random bits, and those at the edges."""
    bits = np.random.default_rng(7).integers(0, 2**64, 2 * n, np.uint64).view(np.float64)
    found = [v for v in bits.tolist() if math.isfinite(v)]
    return SPECIAL + found[: n - len(SPECIAL)]


class ServerSuite:
    """Tests of one server."""

    def test_every_sample_is_there_once_and_bit_for_bit_in_the_order_of_time(
        self, real: RealServer, tmp_path: Path
    ) -> None:
        n = 6000
        rows = [
            (tag, sign * value, 0, time_ns)
            for time_ns, value in zip(times(n), any_floats(n), strict=True)
            for tag, sign in ((0, 1.0), (1, -1.0))
        ]
        with SinkPlant(tmp_path, real, tags_of("A", "B")) as plant:
            for k in range(0, len(rows), 500):
                plant.record(rows[k : k + 500])
            plant.arrive()
            found = readings(real.read, "A")
            wanted = [Reading(time_ns, v, q) for tag, v, q, time_ns in rows if tag == 0]
            assert exactly(found) == exactly(wanted)
            plant.assert_all_there()
            assert (plant.status.sent, plant.status.dropped) == (2 * n, 0)

    def test_a_bad_sample_is_a_point_without_a_value_and_every_quality_arrives(
        self, real: RealServer, tmp_path: Path
    ) -> None:
        at = times(300)
        rows = [(0, float(q), q, at[k]) for k, q in enumerate([*Quality, *range(256)])]
        rows += [(0, v, 0, at[-1] + k) for k, v in enumerate([math.nan, math.inf, -math.inf, 8.0])]
        with SinkPlant(tmp_path, real, tags_of("A")) as plant:
            plant.record(rows)
            plant.arrive()
            found = readings(real.read, "A")
            assert [r.quality for r in found] == [q for _, _, q, _ in rows]
            plain = len(rows) - 4
            for reading, (_, value, quality, time_ns) in zip(found[:plain], rows, strict=False):
                assert reading == (time_ns, value if quality < Quality.BAD else None, quality)
            assert [r.value for r in found[plain:]] == [None, None, None, 8.0]
            plant.assert_all_there()

    def test_texts_arrive_with_every_odd_character(self, real: RealServer, tmp_path: Path) -> None:
        time_ns = time.time_ns()
        station = f"odd-{real.read.line}"
        series = line_protocol.series(station, {"line": real.read.line})
        lines = [line_protocol.line(series, {"t": t}, time_ns + k) for k, t in enumerate(ODD)]
        _post(real, tmp_path, lines)
        assert real.read.points(station) == [read_line(line) for line in lines]
        arrived = [str(p.field("t")) for p in real.read.points(station)]
        assert arrived == [_without_controls(text) for text in ODD]

    def test_names_arrive_with_every_character_that_a_name_may_have(
        self, real: RealServer, tmp_path: Path
    ) -> None:
        time_ns = time.time_ns()
        for place, name in (("#1, a=b c", "k"), ("b\\", "a key, = #"), ("it's 温度", "é")):
            station = f"{place} {real.read.line}"
            lines = [
                line_protocol.line(
                    line_protocol.series(station, {"line": real.read.line, name: odd}),
                    {"value": float(k), name + " field": k},
                    time_ns + k,
                )
                for k, odd in enumerate(o for o in ODD if o != "\ufeffmark")
            ]
            _post(real, tmp_path, lines)
            wanted = [_sorted(read_line(line)) for line in lines]
            assert real.read.points(wanted[0].measurement) == wanted

    def test_what_is_sent_again_is_not_doubled(self, real: RealServer, tmp_path: Path) -> None:
        rows = [(0, float(k), 0, at) for k, at in enumerate(times(3000))]
        with SinkPlant(tmp_path, real, tags_of("A")) as plant:
            plant.record(rows)
            plant.historian.event(_event("once", rows[0][3]))
            plant.arrive()
            plant.stop_sink()
            for path in plant.places.ledger.parent.glob("plant.db*"):
                path.unlink()
            plant.start_sink()
            plant.arrive()
            assert plant.status.sent > 0
            plant.assert_all_there()
            assert [p.field("text") for p in _events(real)].count("once") == 1

    def test_events_of_one_moment_are_all_there_with_what_they_carry(
        self, real: RealServer, tmp_path: Path
    ) -> None:
        now_ns = time.time_ns()
        with SinkPlant(tmp_path, real, tags_of("A")) as plant:
            for k, odd in enumerate(ODD):
                plant.historian.event(_event(odd, now_ns + k // 5, run=f"R{k}", lot=odd))
            plant.arrive()
        found = [p for p in _events(real) if p.tag("kind") == "state"]
        assert sorted(str(p.field("run")) for p in found) == sorted(
            f"R{k}" for k in range(len(ODD))
        )
        for point in found:
            k = int(str(point.field("run"))[1:])
            assert point.time_ns == now_ns + k // 5
            assert point.field("text") == _without_controls(ODD[k])
            assert point.field("subject") == "press"
            assert json.loads(str(point.field("data"))) == {"run": f"R{k}", "lot": ODD[k]}

    def test_a_type_conflict_is_listed_with_its_reason_and_the_rest_is_stored(
        self, real: RealServer, tmp_path: Path
    ) -> None:
        oven, at = f"oven-{real.read.line}", times(2000)
        _post(real, tmp_path, [f"{oven},line={real.read.line} value=1i {at[0]}"])
        tags = [*tags_of("A"), *tags_of("BAD", station=oven), *tags_of("C")]
        rows: list[Row] = [(tag, k + 0.5, 0, at[k]) for k in range(2000) for tag in (0, 2)]
        rows[777:777] = [(1, 3.25, 0, at[400])]
        with SinkPlant(tmp_path, real, tags) as plant:
            plant.record(rows)
            plant.arrive()
            listed = CliRunner().invoke(
                app, ["sink", "quarantine", "plant", "--run", str(tmp_path), "--full"],
                env={"COLUMNS": "400"},
            )  # fmt: skip
            assert "1 line(s) of" in listed.stdout
            assert "field type conflict" in listed.stdout
            assert f"{oven},line={real.read.line},tag=BAD,unit=degC value=3.25," in listed.stdout
            for tag in ("A", "C"):
                assert readings(real.read, tag) == plant.local(tag)
            assert plant.status.quarantined == 1
            assert plant.status.sent == 4000
            (entry,) = quarantine(plant.places.ledger)
            assert send_again(plant.places.ledger) == 1  # is refused again and comes back
            eventually(lambda: [e.id for e in quarantine(plant.places.ledger)] > [entry.id])
            assert plant.status.quarantined == 1


def _post(real: RealServer, folder: Path, lines: list[str]) -> None:
    sink = Sink(real.settings, folder)
    try:
        answer = sink.post(lines)
        assert answer.status == 204, answer
    finally:
        sink.close()


def _event(text: str, time_ns: int, **data: object) -> Event:
    return Event(
        time_ns=time_ns, kind=EventKind.STATE, station="cell", subject="press", text=text, data=data
    )


def _events(real: RealServer) -> list[Point]:
    return real.read.points("events")


def _sorted(point: Point) -> Point:
    return Point(point.measurement, point.tags, tuple(sorted(point.fields)), point.time_ns)


def _without_controls(text: str) -> str:
    return "".join(" " if ord(c) < 32 or c in "\x7f\x85\u2028\u2029" else c for c in text)
