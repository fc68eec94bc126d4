"""The dashboards as files: everything they ask for is in the database, and they can be read."""

import json
import re
from itertools import combinations
from typing import Any

import pytest
from ruamel.yaml import YAML

from controller.config import load_line
from controller.control.states import State
from controller.core.event import EventKind
from controller.core.sample import FIRST_BAD, FIRST_UNCERTAIN
from controller.core.tag import Tag
from controller.line import tag_table
from controller.sinks.condition import State as SinkState
from controller.sinks.layout import EVENTS
from hmi.dashboards import panels as made
from hmi.dashboards.__main__ import DASHBOARDS, FOLDER, main, stale
from tests.support import flux_reader, plain_yaml
from tests.support.documents import ROOT
from tests.support.flux_reader import FluxError, Node

LAYOUT = (ROOT / "docs/reference/influx-layout.md").read_text(encoding="utf-8")
PROVISIONING = ROOT / "hmi" / "grafana" / "provisioning"
TAGS: dict[str, Tag] = {
    tag.name: tag for tag in tag_table(load_line(ROOT / "controller/lines/pilot_containers")).tags
}
MEASUREMENTS = {tag.station for tag in TAGS.values()} | {EVENTS}
OF_SAMPLES = {"line", "tag", "unit"}
OF_EVENTS = {"line", "station", "kind", "part", "twin"}
OWN = {"_time", "_value", "_field", "_measurement", "_start", "_stop"}
UNITS = {"degC": ["celsius"], "kW": ["kwatt"], "kWh": ["kwatth"], "%": ["percent"],
         "Pa": ["pressurepa"], "s": ["s"], "ms": ["ms"], "ppm": ["ppm"], "-": ["none"],
         "": ["short", "none"]}  # fmt: skip
SIGNATURES = {
    "from": {"bucket"}, "range": {"start", "stop"}, "filter": {"fn"}, "last": set(),
    "aggregateWindow": {"every", "fn", "createEmpty", "timeSrc"}, "keep": {"columns"},
    "drop": {"columns"}, "group": {"columns"}, "sort": {"columns", "desc"}, "map": {"fn"},
    "set": {"key", "value"}, "union": {"tables"}, "elapsed": {"unit"}, "limit": {"n"},
    "rename": {"columns"}, "pivot": {"rowKey", "columnKey", "valueColumn"},
    "difference": {"nonNegative"}, "int": {"v"}, "float": {"v"}, "time": {"v"},
    "tagValues": {"bucket", "tag"},
}  # fmt: skip
Json = dict[str, Any]


def dashboards() -> list[Json]:
    return [json.loads((FOLDER / name).read_text(encoding="utf-8")) for name in DASHBOARDS]


def panels() -> list[Any]:
    return [
        pytest.param(panel, id=f"{d['uid']}: {panel['title']}")
        for d in dashboards()
        for panel in d["panels"]
    ]


def queries() -> list[Any]:
    found = []
    for d in dashboards():
        for panel in d["panels"]:
            found += [(f"{panel['title']} {t['refId']}", t["query"]) for t in panel["targets"]]
        found += [(a["name"], a["target"]["query"]) for a in d["annotations"]["list"]]
        variables = d["templating"]["list"]
        found += [(v["name"], v["query"]) for v in variables if v["type"] == "query"]
    return [pytest.param(text, id=name) for name, text in found]


each_dashboard = pytest.mark.parametrize("dashboard", dashboards(), ids=lambda d: d["uid"])
each_panel = pytest.mark.parametrize("panel", panels())
each_query = pytest.mark.parametrize("query", queries())


def comparisons(query: str) -> list[tuple[str, str, Node]]:
    """Column, operator and right side of every comparison with a column of a row."""
    script = flux_reader.read(query)
    found = []
    for node in flux_reader.walk([*script.bound.values(), *script.results]):
        if node.kind == "binary" and node.parts[1].kind == "member":
            sign, left, right = node.parts
            if left.parts[0] == Node("name", ("r",)):
                found.append((left.parts[1], sign, right))
    return found


def tags_of(query: str) -> set[str]:
    """The tags a query asks for."""
    found = set()
    for column, sign, right in comparisons(query):
        if column == "tag" and sign == "==":
            found.add(right.parts[0])
        elif column == "tag":
            hits = {name for name in TAGS if re.search(right.parts[0], name)}
            assert hits, right.parts[0]
            found |= hits
    return found


# -- files ---------------------------------------------------------------------------------------


def test_dashboards_are_those_that_the_code_makes() -> None:
    assert stale() == []
    assert {p.name for p in FOLDER.iterdir()} == set(DASHBOARDS)


def test_check_names_stale_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check"]) == 0
    monkeypatch.setattr("hmi.dashboards.__main__.stale", lambda: ["line-overview.json"])
    assert main(["--check"]) == 1
    assert "line-overview.json is stale" in capsys.readouterr().err


@each_dashboard
def test_panels_lie_side_by_side(dashboard: Json) -> None:
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    cells = []
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= made.COLUMNS
        cells.append(
            {(x, y) for x in range(at["x"], at["x"] + at["w"])
             for y in range(at["y"], at["y"] + at["h"])}
        )  # fmt: skip
    assert not any(a & b for a, b in combinations(cells, 2))
    covered = set().union(*cells)
    height = 1 + max(y for _, y in covered)
    assert len(covered) == made.COLUMNS * height, "holes between panels"


@each_dashboard
def test_variables_in_queries_are_those_of_the_dashboard(dashboard: Json) -> None:
    known = {v["name"] for v in dashboard["templating"]["list"]}
    text = json.dumps([dashboard["panels"], dashboard["annotations"]])
    used = set(re.findall(r"\$\{(\w+)[:}]", text)) - {"__field"}
    assert used == known


@each_panel
def test_panel_says_what_it_shows(panel: Json) -> None:
    assert panel["title"]
    assert panel["datasource"] == made.SOURCE
    assert all(t["datasource"] == made.SOURCE for t in panel["targets"])
    assert [t["refId"] for t in panel["targets"]] == list("ABCD"[: len(panel["targets"])])
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert bool(panel["targets"]) == (panel["type"] != "text")


@each_panel
def test_unit_is_that_of_the_tags(panel: Json) -> None:
    if panel["type"] not in ("timeseries", "stat"):
        return
    shown = panel["fieldConfig"]["defaults"]["unit"]
    for target in panel["targets"]:
        if "saving" in target["query"]:
            assert shown == "percentunit"
            continue
        of_power = "pivot" in target["query"]
        for name in tags_of(target["query"]) - ({"ENC.DP.ZONE"} if of_power else set()):
            unit = TAGS[name].unit
            assert shown in UNITS.get(unit, [f"suffix: {unit}"]), (name, unit)


@each_panel
def test_lines_break_where_there_is_no_value(panel: Json) -> None:
    if panel["type"] not in ("timeseries", "state-timeline"):
        return
    custom = panel["fieldConfig"]["defaults"]["custom"]
    assert custom["spanNulls"] is False
    assert custom["insertNulls"] is False, "one threshold cannot be right at every zoom"
    for target in panel["targets"]:
        if custom.get("drawStyle") != "bars" and "pivot" not in target["query"]:
            assert "lost" in target["query"]


# -- queries -------------------------------------------------------------------------------------


@each_query
def test_query_is_flux_that_we_know(query: str) -> None:
    script = flux_reader.read(query)
    known = {"v", "r", *script.bound, "mean", "last", "max", "sum"}
    known |= {name.rpartition("/")[2] for name in script.imports} | set(SIGNATURES)
    seen: set[str] = set()
    for name, node in script.bound.items():
        assert {n.parts[0] for n in flux_reader.walk(node) if n.kind == "name"} <= known
        for inner in flux_reader.walk(node):
            if inner.kind == "name" and inner.parts[0] in script.bound:
                assert inner.parts[0] in seen, f"{inner.parts[0]} is used before it is bound"
        seen.add(name)
    for node in flux_reader.walk([*script.bound.values(), *script.results]):
        if node.kind == "call":
            target, given = node.parts
            assert set(given) <= SIGNATURES[target.parts[-1]], target
        if node.kind == "name":
            assert node.parts[0] in known, node


@each_query
def test_query_asks_for_what_is_in_the_database(query: str) -> None:
    if "schema" in query:
        return
    asked = comparisons(query)
    events = any(column == "kind" for column, _, _ in asked)
    fields = {right.parts[0] for column, sign, right in asked if (column, sign) == ("_field", "==")}
    columns = {column for column, _, _ in asked} - OWN
    if events:
        assert fields == {"text"}
        assert columns <= OF_EVENTS
        kinds = {right.parts[0] for column, _, right in asked if column == "kind"}
        assert kinds <= {kind.value for kind in EventKind}
    else:
        assert fields <= {"value", "quality"}
        assert fields
        assert columns - {"elapsed"} <= OF_SAMPLES | set(TAGS)
        assert tags_of(query) or "since" in query
    for name in columns - {"elapsed"} - set(TAGS) | fields:
        assert f"`{name}`" in LAYOUT, name
    for column, _, right in asked:
        if column == "_measurement":
            assert right.parts[0] in MEASUREMENTS


@each_query
def test_query_names_tags_of_its_measurement(query: str) -> None:
    wanted = {right.parts[0] for column, sign, right in comparisons(query)
              if (column, sign) == ("_measurement", "==")}  # fmt: skip
    for name in tags_of(query):
        assert name in TAGS
        assert not wanted or TAGS[name].station in wanted


@each_query
def test_query_is_bounded(query: str) -> None:
    if "schema" not in query:
        assert "range(start: v.timeRangeStart, stop: v.timeRangeStop)" in query
        assert 'r.line == "${line}"' in query


@each_query
def test_columns_of_the_result_are_those_of_the_layout(query: str) -> None:
    renamed = {"time", "text", "tags", "since", "quality", "elapsed"}
    for node in flux_reader.walk(list(flux_reader.read(query).results)):
        if node.kind == "call" and "columns" in node.parts[1]:
            columns = node.parts[1]["columns"]
            names = [n.parts[0] for n in columns.parts] if columns.kind == "list" else []
            assert set(names) <= OWN | OF_SAMPLES | OF_EVENTS | renamed


@pytest.mark.parametrize(
    "bad",
    ["", "from(bucket: v.b) |>", "from(bucket: v.b) |> 3", "a = 1\na = 2\na", "f(a: 1, a: 2)",
     "from(bucket: v.b", "f(x: (r) => r.a == )", "f(x: [1, 2)", "f(x: {a 1})", "f(§: 1)", "a = 1"],
)  # fmt: skip
def test_flux_reader_refuses(bad: str) -> None:
    with pytest.raises(FluxError):
        flux_reader.read(bad)


# -- what is shown how ---------------------------------------------------------------------------


def test_states_and_qualities_are_those_of_the_code() -> None:
    assert {(code, name) for code, name, _ in made.STATES} == {(int(s), s.name) for s in State}
    sinks = {(int(s), s.name.lower()) for s in SinkState}
    assert {(code, name) for code, name, _ in made.SINK_STATES} == sinks
    assert [low for low, _, _, _ in made.QUALITIES] == [0, FIRST_UNCERTAIN, FIRST_BAD]


def test_dashboards_show_what_they_are_for() -> None:
    overview, energy = dashboards()
    asked = set().union(*(tags_of(t["query"]) for p in overview["panels"] for t in p["targets"]))
    for prefix in ("ENC", "COAT", "CAL"):
        assert f"{prefix}.SERVICE.STATE" in asked
    assert {"LINE.HISTORY.OUTBOX", "LINE.SINK.INFLUX.STATE", "LINE.SINK.INFLUX.LIVE"} <= asked
    assert {"ENC.DP.ZONE", "COAT.LOAD.C", "CAL.THK.C"} <= asked
    marks = {a["name"] for a in overview["annotations"]["list"]}
    assert {"Alarms", "Runs and recipes"} <= marks
    powers = set().union(*(tags_of(t["query"]) for p in energy["panels"] for t in p["targets"]))
    assert {"DHU.PWR.REG", "DHU.PWR.FAN", "DHU.PWR.COOL", "GREY.PWR"} <= powers


# -- provisioning --------------------------------------------------------------------------------


def provisioned(path: str) -> Any:
    return YAML(typ="safe", pure=True).load((PROVISIONING / path).read_text(encoding="utf-8"))


def test_data_source_is_the_one_that_panels_name() -> None:
    (source,) = provisioned("datasources/influxdb.yml")["datasources"]
    assert {"type": source["type"], "uid": source["uid"]} == made.SOURCE
    compose = plain_yaml.read((ROOT / "docker-compose.yml").read_text())
    database = compose["services"]["influxdb"]["environment"]
    assert source["jsonData"] == {
        "version": "Flux",
        "organization": database["DOCKER_INFLUXDB_INIT_ORG"],
        "defaultBucket": database["DOCKER_INFLUXDB_INIT_BUCKET"],
    }
    assert source["url"] == "http://influxdb:8086"
    assert set(source["secureJsonData"]) == {"token"}
    assert source["secureJsonData"]["token"].startswith("$__file{/run/dryline-secrets/")


def test_dashboards_are_loaded_from_where_they_are_mounted() -> None:
    (provider,) = provisioned("dashboards/dryline.yml")["providers"]
    assert provider["type"] == "file"
    compose = plain_yaml.read((ROOT / "docker-compose.yml").read_text())
    grafana = compose["services"]["grafana"]
    path = provider["options"]["path"]
    assert f"./hmi/grafana/dashboards:{path}:ro" in grafana["volumes"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.startswith(path)
    assert (FOLDER / home.removeprefix(f"{path}/")).is_file()
