"""Runs, trials and deployments as they lie on disk. Everything here blocks: run it in a thread."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from controller.clock import NS
from controller.config import LineConfig
from controller.core.run import RunHead
from controller.found_run import bundle_source, find_run, find_trial, quality_in
from controller.history.several import MergedReader
from controller.run_folder import histories
from controller.run_store import STORE, RunReader
from controller.runs.bundle import export
from controller.runs.compare import compare
from controller.runs.compare_text import as_json
from controller.runs.confidence import confidences
from controller.runs.lead_time import by_month, leads, of_trials
from controller.runs.run_json import plain, plain_entry, plain_head
from controller.trial_runs import sides_of, summary_of

PIECE = 256 * 1024
Plain = dict[str, Any]


def runs(run: Path, station: str, limit: int) -> list[Plain]:
    """Heads of the runs, newest first."""
    if not (run / STORE).is_file():
        return []
    with RunReader(run / STORE) as reader:
        return [_listed(head) for head in reader.runs(station, limit)]


def one_run(config: LineConfig, run: Path, which: str) -> Plain:
    """A run: its head, its quality and how sure of it one may be, what changed in the recipe, and
    everything that happened."""
    found = find_run(which, run, config)
    record, quality = found.record, quality_in(found, run)
    known = confidences(quality.summary) if quality.summary else {}
    return {
        "head": _listed(record.head),
        "summary": plain(quality.plain()),
        "confidence": {name: asdict(one) for name, one in known.items()},
        "difference_to_run_before": plain(found.changes.plain()),
        "recipe_text": record.recipe_text,
        "entries": [plain_entry(e, record.head.begun_ns) for e in record.entries],
    }


@dataclass(frozen=True, slots=True)
class Bundle:
    """One that was made for an answer. Its file has no name any more: it goes when the stream is
    closed, whatever becomes of the answer. run: its id; sha256: of its manifest."""

    run: str
    sha256: str
    size: int
    stream: BinaryIO


def bundle(config: LineConfig, run: Path, which: str) -> Bundle:
    """The bundle of a run."""
    found = find_run(which, run, config)
    own = found.record.head.id
    with tempfile.TemporaryDirectory(prefix="dryline-bundle-") as folder:
        path = Path(folder) / f"{own}.zip"
        with MergedReader(histories(config, run)) as history:
            done = export(bundle_source(found, history), history, path)
        return Bundle(own, done.sha256, path.stat().st_size, path.open("rb"))


def pieces(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of a stream, which is closed at the end."""
    with stream:
        while piece := stream.read(PIECE):
            yield piece


def deployments_of(run: Path, station: str) -> list[Plain]:
    """Every deployment, oldest first."""
    if not (run / STORE).is_file():
        return []
    with RunReader(run / STORE) as reader:
        return [d._asdict() for d in reader.deployments(station)]


def trials(run: Path) -> list[Plain]:
    """All trials, oldest first."""
    if not (run / STORE).is_file():
        return []
    with RunReader(run / STORE) as reader:
        lead = of_trials(leads(reader.deployments(), reader.runs()))
        return [{**t, "lead_h": lead.get(str(t["id"]))} for t in reader.trials()]


def one_trial(run: Path, which: str) -> Plain:
    """A trial by its id or its unique beginning."""
    return find_trial(trials(run), which)


def trial_compared(config: LineConfig, run: Path, which: str, base: Sequence[str]) -> Plain:
    """The run of a trial beside runs of its base."""
    sides = sides_of(which, base, run)
    with MergedReader(histories(config, run)) as history:
        of_trial = [summary_of(sides.run, run, config, history)]
        of_base = [summary_of(name, run, config, history) for name in sides.base]
    found = compare(of_trial, of_base)
    return {"trial": sides.trial, "comparison": as_json(found)}


def runs_compared(config: LineConfig, run: Path, one: Sequence[str], other: Sequence[str]) -> Plain:
    """Some runs beside others of the same kind of station."""
    with RunReader(run / STORE) as reader:
        first = [reader.find(text) for text in one]
        second = [reader.find(text) for text in other]
    with MergedReader(histories(config, run)) as history:
        ours = [summary_of(name, run, config, history) for name in first]
        theirs = [summary_of(name, run, config, history) for name in second]
    return {"runs": first, "base": second, "comparison": as_json(compare(ours, theirs))}


def lead_times(run: Path, station: str) -> Plain:
    """Feedback lead times, each and by month."""
    if not (run / STORE).is_file():
        return {"deployments": [], "months": []}
    with RunReader(run / STORE) as reader:
        every = leads(reader.deployments(), reader.runs())
    found = [lead for lead in every if not station or lead.station == station]
    return {
        "deployments": [asdict(lead) for lead in found],
        "months": [asdict(month) for month in by_month(found)],
    }


def _listed(head: RunHead) -> Plain:
    ended_ns = head.ended_ns
    duration_s = None if ended_ns is None else (ended_ns - head.begun_ns) / NS
    return plain_head(head) | {"duration_s": duration_s}
