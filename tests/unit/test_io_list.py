"""Reading the I/O list: what a right row becomes, and what is tolerated."""

import csv
import io
import math
from pathlib import Path

import pytest

from controller.core.point import Access, Wire
from controller.core.tag import Kind, Writer
from controller.core.units import UNITS
from controller.io_checks import StationFacts, check_rows
from controller.io_list import read_io_list, read_rows
from controller.io_row import ALL_COLUMNS, COLUMNS

SHIPPED = Path(__file__).parents[2] / "controller/lines/pilot/io_list.csv"
HEADER = ",".join(COLUMNS)
FEED = "COAT.FEED.SP,coater,powder feed,kg/h,0,20,real,W,s=F,double,1,0.2,0.01,0.05,30,1.5,"


def points_of(*rows: str):
    points, problems = read_io_list("\n".join([HEADER, *rows, ""]), "io_list.csv")
    assert problems == []
    return points


def problems_of(*rows: str) -> list[str]:
    points, problems = read_io_list("\n".join([HEADER, *rows, ""]), "io_list.csv")
    assert points == []
    return [str(problem) for problem in problems]


def with_field(row: str, **changes: str) -> str:
    fields = dict(zip(COLUMNS, next(csv.reader([row])), strict=True)) | changes
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(fields.values())
    return out.getvalue()


def test_row_becomes_a_point() -> None:
    (point,) = points_of(FEED)
    assert (point.tag, point.station, point.description) == (
        "COAT.FEED.SP",
        "coater",
        "powder feed",
    )
    assert (point.unit, point.low, point.high) == ("kg/h", 0.0, 20.0)
    assert (point.kind, point.access, point.wire) == (Kind.REAL, Access.WRITE, Wire.DOUBLE)
    assert (point.address, point.scale, point.scan_s, point.resolution) == ("s=F", 1.0, 0.2, 0.01)
    assert (point.history.deadband, point.history.max_interval_s) == (0.05, 30.0)
    assert (point.default, point.labels) == (1.5, ())
    assert [tag.writer for tag in point.tags()] == [Writer.STATION, Writer.DEVICE]


def test_labels_are_the_texts_of_the_codes() -> None:
    row = with_field(
        FEED, type="enum", unit="", high="2", wire="int32", default="1", labels="a|b|c"
    )
    assert points_of(row)[0].labels == ("a", "b", "c")


def test_default_of_a_read_point_may_be_empty() -> None:
    row = with_field(FEED, access="R", default="", low="5")
    assert points_of(row)[0].default == 0.0


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_blank_lines_and_byte_order_mark_are_tolerated(end: str) -> None:
    text = "\ufeff" + end.join([HEADER, "", FEED, "", ""])
    points, problems = read_io_list(text, "io_list.csv")
    assert problems == []
    assert len(points) == 1


def test_line_number_counts_blank_lines() -> None:
    wrong = with_field(FEED, unit="lb")
    assert problems_of("", wrong)[0].startswith("io_list.csv:3: column D, unit of COAT.FEED.SP")


def test_one_open_quotation_mark_spoils_one_row_only() -> None:
    text = "\n".join([HEADER, FEED.replace("powder", '"powder'), with_field(FEED, tag="A.B")])
    points, problems = read_io_list(text, "io_list.csv")
    assert [point.tag for point in points] == ["A.B"]
    assert [problem.line for problem in problems] == [2]


@pytest.mark.parametrize(
    "number",
    ["1_000", "nan", "inf", "-inf", "0x10", "1e", ".5", "5.", "+1", "1 000", "٣", "", "1,5", "--1"],
)
def test_number_that_is_not_plain_decimal_is_refused(number: str) -> None:
    (problem,) = problems_of(with_field(FEED, high=number))
    assert "column F, high" in problem
    assert "decimal number" in problem


@pytest.mark.parametrize("number", ["20", "20.0", "2e1", "2E+01", "0020"])
def test_decimal_number_is_read(number: str) -> None:
    assert points_of(with_field(FEED, high=number))[0].high == 20.0


@pytest.mark.parametrize("char", ["\t", "\x07", "\x7f", "\u200b", "\u202e", "\xa0"])
def test_invisible_character_is_named(char: str) -> None:
    (problem,) = problems_of(with_field(FEED, description=f"feed{char}er"))
    assert f"character 5 is U+{ord(char):04X}" in problem


@pytest.mark.parametrize(
    ("wire", "scale", "low", "high", "fits"),
    [
        ("int16", "0.1", "-3276.7", "3276.7", True),
        ("int16", "0.1", "-3276.8", "0", False),
        ("uint16", "1", "0", "65535", True),
        ("uint16", "1", "0", "65536", False),
        ("uint32", "0.01", "0", "42949672.95", True),
        ("uint32", "0.01", "0", "42949672.96", False),
        ("int32", "1", "-2147483648", "2147483647", True),
        ("int32", "1", "-2147483649", "0", False),
        ("float", "1", "0", "1e38", True),
        ("float", "1", "0", "1e39", False),
    ],
)
def test_range_must_fit_on_the_wire(wire: str, scale: str, low: str, high: str, fits: bool) -> None:
    row = with_field(FEED, wire=wire, scale=scale, low=low, high=high, access="R", default="0")
    _, problems = read_io_list(f"{HEADER}\n{row}\n", "io_list.csv")
    assert (problems == []) is fits


def outputs(*addresses: str, wire: str = "int16") -> list[str]:
    """Rows of written Modbus points at these addresses."""
    row = with_field(FEED, station="enclosure", scale="0.1", wire=wire)
    return [with_field(row, tag=f"ENC.P{k}", address=a) for k, a in enumerate(addresses)]


def check_modbus(*rows: str) -> tuple[list[str], list[str]]:
    """Problems of the rows and warnings, for a Modbus station without prefix."""
    read, problems = read_rows("\n".join([HEADER, *rows]), "io_list.csv")
    assert problems == []
    facts = StationFacts(name="enclosure", prefix=None, protocol="modbus")
    problems, warnings = check_rows(read, [facts], "io_list.csv")
    assert problems == []
    return [str(p) for row in read for p in row.problems], [str(w) for w in warnings]


def test_contiguous_written_registers_are_right() -> None:
    assert check_modbus(*outputs("hr:42", "hr:43", "hr:44")) == ([], [])


def test_hole_between_written_registers_is_a_warning() -> None:
    problems, warnings = check_modbus(*outputs("hr:43", "hr:46", "hr:44"))
    assert problems == []
    assert [w.split(":")[1] for w in warnings] == ["2", "3"]
    assert "hole of 1 before it" in warnings[0]
    assert "hole of 1 before it" in warnings[1]


def test_written_registers_beyond_one_request_are_refused() -> None:
    assert check_modbus(*outputs("hr:42", "hr:162"))[0] == []
    (problem,), _ = check_modbus(*outputs("hr:42", "hr:163"))
    assert "must end at hr:162 or below" in problem


def test_two_registers_of_a_uint32_belong_to_it() -> None:
    rows = outputs("hr:42", "hr:44", wire="uint32")
    assert check_modbus(*rows) == ([], [])
    rows = outputs("hr:42", "hr:43", wire="uint32")
    (problem,), _ = check_modbus(*rows)
    assert "overlaps ENC.P0 (hr:42, line 2)" in problem
    (problem,), _ = check_modbus(*outputs("hr:65535", wire="uint32"))
    assert "takes two registers" in problem


def test_tag_with_the_prefix_of_another_station_is_a_warning() -> None:
    rows, _ = read_rows(f"{HEADER}\n{FEED}", "io_list.csv")
    stations = [
        StationFacts(name="coater", prefix=None, protocol="memory"),
        StationFacts(name="other", prefix="COAT", protocol="memory"),
    ]
    _, warnings = check_rows(rows, stations, "io_list.csv")
    assert [str(w) for w in warnings] == [
        "io_list.csv:2: column A, tag = COAT.FEED.SP: its prefix is that of station other, "
        "but the row is of coater"
    ]


def test_shipped_list_is_right_and_uses_known_units_only() -> None:
    points, problems = read_io_list(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)
    assert problems == []
    assert len(points) == len(SHIPPED.read_text(encoding="utf-8").splitlines()) - 1
    assert {point.unit for point in points} <= set(UNITS)


WIDE = ",".join(ALL_COLUMNS)


def wide_of(*rows: str):
    return read_io_list("\n".join([WIDE, *rows, ""]), "io_list.csv")


def test_a_list_without_rates_lets_everything_act_at_once() -> None:
    assert points_of(FEED)[0].rate_per_s == math.inf


def test_rate_is_a_last_column_that_may_be_empty() -> None:
    points, problems = wide_of(FEED + ",2.5", with_field(FEED, tag="A.B") + ",")
    assert problems == []
    assert [point.rate_per_s for point in points] == [2.5, math.inf]


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "2,5", "fast"])
def test_rate_that_is_no_positive_number_is_refused(rate: str) -> None:
    points, (problem,) = wide_of(f'{FEED},"{rate}"')
    assert points == []
    assert str(problem).startswith("io_list.csv:2: column R, rate_per_s of COAT.FEED.SP")


@pytest.mark.parametrize(
    "changes",
    [{"access": "R", "default": ""}, {"type": "int", "unit": "", "wire": "int32", "default": "1"}],
)
def test_only_a_written_number_has_a_rate(changes: dict[str, str]) -> None:
    _, (problem,) = wide_of(with_field(FEED, **changes) + ",1")
    assert "only for access W and type real: leave it empty" in str(problem)


def test_a_row_that_is_too_short_for_its_header_is_told() -> None:
    points, (problem,) = wide_of(FEED)
    assert points == []
    assert "17 fields, must be 18 as in the header" in str(problem)


def test_rate_in_the_wrong_place_is_told() -> None:
    names = [*COLUMNS[:6], "rate_per_s", *COLUMNS[6:]]
    _, problems = read_io_list("\n".join([",".join(names), FEED]), "io_list.csv")
    assert any("wrong order" in str(problem) for problem in problems)


def test_every_number_that_the_shipped_line_writes_has_a_rate_or_a_reason_for_none() -> None:
    points, _ = read_io_list(SHIPPED.read_text(encoding="utf-8"), "io_list.csv")
    free = {
        p.tag for p in points
        if p.access is Access.WRITE and p.kind is Kind.REAL and p.rate_per_s == math.inf
    }  # fmt: skip
    assert free == {
        "ENC.DP.SP", "ENC.PB.SP",  # limits to judge by, they move nothing
        "DHU.VCHW.SP", "DHU.MAKEUP.SP",  # -1 is no position: valve and damper have a stroke time
    }  # fmt: skip
