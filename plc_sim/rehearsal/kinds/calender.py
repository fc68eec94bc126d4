"""Rehearsal of the calender: film of the right thickness and density, web on demand."""

from collections import deque
from collections.abc import Iterator, Mapping
from math import exp, sqrt
from random import Random

import numpy as np

from controller.core.recipe import Quantity
from controller.core.sample import GOOD
from plc_sim.lockstep import Lockstep
from plc_sim.models.calender import Model
from plc_sim.models.humidity import w_of_frost_point
from plc_sim.models.web import Slice
from plc_sim.plant import Plant
from plc_sim.plc import Mode
from plc_sim.rehearsal.case import Neighbours
from plc_sim.rehearsal.figure import POWER, Figure, View, extreme, share, spread
from plc_sim.rehearsal.kinds import EachScan

COATER, CALENDER = "coater", "calender"
STEP_S = 0.2  # two scans: a coater hands web over so often
CRAWL_M_PER_MIN = 0.5  # of a coater that threads
GAUGE_M, GAUGE_S = 2.0, 5.0  # from the nips to the loading gauge, and half a scan of it
FASTER_M_PER_MIN2 = 10.0
WARM_K = 5.0
FULL_PCT, ROOM_PCT = 85.0, 60.0  # buffer at which a coater stops and goes on
# Loading behind a coater in control, as its model makes it: share, and time constant of the two
# lags in series whose noise correlates over time as that loading does.
LOADING_SD, LOADING_TAU_S = 0.008, 20.0
SQRT_2 = sqrt(2.0)  # the second of two equal lags halves the variance
THICKNESS_SPEC_UM = 2.0
IDEAL_FROST_DEGC = -65.0

BANDS: Mapping[str, float] = {"L16": 1.0, "L17": 5.0}
NOT_MODELLED: Mapping[str, str] = {}
CURVES = (
    ("thickness", ("truth.thickness_um", ".THK.C", ".L16.SP")),
    ("line load", (".LOAD.PV",)),
    ("gap", (".GAP.PV",)),
    ("speed", (".V.PV", "truth.coater_m_per_min")),
    ("buffer", ("BUF.POS",)),
    ("roll temperature", (".TROLL.U", ".TROLL.L")),
    ("power", ("truth.power_kw",)),
)
_OF_TRUTH = ("thickness_um", "load_n_per_mm", "run_out_um", "finished_m")
TRUTH = (*_OF_TRUTH, "coater_m_per_min", POWER)
_POWER = Model.SENSORS.index("power")


def parameters(formula: Mapping[str, Quantity]) -> dict[str, dict[str, float]]:
    """Nothing: everything reaches the plant through the station."""
    return {}


def read(plant: Plant) -> list[float]:
    """Web and power as they are."""
    model = plant.calender
    found = model.truth()
    coater = 60.0 * plant.coater.line_m_per_s
    return [*(found[name] for name in _OF_TRUTH), coater, model.sense()[_POWER]]


class IdealCoater:
    """Web of the right loading, as much as the calender takes.

    It stands until the calender is warm, crawls until that runs, then goes at the speed of the
    recipe; it stops for a full buffer. Its loading wanders as that of a coater in control.
    """

    def __init__(self, line: Lockstep, seed: int) -> None:
        self._line, self._plant = line, line.plant
        self._logic = line.plcs[CALENDER].logic
        self._prefix = line.stations[CALENDER].prefix
        table = line.table
        region = table.region(COATER)
        self._region = slice(region.start, region.split)
        self._slots = [table.index(n) for n in ("COAT.V.LINE", "COAT.LOAD.C", "COAT.METER")]
        self._upper, self._lower = (table.index(f"{self._prefix}.TROLL.{s}") for s in ("U", "L"))
        self._warm = table.index(f"{self._prefix}.TROLL.SP")
        self._buffer = table.index("BUF.POS")
        self._settings = [table.index(f"{self._prefix}.SET.{k}") for k in ("V", "LOADING", "ALONE")]
        self._rng = Random(seed)  # noqa: S311 - a disturbance, not a secret
        self._keep = exp(-STEP_S / LOADING_TAU_S)
        self._kick = sqrt(1.0 - self._keep**2)
        self._quick = self._wander = self._speed = self._meter = 0.0
        self._made: deque[tuple[float, float]] = deque()  # metre and loading, the oldest in front
        self._asked = self._full = self._odd = False

    def each_scan(self, now_s: float) -> None:
        """Each second time: move, hand over web and show what a coater shows."""
        self._odd = not self._odd
        if self._odd:
            return
        value = self._line.table.value
        speed_set, loading_set, alone = (value.item(k) for k in self._settings)
        position = value.item(self._buffer)
        self._full = position > (ROOM_PCT if self._full else FULL_PCT)
        running = self._logic.mode is Mode.RUN
        self._asked = self._asked or (self._logic.mode is not Mode.STOP and self._is_warm())
        wanted = 0.0
        if self._asked and not self._full and not alone:
            wanted = speed_set if running else min(CRAWL_M_PER_MIN, speed_set)
        self._speed = min(wanted, self._speed + FASTER_M_PER_MIN2 * STEP_S / 60.0)
        self._plant.coater.line_m_per_s = self._speed / 60.0
        self._hand_over(loading_set, film=running or self._meter > 0.0)
        self._show((self._speed, self._at_gauge(loading_set), self._meter))

    def _is_warm(self) -> bool:
        value = self._line.table.value
        return all(abs(value[k] - value[self._warm]) <= WARM_K for k in (self._upper, self._lower))

    def _hand_over(self, loading_mg_cm2: float, *, film: bool) -> None:
        """Push what was made in STEP_S."""
        self._quick = self._keep * self._quick + self._kick * self._rng.gauss(0.0, SQRT_2)
        self._wander += (1.0 - self._keep) * (self._quick - self._wander)
        length_m = self._speed / 60.0 * STEP_S
        if length_m <= 0.0:
            return
        if not film:
            self._plant.web.push_leader(length_m)
            return
        self._meter += length_m
        loading_mg_cm2 *= 1.0 + LOADING_SD * self._wander
        self._made.append((self._meter, loading_mg_cm2))
        loading = 0.01 * loading_mg_cm2
        self._plant.web.push(
            Slice(
                length_m=length_m, loading_kg_m2=loading, edge_loading_kg_m2=0.98 * loading,
                unfibrillated=0.24, fibrils=0.60, broken=0.16, density_kg_m3=2040.0,
                thickness_m=loading / 2040.0, strength_pa=0.73e6, dose_ppm_min=0.0, lot=1,
            )
        )  # fmt: skip

    def _at_gauge(self, loading_mg_cm2: float) -> float:
        """What the gauge of a coater shows: some way behind its nips, half a scan late."""
        seen_m = self._meter - GAUGE_M - self._speed / 60.0 * GAUGE_S
        made = self._made
        while len(made) > 1 and made[1][0] <= seen_m:
            made.popleft()
        return made[0][1] if made and made[0][0] <= seen_m else loading_mg_cm2

    def _show(self, shown: tuple[float, float, float]) -> None:
        table = self._line.table
        for slot, value in zip(self._slots, shown, strict=True):
            table.value[slot] = value
            table.quality[slot] = GOOD
        table.time_ns[self._region] = self._line.clock.utc_ns()


def ideal(line: Lockstep, neighbours: Neighbours, seed: int) -> EachScan | None:
    """A coater that follows, or nobody: then only leader can be run."""
    plant = line.plant
    plant.calender.rolls_permit = True
    plant.enclosure.chamber.w = w_of_frost_point(IDEAL_FROST_DEGC)
    if neighbours is Neighbours.STANDING:
        return None
    return IdealCoater(line, seed).each_scan


def figures(view: View) -> Iterator[Figure]:
    """Thickness, density and resistance by metre; of leader, which is no product, by second."""
    trace, mask = view.trace, view.mask
    target = float(np.nanmedian(trace.column(view.full(".L16.SP"))[mask]))
    finished = trace.true("finished_m")[mask].astype(int)
    metres = view.metres[finished[0] : finished[-1]]
    thickness = np.array([m.thickness_um for m in metres]) if metres else view.true("thickness_um")
    error = thickness - target
    yield from spread("thickness", "thickness", thickness, "um")
    yield from extreme("thickness_rms", "thickness error, rms", float(np.sqrt((error**2).mean())),
                       "um")  # fmt: skip
    yield from share("thickness_in_spec", "thickness within 2 um of its set point",
                     np.abs(error) <= THICKNESS_SPEC_UM)  # fmt: skip
    yield from spread("load", "line load", view.true("load_n_per_mm"), "N/mm")
    yield from extreme("load_max", "line load, highest", view.true("load_n_per_mm").max(), "N/mm")
    yield from extreme("run_out", "run-out of the rolls", view.true("run_out_um").mean(), "um")
    yield from extreme("buffer_low", "buffer, lowest", view.tag("BUF.POS").min(initial=100.0), "%")
    yield from extreme("buffer_high", "buffer, highest", view.tag("BUF.POS").max(initial=0.0), "%")
    if not metres:
        return
    yield from spread("density", "density", np.array([m.density_g_cm3 for m in metres]), "g/cm3")
    yield from spread("asr", "ASR", np.array([m.asr_ohm_cm2 for m in metres]), "ohm cm2")
    yield from extreme("dose", "moisture dose of the web",
                       float(np.mean([m.dose_ppm_min for m in metres])), "ppm min")  # fmt: skip
    yield Figure("finished_m", "finished web", float(sum(m.length_m for m in metres)), "m")
