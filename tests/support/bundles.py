"""A run with a history, for the tests of bundles."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.clock import NS
from controller.core.event import Event, EventKind
from controller.core.run import Outcome, RunEntry, RunHead, RunRecord
from controller.core.sample import Quality
from controller.history import Reader
from controller.history.store import Store, event_row
from controller.recipe_file import content_hash
from controller.runs.archive import ArchiveWriter
from controller.runs.bundle import BundleSource, Exported, export
from controller.runs.key_plots import KeyPlot
from controller.runs.manifest import BeforeManifest, Manifest, file_sums, list_sum
from tests.support.history import T0_NS, Row, batch, make_tag
from tests.support.recipe_kinds import film, shipped_kinds

RUN = "cell-20260101-000000"
LENGTH_S = 30
TAGS = ("A.PV", "A.SP")
RECIPE = film("1.2.0")
BEFORE = film("1.1.0", {"lamination_load: {value: 40": "lamination_load: {value: 55"})


def head(**changes: Any) -> RunHead:
    """A run of 30 s that followed RECIPE to its end."""
    usual = RunHead(
        id=RUN, station="cell", kind="coater", recipe="coater/test-film@1.2.0",
        content_hash=content_hash(RECIPE), begun_ns=T0_NS, begun_by="ada", reason="first of day",
        software="0.1.0", ended_ns=T0_NS + LENGTH_S * NS, outcome=Outcome.COMPLETED,
    )  # fmt: skip
    return replace(usual, **changes)


def entries(*texts: str) -> tuple[RunEntry, ...]:
    """One entry a text, a second apart."""
    return tuple(
        RunEntry(number=k, time_ns=T0_NS + k * NS, kind="run", subject="phase", text=text,
                 actor="ada", data={"k": k})
        for k, text in enumerate(texts, 1)
    )  # fmt: skip


def record(**changes: Any) -> RunRecord:
    """The record of that run."""
    usual = RunRecord(
        head=head(), recipe_text=RECIPE, entries=entries("begun", "phase 1"), before=BEFORE
    )
    return replace(usual, **changes)


def source(**changes: Any) -> BundleSource:
    """What its bundle is made of, without pictures."""
    usual = BundleSource(
        record=record(), summary={"cpk": 1.4}, tags=[make_tag(name) for name in TAGS],
        kinds=shipped_kinds(),
    )  # fmt: skip
    return replace(usual, **changes)


PICTURES = (KeyPlot("course", "Course", (("A.PV", "A.SP"),)),)


def usual_rows() -> list[Row]:
    """A.PV once a second from 10 s before START, A.SP twice."""
    rows: list[Row] = [
        (0, 20.0 + k / 8, Quality.GOOD, T0_NS + k * NS + 1) for k in range(-10, LENGTH_S + 5)
    ]
    rows[15] = (0, 21.0, Quality.BAD_LINK, rows[15][3])
    return [*rows, (1, -65.0, Quality.GOOD, T0_NS - 20 * NS), (1, -60.0, 0, T0_NS + 4 * NS)]


def history(path: Path, rows: Sequence[Row] | None = None, events: Iterable[Event] = ()) -> Path:
    """A store with samples (tag: index into TAGS) and events."""
    store = Store.open(path)
    ids = store.catalogue([make_tag(name) for name in TAGS])
    given = usual_rows() if rows is None else rows
    known = [(int(ids[tag]), *rest) for tag, *rest in given]
    store.commit(batch(known), [event_row(e) for e in events])
    store.close()
    return path


def event(text: str, station: str = "", after_s: float = 1.5, **facts: object) -> Event:
    """An event during the run."""
    return Event(time_ns=T0_NS + round(after_s * NS), kind=EventKind.SYSTEM, station=station,
                 subject="historian", text=text, data=facts)  # fmt: skip


def exported(folder: Path, name: str = "run.zip", *, rows: Sequence[Row] | None = None,
             force: bool = False, told: Callable[[str], None] | None = None,
             **changes: Any) -> Exported:  # fmt: skip
    """Export to a file of a folder; the history lies beside it."""
    store = folder / "history.db"
    if not store.exists():
        history(store, rows)
    with Reader(store) as reader:
        return export(source(**changes), reader, folder / name, force=force, told=told)


def rebuilt(path: Path, files: dict[str, bytes], **changes: Any) -> Path:
    """An archive of the bundle's form around any files, with sums that fit."""
    with path.open("w+b") as stream:
        archive = ArchiveWriter(stream)
        sums = file_sums([archive.add(name, [raw]) for name, raw in files.items()])
        usual = Manifest(
            run=RUN, station="cell", software="0.1.0", files=sums, files_sha256=list_sum(sums),
            before_manifest=BeforeManifest(size=archive.size, sha256=archive.digest()),
        )  # fmt: skip
        archive.finish(usual.model_copy(update=changes).to_bytes())
    return path
