"""Fault schedules from a file: all mistakes at once, each with its line."""

from math import inf

import pytest

from controller.core.errors import ConfigError
from plc_sim.fault_file import read_schedule

HEADER = "station,name,start_s,for_s,level\n"


@pytest.fixture
def read(tmp_path):
    def read(text, header=HEADER):
        path = tmp_path / "faults.csv"
        path.write_bytes((header + text).encode() if isinstance(text, str) else text)
        return read_schedule(path)

    return read


def problems(read, text, header=HEADER):
    with pytest.raises(ConfigError) as caught:
        read(text, header)
    return [(p.line, p.message) for p in caught.value.problems]


def test_rows_become_injections_with_defaults_where_nothing_stands(read):
    first, second = read("enclosure,heater_failure,60,600,\ncoater,F12,0,,-20\n")
    assert (first.fault.name, first.start_s, first.end_s, first.level) == (
        "heater_failure",
        60.0,
        660.0,
        1.0,
    )
    assert (second.fault.name, second.end_s, second.level) == ("roll_friction", inf, -20.0)


def test_an_empty_schedule_is_a_schedule(read):
    assert read("") == []
    assert read("\n\n") == []


def test_all_mistakes_are_told_with_their_lines(read):
    text = (
        "enclosure,heater_failure,60,600,\n"
        "enclosure,heater_failur,60,600,\n"
        "\n"
        "slitter,x,0,,\n"
        "enclosure,heater_failure,soon,,\n"
        "enclosure,heater_failure,0,,2\n"
        "enclosure,heater_failure,0,-5,\n"
        "enclosure,heater_failure,0\n"
        "enclosure,heater_failure,0,,1,more\n"
        "enclosure,heater_failure,nan,,\n"
    )
    found = problems(read, text)
    assert [line for line, _ in found] == [3, 5, 6, 7, 8, 9, 10, 11]
    texts = [message for _, message in found]
    assert texts[0].startswith("no fault 'heater_failur' for enclosure; faults:")
    assert texts[1].startswith("no station 'slitter'")
    assert texts[2] == "start_s = 'soon': must be a number"
    assert "allowed 0 to 1" in texts[3]
    assert "before its start" in texts[4]
    assert texts[5] == "3 fields, must be 5: station,name,start_s,for_s,level"
    assert texts[6].startswith("6 fields")
    assert texts[7] == "start_s = 'nan': must be a number"


@pytest.mark.parametrize("header", ["", "station,name\n", "station;name;start_s;for_s;level\n"])
def test_another_header_is_refused(read, header):
    assert problems(read, "", header) == [(1, "must be station,name,start_s,for_s,level")]


def test_a_byte_order_mark_does_no_harm(read):
    assert len(read("\ufeff" + HEADER + "enclosure,F5,0,,\n", "")) == 1


def test_what_is_no_text_is_refused_with_its_line(read):
    ((line, message),) = problems(read, HEADER.encode() + b"enclosure,\xff,0,,\n")
    assert line == 2
    assert "not UTF-8" in message


def test_a_missing_file_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        read_schedule(tmp_path / "none.csv")
