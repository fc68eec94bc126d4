"""A sink against a real HTTP server that answers well, badly, late or not at all."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.clock import NS, SystemClock
from controller.core.event import Event, EventKind
from controller.historian import Historian, HistorianSettings
from controller.sinks import lane
from controller.sinks.answers import Verdict
from controller.sinks.condition import State
from controller.sinks.forwarder import Forwarder, Plan
from controller.sinks.influx import Sink
from controller.sinks.influx_settings import Settings
from controller.sinks.ledger_reader import SentByAll, quarantine, send_again
from controller.sinks.places import SinkPlaces
from tests.support.fake_influx import GOOD, TOKEN, FakeInflux, Manner, Request
from tests.support.history import batch, make_tag

ENOUGH_S = 30.0
VALUE = re.compile(r"value=(-?[0-9.]+)")
LINE = "cell,line=pilot,tag=A,unit=degC value=1.0,quality=0i 1767225600000000000"


@pytest.fixture
def server() -> Iterator[FakeInflux]:
    with FakeInflux(token=TOKEN) as fake:
        yield fake


@pytest.fixture
def settings(server: FakeInflux, tmp_path: Path) -> Settings:
    (tmp_path / "token").write_text(TOKEN + "\n")
    return settings_of(url=server.url, org="works", timeout_s=0.5, **{"token_file": "token"})


@pytest.fixture
def sink(settings: Settings, tmp_path: Path) -> Iterator[Sink]:
    made = Sink(settings, tmp_path)
    yield made
    made.close()


def settings_of(**changes: object) -> Settings:
    return Settings.model_validate({"kind": "influx", "bucket": "line"} | changes)


def eventually(is_so: Callable[[], bool], told: Callable[[], object] = str) -> None:
    until = time.monotonic() + ENOUGH_S
    while not is_so():
        assert time.monotonic() < until, told()
        time.sleep(0.02)


@dataclass
class Plant:
    """A historian that is fed, and the sink that follows it."""

    historian: Historian
    forwarder: Forwarder
    server: FakeInflux
    ledger: Path
    settings: Settings
    n: int = 0

    def record(self, n: int) -> None:
        """n samples of each of two tags, one a millisecond; values are their numbers."""
        now_ns = time.time_ns()
        rows = [
            (tag, sign * float(k), 0, now_ns + k * 1000)
            for k in range(self.n, self.n + n)
            for tag, sign in ((0, 1), (1, -1))
        ]
        self.n += n
        self.historian.record(batch(rows))

    def complete(self) -> bool:
        wanted = [float(k) for k in range(self.n)]
        return self.server.values("A") == wanted and len(self.server.values("B")) == self.n

    def arrive(self) -> None:
        """Wait until everything is there, once."""
        assert self.historian.flush()
        eventually(self.complete, lambda: (self.n, self.forwarder.status()))

    @property
    def state(self) -> State:
        return self.forwarder.status().state


@pytest.fixture
def plant(
    server: FakeInflux, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Plant]:
    monkeypatch.setattr(lane, "STOPPED_S", 0.3)
    clock = SystemClock()
    places = SinkPlaces(tmp_path, "plant")
    historian = Historian(
        tmp_path / "history.db",
        [make_tag("A"), make_tag("B")],
        clock,
        HistorianSettings(commit_interval_s=0.05, seal_samples=2000, seal_per_tag=0),
        SentByAll([places.ledger]),
    )
    historian.start()
    plan = Plan(
        "plant", historian.path, places, "pilot", lambda: Sink(settings, tmp_path), 500, 1e6
    )
    forwarder = Forwarder(plan, clock)
    forwarder.start()
    made = Plant(historian, forwarder, server, places.ledger, settings)
    yield made
    assert not forwarder.broken.is_set()
    forwarder.stop()
    historian.close()


def test_a_post_is_what_the_interface_of_influxdb_2_asks_for(
    sink: Sink, server: FakeInflux
) -> None:
    assert sink.post([LINE, LINE.replace("=A", "=B")]).status == 204
    (request,) = server.requests
    assert request.path == "/api/v2/write"
    assert request.query == {"org": "works", "bucket": "line", "precision": "ns"}
    assert request.headers["Authorization"] == f"Token {TOKEN}"
    assert request.headers["Content-Type"].startswith("text/plain")
    assert request.headers["Content-Encoding"] == "gzip"
    assert server.values("A") == server.values("B") == [1.0]


def test_without_gzip_and_token_the_body_is_plain(server: FakeInflux, tmp_path: Path) -> None:
    server.token = ""
    sink = Sink(settings_of(url=server.url + "/", gzip=False), tmp_path)
    assert sink.post([LINE]).status == 204
    headers = server.requests[0].headers
    assert "Content-Encoding" not in headers
    assert "Authorization" not in headers
    sink.close()


def test_one_connection_is_used_again(sink: Sink, server: FakeInflux) -> None:
    seen = set()
    server.manner = lambda _: seen.update(server._server.open) or GOOD
    for _ in range(5):
        sink.post([LINE])
    assert len(seen) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 429, 500, 503])
def test_a_refusal_is_an_answer_with_the_servers_words(
    sink: Sink, server: FakeInflux, status: int
) -> None:
    server.manner = lambda _: Manner(status, "because so", (("Retry-After", "7"),))
    answer = sink.post([LINE])
    assert (answer.status, answer.reason, answer.wait_s) == (status, "because so", 7.0)


@pytest.mark.parametrize(
    "manner",
    [Manner(hang=True), Manner(cut="before"), Manner(cut="after"), Manner(late_s=2.0)],
    ids=["hangs", "closes", "closes-after-storing", "answers-late"],
)
def test_no_answer_in_time_is_an_answer_too(sink: Sink, server: FakeInflux, manner: Manner) -> None:
    server.manner = lambda _: manner
    before_s = time.monotonic()
    assert sink.post([LINE]).status == 0
    assert time.monotonic() - before_s < 1.9
    server.manner = lambda _: GOOD
    assert sink.post([LINE]).status == 204
    assert server.values("A") == [1.0]


def test_a_redirect_is_not_followed(sink: Sink, server: FakeInflux) -> None:
    server.manner = lambda _: Manner(307, "", (("Location", "http://127.0.0.1:9/other"),))
    assert sink.post([LINE]).status == 307
    assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_an_answer(server: FakeInflux, sink: Sink) -> None:
    server.stop()
    assert sink.post([LINE]).status == 0
    server.start()
    assert sink.post([LINE]).status == 204


def test_the_token_is_in_no_reason(sink: Sink, server: FakeInflux) -> None:
    server.manner = lambda _: Manner(401, f"token {TOKEN} is unknown")
    assert sink.post([LINE]).reason == "token *** is unknown"


@pytest.mark.parametrize("content", [None, "", "two words", "nul\0"])
def test_a_token_that_is_not_there_stops_and_says_where_it_should_be(
    sink: Sink, server: FakeInflux, tmp_path: Path, content: str | None
) -> None:
    (tmp_path / "token").unlink()
    if content is not None:
        (tmp_path / "token").write_text(content)
    answer = sink.post([LINE])
    assert answer.verdict is Verdict.STOPPED
    assert str(answer).startswith("no token: file token")
    assert not server.requests


def test_a_token_may_come_from_the_environment(
    server: FakeInflux, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(url=server.url, **{"token_env": "SINK_TOKEN"})
    sink = Sink(settings, tmp_path)
    assert "SINK_TOKEN" in sink.post([LINE]).reason
    monkeypatch.setenv("SINK_TOKEN", TOKEN)
    assert sink.post([LINE]).status == 204
    sink.close()


def test_what_is_recorded_arrives_within_a_second(plant: Plant) -> None:
    plant.record(1)
    plant.arrive()
    begun_s = time.monotonic()
    plant.record(10)
    plant.arrive()
    assert time.monotonic() - begun_s < 5.0  # hardly ever above 0.5 s; a wrong wait is far above
    eventually(lambda: plant.forwarder.status().queue == 0)


def test_events_arrive_with_their_texts(plant: Plant) -> None:
    for k in range(3):
        plant.historian.event(
            Event(time_ns=NS, kind=EventKind.STATE, station="cell", subject="s", text=f"{k} = 1")
        )
    eventually(lambda: len(plant.server.events()) == 3)
    assert sorted(str(e.field("text")) for e in plant.server.events()) == [
        f"{k} = 1" for k in range(3)
    ]


@pytest.mark.parametrize(
    "manner",
    [
        Manner(500, "no"),
        Manner(429, "slow down", (("Retry-After", "0"),)),
        Manner(503),
        Manner(cut="before"),
        Manner(cut="after"),
        Manner(hang=True),
        Manner(late_s=1.0),
    ],
    ids=["500", "429", "503", "closes", "closes-after-storing", "hangs", "late"],
)
def test_nothing_is_lost_or_doubled_when_answers_fail_for_a_while(
    plant: Plant, manner: Manner
) -> None:
    plant.record(100)
    plant.arrive()
    plant.server.manner = lambda _: manner
    for _ in range(10):
        plant.record(300)
        time.sleep(0.06)
    eventually(lambda: plant.state is State.WAITING)
    plant.server.manner = lambda _: GOOD
    plant.record(10)
    plant.arrive()
    assert plant.n == 3110
    eventually(lambda: plant.forwarder.status().queue == 0)
    status = plant.forwarder.status()
    assert (status.sent, status.dropped, status.quarantined) == (2 * plant.n, 0, 0)
    assert status.retried > 0


def test_nothing_is_lost_or_doubled_when_every_other_answer_fails(plant: Plant) -> None:
    turns = iter([Manner(500), Manner(cut="after"), GOOD, Manner(cut="before"), GOOD] * 1000)
    plant.server.manner = lambda _: next(turns)
    for _ in range(15):
        plant.record(200)
        time.sleep(0.06)
    plant.arrive()


def test_a_server_that_was_killed_is_found_again_and_backfilled(plant: Plant) -> None:
    plant.record(100)
    plant.arrive()
    plant.server.stop()
    for _ in range(30):
        plant.record(200)
        time.sleep(0.06)
    eventually(lambda: plant.state is State.WAITING)
    plant.server.start()
    plant.arrive()
    eventually(lambda: plant.forwarder.ledger.position.gaps == ())
    eventually(lambda: plant.state is State.SENDING)


def test_live_samples_do_not_wait_for_a_backfill_that_hangs(plant: Plant) -> None:
    plant.server.manner = lambda _: Manner(503)
    for _ in range(30):
        plant.record(200)
        time.sleep(0.06)
    assert plant.historian.flush()
    eventually(lambda: plant.state is State.WAITING)

    outage = plant.n
    held = next(r.lines for r in reversed(plant.server.requests) if r.lines[0].startswith("cell,"))

    def not_backfill(request: Request) -> Manner:
        """Takes what the live lane has held since the outage began, and what is newest."""
        numbers = [abs(float(n)) for n in VALUE.findall("\n".join(request.lines))]
        is_live = request.lines == held or max(numbers, default=outage) >= outage - 1
        return GOOD if is_live else Manner(503)

    plant.server.manner = not_backfill
    eventually(lambda: len(plant.forwarder.ledger.position.gaps) > 0)
    plant.record(1)
    eventually(lambda: float(outage) in plant.server.values("A"))
    assert plant.forwarder.ledger.position.gaps  # which wait for their own lane
    plant.server.manner = lambda _: GOOD
    plant.arrive()


def test_one_bad_record_in_ten_thousand_is_listed_and_the_others_are_stored(plant: Plant) -> None:
    plant.server.refuse = lambda line: "value=3777.0," in line
    for _ in range(5):
        plant.record(1000)
        time.sleep(0.06)
    assert plant.historian.flush()
    eventually(lambda: len(plant.server.points) == 9999 and bool(quarantine(plant.ledger)))
    (entry,) = quarantine(plant.ledger)
    assert entry.lines == 1
    assert "tag=A,unit=degC value=3777.0," in entry.body
    assert "field type conflict" in entry.reason
    plant.server.refuse = lambda _: False
    assert send_again(plant.ledger) == 1
    plant.arrive()
    eventually(lambda: quarantine(plant.ledger) == [])


def test_a_refused_token_stops_and_a_taken_one_goes_on_with_nothing_lost(plant: Plant) -> None:
    plant.server.token = TOKEN[::-1]
    plant.record(500)
    assert plant.historian.flush()
    eventually(lambda: plant.state is State.STOPPED)
    assert "unauthorized" in plant.forwarder.status().reason
    assert plant.forwarder.status().queue == 1000
    plant.server.token = TOKEN
    plant.arrive()


def test_a_slow_server_gets_everything_in_larger_posts(plant: Plant) -> None:
    plant.server.manner = lambda _: Manner(wait_s=0.3)
    for _ in range(20):
        plant.record(20)
        time.sleep(0.06)
    plant.arrive()
    assert len(plant.server.requests) < 20


def test_a_sink_that_begins_again_goes_on_where_it_was(plant: Plant, tmp_path: Path) -> None:
    plant.server.manner = lambda _: Manner(503)
    for _ in range(20):
        plant.record(300)
        time.sleep(0.06)
    assert plant.historian.flush()
    plant.forwarder.stop()
    plan = plant.forwarder._plan
    plant.server.manner = lambda _: GOOD
    plant.forwarder = Forwarder(plan, SystemClock())
    try:
        plant.forwarder.start()
        plant.arrive()
    finally:
        plant.forwarder.stop()
