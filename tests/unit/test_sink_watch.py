"""The controller's side of its sinks: figures, events, the process that is kept alive."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.clock import SystemClock
from controller.core.errors import DrylineError
from controller.core.event import Event
from controller.sinks.condition import State
from controller.sinks.influx_settings import Settings
from controller.sinks.ledger import Ledger
from controller.sinks.ledger_reader import untold
from controller.sinks.places import SinkConfig, SinkPlaces
from controller.sinks.status import SinkStatus, read_status
from controller.sinks.watch import SinkWatch

SETTINGS = Settings(kind="influx", url="http://127.0.0.1:1", bucket="b")
PLANT = SinkConfig(name="plant", kind="influx", settings=SETTINGS)


class Log:
    """Takes events."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.on_disk = True

    def event(self, event: Event) -> None:
        self.events.append(event)

    def durable(self) -> bool:
        return self.on_disk


@pytest.fixture
def places(tmp_path: Path) -> SinkPlaces:
    return SinkPlaces(tmp_path, "plant")


@pytest.fixture
def ledger(places: SinkPlaces) -> Iterator[Ledger]:
    made = Ledger(places.ledger)
    SinkStatus(name="plant").write(places.status)
    yield made
    made.close()


def watch_of(run: Path, log: Log, *words: str) -> SinkWatch:
    command = [sys.executable, "-c", *words]
    return SinkWatch([PLANT], run, "", SystemClock(), log, command=command, durable=log.durable)


def test_figures_are_those_of_the_status(tmp_path: Path, ledger: Ledger) -> None:
    places, clock = SinkPlaces(tmp_path, "plant"), SystemClock()
    told = SinkStatus(
        name="plant", state=State.BACKFILL, link_s=clock.link_s(), queue=7, age_s=2.5, sent=100
    )
    told.write(places.status)
    watch = watch_of(tmp_path, Log())
    assert watch.figures()[:3] == [0.0, 0.0, 0.0]
    watch.statuses = watch._read()
    assert watch.statuses == [told]
    assert watch.figures()[:6] == [2.0, 7.0, 2.5, 0.0, 0.0, 100.0]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": 77}', '{"name": "x"}', "null"])
def test_a_status_that_cannot_be_read_is_that_of_no_process(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plant.json"
    assert read_status(path, "plant", 0.0).state is State.OFF
    path.write_text(text)
    assert read_status(path, "plant", 0.0).state is State.OFF


def test_an_old_status_keeps_its_figures_and_says_that_nobody_runs(tmp_path: Path) -> None:
    path = tmp_path / "plant.json"
    SinkStatus(name="plant", state=State.SENDING, link_s=100.0, sent=5).write(path)
    assert read_status(path, "plant", 104.0).state is State.SENDING
    for now_s in (106.0, 3.0):  # 3.0: the machine was started again
        old = read_status(path, "plant", now_s)
        assert (old.state, old.sent) == (State.OFF, 5)
        assert "does not run" in old.reason


def test_a_note_becomes_one_event_and_is_told_once(tmp_path: Path, ledger: Ledger) -> None:
    log = Log()
    watch, places = watch_of(tmp_path, log), SinkPlaces(tmp_path, "plant")
    with ledger.step(12) as step:
        step.tell("gap: 5 samples are not sent to plant: disk limit", samples=5)
    for _ in range(2):
        watch._tell(places)
    (event,) = log.events
    assert (event.time_ns, event.station, event.subject) == (12, "", "sink plant")
    assert event.text.startswith("gap: 5 samples")
    assert event.data == {"samples": 5, "note": 1}
    assert untold(ledger.path) == []


def test_a_note_stays_until_its_event_is_on_disk(tmp_path: Path, ledger: Ledger) -> None:
    log = Log()
    log.on_disk = False
    watch, places = watch_of(tmp_path, log), SinkPlaces(tmp_path, "plant")
    with ledger.step(12) as step:
        step.tell("one")
    for _ in range(3):
        watch._tell(places)
    assert len(log.events) == 1
    assert len(untold(ledger.path)) == 1
    again = watch_of(tmp_path, log)  # the controller died before that
    log.on_disk = True
    again._tell(places)
    assert [event.text for event in log.events] == ["one", "one"]
    assert untold(ledger.path) == []


async def test_a_process_that_fails_is_a_failure_of_the_service(tmp_path: Path) -> None:
    with pytest.raises(DrylineError, match="code 3"):
        await watch_of(tmp_path, Log(), "raise SystemExit(3)").run()
    await watch_of(tmp_path, Log(), "pass").run()  # it wants to begin again: no failure
