"""Faults of a rehearsal as they are written."""

import pytest

from controller.core.errors import ConfigError
from plc_sim.rehearsal.upsets import read_upsets


def shown(text, minutes=60.0, station="coater"):
    return [
        (u.fault.station, u.fault.name, u.start_s, u.for_s, u.from_production)
        for u in read_upsets(text, station, minutes)
    ]


def test_a_name_alone_stands_for_the_second_quarter_of_the_production():
    assert shown("web_break") == [("coater", "web_break", 900.0, 900.0, True)]


def test_begin_and_length_are_minutes_of_production():
    assert shown("web_break@5+2, mixer_jam@0+30,roll_growth") == [
        ("coater", "web_break", 300.0, 120.0, True),
        ("coater", "mixer_jam", 0.0, 1800.0, True),
        ("coater", "roll_growth", 900.0, 900.0, True),
    ]


def test_one_of_a_neighbour_has_its_station_before_it():
    assert shown("enclosure.fan_slip@1+1") == [("enclosure", "fan_slip", 60.0, 60.0, True)]


def test_nothing_written_is_no_fault():
    assert shown("") == shown(" , ") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("web_break@5", "NAME@BEGIN"),
        ("web_break@5+", "NAME@BEGIN"),
        ("web_break@-5+1", "NAME@BEGIN"),
        ("web_break@5+1+1", "NAME@BEGIN"),
        ("@5+1", "NAME@BEGIN"),
        ("web_break@60+1", "only 60 min"),
        ("nothing@5+1", "no fault 'nothing' for coater"),
        ("nowhere.web_break", "no station 'nowhere'"),
    ],
)
def test_what_cannot_be_meant_is_told(text, told):
    with pytest.raises((ValueError, LookupError), match=told):
        read_upsets(text, "coater", 60.0)


def test_a_schedule_counts_from_the_start_of_the_plant(tmp_path):
    path = tmp_path / "night.csv"
    path.write_text("station,name,start_s,for_s,level\ncoater,web_break,10,20,\n")
    assert shown(str(path)) == [("coater", "web_break", 10.0, 20.0, False)]
    with pytest.raises(ConfigError):
        read_upsets(str(tmp_path / "missing.csv"), "coater", 60.0)
