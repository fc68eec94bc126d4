"""[metrics] of line.toml and --metrics: what is allowed, and what a person is told."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from controller.cli.run import _endpoint, _shown_at
from controller.config import LineConfig, check, load_line
from controller.core.errors import DrylineError
from controller.metrics.settings import Address, MetricsSettings, of_part, parse_address
from controller.part import part_of
from tests.support.documents import ROOT

BASE = ROOT / "tests" / "golden" / "config" / "base"
SHIPPED = ROOT / "controller" / "lines" / "pilot"
STATIONS = ("enclosure", "coater", "calender")


def line_with(folder: Path, section: str) -> Path:
    shutil.copy(BASE / "io_list.csv", folder)
    text = (BASE / "line.toml").read_text(encoding="utf-8")
    (folder / "line.toml").write_text(f"{text}\n[metrics]\n{section}\n", encoding="utf-8")
    return folder


def config_with(listen: str, *, open_to_network: bool = False) -> LineConfig:
    section = MetricsSettings(listen=listen, open_to_network=open_to_network, tag_values=True)
    return replace(load_line(SHIPPED), metrics=section)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9464", Address("127.0.0.1", 9464)),
        ("localhost:0", Address("127.0.0.1", 0)),
        ("[::1]:9464", Address("::1", 9464)),
        ("192.0.2.7:65000", Address("192.0.2.7", 65000)),
    ],
)
def test_address_is_understood(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65001", "127.0.0.1:-1", "::1:9464", "9464",
     "plant:9464", "a@127.0.0.1:1", "127.0.0.1:1/x", "127.0.0.1:1?x", " 127.0.0.1:1", "127.1:1"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"ADDRESS:PORT, as 127\.0\.0\.1:9464"):
        parse_address(text)


def test_nothing_is_shown_by_default() -> None:
    config = load_line(SHIPPED)
    assert config.metrics is None
    assert _endpoint(config, "") is None


def test_section_is_read(tmp_path: Path) -> None:
    folder = line_with(tmp_path, 'listen = "127.0.0.1:9464"\ntag_values = true')
    endpoint = _endpoint(load_line(folder), "")
    assert endpoint is not None
    assert endpoint.address == Address("127.0.0.1", 9464)
    assert endpoint.tag_values


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ('listen = "0.0.0.0:9464"', "open_to_network = true"),
        ('listen = "[::]:9464"', "open_to_network = true"),
        ('listen = "9464"', "must be ADDRESS:PORT"),
        ("listen = 9464", "text in quotes"),
        ('listen = "127.0.0.1:9464"\nport = 1', "unknown key"),
        ("tag_values = true", "missing"),
    ],
)
def test_mistakes_in_the_section_are_told(tmp_path: Path, section: str, told: str) -> None:
    config, problems = check(line_with(tmp_path, section))
    assert config is None
    assert any(told in str(p) and "metrics" in p.field for p in problems), problems


def test_other_machines_may_read_where_that_is_said(tmp_path: Path) -> None:
    folder = line_with(tmp_path, 'listen = "0.0.0.0:9464"\nopen_to_network = true')
    assert check(folder)[1] == []


def test_controllers_of_parts_do_not_meet() -> None:
    config = config_with("127.0.0.1:9464")
    ports = []
    for part in ([], ["enclosure"], ["coater"], ["calender"]):
        endpoint = _endpoint(part_of(config, part), "")
        assert endpoint is not None
        ports.append(endpoint.address.port)
    assert ports == [9464, 9465, 9466, 9467]


def test_any_free_port_is_that_of_a_part_too() -> None:
    assert of_part(Address("127.0.0.1", 0), STATIONS, ["coater"]).port == 0


def test_command_line_comes_before_the_section() -> None:
    config = part_of(config_with("127.0.0.1:9464"), ["coater"])
    endpoint = _endpoint(config, "127.0.0.1:7000")
    assert endpoint is not None
    assert endpoint.address.port == 7000
    assert endpoint.tag_values
    assert _endpoint(config, "off") is None


def test_each_controller_that_up_starts_has_its_own_address() -> None:
    names = list(STATIONS)
    assert _shown_at("127.0.0.1:7000", names, []) == ["--metrics", "127.0.0.1:7000"]
    shown = [_shown_at("127.0.0.1:7000", names, ["--station", name])[1] for name in names]
    assert shown == ["127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"]
    assert _shown_at("off", names, ["--station", "coater"]) == ["--metrics", "off"]
    assert _shown_at("", names, ["--station", "coater"]) == []


def test_a_wrong_address_on_the_command_line_is_told() -> None:
    with pytest.raises(DrylineError, match=r"--metrics 'plant': must be ADDRESS:PORT.*or off"):
        _endpoint(load_line(SHIPPED), "plant")


def test_the_command_line_alone_opens_nothing_to_other_machines() -> None:
    with pytest.raises(DrylineError, match="open_to_network = true"):
        _endpoint(load_line(SHIPPED), "0.0.0.0:9464")
    allowed = config_with("0.0.0.0:9464", open_to_network=True)
    endpoint = _endpoint(allowed, "0.0.0.0:7000")
    assert endpoint is not None
    assert not endpoint.address.loopback
