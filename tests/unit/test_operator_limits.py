"""Limits for operators in line.toml, and the controller that keeps to them whoever asks."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from controller.__main__ import app
from controller.config import load_line
from controller.core.errors import ConfigError, Refused
from controller.operator_limits import OperatorLimits
from tests.support.desk_line import DeskLine
from tests.support.line_under_test import SHIPPED, line_folder

V, DP = "COAT.V.LINE.SP", "COAT.SET.V"


def limits(**spans: tuple[float, float]) -> OperatorLimits:
    config = load_line(SHIPPED)
    narrow = {name.replace("__", "."): span for name, span in spans.items()}
    stations = [
        replace(s, operator_limits=narrow) if s.name == "coater" else s for s in config.stations
    ]
    return OperatorLimits(replace(config, stations=tuple(stations)))


def test_a_file_says_how_far_operators_may_go(tmp_path):
    folder = line_folder(tmp_path / "line", {})
    path = folder / "line.toml"
    more = f'[stations.coater.operator_limits]\n"{V}" = [1, 8.5]\n\n[stations.coater.driver]'
    path.write_text(path.read_text().replace("[stations.coater.driver]", more))
    found = OperatorLimits(load_line(folder))
    assert found.of("coater", V) == (1.0, 8.5)
    assert found.of("calender", V) is None


def test_a_check_of_the_line_and_a_start_name_limits_that_cannot_hold(tmp_path):
    folder = line_folder(tmp_path / "line", {})
    path = folder / "line.toml"
    more = f'[stations.coater.operator_limits]\n"{V}" = [1, 85]\n"X" = [0, 1]\n\n'
    text = path.read_text()
    path.write_text(text.replace("[stations.coater.driver]", f"{more}[stations.coater.driver]"))
    for words in (["check"], ["up", "--run", str(tmp_path / "run")]):
        told = CliRunner().invoke(app, [*words, "--line", str(folder)], env={"COLUMNS": "200"})
        assert told.exit_code == 2
        assert "operator_limits.COAT.V.LINE.SP = [1, 85]: must be [low, high]" in told.output
        assert "operator_limits.X = [0, 1]: is no set point of this station" in told.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("value", [1.0, 8.0, 4, "6.5"])
def test_an_operator_moves_freely_inside(value):
    limits(COAT__V__LINE__SP=(1.0, 8.0)).require("coater", V, value, "", engineer=False)


@pytest.mark.parametrize("value", [0.99, 8.01, 20, "9", float("inf")])
def test_beyond_only_an_engineer_with_a_reason(value):
    found = limits(COAT__V__LINE__SP=(1.0, 8.0))
    for engineer, reason, code in ((False, "why", "beyond"), (True, " ", "reason")):
        with pytest.raises(Refused) as refused:
            found.require("coater", V, value, reason, engineer=engineer)
        assert refused.value.code == code
    found.require("coater", V, value, "trial 12", engineer=True)


def test_the_short_name_of_a_setting_is_no_way_around(tmp_path):
    found = limits(COAT__SET__V=(1.0, 8.0))
    for name in (DP, "V"):
        assert found.beyond("coater", name, 9.0)
        assert not found.beyond("calender", name, 9.0)


def test_what_no_station_reads_as_a_number_is_left_to_its_refusal():
    found = limits(COAT__V__LINE__SP=(1.0, 8.0))
    for value in ("fast", None, [9.0]):
        assert not found.beyond("coater", V, value)


@pytest.mark.parametrize(
    ("tag", "span", "told"),
    [("COAT__V__LINE__PV", (1.0, 2.0), "no set point"), ("CAL__V__SP", (1.0, 2.0), "no set point"),
     ("COAT__V__LINE__SP", (2.0, 1.0), "inside 0 to 20"),
     ("COAT__V__LINE__SP", (1.0, 21.0), "inside 0 to 20"),
     ("COAT__SET__V", (0.1, 8.0), "inside 0.5 to 20"),
     ("COAT__L8__SP", (30.0, 200.0), "inside 20 to 120")],
)  # fmt: skip
def test_limits_that_mean_nothing_stop_the_start(tag, span, told):
    with pytest.raises(ConfigError, match=told):
        limits(**{tag: span})


async def test_the_controller_itself_refuses_what_is_beyond(tmp_path):
    async with DeskLine(tmp_path) as line:
        line.config = replace(
            line.config,
            stations=tuple(
                replace(s, operator_limits={V: (1.0, 8.0)}) for s in line.config.stations
            ),
        )
        await line.restart()

        async def answer(**more):
            wish = {"verb": "SET", "target": V, "value": 9.0}
            return await line.during(line.desk.answer(
                {"op": "command", "station": "coater", "actor": "ann", **wish, **more}
            ))  # fmt: skip

        assert (await answer(engineer=False, reason="why"))["code"] == "beyond"
        assert (await answer())["code"] == "reason"
        assert (await answer(engineer="yes", reason="why"))["code"] == "beyond"
        assert (await answer(engineer=False, value=7.0))["accepted"]
        assert (await answer(reason="trial 12"))["accepted"]
        told = [e.text for e in line.recorder.events if "refused" in e.text]
        assert len(told) == 3
