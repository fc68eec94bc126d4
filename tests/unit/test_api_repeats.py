"""A request that is sent twice is done once: at once, broken off, and across a restart."""

import asyncio
import errno
import logging
import os

import pytest

from controller.access.roles import Role
from controller.api import repeat_journal
from controller.api.parts import Parts
from controller.api.pools import Pool
from controller.api.problems import Problem
from controller.api.repeat_journal import FILE, MOST, RepeatJournal, Reply
from controller.api.repeats import Asking, Repeats, fingerprint_of
from controller.core.errors import StoreError
from tests.support.api_rig import _app_of, api_rig

DONE = Reply(202, (("content-type", "application/json"),), b'{"id":"9f0c","who":"\xc3\xa9va"}')
KEY = {"idempotency-key": "once-and-for-all"}
START = {"verb": "START"}


@pytest.fixture
def line(tmp_path):
    (tmp_path / "run").mkdir()
    with api_rig(tmp_path) as found:
        yield found
        found.parts.pools.close()


@pytest.fixture
def sato(line):
    return line.person("sato", Role.OPERATOR)


def restart(line) -> None:
    """Another process of the API on the same folder."""
    line.parts.pools.close()
    line.parts = Parts(line.parts.given)
    line.app = _app_of(line.parts)
    line.attach()


async def proposal_of(http) -> dict:
    return (await http.post("/stations/coater/changes", json=START)).json()


def body(line) -> dict:
    return {"seen_t": line.now_ms}


async def test_who_asks_again_after_a_restart_is_told_what_was_done(line, sato):
    token = (await proposal_of(sato))["token"]
    sent = body(line)
    first = await sato.post(f"/changes/{token}/execute", json=sent, headers=KEY)
    restart(line)
    again = await line.login("sato").post(f"/changes/{token}/execute", json=sent, headers=KEY)
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert len(line.controllers.commands) == 1


async def test_with_another_key_the_proposal_is_over_after_a_restart(line, sato):
    token = (await proposal_of(sato))["token"]
    await sato.post(f"/changes/{token}/execute", json=body(line), headers=KEY)
    restart(line)
    again = await line.login("sato").post(f"/changes/{token}/execute", json=body(line))
    assert again.json()["code"] == "gone"
    assert len(line.controllers.commands) == 1


async def test_a_key_is_nobody_elses_after_a_restart_either(line, sato):
    token = (await proposal_of(sato))["token"]
    sent = body(line)
    await sato.post(f"/changes/{token}/execute", json=sent, headers=KEY)
    restart(line)
    mori = line.person("mori", Role.OPERATOR)
    other = await mori.post(f"/changes/{token}/execute", json=sent, headers=KEY)
    assert other.json()["code"] == "gone"
    same = await line.login("sato").post("/alarms/X/ack", json={"occurrence": 1}, headers=KEY)
    assert same.json()["code"] == "key used"


async def test_a_proposal_is_made_anew_after_a_restart(line, sato):
    first = await sato.post("/stations/coater/changes", json=START, headers=KEY)
    restart(line)
    again = await line.login("sato").post("/stations/coater/changes", json=START, headers=KEY)
    assert again.status_code == 201
    assert again.json()["token"] != first.json()["token"]


async def test_what_nobody_knows_the_end_of_is_not_done_again(line, sato):
    """As a kill leaves it: begun, and no more was written."""
    token = (await proposal_of(sato))["token"]
    sent = body(line)
    raw = sato.build_request("POST", f"/changes/{token}/execute", json=sent).content
    asked = fingerprint_of(
        KEY["idempotency-key"], "POST", f"/api/v1/changes/{token}/execute", b"", raw
    )
    asking = Asking(who="session sato ", key=KEY["idempotency-key"], asked=asked)
    journal = RepeatJournal(line.parts.given.run / FILE, lambda: line.parts.given.now().utc_ns)
    journal.begun(asking.name, asked)
    restart(line)
    again = await line.login("sato").post(f"/changes/{token}/execute", json=sent, headers=KEY)
    assert (again.status_code, again.json()["code"]) == (409, "unfinished")
    assert line.controllers.commands == []


async def test_neither_keys_nor_bodies_nor_tokens_stand_in_the_journal(line):
    chief = line.person("chief", Role.ADMINISTRATOR)
    ticket = line.ticket("chief", "users", "/api/v1/users", chief)
    new = {"name": "eva", "roles": ["viewer"], "password": "basalt cormorant nine", "reason": "new"}
    answer = await chief.post("/users", json=new, headers={**KEY, "x-dryline-ticket": ticket})
    assert answer.status_code == 201, answer.text
    path = line.parts.given.run / FILE
    text = path.read_text()
    assert "eva" in text
    for secret in (KEY["idempotency-key"], "basalt", ticket, chief.headers["cookie"]):
        assert secret not in text
    assert path.stat().st_mode & 0o077 == 0


async def test_a_refusal_is_told_again_and_what_came_to_nothing_may_be_tried_again(line, sato):
    line.controllers.gone = True
    first = await sato.post("/alarms/LINE.X/ack", json={"occurrence": 1}, headers=KEY)
    assert first.status_code == 503
    line.controllers.gone = False
    restart(line)
    sato = line.login("sato")
    done = await sato.post("/alarms/LINE.X/ack", json={"occurrence": 1}, headers=KEY)
    assert done.status_code == 200, done.text


# -- without a plant around it -------------------------------------------------------------------


def asking(key: str = "12345678", *, passing: bool = False) -> Asking:
    return Asking(who="session sato ", key=key, asked=f"of {key}", passing=passing)


async def answer() -> Reply:
    return DONE


async def must_not() -> Reply:
    raise AssertionError("done a second time")


@pytest.fixture
def pool():
    found = Pool("kept answers", 1, 10)
    yield found
    found.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / FILE


async def test_a_request_that_was_broken_off_is_not_done_again(pool, path):
    repeats = Repeats(lambda: 0.0, RepeatJournal(path, lambda: 1), pool)

    async def stands_still() -> Reply:
        await asyncio.Event().wait()
        return DONE

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await repeats.once(asking(), stands_still)
    for again in (repeats, Repeats(lambda: 0.0, RepeatJournal(path, lambda: 1), pool)):
        with pytest.raises(Problem) as refused:
            await again.once(asking(), must_not)
        assert refused.value.code == "unfinished"


async def test_a_proposal_that_was_broken_off_is_made_anew(pool, path):
    repeats = Repeats(lambda: 0.0, RepeatJournal(path, lambda: 1), pool)

    async def breaks() -> Reply:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await repeats.once(asking(passing=True), breaks)
    assert await repeats.once(asking(passing=True), answer) == (DONE, False)
    assert not path.exists()


async def test_two_at_once_are_one_and_both_hear_of_it(pool, path):
    repeats = Repeats(lambda: 0.0, RepeatJournal(path, lambda: 1), pool)
    goes, count = asyncio.Event(), 0

    async def slow() -> Reply:
        nonlocal count
        count += 1
        await goes.wait()
        return DONE

    async def second() -> tuple[Reply, bool]:
        goes.set()
        return await repeats.once(asking(), must_not)

    found = await asyncio.gather(repeats.once(asking(), slow), second())
    assert found == [(DONE, False), (DONE, True)]
    assert count == 1


async def test_an_answer_that_is_too_long_to_keep_is_not_given_twice_nor_is_it_done_twice(
    pool, path
):
    long = Reply(201, (), b"x" * 70_000)

    async def work() -> Reply:
        return long

    repeats = Repeats(lambda: 0.0, RepeatJournal(path, lambda: 1), pool)
    assert await repeats.once(asking(), work) == (long, False)
    for again in (repeats, Repeats(lambda: 0.0, RepeatJournal(path, lambda: 1), pool)):
        with pytest.raises(Problem) as refused:
            await again.once(asking(), must_not)
        assert refused.value.code == "answered"
        assert "201" in str(refused.value)


async def test_a_disk_that_refuses_stops_nobody_and_is_told_once(pool, path, caplog):
    caplog.set_level(logging.WARNING, "dryline.api")
    path.mkdir()  # no file can be written there
    repeats = Repeats(lambda: 0.0, RepeatJournal(path, lambda: 1), pool)
    for key in ("12345678", "23456789"):
        assert await repeats.once(asking(key), answer) == (DONE, False)
        assert await repeats.once(asking(key), must_not) == (DONE, True)
    (told,) = [r.getMessage() for r in caplog.records]
    assert "answers do not outlive this process" in told


def test_the_journal_holds_so_many_and_its_file_does_not_grow_for_ever(path):
    journal = RepeatJournal(path, lambda: 1)
    sizes = []
    for k in range(3 * MOST):
        journal.begun(f"n{k}", "a")
        journal.ended(f"n{k}", "a", Reply(409, (), b"{}"))
        sizes.append(path.stat().st_size)
    assert len(journal) == MOST
    assert sizes[-1] < max(sizes)
    again = RepeatJournal(path, lambda: 1)
    assert len(again) == MOST
    assert again.find("n0") is None
    assert again.find(f"n{3 * MOST - 1}") == journal.find(f"n{3 * MOST - 1}")


def test_an_answer_is_kept_for_a_day(path):
    now = [1]
    journal = RepeatJournal(path, lambda: now[0])
    journal.ended("n", "a", DONE)
    assert RepeatJournal(path, lambda: now[0]).find("n") == journal.find("n")
    assert journal.find("n").reply == DONE
    now[0] = 25 * 3600 * 10**9
    assert journal.find("n") is None


def test_half_a_line_costs_only_itself(path, monkeypatch):
    journal = RepeatJournal(path, lambda: 1)
    journal.ended("first", "a", DONE)
    whole = os.write

    def full(handle: int, content: bytes) -> int:
        whole(handle, content[:20])
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(repeat_journal.os, "write", full)
    with pytest.raises(StoreError, match="no space"):
        journal.ended("second", "a", DONE)
    monkeypatch.undo()
    journal.ended("third", "a", DONE)
    again = RepeatJournal(path, lambda: 1)
    assert (again.find("first").reply, again.find("third").reply) == (DONE, DONE)
    assert again.find("second") is None


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"[" * 40_000, b'{"request":1}', b'{"request":"n","asked":"a"}', b"null", b""],
)
def test_a_journal_that_makes_no_sense_is_as_if_it_were_empty(path, content):
    path.write_bytes(content)
    assert len(RepeatJournal(path, lambda: 1)) == 0
