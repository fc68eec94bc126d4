"""The life of a session as a table, what a node hears, its numbers, and its lines."""

import json
from pathlib import Path

import numpy as np
import pytest

from controller.core.event import Event, EventKind
from controller.core.sample import Quality, Samples
from controller.history.feed import StoredEvent
from controller.history.results import StoredTag
from controller.sinks.access import read_password
from controller.sinks.sparkplug_ears import MAX_PAYLOAD, Ears
from controller.sinks.sparkplug_lines import EventKey, Lines, TagKey, read_line
from controller.sinks.sparkplug_node import REBIRTH, Topics
from controller.sinks.sparkplug_payload import DataType, Metric, Payload, encode
from controller.sinks.sparkplug_phases import TABLE, Act, Phase, Turn, after
from controller.sinks.sparkplug_store import SessionNumbers
from tests.support.history import T0_NS, batch

TOPICS = Topics("works", "pilot")


def command(*metrics: Metric) -> bytes:
    return encode(Payload(time_ms=1, metrics=metrics))


ASKS = Metric(name=REBIRTH, datatype=DataType.BOOLEAN, value=True)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("turn", Turn)
def test_what_is_not_in_the_table_changes_nothing(phase: Phase, turn: Turn) -> None:
    expected = TABLE.get((phase, turn), (phase, Act.NOTHING))
    assert after(phase, turn) == expected


def test_nothing_is_published_before_the_primary_host_is_there() -> None:
    births = {key for key, (_, act) in TABLE.items() if act is Act.BIRTH}
    assert births == {(Phase.WAITING, Turn.HOST_ONLINE), (Phase.ONLINE, Turn.REBIRTH)}


def test_a_session_that_ends_itself_takes_leave_and_a_lost_one_cannot() -> None:
    for phase in (Phase.WAITING, Phase.ONLINE):
        assert after(phase, Turn.ENDED) == (Phase.OFFLINE, Act.DEATH)
        assert after(phase, Turn.LOST) == (Phase.OFFLINE, Act.NOTHING)


def test_every_phase_is_reached_and_left() -> None:
    assert {phase for phase, _ in TABLE} == {phase for phase, _ in TABLE.values()} == set(Phase)


def test_the_one_command_that_is_taken_asks_for_a_rebirth() -> None:
    heard = Ears(TOPICS).hear(TOPICS.of("NCMD"), command(ASKS))
    assert (heard.turn, heard.refused) == (Turn.REBIRTH, "")


@pytest.mark.parametrize(
    ("verb", "device", "content", "told"),
    [
        ("NCMD", "", command(Metric(name="LINE.X", value=1.0)), "write LINE.X"),
        ("NCMD", "", command(Metric(alias=12, value=1.0)), "write alias 12"),
        ("NCMD", "", command(Metric(name="a\x1b[2J\n", value=1.0)), "write a?[2J?"),
        ("NCMD", "", command(*(Metric(name=f"m{k}") for k in range(7))), "m4 and 2 more"),
        ("NCMD", "", b"\xff", "cannot be read"),
        ("NCMD", "", bytes(MAX_PAYLOAD + 1), "cannot be read"),
        ("DCMD", "coater", command(Metric(name="COAT.GAP", value=1.0)), "of device coater"),
        ("DCMD", "coater", command(ASKS), "of device coater"),
        ("DCMD", "coater", b"\xff", "cannot be read of device coater"),
    ],
)  # fmt: skip
def test_every_other_command_is_refused_and_told(
    verb: str, device: str, content: bytes, told: str
) -> None:
    heard = Ears(TOPICS).hear(TOPICS.of(verb, device), content)
    assert heard.turn is None
    assert told in heard.refused
    assert heard.refused.isprintable()


@pytest.mark.parametrize("value", [False, 1, "true", None])
def test_a_rebirth_is_asked_for_with_true_and_nothing_else(value: object) -> None:
    heard = Ears(TOPICS).hear(TOPICS.of("NCMD"), command(Metric(name=REBIRTH, value=value)))
    assert heard.turn is None


def test_a_rebirth_beside_a_command_is_done_and_the_command_refused() -> None:
    heard = Ears(TOPICS).hear(TOPICS.of("NCMD"), command(ASKS, Metric(name="X", value=1.0)))
    assert heard.turn is Turn.REBIRTH
    assert heard.refused == "a command to write X"


def state(online: object, timestamp: object) -> bytes:
    return json.dumps({"online": online, "timestamp": timestamp}).encode()


def test_of_a_primary_host_the_newest_word_counts() -> None:
    ears, topic = Ears(TOPICS, "scada"), "spBv1.0/STATE/scada"
    assert (topic, 1) in ears.subscriptions()
    assert ears.hear(topic, state(True, 100)).turn is Turn.HOST_ONLINE
    assert ears.hear(topic, state(False, 99)).turn is None  # a late one
    assert ears.hear(topic, state(False, 100)).turn is Turn.HOST_OFFLINE
    ears.begin()
    assert ears.hear(topic, state(True, 50)).turn is Turn.HOST_ONLINE


@pytest.mark.parametrize(
    "content", [b"", b"ONLINE", b"[]", state("yes", 1), state(True, "x"), b"[" * 50_000]
)
def test_what_is_no_state_says_nothing(content: bytes) -> None:
    heard = Ears(TOPICS, "scada").hear("spBv1.0/STATE/scada", content)
    assert heard == Ears(TOPICS).hear("spBv1.0/STATE/other", content)
    assert heard.turn is None


def test_the_own_birth_is_listened_for_unless_that_is_switched_off() -> None:
    birth = TOPICS.of("NBIRTH")
    assert birth in [topic for topic, _ in Ears(TOPICS).subscriptions()]
    assert birth not in [topic for topic, _ in Ears(TOPICS, echo=False).subscriptions()]
    assert Ears(TOPICS).hear(birth, b"").is_echo


def test_sessions_are_numbered_across_restarts_and_from_255_to_0(tmp_path: Path) -> None:
    path = tmp_path / "plant.session"
    assert [SessionNumbers(path).next() for _ in range(3)] == [0, 1, 2]
    numbers = SessionNumbers(path)
    numbers.give_back()
    assert numbers.next() == 2
    path.write_text("255")
    assert SessionNumbers(path).next() == 0
    path.write_text("damaged")
    assert SessionNumbers(path).next() == 0


TAG = StoredTag(
    id=3, name="COAT.GAP", unit="um", station="coater", description="", kind="real",
    resolution=0.0, low=0.0, high=1.0, labels=(), max_interval_s=60.0,
)  # fmt: skip


def samples(*rows: tuple[float, int]) -> Samples:
    return batch([(3, value, quality, T0_NS + k) for k, (value, quality) in enumerate(rows)])


def test_a_line_says_a_sample_to_the_last_bit() -> None:
    lines = Lines()
    assert not lines.knows(samples((1.0, 0)))
    lines.learn([TAG])
    values = [0.1, -0.0, 5e-324, 1e308]
    rows = [read_line(line) for line in lines.samples(samples(*((v, 64) for v in values)))]
    assert [repr(r.value) for r in rows] == [repr(v) for v in values]
    assert [r.time_ns for r in rows] == [T0_NS + k for k in range(4)]
    assert {(r.key, r.quality) for r in rows} == {(TagKey("coater", "COAT.GAP", "um"), 64)}


def test_a_value_that_may_not_be_used_is_not_in_its_line() -> None:
    lines = Lines()
    lines.learn([TAG])
    rows = [(1.0, int(Quality.BAD_LINK)), (np.nan, 0), (np.inf, 0)]
    assert [read_line(line).value for line in lines.samples(samples(*rows))] == [None] * 3


def test_a_line_says_everything_of_an_event() -> None:
    event = Event(
        time_ns=T0_NS, kind=EventKind.ALARM, station="", subject="a\tb", text="über\n\u2028x",
        actor="who", data={"run": "r1"},
    )  # fmt: skip
    line = Lines("coater").event(StoredEvent(7, 1, event))
    assert "\n" not in line
    found = read_line(line)
    assert (found.key, found.time_ns) == (EventKey("line", "alarm"), T0_NS)
    content = json.loads(str(found.value))
    assert (content["text"], content["subject"], content["actor"]) == (event.text, "a\tb", "who")
    assert (content["id"], content["data"], content["part"]) == (7, {"run": "r1"}, "coater")


@pytest.mark.parametrize("line", ["", "x", "sample\ta\tb", "event\tcoater\tparty\t1\t{}", "a b=1"])
def test_what_is_no_line_is_told(line: str) -> None:
    with pytest.raises(ValueError, match=r"not a (line|valid)|is not a valid"):
        read_line(line)


def test_a_password_may_have_blanks_and_is_read_to_the_end_of_its_line(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("a pässword \n", encoding="utf-8")
    assert read_password("", "password", tmp_path).text == "a pässword "
    (tmp_path / "password").write_text("\n")
    assert "holds none" in read_password("", "password", tmp_path).problem
    assert "no password" in read_password("", "missing", tmp_path).problem
    assert read_password("", "", tmp_path) == ("", "")
