"""What a server of history has stored, whichever it is, as its own query language tells it."""

import json
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

from tests.support.flux_csv import Cell, records
from tests.support.influx_server import InfluxServer, Series
from tests.support.line_protocol_reader import Point, Value
from tests.support.victoria_server import Exported, VictoriaServer

ANSWER_S = 120.0
NS_PER_MS = 1_000_000
OF_THE_TABLE = ("result", "table", "_start", "_stop", "_time", "_value", "_field", "_measurement")


class Reading(NamedTuple):
    """A sample as it is stored there; value None where the point has none."""

    time_ns: int
    value: float | None
    quality: int


class ReadBack(Protocol):
    """Points of one line in one database. line: the value of the tag `line` of all its points."""

    line: str

    def points(self, measurement: str) -> list[Point]:
        """All points of a measurement in the order of time, fields in the order of their names."""
        ...


def all_readings(server: ReadBack, station: str = "cell") -> dict[str, list[Reading]]:
    """Samples of every tag of a station in the order of time."""
    found = defaultdict(list)
    for point in server.points(station):
        value, quality = point.field("value"), point.field("quality")
        assert value is None or isinstance(value, float), point
        assert isinstance(quality, int), point
        found[point.tag("tag")].append(Reading(point.time_ns, value, quality))
    return found


def readings(server: ReadBack, tag: str, station: str = "cell") -> list[Reading]:
    """Samples of a tag in the order of time."""
    return all_readings(server, station).get(tag, [])


class Influx1:
    """InfluxDB 1.x, by InfluxQL."""

    def __init__(self, server: InfluxServer, database: str, line: str) -> None:
        self._server, self._database, self.line = server, database, line

    def points(self, measurement: str) -> list[Point]:
        """See ReadBack."""
        name = _quoted(measurement, '"')
        kinds = self._field_kinds(name)
        where = f'"line"::tag = {_quoted(self.line, chr(39))}'
        found = self._server.query(
            f"SELECT *::field FROM {name} WHERE {where} GROUP BY *",  # noqa: S608 - quoted
            self._database,
        )
        points = [p for series in found for p in _points(series, kinds)]
        return sorted(points, key=lambda p: p.time_ns)

    def _field_kinds(self, name: str) -> dict[str, str]:
        found = self._server.query(f"SHOW FIELD KEYS FROM {name}", self._database)
        return {row[0]: row[1] for series in found for row in series.rows}


def _points(series: Series, kinds: dict[str, str]) -> list[Point]:
    tags = tuple(sorted((k, v) for k, v in series.tags.items() if v))
    points = []
    for time_ns, *cells in series.rows:
        fields = {
            name: _typed(kinds[name], cell)
            for name, cell in zip(series.columns[1:], cells, strict=True)
            if cell is not None
        }
        points.append(Point(series.name, tags, tuple(sorted(fields.items())), time_ns))
    return points


def _typed(kind: str, cell: Any) -> Value:
    """JSON does not tell 1.0 from 1: the kind of the field does."""
    found: Value = float(cell) if kind == "float" else cell
    return found


class Influx2:
    """InfluxDB 2.x, by Flux."""

    def __init__(self, url: str, token: str, org: str, bucket: str, line: str) -> None:
        self._url, self._token, self._org, self._bucket = url.rstrip("/"), token, org, bucket
        self.line = line

    def points(self, measurement: str) -> list[Point]:
        """See ReadBack."""
        return points_of(records(self._query(self._flux(measurement))))

    def _flux(self, measurement: str) -> str:
        bucket, name, line = map(_flux_text, (self._bucket, measurement, self.line))
        return (
            f"from(bucket: {bucket}) |> range(start: 1970-01-01T00:00:00Z, "
            f"stop: 2200-01-01T00:00:00Z) |> filter(fn: (r) => r._measurement == {name} "
            f"and r.line == {line})"
        )

    def _query(self, flux: str) -> str:
        request = urllib.request.Request(  # noqa: S310 - the server that the tests were given
            f"{self._url}/api/v2/query?{urlencode({'org': self._org})}",
            json.dumps({"query": flux, "type": "flux", "dialect": DIALECT}).encode(),
            {
                "Authorization": f"Token {self._token}",
                "Content-Type": "application/json",
                "Accept": "application/csv",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310
                text: str = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{flux}: {error.code}: {error.read().decode()}") from error
        return text


class Victoria:
    """VictoriaMetrics, by its export: numbers only, with times of whole milliseconds."""

    def __init__(self, server: VictoriaServer, line: str) -> None:
        self._server, self.line = server, line

    def points(self, measurement: str) -> list[Point]:
        """See ReadBack; a field is a series of its own there, and told once for each copy."""
        found = self._server.export(f'{{__name__=~"{measurement}_.+",line="{self.line}"}}')
        return points_of(row for series in found for row in _rows(series, measurement))


def _rows(series: Exported, measurement: str) -> Iterator[dict[str, Cell]]:
    name = series.labels["__name__"].removeprefix(measurement + "_")
    labels = {key: value for key, value in series.labels.items() if key not in ("__name__", "db")}
    for time_ms, value in zip(series.time_ms, series.values, strict=True):
        found: Cell = int(value) if name == "quality" else float(value)
        about = {"_measurement": measurement, "_field": name, "_time": time_ms * NS_PER_MS}
        yield {**labels, **about, "_value": found}


DIALECT = {"annotations": ["datatype", "group", "default"], "header": True, "delimiter": ","}


def points_of(rows: Iterable[dict[str, Cell]]) -> list[Point]:
    """Points of records, each of which has one field of one."""
    found: dict[tuple[str, tuple[tuple[str, str], ...], int], dict[str, Value]] = {}
    for row in rows:
        tags = tuple(sorted((k, str(v)) for k, v in row.items() if k not in OF_THE_TABLE and v))
        time_ns, name, value = row["_time"], str(row["_field"]), row["_value"]
        assert isinstance(time_ns, int), row
        assert value is not None, row
        fields_of = found.setdefault((str(row["_measurement"]), tags, time_ns), {})
        assert name not in fields_of, f"{row} is there twice"
        fields_of[name] = value
    points = [
        Point(name, tags, tuple(sorted(fields.items())), time_ns)
        for (name, tags, time_ns), fields in found.items()
    ]
    return sorted(points, key=lambda p: p.time_ns)


def _quoted(text: str, mark: str) -> str:
    return mark + text.replace("\\", "\\\\").replace(mark, f"\\{mark}") + mark


def _flux_text(text: str) -> str:
    return _quoted(text, '"').replace("${", "\\${")
