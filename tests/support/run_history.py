"""Histories of runs as the historian would have written them, of exactly known figures."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from controller.clock import NS, ManualClock
from controller.control.states import State
from controller.core.event import Event, EventKind
from controller.core.recipe import Limits, Quantity, Recipe, RecipeId, Version
from controller.core.run import RunHead
from controller.core.sample import Samples
from controller.core.tag import HistoryRule, Tag, Writer
from controller.historian import Historian, HistorianSettings
from controller.history import Reader, Store
from controller.history.thinning import Level
from controller.runs.measure import full_name, measures_of
from controller.runs.quality import RunSummary, summarise
from tests.support.history import T0_NS, seal, to_minutes

PREFIX = {"calender": "CAL", "coater": "COAT", "enclosure": "ENC"}
LEAD_S = 15  # at 5 m/min until web made since EXECUTE is at the calender's gauge
REPEAT_S = 30  # a state that stays is stored that often: within the interval of its tag
QUICK = HistorianSettings(commit_interval_s=0.005, seal_samples=10**9, queue_samples=10**7)


class RunHistory:
    """Writes what a station of a kind stored through the historian; all times in s after T0."""

    def __init__(
        self, path: Path, kind: str, *, without: Sequence[str] = (),
        units: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.path, self.kind, self.prefix = path, kind, PREFIX[kind]
        measures = measures_of(kind)
        names = [tag for measure in measures.all for tag, _ in measure.terms]
        names += [".SERVICE.STATE", *([measures.meter] if measures.meter else [])]
        names = [full_name(tag, self.prefix) for tag in dict.fromkeys(names)]
        self.names = [name for name in names if name not in without]
        tags = [_tag(name, kind, (units or {}).get(name, "")) for name in self.names]
        self._historian = Historian(path, tags, ManualClock(), QUICK)
        self._historian.start()

    def __enter__(self) -> "RunHistory":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._historian.close(30.0)

    def put(
        self, tag: str, at_s: Sequence[float] | np.ndarray, values, quality: int = 0
    ) -> "RunHistory":
        """Samples of one tag; values: one for all times, or one for each."""
        time_ns = T0_NS + np.round(np.asarray(at_s, float) * NS).astype(np.int64)
        n = len(time_ns)
        number = self.names.index(full_name(tag, self.prefix))
        self._historian.record(
            Samples(
                np.full(n, number, np.int32),
                np.broadcast_to(np.asarray(values, float), n).copy(),
                np.full(n, quality, np.uint8),
                time_ns,
            )
        )
        return self

    def states(self, steps: Sequence[tuple[float, State]], stop_s: float) -> "RunHistory":
        """States by the time at which they are entered, stored until `stop_s`, and their events."""
        ends = [*(at for at, _ in steps[1:]), stop_s]
        before = State.IDLE
        for (at_s, state), end_s in zip(steps, ends, strict=True):
            self.put(".SERVICE.STATE", np.arange(at_s, end_s, REPEAT_S), float(state))
            self._historian.event(
                Event(
                    time_ns=T0_NS + round(at_s * NS), kind=EventKind.STATE, station=self.kind,
                    subject=self.kind, text="", data={"old": before.name, "new": state.name},
                )
            )  # fmt: skip
            before = state
        return self

    def run(self, begin_s: float, ready_s: float, end_s: float) -> "RunHistory":
        """A run without incident: STARTING, EXECUTE, COMPLETED."""
        steps = [(begin_s, State.STARTING), (ready_s, State.EXECUTE), (end_s, State.COMPLETED)]
        return self.states(steps, end_s + 1)


def _tag(name: str, station: str, unit: str) -> Tag:
    return Tag(
        name=name, station=station, description=name, writer=Writer.DEVICE, unit=unit, high=1e6,
        history=HistoryRule(deadband=0.0, max_interval_s=60.0),
    )  # fmt: skip


def head(kind: str, begin_s: float, end_s: float | None, run_id: str = "") -> RunHead:
    """A run of a kind from begin to end, in s after T0."""
    return RunHead(
        id=run_id or f"{kind}-{begin_s:g}", station=kind, kind=kind, recipe="built-in",
        content_hash="", begun_ns=T0_NS + round(begin_s * NS), begun_by="op", reason="",
        software="0", ended_ns=None if end_s is None else T0_NS + round(end_s * NS),
    )  # fmt: skip


def recipe(
    kind: str, formula: dict[str, tuple[float, str]], limits: dict[str, Limits] | None = None
) -> Recipe:
    """A recipe that says just what the measures ask for."""
    return Recipe(
        id=RecipeId(kind, "test", Version(1, 0, 0)), title="", author="", base=None, reason="",
        formula={name: Quantity(value, unit) for name, (value, unit) in formula.items()},
        phases=(), limits=limits or {},
    )  # fmt: skip


THICKNESS = recipe("calender", {"thickness": (104.0, "um")})


def summary(
    path: Path, kind: str, begin_s: float, end_s: float | None, control: Recipe | None = None
) -> RunSummary:
    """What a run comes to."""
    with Reader(path) as reader:
        return summarise(head(kind, begin_s, end_s), control, PREFIX[kind], reader)


def let_samples_go(path: Path) -> None:
    """As retention does in time: only the roll-ups stay."""
    store = Store.open(path)
    seal(store)
    assert store.retain(2**62, to_minutes())[Level.MINUTE].samples > 0
    store.close()


def ar1(rng: np.random.Generator, n: int, phi: float, sd: float = 1.0) -> np.ndarray:
    """Noise in which each value leans on the one before by `phi`, in its steady state."""
    steps = rng.normal(0.0, sd * np.sqrt(1.0 - phi * phi), n)
    out = np.empty(n)
    value = rng.normal(0.0, sd)
    for k, step in enumerate(steps.tolist()):
        value = phi * value + step
        out[k] = value
    return out


def thickness_runs(
    path: Path, make: Callable[[int, np.ndarray], np.ndarray], runs: int, length_s: int = 600
) -> list[RunSummary]:
    """Calender runs one after another, EXECUTE from their first second on, thickness every second.

    make: values by the number of the run and the seconds from its START; those of the first LEAD_S
    are of web that was made before.
    """
    begins = [k * (length_s + 400) for k in range(runs)]
    with RunHistory(path, "calender") as history:
        for k, begin_s in enumerate(begins):
            history.run(begin_s, begin_s, begin_s + length_s)
            at_s = np.arange(length_s)
            history.put(".THK.C", begin_s + at_s, make(k, at_s))
            history.put(".PWR", begin_s + at_s[::10], 12.0)
            history.put(".METER", begin_s + at_s, at_s / 12.0)  # 5 m/min
    return [summary(path, "calender", b, b + length_s, THICKNESS) for b in begins]
