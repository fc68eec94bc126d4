"""A small history with everything that must be told about one, and a service in front of it.

Tag A: one sample a second for ten minutes, Bad from 300 to 360 s, Uncertain from 400 to 405 s, and
nothing from 420 to 540 s. Tag B: a value every five minutes, one of them no number. Tag EMPTY was
never stored.
"""

from pathlib import Path

from controller.clock import NS
from controller.control.station_memory import Memory
from controller.core.event import Event, EventKind
from controller.core.run import Outcome, RunHead
from controller.core.sample import Quality
from controller.history.several import MergedReader
from controller.history.store import event_row
from controller.queries.service import HistoryService
from controller.run_store import RunReader, RunStore, StationFacts
from tests.support.history import T0_NS, Row, batch, new_store, seal

END_S = 600
HOUR_NS = 3600 * NS


def rows() -> list[Row]:
    """Tag number, value, quality, time of every sample."""
    found = [(1, k / 10, _quality(k), T0_NS + k * NS) for k in range(END_S) if not 420 <= k < 540]
    found += [(2, float(k), 0, T0_NS + k * 300 * NS) for k in range(4)]
    return [*found, (2, float("inf"), 0, T0_NS + 4 * 300 * NS)]


def _quality(second: int) -> int:
    if 300 <= second < 360:
        return int(Quality.BAD_SENSOR)
    return int(Quality.UNCERTAIN_HELD) if 400 <= second < 405 else 0


def events() -> list[Event]:
    """Two hundred events, one every two seconds, of two stations and two kinds; and the line's."""
    found = [
        Event(
            time_ns=T0_NS + k // 2 * 2 * NS,  # two at a time
            kind=EventKind.STATE if k % 3 else EventKind.COMMAND,
            station="cell" if k % 2 else "press",
            subject=f"X{k}",
            text=f"number {k}",
            actor="Ann" if k % 5 == 0 else "",
            data={"k": k, "text": 'a "word"\n'},
        )
        for k in range(200)
    ]
    line = Event(time_ns=T0_NS + 7, kind=EventKind.SYSTEM, station="", subject="s", text="started")
    return [*found, line]


def write_history(path: Path) -> None:
    """The history in a store, half of it sealed."""
    store = new_store(path, "A", "B", "EMPTY", resolution=0.0, interval_s=10.0)
    everything, noted = rows(), [event_row(event) for event in events()]
    store.commit(batch(everything[: END_S // 2]), noted[:50])
    seal(store)
    store.commit(batch(everything[END_S // 2 :]), noted[50:])
    store.close()


def write_runs(path: Path) -> None:
    """Twenty runs of two stations, one an hour; each is half an hour long, the last is open."""
    store = RunStore(path)
    for k in range(20):
        begun_ns = T0_NS + k // 2 * 2 * HOUR_NS  # two at a time
        is_open = k == 19
        head = RunHead(
            id=f"run-{k:02}", station=("coater", "calender")[k % 2], kind="coater",
            recipe=("built-in", "coater/nmc@1.0.0")[k % 4 == 0], content_hash="",
            begun_ns=begun_ns, begun_by="ann", reason="", software="dryline",
            ended_ns=None if is_open else begun_ns + HOUR_NS // 2,
            outcome=Outcome.OPEN if is_open else (Outcome.COMPLETED, Outcome.ABORTED)[k % 3 == 0],
            lots_in=(f"L{k}",), lots_out=("OUT",) if k == 5 else (),
        )  # fmt: skip
        store.commit({head.station: StationFacts(Memory(), {}, [head])})
    store.close()


def service_of(folder: Path, now_ns: int = T0_NS + END_S * NS) -> HistoryService:
    """The service over what the two functions above wrote into a folder."""
    source = MergedReader([folder / "history.db"])
    return HistoryService({"local": source}, lambda: RunReader(folder / "runs.db"), lambda: now_ns)
