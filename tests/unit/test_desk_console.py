"""What a controller tells of orders that came past the audit trail, and the heads that it keeps."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from controller.audit.outside import heads_in
from controller.audit.record import Category, Result
from controller.audit.takeover import CONSOLE, entry_of
from controller.core.errors import DrylineError
from controller.core.event import Event
from tests.support.desk_line import DeskLine


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[DeskLine]:
    async with DeskLine(tmp_path) as found:
        yield found


def told(line: DeskLine) -> list[Event]:
    historian: Any = line.desk._historian
    return [event for event in historian.events if event.subject == CONSOLE]


async def ask(line: DeskLine, **request: Any) -> dict[str, Any]:
    return await line.during(line.desk.answer({"station": "coater", "actor": "ann", **request}))


async def test_an_order_without_an_audit_record_is_told_with_all_that_makes_one(line) -> None:
    await ask(line, op="command", verb="SET", target="COAT.V.LINE.SP", value=9999.0, reason="raw")
    (event,) = told(line)
    entry = entry_of(event, "1@a")
    assert entry is not None
    assert (entry.category, entry.action, entry.target) == (
        Category.COMMAND, "SET", "COAT.V.LINE.SP"
    )  # fmt: skip
    assert (entry.actor, entry.station, entry.new, entry.reason) == (
        "ann", "coater", 9999.0, "raw"
    )  # fmt: skip
    assert entry.result is Result.REFUSED
    assert "allowed" in entry.detail


async def test_an_order_that_has_a_record_is_not_told_again(line) -> None:
    await ask(line, op="command", verb="HOLD", id="9f0c21ab34")
    await ask(line, op="status")
    await ask(line, op="tags")
    assert told(line) == []


@pytest.mark.parametrize("op", ["deploy", "rollback", "trial"])
async def test_deployments_are_told_too(line, op) -> None:
    await ask(line, op=op, recipe="nothing@1.0.0", reason="x", question="x", minutes=5.0)
    (event,) = told(line)
    entry = entry_of(event, "1@a")
    assert entry is not None
    assert entry.category is Category.DEPLOY


async def test_a_head_of_the_audit_trail_is_kept_as_an_event(line) -> None:
    await ask(line, op="audit_head", number=812, hash="a" * 64)
    historian: Any = line.desk._historian
    (head,) = heads_in(historian.events)
    assert (head.number, head.hash) == (812, "a" * 64)


@pytest.mark.parametrize(
    "request_", [{}, {"number": "1", "hash": "a" * 64}, {"number": True, "hash": "a" * 64},
                 {"number": 1, "hash": "a"}, {"number": 1, "hash": None}],
)  # fmt: skip
async def test_what_is_no_head_is_not_kept(line, request_) -> None:
    with pytest.raises(DrylineError):
        await line.desk.answer({"op": "audit_head", **request_})


@pytest.mark.parametrize(
    "request_",
    [{"verb": "FLY"}, {"verb": 5}, {"verb": "START", "actor": ["x"]}, {"verb": "SET", "value": {}},
     {"verb": "START", "station": "oven"}],
)  # fmt: skip
async def test_what_fails_is_told_as_it_came(line, request_) -> None:
    body = {"op": "command", "station": "coater", "actor": "ann", **request_}
    with pytest.raises(DrylineError):
        await line.during(line.desk.answer(body))
    (event,) = told(line)
    entry = entry_of(event, "1@a")
    assert entry is not None
    assert (entry.result, entry.code) == (Result.REFUSED, "failed")
