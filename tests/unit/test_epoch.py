"""Accelerated plant time goes on over a restart of the line."""

import json

import pytest

from controller.epoch import EPOCH, shared_epoch


def plant_time(epoch_s: float, speed: float, utc_s: float) -> float:
    return epoch_s + (utc_s - epoch_s) * speed


def test_at_speed_one_plant_time_is_the_wall(tmp_path):
    assert shared_epoch(tmp_path, 1.0, 500.0) == 500.0
    assert not (tmp_path / EPOCH).exists()


def test_all_who_ask_get_the_same(tmp_path):
    assert shared_epoch(tmp_path / "run", 5.0, 1000.0) == 1000.0
    assert shared_epoch(tmp_path / "run", 5.0, 1003.0) == 1000.0
    assert [p.name for p in (tmp_path / "run").iterdir()] == [EPOCH]


def test_a_line_started_again_does_not_go_back(tmp_path):
    first = shared_epoch(tmp_path, 5.0, 1000.0)
    left = plant_time(first, 5.0, 1600.0)
    again = shared_epoch(tmp_path, 5.0, 1700.0)
    assert plant_time(again, 5.0, 1700.0) > left


@pytest.mark.parametrize("speed", [0.5, 2.0, 50.0])
def test_another_speed_goes_on_from_where_plant_time_is(tmp_path, speed):
    first = shared_epoch(tmp_path, 10.0, 1000.0)
    now = plant_time(first, 10.0, 1100.0)
    other = shared_epoch(tmp_path, speed, 1100.0)
    assert plant_time(other, speed, 1100.0) == pytest.approx(now)
    assert plant_time(other, speed, 1110.0) == pytest.approx(now + 10.0 * speed)
    assert shared_epoch(tmp_path, speed, 1200.0) == pytest.approx(other)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"epoch_utc_s": 1}', "[]", "null", '{"epoch_utc_s":1,"speed":0}']
)
def test_a_file_without_sense_is_not_believed(tmp_path, text):
    (tmp_path / EPOCH).write_text(text)
    assert shared_epoch(tmp_path, 5.0, 1000.0) == 1000.0
    assert shared_epoch(tmp_path, 5.0, 1010.0) == 1000.0


def test_the_file_says_what_it_is(tmp_path):
    shared_epoch(tmp_path, 5.0, 1000.0)
    assert json.loads((tmp_path / EPOCH).read_text()) == {"epoch_utc_s": 1000.0, "speed": 5.0}
