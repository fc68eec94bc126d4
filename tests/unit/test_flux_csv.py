"""Answers of InfluxDB 2 as its documentation shows them, and how read-back makes points of them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.flux_csv import FluxError, records, time_ns, value
from tests.support.line_protocol_reader import Point
from tests.support.read_back import Influx2, readings

SAMPLES = """\
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string,string,string\r
#group,false,false,true,true,false,false,true,true,true,true,true\r
#default,_result,,,,,,,,,,\r
,result,table,_start,_stop,_time,_value,_field,_measurement,line,tag,unit\r
,,0,1970-01-01T00:00:00Z,2200-01-01T00:00:00Z,2026-01-01T00:00:00.000000001Z,0.1,value,cell,pilot,A,degC\r
,,0,1970-01-01T00:00:00Z,2200-01-01T00:00:00Z,2026-01-01T00:00:01Z,-5e-324,value,cell,pilot,A,degC\r
\r
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,long,string,string,string,string,string\r
#group,false,false,true,true,false,false,true,true,true,true,true\r
#default,_result,,,,,,,,,,\r
,result,table,_start,_stop,_time,_value,_field,_measurement,line,tag,unit\r
,,1,1970-01-01T00:00:00Z,2200-01-01T00:00:00Z,2026-01-01T00:00:00.000000001Z,0,quality,cell,pilot,A,degC\r
,,1,1970-01-01T00:00:00Z,2200-01-01T00:00:00Z,2026-01-01T00:00:00.5Z,132,quality,cell,pilot,A,degC\r
,,1,1970-01-01T00:00:00Z,2200-01-01T00:00:00Z,2026-01-01T00:00:01Z,64,quality,cell,pilot,A,degC\r
\r
"""
TEXTS = """\
#datatype,string,long,dateTime:RFC3339Nano,string,string,string,string\r
#group,false,false,false,false,true,true,true\r
#default,_result,,,,,,\r
,result,table,_time,_value,_field,_measurement,line\r
,,0,2026-01-01T00:00:00.123456789Z,"a ""word"", and\nanother line",text,events,pilot\r
,,0,2026-01-01T00:00:00.12345679Z,,text,events,pilot\r
"""
ERROR = """\
#datatype,string,string\r
#group,true,true\r
#default,,\r
,error,reference\r
,Failed to parse query,897\r
"""
NEW_YEAR_NS = 1_767_225_600 * 10**9


class _Canned(BaseHTTPRequestHandler):
    """Answers every query with SAMPLES, and keeps what was asked."""

    asked: list[dict[str, str]]

    def do_POST(self) -> None:
        found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(
            found | {"path": self.path, "authorization": self.headers["Authorization"]}
        )
        right = self.headers["Authorization"] == "Token secret"
        self.send_response(200 if right else 401)
        self.end_headers()
        self.wfile.write(SAMPLES.encode() if right else b"unauthorized")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def canned() -> Iterator[str]:
    """URL of a server with canned answers."""
    _Canned.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Canned) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_rows_of_tables_with_different_types_have_theirs() -> None:
    first, *_, last = records(SAMPLES)
    assert (first["_value"], first["_time"], first["tag"]) == (0.1, NEW_YEAR_NS + 1, "A")
    assert isinstance(last["_value"], int)
    assert (last["result"], last["table"]) == ("_result", 1)


def test_quoted_texts_keep_commas_quotes_and_lines_and_may_be_empty() -> None:
    full, empty = records(TEXTS)
    assert full["_value"] == 'a "word", and\nanother line'
    assert empty["_value"] == ""


def test_an_error_in_place_of_a_table_is_one() -> None:
    with pytest.raises(FluxError, match="Failed to parse query"):
        list(records(ERROR))


def test_nothing_is_nothing() -> None:
    assert list(records("")) == list(records("\r\n")) == []


@pytest.mark.parametrize(
    ("text", "fraction"),
    [("Z", 0), (".5Z", 500_000_000), (".000000001Z", 1), (".123456789Z", 123_456_789)],
)
def test_times_keep_their_nanoseconds(text: str, fraction: int) -> None:
    assert time_ns("2026-01-01T00:00:00" + text) == NEW_YEAR_NS + fraction


def test_times_of_other_zones_are_utc() -> None:
    assert time_ns("2026-01-01T02:00:00.25+02:00") == NEW_YEAR_NS + 250_000_000
    with pytest.raises(FluxError, match="no time"):
        time_ns("yesterday")


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("unsignedLong", "18446744073709551615", 2**64 - 1),
        ("double", "+Inf", float("inf")),
        ("double", "", None),
        ("base64Binary", "YQ==", "YQ=="),
    ],
)
def test_cells_have_the_type_of_their_column(kind: str, text: str, wanted: object) -> None:
    assert value(kind, text) == wanted


def test_read_back_puts_the_fields_of_a_point_together(canned: str) -> None:
    server = Influx2(canned + "/", "secret", "works", 'b"${x}', "pilot")
    tags = (("line", "pilot"), ("tag", "A"), ("unit", "degC"))
    assert server.points("cell") == [
        Point("cell", tags, (("quality", 0), ("value", 0.1)), NEW_YEAR_NS + 1),
        Point("cell", tags, (("quality", 132),), NEW_YEAR_NS + 500_000_000),
        Point("cell", tags, (("quality", 64), ("value", -5e-324)), NEW_YEAR_NS + 10**9),
    ]
    assert [r.quality for r in readings(server, "A")] == [0, 132, 64]
    asked = _Canned.asked[0]
    assert asked["path"] == "/api/v2/query?org=works"
    assert 'from(bucket: "b\\"\\${x}")' in asked["query"]
    assert 'r._measurement == "cell"' in asked["query"]
    assert 'r.line == "pilot"' in asked["query"]


def test_read_back_says_what_the_server_refuses(canned: str) -> None:
    with pytest.raises(RuntimeError, match="401: unauthorized"):
        Influx2(canned, "wrong", "works", "b", "pilot").points("cell")
