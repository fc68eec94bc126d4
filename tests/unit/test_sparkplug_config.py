"""[sinks.NAME] of kind sparkplug: off by default, strict, and never a secret in it."""

import shutil
from pathlib import Path

import pytest

from controller.clock import SystemClock
from controller.config import LineConfig, check
from controller.sinks import sparkplug, sparkplug_settings
from controller.sinks.answers import Verdict
from controller.sinks.places import SinkPlaces, Site
from controller.sinks.process import Work, plan_of
from controller.sinks.sparkplug import Session, node_of
from controller.sinks.sparkplug_settings import Settings
from controller.sinks.sparkplug_store import device_tags

BASE = Path(__file__).parents[1] / "golden/config/base"
BROKER = """
[sinks.broker]
kind = "sparkplug"
host = "broker.works.example"
tls = true
group = "works"
user = "dryline"
password_env = "MQTT_PASSWORD"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(BASE / "io_list.csv", tmp_path)
    return tmp_path


def with_sink(folder: Path, text: str) -> tuple[LineConfig | None, list[str]]:
    base = (BASE / "line.toml").read_text(encoding="utf-8")
    (folder / "line.toml").write_text(base + text, encoding="utf-8")
    config, problems = check(folder)
    return config, [str(problem) for problem in problems]


def right(folder: Path, text: str = BROKER) -> LineConfig:
    config, problems = with_sink(folder, text)
    assert problems == []
    assert config is not None
    return config


def settings_of(folder: Path, text: str = BROKER) -> Settings:
    settings = right(folder, text).sinks[0].settings
    assert isinstance(settings, Settings)
    return settings


def site(folder: Path, part: str = "") -> Site:
    return Site("pilot", part, folder / "h.db", folder, SinkPlaces(folder, "broker", part))


def test_a_broker_is_a_section(folder: Path) -> None:
    settings = settings_of(folder)
    assert (settings.broker_port, settings.qos, settings.echo) == (8883, 1, True)
    assert right(folder).warnings == ()
    assert settings_of(folder, BROKER.replace("tls = true", "port = 1884")).broker_port == 1884
    plain = BROKER.replace("tls = true", "").replace("broker.works.example", "::1")
    assert settings_of(folder, plain).broker_port == 1883


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('host = "broker.works.example"\n', "", "sinks.broker.host: missing"),
        ("broker.works.example", "mqtt://broker", "must be a host name"),
        ("broker.works.example", "broker:1883", "must be a host name"),
        ("broker.works.example", "me@broker", "must be a host name"),
        ('group = "works"\n', "", "sinks.broker.group: missing"),
        ('"works"', '"works/a"', "must not hold +, / or #"),
        ('"works"', '"works"\nnode = "a+b"', "must not hold +, / or #"),
        ('user = "dryline"\n', "", "user: missing beside its password"),
        ("tls = true", 'tls = true\npassword_file = "p"', "give one of them"),
        ("tls = true", 'ca_file = "ca.pem"', "need tls = true"),
        ("tls = true", 'tls = true\nkey_file = "key.pem"', "cert_file: missing beside"),
        ("tls = true", "qos = 2", "qos"),
        ("tls = true", "keepalive_s = 1", "out of range"),
        ("tls = true", 'password = "x"', "unknown key"),
        ('"MQTT_PASSWORD"', '"not a name"', "sinks.broker.password_env"),
    ],
)
def test_mistakes_are_told(folder: Path, old: str, new: str, told: str) -> None:
    assert old in BROKER
    config, problems = with_sink(folder, BROKER.replace(old, new))
    assert config is None
    assert len(problems) == 1, problems
    assert told in problems[0]


@pytest.mark.parametrize(
    ("host", "tls", "is_told"),
    [("broker", "", True), ("127.0.0.1", "", False), ("broker", "tls = true", False)],
)
def test_a_password_that_would_travel_in_the_clear_is_warned_of(
    folder: Path, host: str, tls: str, *, is_told: bool
) -> None:
    text = BROKER.replace("broker.works.example", host).replace("tls = true", tls)
    assert bool(right(folder, text).warnings) == is_told


def test_without_its_library_it_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparkplug, "aiomqtt", None)
    monkeypatch.setattr(sparkplug_settings, "find_spec", lambda _: None)
    (warning,) = right(folder).warnings
    assert "pip install 'dryline[mqtt]'" in warning.message
    session = Session(settings_of(folder), site(folder), SystemClock())
    session.start(print)
    answer = session.connect().post(["x"])
    assert answer.verdict is Verdict.STOPPED
    assert "pip install 'dryline[mqtt]'" in str(answer)
    session.end()


def test_its_lanes_share_one_session(folder: Path) -> None:
    config = right(folder)
    work = Work(folder / "h.db", folder, "pilot", "", folder, config.sinks)
    plan = plan_of(work, config.sinks[0], SystemClock())
    assert isinstance(plan.session, Session)
    assert plan.batch_points == 2000
    assert plan.connect().post.__self__ is not plan.connect().post.__self__  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("node", "part", "wanted"),
    [("", "", "pilot"), ("east", "", "east"), ("", "coater+calender", "pilot-coater-calender")],
)
def test_each_controller_is_a_node_of_its_own(
    folder: Path, node: str, part: str, wanted: str
) -> None:
    settings = settings_of(folder, BROKER + f'node = "{node}"\n')
    assert node_of(settings, site(folder, part)) == wanted


def test_devices_are_what_plcs_write(folder: Path) -> None:
    right(folder)
    found = device_tags(folder)
    assert {"COAT.FEED.PV", "COAT.FEED.SP.RB", "ENC.STATE"} <= found
    assert "COAT.FEED.SP" not in found
