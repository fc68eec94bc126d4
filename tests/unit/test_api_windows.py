"""Windows that keep up and windows that do not: what was left out is counted for each of them."""

import json

import pytest

from controller.access.identity import Identity, Via
from controller.access.roles import Permission, Role
from controller.access.secret import Secret
from controller.api.figures import families
from controller.api.live import Connection
from controller.api.live_client import WINDOW
from tests.support.api_rig import ApiRig, api_rig

TICKS = 7
LATE_S = 0.1


@pytest.fixture
def line(tmp_path):
    with api_rig(tmp_path) as found:
        yield found


def someone(name: str, *permissions: Permission) -> Identity:
    return Identity(
        user=name, display=name, roles=frozenset({Role.OPERATOR}), via=Via.SESSION,
        permissions=frozenset({Permission.VIEW, *permissions}), address="10.0.0.9", key=f"k {name}",
    )  # fmt: skip


def opened(line: ApiRig, by: Identity) -> Connection:
    """A window that shows one tag."""
    hub = line.parts.hub
    connection = hub.admit(by)
    assert connection is not None
    say(line, connection, op="hello", v=1)
    say(line, connection, op="view", id=1, tags=["COAT.TORQUE"], rate=10)
    return connection


def say(line: ApiRig, connection: Connection, **message: object) -> None:
    line.parts.hub.hear(connection, json.dumps(message))


def frames(line: ApiRig, *connections: Connection) -> list[list[dict]]:
    """A round in which the tag has another value."""
    line.show("COAT.TORQUE", line.parts.hub.count + 1.0)
    line.pass_s(LATE_S)
    line.parts.hub.round()
    return [[json.loads(one) for one in line.parts.hub.due(c)] for c in connections]


def number(line: ApiRig, name: str) -> float:
    (value,) = [rows[0].value for metric, rows in families(line.parts) if metric.shown == name]
    return value


async def rows_of(line: ApiRig, role: Role) -> list[dict]:
    asker = line.person(f"{role}-who-asks", role)
    return (await asker.get("/health/figures")).json()["windows"]


async def test_who_does_not_acknowledge_is_counted_and_nobody_else(line):
    prompt, slow = opened(line, someone("sato")), opened(line, someone("mori"))
    for _ in range(WINDOW + TICKS):
        for frame in frames(line, prompt, slow)[0]:
            say(line, prompt, ack=frame["s"])
    first, second = await rows_of(line, Role.ADMINISTRATOR)
    assert (first["user"], first["conflated"], first["stalls"], first["waiting"]) == (
        "sato", 0, 0, 0)  # fmt: skip
    assert (second["user"], second["conflated"], second["stalls"]) == ("mori", TICKS, 1)
    assert second["waiting"] == WINDOW
    assert second["acknowledged_age_s"] is None
    assert first["acknowledged_age_s"] <= LATE_S
    assert second["open_s"] == pytest.approx(LATE_S * (WINDOW + TICKS), abs=0.06)
    assert first["number"] < second["number"]


async def test_a_window_that_recovers_and_falls_behind_again_has_stalled_twice(line):
    slow = opened(line, someone("mori"))
    for _ in range(2):
        for _ in range(WINDOW + 2):
            frames(line, slow)
        say(line, slow, ack=line.parts.mirror.tick)
        frames(line, slow)
        say(line, slow, ack=line.parts.mirror.tick)
    assert (slow.client.pace.stalls, slow.client.pace.conflated) == (2, 4)


def test_rounds_that_a_blocked_socket_missed_are_left_out_frames(line):
    window = opened(line, someone("mori"))
    for frame in frames(line, window)[0]:
        say(line, window, ack=frame["s"])
    for _ in range(TICKS):
        frames(line)
    ((late,),) = frames(line, window)
    assert late["v"][0][1] == line.parts.hub.count
    assert (window.client.pace.stalls, window.client.pace.conflated) == (1, TICKS)


def test_a_view_that_wants_few_frames_is_not_slow(line):
    window = opened(line, someone("mori"))
    say(line, window, op="view", id=2, tags=["COAT.TORQUE"], rate=1)
    for _ in range(40):
        for frame in frames(line, window)[0]:
            say(line, window, ack=frame["s"])
    assert (window.client.pace.stalls, window.client.pace.conflated) == (0, 0)


async def test_sums_stay_when_a_window_goes(line):
    slow = opened(line, someone("mori"))
    for _ in range(WINDOW + TICKS):
        frames(line, slow)
    names = ("dryline_api_live_conflated_frames_total", "dryline_api_live_stalls_total")
    assert [number(line, name) for name in names] == [TICKS, 1.0]
    line.parts.hub.leave(slow, 1001)
    assert [number(line, name) for name in names] == [TICKS, 1.0]
    asker = line.person("ann", Role.VIEWER)
    api = (await asker.get("/health/figures")).json()["api"]
    assert (api["conflated"], api["stalls"]) == (TICKS, 1)
    assert await rows_of(line, Role.ADMINISTRATOR) == []


@pytest.mark.parametrize(
    ("role", "seen"), [(Role.VIEWER, []), (Role.ENGINEER, []), (Role.ADMINISTRATOR, ["mori"])]
)
async def test_windows_of_others_are_shown_to_administrators_only(line, role, seen):
    opened(line, someone("mori"))
    assert [row["user"] for row in await rows_of(line, role)] == seen


async def test_everybody_sees_the_windows_of_his_own_session(line):
    ann = line.person("ann", Role.VIEWER)
    opened(line, someone("mori"))
    own = Secret(ann.headers["cookie"].partition("=")[2])
    opened(line, line.access.door.of_cookie(own))
    (row,) = (await ann.get("/health/figures")).json()["windows"]
    assert (row["user"], row["own"]) == ("ann", True)
