"""[sinks.NAME] in line.toml: strict, told with file and line, and never a secret in it."""

import importlib
import shutil
import sys
from pathlib import Path

import pytest

from controller.config import LineConfig, check
from controller.core.errors import ConfigError
from controller.history.status import HistorianSettings
from controller.line import history_tags
from controller.part import part_of
from controller.sinks import influx, influx_settings
from controller.sinks.__main__ import sinks_of
from controller.sinks.answers import Verdict
from controller.sinks.figures import FIGURES
from controller.sinks.influx_settings import Settings
from controller.sinks.places import SinkPlaces, all_places, ledgers
from controller.sinks.process import ConfigWatch, Work

BASE = Path(__file__).parents[1] / "golden/config/base"
PLANT = """
[sinks.plant]
kind = "influx"
url = "https://localhost:8086/"
org = "works"
bucket = "line"
token_env = "INFLUX_TOKEN"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("line.toml", "io_list.csv"):
        shutil.copy(BASE / name, tmp_path)
    return tmp_path


def with_sinks(folder: Path, text: str) -> tuple[LineConfig | None, list[str]]:
    path = folder / "line.toml"
    base = (BASE / "line.toml").read_text(encoding="utf-8")
    path.write_text(base + text, encoding="utf-8")
    config, problems = check(folder)
    return config, [str(problem) for problem in problems]


def right(folder: Path, text: str = PLANT) -> LineConfig:
    config, problems = with_sinks(folder, text)
    assert problems == []
    assert config is not None
    return config


def test_by_default_there_is_no_sink(folder: Path) -> None:
    assert right(folder, "").sinks == ()
    assert ledgers(folder, right(folder, "").sinks, "") == []


def test_a_sink_is_a_section(folder: Path) -> None:
    config = right(folder)
    (sink,) = config.sinks
    assert (sink.name, sink.kind) == ("plant", "influx")
    assert isinstance(sink.settings, Settings)
    assert sink.settings.url == "https://localhost:8086"
    assert (sink.settings.gzip, sink.settings.batch_points) == (True, 5000)
    assert "sent to plant (influx)" in config.summary()
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('kind = "influx"', 'kind = "influks"', "did you mean 'influx'?"),
        ('kind = "influx"\n', "", "sinks.plant.kind: missing"),
        ("[sinks.plant]", "[sinks.Plant]", "a sink name is small letters"),
        ("[sinks.plant]", f"[sinks.{'a' * 25}]", "at most 24"),
        ("https://", "ftp://", "must be the URL of a server"),
        ("localhost", "me:secret@localhost", "must not carry a user"),
        (":8086/", ":0/", "must be the URL of a server"),
        (":8086/", ":8086/?token=x", "must not carry a user"),
        ('bucket = "line"\n', "", "sinks.plant.bucket: missing"),
        ('token_env = "INFLUX_TOKEN"', 'token = "abc"', "unknown key"),
        ('"INFLUX_TOKEN"', '"not a name"', "sinks.plant.token_env"),
        ("token_env", 'token_file = "f"\ntoken_env', "give one of them"),
        ('org = "works"', "timeout_s = 0.1", "out of range"),
        ('org = "works"', "batch_points = 10", "out of range"),
        ('org = "works"', 'gzip = "yes"', "true or false"),
    ],
)
def test_mistakes_are_told_with_their_line(folder: Path, old: str, new: str, told: str) -> None:
    assert old in PLANT
    config, problems = with_sinks(folder, PLANT.replace(old, new))
    assert config is None
    assert len(problems) == 1
    assert told in problems[0]
    number = int(problems[0].split(":")[1])
    assert number > (BASE / "line.toml").read_text(encoding="utf-8").count("\n")


def test_a_station_may_not_have_the_name_of_the_events(folder: Path) -> None:
    right(folder)
    base = (folder / "line.toml").read_text(encoding="utf-8")
    (folder / "line.toml").write_text(base.replace("stations.enclosure", "stations.events"))
    _, problems = check(folder)
    assert any("sinks put the events" in problem.message for problem in problems)


@pytest.mark.parametrize(
    ("scheme", "host", "is_told"),
    [("http", "influx", True), ("http", "127.0.0.1", False), ("https", "influx", False)],
)
def test_a_token_that_would_travel_in_the_clear_is_warned_of(
    folder: Path, scheme: str, host: str, *, is_told: bool
) -> None:
    config = right(folder, PLANT.replace("https", scheme).replace("localhost", host))
    assert bool(config.warnings) == is_told


def test_the_disk_limit_is_a_setting_of_history(folder: Path) -> None:
    right(folder)
    text = (folder / "line.toml").read_text(encoding="utf-8")
    (folder / "line.toml").write_text(text.replace("raw_days", "outbox_mb = 64\nraw_days"))
    config, problems = check(folder)
    assert not problems
    assert config is not None
    assert config.history.outbox_mb == 64
    assert HistorianSettings().outbox_bytes == 2**31


def test_a_sink_shows_itself_as_tags_of_the_line_and_of_a_part(folder: Path) -> None:
    whole = right(folder)
    names = [tag.name for tag in history_tags(whole) if ".SINK." in tag.name]
    assert names[:2] == ["LINE.SINK.PLANT.STATE", "LINE.SINK.PLANT.QUEUE"]
    assert len(names) == len(FIGURES)
    state = next(tag for tag in history_tags(whole) if tag.name == names[0])
    assert state.labels == ("off", "sending", "backfill", "waiting", "disk", "stopped")
    part = history_tags(part_of(whole, ["coater"]))
    assert "LINE.COAT.SINK.PLANT.QUEUE" in {tag.name for tag in part}


def test_the_process_of_the_sinks_reads_its_own_sections(folder: Path) -> None:
    expected = right(folder).sinks
    assert sinks_of(folder) == expected
    with_sinks(folder, PLANT.replace("https", "gopher"))
    with pytest.raises(ConfigError, match=r"line.toml:\d+: sinks.plant.url"):
        sinks_of(folder)


def test_each_part_of_a_line_has_files_of_its_own(tmp_path: Path) -> None:
    assert all_places(tmp_path, "plant") == [SinkPlaces(tmp_path, "plant")]
    for part in ("coater", "coater+calender"):
        path = SinkPlaces(tmp_path, "plant", part).ledger
        path.parent.mkdir(exist_ok=True)
        path.touch()
    SinkPlaces(tmp_path, "planter").ledger.touch()
    assert {places.part for places in all_places(tmp_path, "plant")} == {
        "coater",
        "coater+calender",
    }


def watch_of(folder: Path, text: str = PLANT) -> ConfigWatch:
    sinks = right(folder, text).sinks
    return ConfigWatch(
        Work(folder / "h.db", folder, "small", "", folder, sinks), lambda: sinks_of(folder)
    )


def test_a_changed_setting_of_a_sink_is_noticed_and_nothing_else(folder: Path) -> None:
    watch = watch_of(folder)
    assert not watch.changed()
    with_sinks(folder, PLANT + "# a remark\n")
    assert not watch.changed()
    with_sinks(folder, PLANT.replace("8086", "nowhere"))
    assert not watch.changed()  # a mistake changes nothing
    with_sinks(folder, PLANT.replace("8086", "8087"))
    assert watch.changed()


def test_a_changed_token_file_is_noticed(folder: Path) -> None:
    watch = watch_of(folder, PLANT.replace("token_env", "token_file"))
    assert not watch.changed()
    (folder / "INFLUX_TOKEN").write_text("fresh")
    assert watch.changed()


def test_without_its_library_it_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(influx, "InfluxDBClient", None)
    monkeypatch.setattr(influx_settings, "find_spec", lambda _: None)
    (warning,) = right(folder).warnings
    assert "pip install 'dryline[influx]'" in warning.message
    settings = right(folder).sinks[0].settings
    assert isinstance(settings, Settings)
    answer = influx.Sink(settings, folder).post(["a b=1 1"])
    assert answer.verdict is Verdict.STOPPED
    assert "pip install 'dryline[influx]'" in str(answer)


def test_it_can_be_loaded_where_the_library_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "influxdb_client"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "influxdb_client", None)  # an import of it fails
    try:
        assert importlib.reload(influx).InfluxDBClient is None
    finally:
        monkeypatch.undo()
        importlib.reload(influx)
    assert influx.InfluxDBClient is not None
