"""The mirror of all controllers: what is true now, what changed when, who is silent."""

import numpy as np
import pytest

from controller.api.mirror import SILENT_S, Mirror
from controller.core.sample import GOOD, Quality
from controller.live_frames import Frame, Hello, TagMeta


def hello(*names: str, part: str = "", stations: tuple[str, ...] = ("coater",)) -> Hello:
    tags = tuple(TagMeta(name, "coater", name, "degC", "real", 0.0, 1.0, 0.1, ()) for name in names)
    return Hello("b00t", "pilot", part, 1.0, 0.1, stations, tags)


def frame(*values: float, number: int = 1, quality: int = GOOD) -> Frame:
    n = len(values)
    return Frame(
        number, 1000 + number, np.array(values), np.full(n, quality, np.uint8),
        np.full(n, 1000 + number, np.int64),
    )  # fmt: skip


def changed_since(mirror: Mirror, tick: int) -> list[str]:
    return [mirror.tags[k].name for k in np.flatnonzero(mirror.changed > tick)]


def test_before_the_first_frame_nothing_is_good():
    mirror = Mirror()
    mirror.attach(hello("A", "B"), 0.0)
    assert mirror.quality.tolist() == [Quality.BAD_NO_DATA] * 2


def test_a_position_is_all_that_a_client_needs():
    mirror = Mirror()
    mirror.attach(hello("A", "B"), 0.0)
    mirror.apply("", frame(1.0, 2.0), 0.1)
    seen = mirror.tick
    mirror.apply("", frame(1.0, 3.0, number=2), 0.2)
    mirror.apply("", frame(1.0, 3.0, number=3), 0.3)
    assert changed_since(mirror, seen) == ["B"]
    assert changed_since(mirror, mirror.tick) == []
    assert mirror.time_ns.tolist() == [1003, 1003]  # the time moves without a change


def test_a_value_that_is_no_number_changes_once():
    mirror = Mirror()
    mirror.attach(hello("A"), 0.0)
    mirror.apply("", frame(float("nan"), quality=133), 0.1)
    seen = mirror.tick
    mirror.apply("", frame(float("nan"), quality=133), 0.2)
    assert changed_since(mirror, seen) == []


def test_silence_makes_tags_bad_and_a_frame_good_again():
    mirror = Mirror()
    mirror.attach(hello("A"), 0.0)
    mirror.apply("", frame(7.0), 0.1)
    mirror.check(0.1 + SILENT_S)
    assert mirror.quality.tolist() == [GOOD]
    seen = mirror.tick
    mirror.check(0.11 + SILENT_S)
    assert (mirror.quality.tolist(), mirror.value.tolist()) == ([Quality.BAD_LINK], [7.0])
    assert changed_since(mirror, seen) == ["A"]
    after = mirror.tick
    mirror.check(9.0)
    assert mirror.tick == after  # told once
    mirror.apply("", frame(7.0), 9.1)
    assert mirror.quality.tolist() == [GOOD]
    assert changed_since(mirror, after) == ["A"]


def test_a_tag_keeps_its_place_through_a_restart_that_adds_others():
    mirror = Mirror()
    mirror.attach(hello("A", "B"), 0.0)
    at = mirror.index("B")
    mirror.lost("")
    mirror.attach(hello("NEW", "A", "B"), 1.0)
    mirror.apply("", frame(0.0, 1.0, 2.0), 1.1)
    assert mirror.index("B") == at
    assert mirror.value[at] == 2.0
    assert len(mirror) == 3


def test_more_tags_than_there_was_room_for():
    names = [f"T{k}" for k in range(1000)]
    mirror = Mirror()
    mirror.attach(hello("FIRST"), 0.0)
    mirror.apply("", frame(5.0), 0.0)
    mirror.attach(hello(*names, part="coater"), 0.0)
    mirror.apply("coater", frame(*map(float, range(1000))), 0.1)
    assert mirror.value[mirror.index("T999")] == 999.0
    assert mirror.value[mirror.index("FIRST")] == 5.0


def test_a_station_that_moved_is_not_made_bad_by_its_old_controller():
    mirror = Mirror()
    mirror.attach(hello("A", "B"), 0.0)
    mirror.apply("", frame(1.0, 2.0), 0.1)
    mirror.attach(hello("B", part="coater"), 0.2)
    mirror.apply("coater", frame(20.0), 0.3)
    mirror.apply("", frame(1.0, 2.0, number=9), 0.4)  # the last one of the old, come late
    mirror.lost("")
    assert mirror.value.tolist() == [1.0, 20.0]
    assert mirror.quality.tolist() == [Quality.BAD_LINK, GOOD]
    assert mirror.controllers()["coater"].hello.part == "coater"


def test_an_unknown_tag_is_named():
    with pytest.raises(KeyError, match="NONE"):
        Mirror().index("NONE")
