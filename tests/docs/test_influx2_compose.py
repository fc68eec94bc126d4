"""The compose file of the InfluxDB 2.x that tests may run against, and what the page says of it."""

import re

from tests.support import plain_yaml
from tests.support.documents import ROOT

FILE = ROOT / "tests" / "influx2.compose.yml"
PAGE = ROOT / "docs" / "how-to" / "send-history-to-influxdb.md"
SUITE = ROOT / "tests" / "wire" / "test_influx2.py"


def environment() -> dict[str, str]:
    service = plain_yaml.read(FILE.read_text(encoding="utf-8"))["services"]["influxdb"]
    assert service["image"] == "influxdb:2.7"
    assert service["ports"] == ["127.0.0.1:8086:8086"]
    found: dict[str, str] = service["environment"]
    return found


def test_it_has_no_secret_of_its_own() -> None:
    for key, value in environment().items():
        if "PASSWORD" in key or "TOKEN" in key:
            assert re.fullmatch(r"\$\{[A-Z0-9_]+:\?[^}]+\}", value), key


def test_its_names_are_those_that_the_tests_take_when_none_is_given() -> None:
    suite = SUITE.read_text(encoding="utf-8")
    assert f'"{environment()["DOCKER_INFLUXDB_INIT_ORG"]}"' in suite
    assert f'"{environment()["DOCKER_INFLUXDB_INIT_BUCKET"]}"' in suite


def test_the_page_and_the_file_say_the_same_commands() -> None:
    said = re.findall(r"^#   (.+)$", FILE.read_text(encoding="utf-8"), re.MULTILINE)
    page = PAGE.read_text(encoding="utf-8")
    assert len(said) == 4
    for command in said[:3]:
        assert f"$ {command}\n" in page, command
