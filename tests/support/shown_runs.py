"""Runs of long ago for screens: with figures that are known, with lots, and with hostile names."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from controller.core.event import EventKind
from controller.core.run import Outcome, RunHead
from controller.run_schema import PUT_RUN
from controller.run_store import STORE
from tests.support.hmi_words import line_tags
from tests.support.run_history import RunHistory, head

KIND = "calender"
BEGINS_S = (0, 2_000, 4_000)
LASTS_S, READY_S = 1_500, 60
THICKNESS_UM = (100.0, 104.0, 104.2)
HOSTILE = '<img src=x onerror="window.__hit=1">{{7*7}}'
LOT_IN, LOT_OUT = f"F-7 {HOSTILE}", "C-8"
IDS = tuple(f"calender-old-{k}" for k in range(len(BEGINS_S)))
_RECIPES = ("calender/line-load@1.0.0", "calender/line-load@1.1.0", "calender/line-load@1.1.0")
_PUT_ENTRY = "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def _heads() -> Iterator[RunHead]:
    for own, begin_s, recipe in zip(IDS, BEGINS_S, _RECIPES, strict=True):
        yield replace(
            head(KIND, begin_s, begin_s + LASTS_S, own), recipe=recipe, metres=LASTS_S / 12.0,
            outcome=Outcome.COMPLETED, why_ended="web done", reason=f"note {HOSTILE}",
            begun_by="sato", lots_in=(LOT_IN,), lots_out=(LOT_OUT,),
        )  # fmt: skip


def _write_history(path: Path) -> None:
    rng = np.random.default_rng(5)
    units = {name: tag.unit for name, tag in line_tags().items()}  # or it is another tag
    with RunHistory(path, KIND, units=units) as history:
        for begin_s, mean_um in zip(BEGINS_S, THICKNESS_UM, strict=True):
            history.run(begin_s, begin_s + READY_S, begin_s + LASTS_S)
            at_s = np.arange(LASTS_S)
            history.put(".THK.C", begin_s + at_s, mean_um + rng.normal(0.0, 0.5, LASTS_S))
            history.put(".PWR", begin_s + at_s[::10], 12.0)
            history.put(".METER", begin_s + at_s, at_s / 12.0)


def _entries(own: RunHead) -> Iterator[Sequence[object]]:
    told = (
        (EventKind.RUN, own.id, f"run {own.id} begins with {own.recipe}", "sato"),
        (EventKind.COMMAND, "CAL.LOAD.SP", "SET CAL.LOAD.SP = 900: accepted", "sato"),
        (EventKind.COMMAND, "NOTE", f"note {HOSTILE}", HOSTILE),
    )
    for number, (kind, subject, text, actor) in enumerate(told, 1):
        time_ns = own.begun_ns + number * 20_000_000_000
        yield (own.id, number, time_ns, kind.value, subject, text, actor, "{}")


@contextmanager
def shown_runs(run: Path) -> Iterator[None]:
    """They lie in a run folder, beside what a controller writes there; taken away at the end."""
    history = run / f"history-{KIND}.db"
    _write_history(history)
    with sqlite3.connect(run / STORE, timeout=10.0) as db:
        for own in _heads():
            db.execute(PUT_RUN, (own.id, KIND, own.begun_ns, 0, json.dumps(asdict(own))))
            db.executemany(_PUT_ENTRY, list(_entries(own)))
    db.close()
    try:
        yield
    finally:
        with sqlite3.connect(run / STORE, timeout=10.0) as db:
            for name in IDS:
                db.execute("DELETE FROM run WHERE id = ?", (name,))
                db.execute("DELETE FROM entry WHERE run = ?", (name,))
        db.close()
        for file in run.glob(f"{history.name}*"):
            file.unlink()
