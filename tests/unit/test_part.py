"""A part of the line: its table, what it reads of the rest, and that it only reads there."""

import pytest

from controller.config import load_line
from controller.control.states import State
from controller.core.errors import ConfigError
from controller.core.event import EventKind, Verb
from controller.core.point import Access
from controller.core.sample import GOOD, Quality
from controller.drivers.memory import LinkFault
from controller.line import history_tags, station_kind, tag_table
from controller.part import part_of
from controller.recipe_kind import recipe_kinds
from plc_sim.plc import WATCHDOG_S
from tests.support.virtual_line import SHIPPED, VirtualLine

FOREIGN = ("COAT.V.LINE", "COAT.LOAD.C", "COAT.METER")
LIFE = ("COAT.HEART", "COAT.BOOT", "COAT.MAP", "COAT.SEQ")
WARM = {"CAL.GUARD": 1, "CAL.ESTOP": 1, "CAL.TROLL.U": 80, "CAL.TROLL.L": 80, "BUF.POS": 50}
BAD_WITHIN_S = 1.0
GOOD_WITHIN_S = 2.0


@pytest.fixture(scope="module")
def whole():
    return load_line(SHIPPED)


# -- configuration and table ---------------------------------------------------------------------


def test_a_part_has_its_own_stations_and_what_they_read_of_the_rest(whole):
    part = part_of(whole, ["calender"])
    table = tag_table(part)
    assert part.part == "calender"
    assert [s.name for s in part.stations] == ["calender"]
    of_coater = [t.name for t in table.tags if t.station == "coater"]
    assert sorted(of_coater) == sorted([*FOREIGN, *LIFE])
    assert not [t.name for t in table.tags if t.station == "enclosure"]
    own = {t.name for t in tag_table(whole).tags if t.station == "calender"}
    assert {t.name for t in table.tags if t.station == "calender"} == own


def test_a_station_that_reads_no_other_has_no_neighbour(whole):
    assert part_of(whole, ["coater"]).neighbours == ()
    assert part_of(whole, ["enclosure"]).neighbours == ()


def test_a_neighbour_in_the_same_part_is_no_neighbour(whole):
    part = part_of(whole, ["calender", "coater"])
    assert part.part == "coater+calender"  # in the order of the line, whatever the order asked for
    assert part.neighbours == ()


@pytest.mark.parametrize("names", [[], ["calender", "enclosure", "coater"]])
def test_no_station_or_all_of_them_is_the_whole_line(whole, names):
    assert part_of(whole, names) is whole
    assert whole.part == ""


def test_a_station_that_the_line_has_not_is_named_with_those_it_has(whole):
    with pytest.raises(ConfigError, match=r"slitter.*enclosure, coater, calender"):
        part_of(whole, ["coater", "slitter"])


def test_nothing_that_is_read_of_a_neighbour_can_be_written(whole):
    for neighbour in part_of(whole, ["calender"]).neighbours:
        assert all(p.access is Access.READ for p in neighbour.points)


def test_whatever_a_kind_reads_of_others_can_be_read_of_their_plc(whole):
    readable = {p.tag for s in whole.stations for p in s.points if p.access is Access.READ}
    for station in whole.stations:
        assert set(station_kind(station.kind).FOREIGN) <= readable


def test_history_keeps_the_tags_of_the_part_and_not_those_of_its_neighbours(whole):
    part = part_of(whole, ["calender"])
    kept = history_tags(part)
    assert kept == tag_table(part).tags[: len(kept)]  # samples carry indices of the table
    assert {t.station for t in kept} == {"calender", "line"}


def test_figures_of_several_controllers_have_names_of_their_own(whole):
    names = [
        t.name
        for part in (["enclosure"], ["coater"], ["calender"], ["coater", "calender"], [])
        for t in tag_table(part_of(whole, part)).tags
        if t.station == "line"
    ]
    assert len(names) == len(set(names))
    assert {
        "LINE.HISTORY.STORED",
        "LINE.CAL.HISTORY.STORED",
        "LINE.COAT.CAL.HISTORY.STORED",
    } <= set(names)


def test_a_recipe_may_wait_for_the_same_foreign_tags_in_a_part(whole):
    in_part = recipe_kinds(part_of(whole, ["calender"]))["calender"]
    assert set(in_part.tags) == set(recipe_kinds(whole)["calender"].tags)


# -- the link that only reads, in virtual time ---------------------------------------------------


class Apart(VirtualLine):
    """A controller of some of the stations; the PLCs of all run."""

    def __init__(self, folder, part, stations=("coater", "calender")):
        folder.mkdir(exist_ok=True)
        super().__init__(folder, stations)
        self.whole = self.config
        self.take(part)

    def take(self, part):
        """A new controller, of this part."""
        self.config = part_of(self.whole, part)
        self.new_controller()

    def show(self, station, tag, value):
        """What the PLC measures."""
        image = self.plcs[station].image
        image.value[image.slot(tag)] = value

    def foreign(self):
        """What the calender's program sees of the coater."""
        return {tag: self.stations["calender"].foreign(tag) for tag in FOREIGN}

    def seen(self):
        return {quality for _, quality in self.foreign().values()}

    def notes(self):
        return [e.text for e in self.recorder.events if e.kind is EventKind.LINK and not e.station]


async def test_foreign_tags_come_over_a_link_of_their_own(tmp_path):
    async with Apart(tmp_path, ["calender"]) as line:
        line.show("coater", "COAT.LOAD.C", 31.25)
        await line.pass_time(2.0)
        assert line.foreign()["COAT.LOAD.C"] == (31.25, GOOD)
        assert line.seen() == {GOOD}
        assert set(line.stations) == {"calender"}
        assert line.notes() == ["reading coater: link up"]


async def test_reading_feeds_no_watchdog_and_leaves_no_trace_at_the_plc(tmp_path):
    async with Apart(tmp_path, ["calender"]) as line:
        await line.pass_time(2 * WATCHDOG_S)
        assert line.seen() == {GOOD}
        assert line.held("coater", "COAT.WDOG") == 1.0
        assert (line.held("coater", "COAT.SEQ"), line.held("coater", "COAT.REJECTS")) == (0, 0)
        assert line.held("calender", "CAL.WDOG") == 0.0


async def test_an_owner_is_not_disturbed_by_a_reader(tmp_path):
    async with Apart(tmp_path / "a", ["coater"]) as owner:
        reader = Apart(tmp_path / "b", ["calender"])
        reader.clock, reader.plcs, reader.wires = owner.clock, owner.plcs, owner.wires
        reader.take(["calender"])
        await owner.pass_time(0.05)  # count from between two scans, with which outputs go out
        before = owner.held("coater", "COAT.SEQ")
        await owner.pass_time(10.0)
        alone = owner.held("coater", "COAT.SEQ") - before
        async with reader.controller():
            await owner.pass_time(1.0)
            before = owner.held("coater", "COAT.SEQ")
            await owner.pass_time(10.0)
            assert reader.seen() == {GOOD}
            assert owner.held("coater", "COAT.SEQ") - before == alone
            assert alone == pytest.approx(50, abs=1)
        await owner.pass_time(1.0)
        assert owner.held("coater", "COAT.REJECTS") == 0
        assert owner.held("coater", "COAT.WDOG") == 0.0
        assert owner.stations["coater"].timing.link_losses == 0


async def test_a_dead_controller_of_the_neighbour_changes_nothing(tmp_path):
    owner = Apart(tmp_path / "a", ["coater"])
    async with owner:
        reader = Apart(tmp_path / "b", ["calender"])
        reader.clock, reader.plcs, reader.wires = owner.clock, owner.plcs, owner.wires
        reader.take(["calender"])
        async with reader.controller():
            await owner.pass_time(2.0)
            await owner._services.__aexit__(None, None, None)  # the coater's controller ends
            await owner.pass_time(5.0)
            assert owner.held("coater", "COAT.WDOG") == 1.0  # nobody controls the coater
            assert reader.seen() == {GOOD}
            assert reader.notes() == ["reading coater: link up"]
        owner._services = owner.controller()
        await owner._services.__aenter__()


@pytest.mark.parametrize("fault", [LinkFault.DOWN, LinkFault.SILENT, LinkFault.STALE])
async def test_a_dead_plc_of_the_neighbour_makes_foreign_tags_bad_and_nothing_else(tmp_path, fault):
    async with Apart(tmp_path, ["calender"]) as line:
        for tag, value in WARM.items():
            line.show("calender", tag, value)
        await line.ask("calender", Verb.SET, "CAL.SET.ALONE", 1.0)
        await line.start("calender")
        before = line.scans()["calender"]
        line.cut("coater", fault, 6.0)
        await line.pass_time(BAD_WITHIN_S)
        assert all(quality >= Quality.BAD for quality in line.seen())
        await line.pass_time(6.0 - BAD_WITHIN_S + GOOD_WITHIN_S)
        assert line.seen() == {GOOD}
        await line.pass_time(2.0)
        assert line.state("calender") is State.EXECUTE
        timing = line.stations["calender"].timing
        assert (timing.link_losses, timing.overruns) == (0, 0)
        assert line.scans()["calender"] - before == pytest.approx(100, abs=1)
        told = ["link up", "link lost", "link up"]
        assert line.notes() == [f"reading coater: {text}" for text in told]


async def test_a_plc_that_stands_still_is_bad_for_its_readers_too(tmp_path):
    async with Apart(tmp_path, ["calender"]) as line:
        line.frozen.add("coater")
        await line.pass_time(BAD_WITHIN_S)
        assert line.seen() == {Quality.BAD_STALE}
        await line.pass_time(5.0)
        assert all(quality >= Quality.BAD for quality in line.seen())
        line.frozen.clear()
        await line.pass_time(GOOD_WITHIN_S)
        assert line.seen() == {GOOD}


async def test_a_neighbour_that_was_never_there_is_bad_from_the_start(tmp_path):
    line = Apart(tmp_path, ["calender"])
    line.cut("coater", LinkFault.DOWN, 1e6)
    async with line:
        await line.pass_time(10.0)
        assert all(quality >= Quality.BAD for quality in line.seen())
        assert line.stations["calender"].timing.link_up
        assert line.notes() == []


async def test_samples_of_a_neighbour_do_not_go_to_history(tmp_path):
    line = Apart(tmp_path, ["calender"])
    kept = len(history_tags(line.config))
    given = []
    line.recorder.record = lambda samples: given.append(int(samples.tags.max()))
    async with line:
        line.cut("coater", LinkFault.DOWN, 2.0)
        await line.pass_time(30.0)
    assert given
    assert max(given) < kept
