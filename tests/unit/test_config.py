"""The configured line as one object, and what its reading tolerates."""

import json
import shutil
from pathlib import Path

import pytest

from controller import line_file
from controller.config import (
    MAX_CSV_BYTES,
    MAX_TOML_BYTES,
    LineConfig,
    NoSettings,
    check,
    installed_modules,
    load_line,
    tag_dictionary,
)
from controller.core.errors import ConfigError
from controller.core.point import Access
from controller.line_file import AfterLinkLoss, endpoint_of
from tests.support.line_modules import STAND_INS, ModbusSettings, OpcuaSettings

BASE = Path(__file__).parents[1] / "golden/config/base"
SHIPPED = Path(__file__).parents[2] / "controller/lines/pilot"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("line.toml", "io_list.csv"):
        shutil.copy(BASE / name, tmp_path)
    return tmp_path


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def right(folder: Path) -> LineConfig:
    config, problems = check(folder, STAND_INS)
    assert problems == []
    assert config is not None
    return config


def wrong(folder: Path) -> list[str]:
    config, problems = check(folder, STAND_INS)
    assert config is None
    assert problems
    return [str(problem) for problem in problems]


def test_files_become_one_object(folder: Path) -> None:
    config = right(folder)
    assert (config.name, config.title, config.map_version) == ("small", "Small line", 1)
    assert (config.history.path, config.history.raw_days) == ("history.db", 30)
    assert config.history.commit_interval_s == 0.5
    assert config.folder == folder
    assert [station.name for station in config.stations] == ["coater", "enclosure"]
    enclosure = config.station("enclosure")
    assert (enclosure.kind, enclosure.prefix, enclosure.protocol) == ("enclosure", "ENC", "modbus")
    assert enclosure.after_link_loss is AfterLinkLoss.RESUME
    assert enclosure.scan_period_s == 0.1
    assert [point.tag for point in enclosure.points][:2] == ["ENC.HEART", "ENC.BOOT"]
    assert all(point.station == "enclosure" for point in enclosure.points)
    with pytest.raises(KeyError):
        config.station("slitter")


def test_driver_settings_are_the_model_of_the_driver(folder: Path) -> None:
    config = right(folder)
    modbus = config.station("enclosure").settings
    assert isinstance(modbus, ModbusSettings)
    assert (modbus.port, modbus.prefix, modbus.protocol) == (5020, "ENC", "modbus")
    opcua = config.station("coater").settings
    assert isinstance(opcua, OpcuaSettings)
    assert opcua.endpoint == "opc.tcp://127.0.0.1:4841/dryline/coater"


def test_array_of_a_driver_setting_is_told_by_its_element(folder: Path) -> None:
    edit(folder, "line.toml", "unit_id = 1\n", "unit_id = 1\nholding_ranges = [\n[0, 299],\n]\n")
    settings = right(folder).station("enclosure").settings
    assert isinstance(settings, ModbusSettings)
    assert settings.holding_ranges == ((0, 299),)
    edit(folder, "line.toml", "[0, 299]", '[0, "x"]')
    assert wrong(folder) == [
        "line.toml:41: stations.enclosure.driver.holding_ranges.0.1 = 'x': wrong type: "
        "Input should be a valid integer"
    ]


def test_path_of_the_file_is_as_good_as_its_folder(folder: Path) -> None:
    assert load_line(folder / "line.toml", STAND_INS).folder == folder


def test_wrong_line_raises_every_problem(folder: Path) -> None:
    edit(folder, "line.toml", "map_version = 1", "map_version = 0")
    edit(folder, "io_list.csv", "powder feed,kg/h", "powder feed,kg")
    edit(folder, "io_list.csv", "hopper weight,kg", "hopper weight,lb")
    with pytest.raises(ConfigError) as caught:
        load_line(folder, STAND_INS)
    places = [(problem.file, problem.line) for problem in caught.value.problems]
    assert places == [("line.toml", 7), ("io_list.csv", 15)]


def test_windows_files_with_a_byte_order_mark_are_read_with_a_warning(folder: Path) -> None:
    for name in ("line.toml", "io_list.csv"):
        text = (folder / name).read_text(encoding="utf-8").replace("\n", "\r\n")
        (folder / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    config = right(folder)
    expected = [
        f"{name}:1: file: byte order mark ignored: save the file as UTF-8 without it"
        for name in ("line.toml", "io_list.csv")
    ]
    assert [str(warning) for warning in config.warnings] == expected
    assert config.summary().endswith("\n".join(f"warning: {line}" for line in expected))


def test_io_list_may_lie_deeper_in_the_folder(folder: Path) -> None:
    (folder / "maps").mkdir()
    (folder / "io_list.csv").rename(folder / "maps/tags.csv")
    edit(folder, "line.toml", '"io_list.csv"', '"maps/tags.csv"')
    assert right(folder).stations[0].points
    edit(folder, "maps/tags.csv", "hopper weight,kg", "hopper weight,lb")
    assert wrong(folder)[0].startswith("maps/tags.csv:15: column D, unit of COAT.HOPPER.WT = 'lb'")


@pytest.mark.parametrize(
    "path",
    [
        "/io_list.csv",
        "../io_list.csv",
        "a/../../b.csv",
        "C:\\\\io.csv",
        "a\\\\b.csv",
        "",
        ".",
        "a/..",
    ],
)
def test_io_list_outside_the_folder_is_never_opened(folder: Path, path: str) -> None:
    edit(folder, "line.toml", 'io_list = "io_list.csv"', f'io_list = "{path}"')
    (problem,) = wrong(folder)
    assert problem.startswith("line.toml:6: line.io_list = ")


def test_rows_are_checked_even_if_line_toml_is_no_toml(folder: Path) -> None:
    edit(folder, "line.toml", "[line]", "[line")
    edit(folder, "io_list.csv", "hopper weight,kg", "hopper weight,lb")
    files = [problem.split(":")[0] for problem in wrong(folder)]
    assert files == ["line.toml", "io_list.csv"]


def test_folder_without_a_line_is_one_problem(tmp_path: Path) -> None:
    expected = ["line.toml: file: no such file: name the folder that holds one"]
    assert wrong(tmp_path) == expected
    assert wrong(tmp_path / "nowhere") == expected


def test_folder_in_place_of_a_file_is_told(folder: Path) -> None:
    (folder / "io_list.csv").unlink()
    (folder / "io_list.csv").mkdir()
    assert wrong(folder)[0].startswith("io_list.csv: file: not a regular file")


def test_file_at_the_size_limit_is_read_and_one_byte_more_is_not(folder: Path) -> None:
    for name, limit in (("line.toml", MAX_TOML_BYTES), ("io_list.csv", MAX_CSV_BYTES)):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content + b"\n" * (limit - len(content)))
        right(folder)
        (folder / name).write_bytes(content + b"\n" * (limit + 1 - len(content)))
        assert "larger than" in wrong(folder)[0]
        (folder / name).write_bytes(content)


def test_parser_that_runs_out_of_stack_is_told_with_the_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(text: str) -> dict[str, object]:
        raise RecursionError

    monkeypatch.setattr(line_file.tomllib, "loads", exhausted)
    edit(folder, "line.toml", "raw_days = 30", "raw_days = " + "[" * 20 + "]" * 20)
    assert wrong(folder)[0] == "line.toml:12: line: brackets nested too deeply: at most 16 levels"


def test_every_case_of_a_boolean_for_a_number_is_refused(folder: Path) -> None:
    edit(folder, "line.toml", "raw_days = 30", "raw_days = true")
    edit(folder, "line.toml", "port = 5020", "port = false")
    assert [problem.split(":")[1] for problem in wrong(folder)] == ["12", "38"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("opc.tcp://localhost:4841/a", "opc.tcp://127.0.0.1:4841/a/", True),
        ("opc.tcp://LOCALHOST:4841/a", "opc.tcp://[::1]:4841/a", True),
        ("opc.tcp://plc:4841/a", "opc.tcp://plc:4842/a", False),
        ("opc.tcp://plc:4841/a", "opc.tcp://plc:4841/b", False),
        ("opc.tcp://plc:99999999/a", "opc.tcp://plc:4841/b", False),
    ],
)
def test_endpoints_are_compared_by_the_server_they_reach(one: str, other: str, same: bool) -> None:
    first, second = (
        endpoint_of(OpcuaSettings(endpoint=url, namespace="n", security="insecure"))
        for url in (one, other)
    )
    assert (first == second) is same


def test_modbus_stations_may_share_a_gateway_but_not_a_unit() -> None:
    def at(host: str, unit: int) -> tuple[object, ...] | None:
        return endpoint_of(ModbusSettings(protocol="modbus", prefix="X", host=host, unit_id=unit))

    assert at("localhost", 1) == at("127.0.0.1", 1)
    assert at("localhost", 1) != at("localhost", 2)
    assert endpoint_of(NoSettings()) is None


def test_summary_counts_points_of_each_station(folder: Path) -> None:
    lines = right(folder).summary().split("\n")
    assert lines[0] == "line small: Small line, map version 1"
    assert lines[2].split() == ["coater", "coater", "COAT", "opcua", "11", "3", "100", "ms", "hold"]
    assert lines[3].split()[4:6] == ["12", "4"]
    assert lines[-1].startswith("30 points;")


def test_tag_dictionary_has_every_tag_and_is_plain(folder: Path) -> None:
    config = right(folder)
    entries = tag_dictionary(config)
    assert json.loads(json.dumps(entries)) == entries
    by_name = {entry["name"]: entry for entry in entries}
    points = [point for station in config.stations for point in station.points]
    written = [point for point in points if point.access is Access.WRITE]
    assert len(by_name) == len(entries) == len(points) + len(written)
    assert by_name["ENC.DP.SP"]["writer"] == "station"
    read_back = by_name["ENC.DP.SP.RB"]
    assert (read_back["writer"], read_back["address"]) == ("device", "hr:44")
    assert (read_back["protocol"], read_back["unit"]) == ("modbus", "degC")
    assert (read_back["low"], read_back["high"], read_back["deadband"]) == (-80.0, -20.0, 0.1)


def test_kinds_and_protocols_are_files_that_define_their_class() -> None:
    modules = installed_modules()
    assert {"coater", "calender", "enclosure"} <= set(modules.kinds)
    assert "common" not in modules.kinds
    assert {"opcua", "modbus", "memory"} <= set(modules.protocols)
    assert "modbus_blocks" not in modules.protocols
    for protocol in modules.protocols:
        assert modules.settings_of(protocol).model_config.get("extra") == "forbid"


@pytest.mark.parametrize(
    ("given", "ages"),
    [
        ("raw_days = 30", (30, 365, 0)),
        ("raw_days = 400", (400, 365, 0)),  # the level that was not given ends no earlier
        ("raw_days = 30\nten_s_days = 30\nminute_days = 30", (30, 30, 30)),
        ("raw_days = 1\nten_s_days = 90\nminute_days = 0", (1, 90, 0)),
    ],
)
def test_levels_of_the_history_may_be_left_out_or_last_for_ever(
    folder: Path, given: str, ages: tuple[int, int, int]
) -> None:
    edit(folder, "line.toml", "raw_days = 30", given)
    history = right(folder).history
    assert (history.raw_days, history.ten_s_days, history.minute_days) == ages
    assert history.max_mb == 0


def test_shipped_line_is_right() -> None:
    config = load_line(SHIPPED)
    assert config.warnings == ()
    assert [station.name for station in config.stations] == ["enclosure", "coater", "calender"]
