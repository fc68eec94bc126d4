"""The live protocol without sockets: positions, windows, heartbeats, and clients in step."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.access.identity import Identity, Via
from controller.access.roles import Permission, Role
from controller.api.alarm_watch import AlarmImage
from controller.api.commands import CommandBook, CommandRecord, CommandState
from controller.api.counts import Counts
from controller.api.line_facts import LineFacts
from controller.api.live_client import ACK_S, HELLO_S, WINDOW, Broken, LiveClient, Runs
from controller.api.live_view import MOST_WILD, FrameMaker, view_of
from controller.api.mirror import Mirror
from controller.api.station_watch import StationImage
from controller.config import load_line
from controller.core.sample import GOOD, Quality
from controller.live_frames import Frame, Hello, TagMeta
from controller.operator_limits import OperatorLimits
from tests.support.line_under_test import SHIPPED

NAMES = ("COAT.A", "COAT.B", "COAT.C", "CAL.A")
SATO = Identity(
    user="sato", display="Sato", roles=frozenset({Role.OPERATOR}),
    permissions=frozenset({Permission.VIEW}), via=Via.SESSION, address="10.0.0.5", key="k1",
)  # fmt: skip
T_NS = 1_795_317_022_000_000_000
RUNS = Runs("b00t", "1.0", "5c4ee2")


class Server:
    """A mirror, its frames and some clients; a round is a tenth of a second."""

    def __init__(self, names: tuple[str, ...] = NAMES) -> None:
        self.mirror, self.book, self.counts = Mirror(), CommandBook(), Counts()
        self.alarms = AlarmImage(self.mirror)
        self.stations = StationImage(self.mirror)
        facts = LineFacts("l", "L", {}, OperatorLimits(load_line(SHIPPED)))
        self.frames = FrameMaker(self.mirror, self.alarms, self.stations, facts, self.counts)
        self.values = dict.fromkeys(names, 0.0)
        self.now_s, self.count, self.number = 0.0, 0, 0
        self.attach(*names)

    def attach(self, *names: str, part: str = "") -> None:
        tags = tuple(TagMeta(n, "x", n, "mm", "real", 0.0, 10.0, 0.1, ()) for n in names)
        self.mirror.attach(Hello("b", "l", part, 1.0, 0.1, ("x",), tags), self.now_s)

    def feed(self, **values: float) -> None:
        for name, value in values.items():
            self.values[name.replace("__", ".")] = value
        self.number += 1
        row = np.array(list(self.values.values()))
        quality = np.where(np.isnan(row), int(Quality.BAD_SENSOR), GOOD).astype(np.uint8)
        times = np.full(len(row), T_NS + self.number, np.int64)
        self.mirror.apply("", Frame(self.number, T_NS, row, quality, times), self.now_s)

    def client(self) -> LiveClient:
        return LiveClient(SATO, self.mirror, self.book, RUNS, self.now_s)

    def viewing(self, *tags: str, **more: Any) -> LiveClient:
        client = self.client()
        self.say(client, op="hello", v=1, **more)
        self.say(client, op="view", id=1, tags=list(tags), rate=10)
        return client

    def say(self, client: LiveClient, **message: Any) -> list[dict[str, Any]]:
        return [json.loads(m) for m in client.hear(json.dumps(message), self.now_s)]

    def round(self, *clients: LiveClient) -> list[list[dict[str, Any]]]:
        """What each client is sent; not on a beat unless it is time for one."""
        self.now_s += 0.1
        self.count += 1
        self.frames.begin(beat=self.count % 10 == 0)
        return [
            [json.loads(m) for m in c.due(self.frames, self.count, T_NS, self.now_s)]
            for c in clients
        ]


@pytest.fixture
def server():
    found = Server()
    found.feed(COAT__A=1.0, COAT__B=2.0)
    return found


def rows(frame: dict[str, Any], mirror: Mirror) -> dict[str, Any]:
    return {mirror.tags[row[0]].name: row[1] for row in frame["v"]}


def test_the_first_frame_is_full_and_the_next_has_what_changed(server):
    client = server.viewing("COAT.*")
    ((first,),) = server.round(client)
    assert first["full"] is True
    assert rows(first, server.mirror) == {"COAT.A": 1.0, "COAT.B": 2.0, "COAT.C": 0.0}
    server.feed(COAT__B=2.5, CAL__A=9.0)
    ((second,),) = server.round(client)
    assert rows(second, server.mirror) == {"COAT.B": 2.5}
    assert (second["p"], "full" in second) == (first["s"], False)
    assert server.round(client) == [[]]


def test_hello_tells_version_window_and_who(server):
    (hello,) = server.say(server.client(), op="hello", v=1)
    assert hello["boot"] == "b00t"
    assert (hello["user"], hello["roles"], hello["window"]) == ("sato", ["operator"], WINDOW)
    assert (hello["app"], hello["screens"]) == ("1.0", "5c4ee2")


def test_another_version_is_told_by_the_close_code(server):
    with pytest.raises(Broken) as broken:
        server.say(server.client(), op="hello", v=2)
    assert broken.value.code == 4009


def test_an_unknown_tag_is_an_error_and_the_rest_works(server):
    client = server.client()
    server.say(client, op="hello", v=1)
    error, meta = server.say(client, op="view", id=7, tags=["COAT.A", "NOPE", "X*"], rate=10)
    assert (error["op"], error["id"], error["tags"]) == ("error", 7, ["NOPE", "X*"])
    assert [t["n"] for t in meta["tags"]] == ["COAT.A"]
    ((frame,),) = server.round(client)
    assert (frame["id"], rows(frame, server.mirror)) == (7, {"COAT.A": 1.0})


def test_meta_has_unit_range_and_decimals(server):
    client = server.client()
    server.say(client, op="hello", v=1)
    (meta,) = server.say(client, op="view", id=1, tags=["COAT.A"])
    (tag,) = meta["tags"]
    assert (tag["u"], tag["lo"], tag["hi"], tag["d"]) == ("mm", 0.0, 10.0, 1)


def test_a_bad_value_is_null_with_its_quality(server):
    client = server.viewing("COAT.A")
    server.feed(COAT__A=float("nan"))
    ((frame,),) = server.round(client)
    assert frame["v"] == [[0, None, int(Quality.BAD_SENSOR)]]


def test_three_frames_without_an_acknowledgement_and_no_more_then_one_with_all(server):
    client = server.viewing("COAT.A", "COAT.B")
    sent = []
    for k in range(20):
        server.feed(COAT__A=float(k), **({"COAT__B": 99.0} if k == 10 else {}))
        sent += server.round(client)[0]
    assert len(sent) == WINDOW
    server.say(client, ack=sent[-1]["s"])
    ((late,),) = server.round(client)
    assert rows(late, server.mirror) == {"COAT.A": 19.0, "COAT.B": 99.0}
    assert late["p"] == sent[-1]["s"]


def test_whoever_never_acknowledges_is_closed(server):
    client = server.viewing("COAT.A")
    server.round(client)
    server.now_s += ACK_S
    with pytest.raises(Broken) as broken:
        server.round(client)
    assert broken.value.code == 4008


def test_whoever_says_nothing_is_closed(server):
    client = server.client()
    server.now_s += HELLO_S
    with pytest.raises(Broken):
        server.round(client)


def test_a_heartbeat_each_second_even_when_nothing_changes(server):
    client = server.viewing("COAT.A")
    frames = []
    for _ in range(40):
        for frame in server.round(client)[0]:
            frames.append(frame)
            server.say(client, ack=frame["s"])
    assert [len(f["v"]) for f in frames] == [1, 0, 0, 0, 0]
    assert "st" in frames[-1]


def test_clients_in_step_share_one_encoding(server):
    clients = [server.viewing("COAT.*") for _ in range(50)]
    server.round(*clients)
    assert server.counts.encoded == 1
    server.feed(COAT__A=5.0)
    server.round(*clients)
    assert server.counts.encoded == 2


def test_views_of_the_same_have_ids_of_their_own(server):
    one, other = server.viewing("COAT.A"), server.client()
    server.say(other, op="hello", v=1)
    server.say(other, op="view", id=9, tags=["COAT.A"], rate=10)
    ((a,), (b,)) = server.round(one, other)
    assert (a["id"], b["id"]) == (1, 9)
    assert {**a, "id": 9} == b


def test_a_slow_view_has_fewer_frames(server):
    client = server.client()
    server.say(client, op="hello", v=1)
    server.say(client, op="view", id=1, tags=["COAT.A"], rate=2)
    count = 0
    for k in range(20):
        server.feed(COAT__A=float(k))
        for frame in server.round(client)[0]:
            count += 1
            server.say(client, ack=frame["s"])
    assert count == 4


def test_who_comes_back_goes_on_where_he_was(server):
    first = server.viewing("COAT.A", "COAT.B")
    ((frame,),) = server.round(first)
    server.feed(COAT__B=7.0)
    again = server.viewing("COAT.A", "COAT.B", boot="b00t", pos=frame["s"])
    ((late,),) = server.round(again)
    assert (late["p"], rows(late, server.mirror)) == (frame["s"], {"COAT.B": 7.0})


@pytest.mark.parametrize("said", [{"boot": "other", "pos": 3}, {"boot": "b00t", "pos": 10**9}])
def test_after_a_restart_of_the_server_everything_is_sent_again(server, said):
    client = server.viewing("COAT.A", **said)
    ((frame,),) = server.round(client)
    assert frame["full"] is True


def test_full_on_request(server):
    client = server.viewing("COAT.A")
    ((frame,),) = server.round(client)
    server.say(client, ack=frame["s"])
    server.say(client, op="full")
    server.feed(COAT__A=3.0)
    assert server.round(client)[0][0]["full"] is True


def test_a_controller_that_comes_later_is_in_the_view(server):
    client = server.viewing("*")
    ((frame,),) = server.round(client)
    server.say(client, ack=frame["s"])
    server.attach("ENC.NEW", part="enclosure")
    meta, full = server.round(client)[0]
    assert "ENC.NEW" in [t["n"] for t in meta["tags"]]
    assert full["full"] is True


def test_alarm_states_and_counts_come_with_the_frame_that_changed_them(server):
    client = server.client()
    server.say(client, op="hello", v=1)
    server.say(client, op="view", id=1, tags=["COAT.A"], alarms=True, rate=10)
    alarm = {"id": "COAT.A.hi", "asks": True, "priority": 2, "state": "unacknowledged"}
    server.alarms.take({"COAT.A.hi": alarm}, [])
    ((frame,),) = server.round(client)
    assert (frame["a"], frame["n"]) == ([alarm], [0, 1, 0, 0])
    server.alarms.take({}, [])
    ((frame,),) = server.round(client)
    assert (frame["a"], frame["n"]) == ([{"id": "COAT.A.hi", "state": "normal"}], [0, 0, 0, 0])
    server.feed(COAT__A=4.0)
    ((frame,),) = server.round(client)
    assert "a" not in frame


def test_whoever_gave_a_command_hears_what_becomes_of_it(server):
    mine, other = server.viewing("COAT.A"), server.viewing("COAT.A")
    other.identity = SATO.__class__(**{
        name: getattr(SATO, name) for name in SATO.__slots__ if name != "user"
    }, user="mori")  # fmt: skip
    server.round(mine, other)
    record = CommandRecord(id="c1", actor="sato", station="x", verb="SET", requested=1.0,
                           state=CommandState.CONFIRMED, read_back=1.0)  # fmt: skip
    server.book.keep(record)
    (told, nothing) = server.round(mine, other)
    assert (told[0]["op"], told[0]["cmd"], told[0]["state"]) == ("c", "c1", "confirmed")
    assert nothing == []


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{", '{"op": "shout"}', '{"op": "view", "id": -1, "tags": []}',
     '{"op": "view", "id": 1, "tags": "x"}', '{"op": "view", "id": 1, "tags": [1]}',
     '{"op": "view", "id": 1, "tags": [""], "rate": 1}', '{"op": "view", "id": 1.5, "tags": []}',
     '{"op": "view", "id": 1, "tags": [], "rate": 1000}', '{"ack": "x"}', '{"ack": -1}',
     '{"ack": true}', "[" * 5000, '{"op": "view", "id": 1, "tags": ["\\ud800"]}',
     '{"op":"hello","v":1,"pos":NaN}', '{"op": ["hello"]}'],
)  # fmt: skip
def test_what_makes_no_sense_closes_the_socket_and_nothing_else(server, text):
    client = server.viewing("COAT.A")
    with pytest.raises(Broken) as broken:
        client.hear(text, server.now_s)
    assert broken.value.code == 1008


def test_a_view_before_hello_is_not_taken(server):
    with pytest.raises(Broken):
        server.say(server.client(), op="view", id=1, tags=[])


def test_too_many_messages_close_the_socket(server):
    client = server.viewing("COAT.A")
    said = [json.dumps({"op": "full"})] * 100
    with pytest.raises(Broken, match="many"):
        list(map(client.hear, said, [server.now_s] * 100))


def test_a_controller_that_comes_back_with_another_range_is_told_to_who_knows_the_old(server):
    client = server.viewing("COAT.A")
    server.round(client)
    server.attach(*NAMES)
    assert server.round(client) == [[]]  # the same as before is no news
    tags = tuple(TagMeta(n, "x", n, "um", "real", 0.0, 500.0, 0.1, ()) for n in NAMES)
    server.mirror.attach(Hello("b", "l", "", 1.0, 0.1, ("x",), tags), server.now_s)
    ((meta, frame),) = server.round(client)
    assert [(t["u"], t["hi"]) for t in meta["tags"]] == [("um", 500.0)]
    assert frame["full"] is True
    assert server.round(client) == [[]]


def test_a_view_that_makes_everybody_wait_is_as_many_messages_as_it_costs(server):
    client = server.viewing("COAT.A")
    dear = [f"*{k}*" for k in range(MOST_WILD)]
    for _ in range(2):
        server.say(client, op="view", id=1, tags=dear)
    with pytest.raises(Broken, match="too many messages"):
        server.say(client, op="view", id=1, tags=dear)
    with pytest.raises(Broken, match="too many tags"):
        server.say(server.viewing("COAT.A"), op="view", id=1, tags=[*dear, "*"])
    patient = server.viewing("COAT.A")
    for _ in range(10):
        server.now_s += 1.0
        server.say(patient, op="view", id=1, tags=dear)


def test_patterns_mean_only_the_star(server):
    mirror = server.mirror
    assert view_of(mirror, ["COAT.[AB]"], alarms=False).unknown == ("COAT.[AB]",)
    assert view_of(mirror, ["COAT.?"], alarms=False).unknown == ("COAT.?",)
    assert len(view_of(mirror, ["COAT*", "COAT.A"], alarms=False).rows) == 3


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("feed"), st.sampled_from(NAMES), st.integers(0, 3)),
        st.tuples(st.just("round"), st.booleans(), st.integers(0, 0)),
        st.tuples(st.just("return"), st.booleans(), st.integers(0, 0)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_whatever_is_lost_the_screen_comes_to_show_what_is(steps):
    """Acknowledgements may be missing and connections break; frames that came are replayed."""
    server = Server()
    client, screen, position = server.viewing("*"), {}, 0
    for what, which, value in steps:
        if what == "feed":
            server.feed(**{which.replace(".", "__"): float(value)})
        elif what == "round":
            for frame in (f for f in server.round(client)[0] if f["op"] == "f"):
                assert frame.get("full") or frame["p"] == position
                screen |= rows(frame, server.mirror)
                position = frame["s"]
                if which:
                    server.say(client, ack=position)
        else:
            known = {"boot": "b00t", "pos": position} if which and screen else {}
            client = server.viewing("*", **known)
            position = position if known else 0
    server.say(client, ack=2**50)
    for _ in range(11):
        for frame in (f for f in server.round(client)[0] if f["op"] == "f"):
            screen |= rows(frame, server.mirror)
            server.say(client, ack=frame["s"])
    shown = dict(zip(NAMES, server.mirror.value.tolist(), strict=True))
    assert screen == shown


STATION = {
    "time_ns": T_NS,
    "stations": {"x": {"state": "IDLE", "reason": "", "step": "", "waiting_for": [],
                       "link_up": True, "faulted": False, "left_s": 0.0}},
}  # fmt: skip


def test_stations_are_in_the_frames_of_those_who_ask_for_them(server):
    asking, other = server.viewing(), server.viewing()
    server.say(asking, op="view", id=1, tags=[], stations=True)
    server.stations.take(STATION)
    ((first,), (without,)) = server.round(asking, other)
    assert [row["state"] for row in first["ss"]] == ["IDLE"]
    assert "ss" not in without
    server.say(asking, ack=first["s"])
    server.stations.take(STATION)
    assert server.round(asking) == [[]]
    changed = {**STATION["stations"]["x"], "state": "STARTING"}
    server.stations.take({**STATION, "stations": {"x": changed}})
    ((second,),) = server.round(asking)
    assert [row["state"] for row in second["ss"]] == ["STARTING"]
