"""The rules for Prometheus: every metric, label and state in them exists."""

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from controller.control.states import State
from controller.metrics.figures import METRICS, Kind
from controller.sinks.condition import State as SinkState
from tests.support.documents import ROOT

RULES = ROOT / "docs" / "examples" / "prometheus-alerts.yml"
SEVERITIES = {"critical", "warning"}
OF_PROMETHEUS = {"instance", "job", "le"}
KNOWN = {metric.shown: metric for metric in METRICS}
METRIC = re.compile(r"\bdryline_[a-z_]+")
SELECTOR = re.compile(r"\b(\w+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|=|!=|!~)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
PLACEHOLDER = re.compile(r"\{\{\s*\$labels\.(\w+)\s*\}\}")


def rules() -> list[dict[str, Any]]:
    groups = YAML(typ="safe", pure=True).load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def base(name: str) -> str:
    return re.sub(r"_(bucket|sum|count)$", "", name)


each_rule = pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))


@each_rule
def test_rule_is_whole(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in SEVERITIES
    assert rule["annotations"]["summary"]
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "1s"))
    assert rule["expr"].count("(") == rule["expr"].count(")")


@each_rule
def test_metrics_of_a_rule_exist(rule: dict[str, Any]) -> None:
    names = METRIC.findall(rule["expr"])
    assert names or rule["expr"].startswith("up{")
    for name in names:
        metric = KNOWN[base(name)]
        assert (name != base(name)) == (metric.kind is Kind.HISTOGRAM)
        if metric.kind is Kind.COUNTER:
            assert re.search(rf"(rate|increase)\({name}", rule["expr"]), "a counter only rises"


@each_rule
def test_labels_of_a_rule_exist(rule: dict[str, Any]) -> None:
    of_metrics = {k for n in METRIC.findall(rule["expr"]) for k in KNOWN[base(n)].labels}
    for name, body in SELECTOR.findall(rule["expr"]):
        known = {"job"} if name == "up" else set(KNOWN[base(name)].labels)
        assert {key for key, _, _ in MATCHER.findall(body)} <= known
    for group in GROUPING.findall(rule["expr"]):
        assert {word.strip() for word in group.split(",")} <= of_metrics | OF_PROMETHEUS
    for text in rule["annotations"].values():
        assert set(PLACEHOLDER.findall(text)) <= of_metrics | OF_PROMETHEUS


@each_rule
def test_states_of_a_rule_exist(rule: dict[str, Any]) -> None:
    states = {"dryline_sink_state": SinkState, "dryline_station_state": State}
    for name, body in SELECTOR.findall(rule["expr"]):
        for key, _, value in MATCHER.findall(body):
            if key == "state":
                assert set(value.split("|")) <= {s.name.lower() for s in states[name]}


def test_rules_cover_what_must_be_known() -> None:
    wanted = {"HistoryFailing", "OutboxFilling", "SinkStopped", "ScansLate", "LinkDown"}
    names = [rule["alert"] for rule in rules()]
    assert wanted <= set(names)
    assert len(set(names)) == len(names)
