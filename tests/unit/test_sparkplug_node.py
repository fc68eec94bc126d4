"""What an edge node publishes: births, data, deaths, with the numbers that Sparkplug asks for."""

from dataclasses import replace

import pytest

from controller.core.event import EventKind
from controller.core.sample import Quality
from controller.history.results import StoredTag
from controller.sinks.sparkplug_lines import EventKey, Key, Reading, key_of
from controller.sinks.sparkplug_metrics import MS, Catalogue
from controller.sinks.sparkplug_node import (
    METRICS_A_MESSAGE,
    RECENT_MS,
    EdgeNode,
    Message,
    Topics,
    UnknownMetricError,
)
from tests.support.sparkplug_host import Arrived, Node
from tests.support.sparkplug_reader import read_payload

NOW_MS = 1_767_225_600_000
GAP = StoredTag(
    id=1, name="COAT.GAP", unit="um", station="coater", description="gap of the nip",
    kind="real", resolution=0.1, low=0.0, high=500.0, labels=(), max_interval_s=60.0,
)  # fmt: skip
STATE = replace(GAP, id=2, name="COAT.STATE", unit="", kind="enum", labels=("stop", "run"))
DOOR = replace(GAP, id=3, name="ENC.DOOR", unit="", station="enclosure", kind="bool", high=1.0)
SET = replace(GAP, id=4, name="COAT.GAP.SP")  # what the controller writes
LATE = replace(GAP, id=5, name="LINE.LATE", station="line", kind="int", unit="")
TAGS = [GAP, STATE, DOOR, SET, LATE]
OF_PLCS = {"COAT.GAP", "COAT.STATE", "ENC.DOOR"}


def reading(tag: StoredTag, value: float | None, age_ms: int = 0, quality: int = 0) -> Reading:
    return Reading(key_of(tag), value, quality, (NOW_MS - age_ms) * MS)


NEWEST = {
    r.key: r
    for r in (
        reading(GAP, 100.0, 500), reading(STATE, 1.0, 500), reading(DOOR, 0.0, 500),
        reading(SET, 101.0, 500),
    )
}  # fmt: skip


class Watched:
    """A node, and a host that judges what it publishes."""

    def __init__(self, newest: dict[Key, Reading] | None = None) -> None:
        self.node = EdgeNode(Topics("works", "pilot"), lambda: NOW_MS)
        catalogue = Catalogue(TAGS, {tag.id for tag in TAGS}, OF_PLCS)
        self.node.learn(catalogue, NEWEST if newest is None else newest)
        self.host = Node()
        self.will = self.node.death(7)

    def take(self, messages: list[Message]) -> list[Arrived]:
        found = []
        for message in messages:
            _, _, verb, _, *device = message.topic.split("/")
            found.append(Arrived(verb, "/".join(device), 1, read_payload(message.payload)))
            self.host.take(found[-1])
        assert self.host.broken == []
        return found

    def born(self) -> "Watched":
        self.take(self.node.births())
        return self

    def tell(self, *readings: Reading) -> list[str]:
        return [f"{m.verb} {m.device}".strip() for m in self.take(self.node.data(readings))]


def test_births_name_everything_and_come_first() -> None:
    watched = Watched()
    node, coater, enclosure = watched.take(watched.node.births())
    assert [m.verb for m in (node, coater, enclosure)] == ["NBIRTH", "DBIRTH", "DBIRTH"]
    assert [m.payload.seq for m in (node, coater, enclosure)] == [0, 1, 2]
    assert node.metric("bdSeq").value == 7
    gap = coater.metric("COAT.GAP")
    assert (gap.value, gap.timestamp, gap.datatype) == (100.0, NOW_MS - 500, 10)
    assert gap.properties == {
        "engUnit": "um", "engLow": 0.0, "engHigh": 500.0, "documentation": "gap of the nip",
        "Quality": 192,
    }  # fmt: skip
    state = coater.metric("COAT.STATE")
    assert (state.value, state.datatype) == (1, 4)
    assert state.properties["labels"] == '{"0": "stop", "1": "run"}'
    assert enclosure.metric("ENC.DOOR").value is False
    assert node.metric("coater/COAT.GAP.SP").value == 101.0  # the controller's own
    late = node.metric("LINE.LATE")  # which has no value yet
    assert (late.value, late.properties["Quality"]) == (None, 500)
    names = {metric.name for metric in node.payload.metrics}
    assert {"Events/system", "coater/Events/state", "enclosure/Events/alarm"} <= names


def test_the_will_has_the_number_of_the_births_and_no_sequence_number() -> None:
    watched = Watched()
    payload = read_payload(watched.will.payload)
    assert watched.will.topic == "spBv1.0/works/NDEATH/pilot"
    assert (payload.seq, [m.name for m in payload.metrics]) == (None, ["bdSeq"])
    assert payload.metrics[0].value == 7


def test_data_are_told_by_exception_under_their_alias() -> None:
    watched = Watched().born()
    assert watched.tell(reading(GAP, 102.5)) == ["DDATA coater"]
    assert watched.tell(reading(SET, 102.5), reading(DOOR, 1.0)) == ["NDATA", "DDATA enclosure"]
    (told,) = watched.host.values["coater", "COAT.GAP"]
    assert (told.value, told.time_ms, told.code, told.is_historical) == (102.5, NOW_MS, 192, False)
    assert watched.host.values["enclosure", "ENC.DOOR"][0].value is True


@pytest.mark.parametrize(
    ("quality", "value", "code"),
    [
        (Quality.GOOD, 1.5, 192),
        (Quality.UNCERTAIN_HELD, 1.5, 192),
        (Quality.BAD_SENSOR, None, 0),
        (Quality.BAD_STATION, None, 0),
        (Quality.BAD_LINK, None, 500),
        (Quality.BAD_STALE, None, 500),
    ],
)
def test_each_quality_has_one_of_three_codes_and_keeps_its_own(
    quality: Quality, value: float | None, code: int
) -> None:
    watched = Watched().born()
    watched.tell(reading(SET, 1.5, quality=quality))
    (told,) = watched.host.values["", "coater/COAT.GAP.SP"]
    assert (told.value, told.code, told.quality) == (value, code, quality)


def test_the_sequence_number_goes_to_255_and_begins_again() -> None:
    watched = Watched().born()
    for k in range(600):
        watched.tell(reading(GAP, float(k), -k))
    seqs = [message.payload.seq for message in watched.host.messages]
    assert seqs == [k % 256 for k in range(603)]


def test_what_is_not_newer_than_what_hosts_know_is_historical() -> None:
    watched = Watched().born()
    rows = [reading(GAP, 1.0, 900), reading(GAP, 2.0, 500), reading(GAP, 3.0, 400)]
    watched.tell(*rows)
    watched.tell(reading(GAP, 4.0, 450))
    found = [(t.value, t.is_historical) for t in watched.host.values["coater", "COAT.GAP"]]
    assert found == [(1.0, True), (2.0, True), (3.0, False), (4.0, True)]


def test_a_rebirth_tells_what_hosts_knew_last_under_the_same_number_of_session() -> None:
    watched = Watched().born()
    watched.tell(reading(GAP, 120.0))
    node, coater, _ = watched.take(watched.node.births())
    assert (node.payload.seq, node.metric("bdSeq").value) == (0, 7)
    assert coater.metric("COAT.GAP").value == 120.0


def lost(quality: int = Quality.BAD_LINK, age_ms: int = 0) -> list[Reading]:
    return [reading(tag, None, age_ms, quality) for tag in (GAP, STATE)]


@pytest.mark.parametrize("quality", [Quality.BAD_LINK, Quality.BAD_STALE])
def test_a_device_dies_with_its_link_and_its_controller_goes_on(quality: int) -> None:
    watched = Watched().born()
    assert watched.tell(*lost(quality)) == ["DDATA coater", "DDEATH coater"]
    assert watched.tell(*lost(quality, -60_000)) == []  # the death says it
    assert watched.tell(reading(SET, 1.0), reading(DOOR, 1.0)) == ["NDATA", "DDATA enclosure"]
    back = [reading(GAP, 99.0, -70_000), reading(STATE, 0.0, -70_000)]
    assert watched.tell(*back) == ["DBIRTH coater", "DDATA coater"]
    birth = watched.host.of("DBIRTH")[-1].metric("COAT.GAP")
    assert (birth.value, birth.properties["DrylineQuality"]) == (None, quality)


def test_a_device_lives_while_one_of_its_values_does() -> None:
    watched = Watched().born()
    assert watched.tell(lost()[0]) == ["DDATA coater"]
    assert watched.tell(lost()[1]) == ["DDATA coater", "DDEATH coater"]


def test_a_device_that_is_away_is_not_born_and_lives_for_its_past_alone() -> None:
    watched = Watched(NEWEST | {r.key: r for r in lost()}).born()
    assert watched.host.verbs() == ["NBIRTH", "DBIRTH enclosure"]
    told = watched.tell(reading(GAP, 1.0, 900), reading(GAP, 2.0, 800))
    assert told == ["DBIRTH coater", "DDATA coater", "DDEATH coater"]
    assert all(t.is_historical for t in watched.host.values["coater", "COAT.GAP"])


def event(age_ms: int, text: str = '{"text": "x"}') -> Reading:
    return Reading(EventKey("coater", EventKind.ALARM.value), text, 0, (NOW_MS - age_ms) * MS)


def test_events_are_texts_of_the_node_and_no_state_that_a_birth_repeats() -> None:
    watched = Watched().born()
    assert watched.tell(event(RECENT_MS + 1), event(5), event(5)) == ["NDATA"]
    found = watched.host.values["", "coater/Events/alarm"]
    assert [t.is_historical for t in found] == [True, False, False]
    assert found[1].value == '{"text": "x"}'
    births = watched.take(watched.node.births())
    assert births[0].metric("coater/Events/alarm").value is None


def test_long_batches_go_in_messages_that_brokers_take() -> None:
    watched = Watched().born()
    n = 2 * METRICS_A_MESSAGE + 1
    watched.tell(*(reading(GAP, 1.0, -k) for k in range(n)))
    assert [len(m.payload.metrics) for m in watched.host.of("DDATA")] == [500, 500, 1]
    watched.tell(*(event(0, "x" * 30_000) for _ in range(5)))
    assert [len(m.payload.metrics) for m in watched.host.of("NDATA")] == [2, 2, 1]


@pytest.mark.parametrize(("tag", "value"), [(STATE, 0.5), (DOOR, 2.0), (LATE, 1e300)])
def test_a_value_that_is_none_of_its_type_is_refused_and_changes_nothing(
    tag: StoredTag, value: float
) -> None:
    watched = Watched().born()
    with pytest.raises(ValueError, match=tag.name):
        watched.node.data([reading(GAP, 1.0), reading(tag, value)])
    watched.tell(reading(GAP, 1.0))  # with the next sequence number


def test_an_unknown_metric_is_told_before_anything_is_published() -> None:
    watched = Watched().born()
    with pytest.raises(UnknownMetricError):
        watched.node.data([reading(GAP, 1.0), reading(replace(GAP, unit="mm"), 1.0)])
    watched.tell(reading(GAP, 1.0))


def test_a_tag_of_the_past_keeps_its_unit_in_its_name_and_is_always_historical() -> None:
    watched = Watched()
    former = replace(GAP, id=9, unit="mm")
    watched.node.learn(Catalogue([*TAGS, former], {tag.id for tag in TAGS}, OF_PLCS), NEWEST)
    watched.born().tell(reading(former, 0.1))
    (told,) = watched.host.values["coater", "COAT.GAP [mm]"]
    assert (told.value, told.is_historical) == (0.1, True)


def test_a_node_without_a_single_tag_has_a_birth() -> None:
    node = EdgeNode(Topics("works", "pilot"), lambda: NOW_MS)
    node.death(0)
    assert len(node.births()) == 1
