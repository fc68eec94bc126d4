"""The tag table: one writer a tag, one slice a station, nothing good before it was received."""

import numpy as np
import pytest

from controller.core.errors import ConfigError
from controller.core.sample import GOOD, Quality, Samples
from controller.core.table import TagTable
from controller.core.tag import Tag, Writer


def tag(name, station, writer=Writer.DEVICE):
    return Tag(name=name, station=station, description="", writer=writer)


@pytest.fixture
def table():
    own = Writer.STATION
    return TagTable(
        [tag("A.OUT", "a", own), tag("B.PV", "b"), tag("A.PV", "a"), tag("A.X", "a", own)]
    )


def batch(table, **values):
    index = np.array([table.index(n.replace("_", ".")) for n in values], np.int32)
    n = len(values)
    return Samples(
        index,
        np.array(list(values.values()), np.float64),
        np.full(n, GOOD, np.uint8),
        np.full(n, 7, np.int64),
    )


def test_a_station_is_one_slice_with_the_devices_tags_first(table):
    assert [t.name for t in table.tags] == ["A.PV", "A.OUT", "A.X", "B.PV"]
    region = table.region("a")
    assert (region.start, region.split, region.stop) == (0, 1, 3)
    region = table.region("b")
    assert (region.start, region.split, region.stop) == (3, 4, 4)
    assert table.stations == ("a", "b")
    assert len(table) == 4


def test_nothing_is_good_before_it_was_received(table):
    assert set(table.quality) == {Quality.BAD_NO_DATA}
    assert table.sample("A.PV").time_ns == 0


def test_a_batch_changes_its_tags_and_no_others(table):
    table.apply(batch(table, A_PV=3.5))
    sample = table.sample("A.PV")
    assert (sample.value, sample.quality, sample.time_ns) == (3.5, GOOD, 7)
    assert table.sample("B.PV").quality == Quality.BAD_NO_DATA


def test_a_lost_device_marks_its_own_tags_and_keeps_the_numbers(table):
    table.apply(batch(table, A_PV=3.5, B_PV=4.5, A_OUT=1.0))
    table.mark_bad("a", Quality.BAD_LINK, 9)
    assert table.sample("A.PV").value == 3.5
    assert (table.sample("A.PV").quality, table.sample("A.PV").time_ns) == (Quality.BAD_LINK, 9)
    assert table.sample("A.OUT").quality == GOOD
    assert table.sample("B.PV").quality == GOOD


def test_a_tag_declared_twice_is_refused_by_name():
    with pytest.raises(ConfigError) as caught:
        TagTable([tag("A.PV", "a"), tag("A.PV", "b"), tag("B.PV", "b")])
    (problem,) = caught.value.problems
    assert (problem.value, problem.field) == ("A.PV", "tag")


def test_an_unknown_tag_is_a_key_error_with_its_name(table):
    with pytest.raises(KeyError, match=r"A\.NONE"):
        table.index("A.NONE")
    assert "A.NONE" not in table
    assert "A.PV" in table


def test_a_station_of_own_tags_only_has_an_empty_device_slice():
    table = TagTable([tag("L.X", "line", Writer.STATION)])
    region = table.region("line")
    assert (region.start, region.split, region.stop) == (0, 0, 1)
