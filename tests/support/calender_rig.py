"""A calender alone on the bench: web, physics, instruments and PLC in lockstep."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean, pstdev

from controller.core.point import Point
from controller.io_list import read_io_list
from plc_sim.field.calender import INSTRUMENTS
from plc_sim.instruments import Rack
from plc_sim.logic.calender import Logic
from plc_sim.models.calender import Model
from plc_sim.models.web import Slice, Web
from plc_sim.plc import SCAN_S, Mode, Plc, Verdict

IO_LIST = Path(__file__).parents[2] / "controller" / "lines" / "pilot" / "io_list.csv"
STEP_S = 0.1
QUIET = {"hardness_sd": 0.0}
SILENT = {"noise": 0.0, "noise_relative": 0.0}


def calender_points() -> list[Point]:
    """The rows of the station in the pilot line's I/O list."""
    points, problems = read_io_list(IO_LIST.read_text(encoding="utf-8"), "io_list.csv")
    assert not [p for p in problems if "CAL." in str(p)]
    return [p for p in points if p.station == "calender"]


def film(length_m: float, loading_kg_m2: float = 0.30, *, lot: int = 1, dose: float = 0.0) -> Slice:
    """Web as the coater makes it on a good day."""
    return Slice(
        length_m=length_m,
        loading_kg_m2=loading_kg_m2,
        edge_loading_kg_m2=0.97 * loading_kg_m2,
        unfibrillated=0.26,
        fibrils=0.58,
        broken=0.16,
        density_kg_m3=2000.0,
        thickness_m=loading_kg_m2 / 2000.0,
        strength_pa=0.7e6,
        dose_ppm_min=dose,
        lot=lot,
    )


class Rig:
    """Steps everything; `coater(t_s)` gives the loading of the web that keeps the dancer still.

    noise False: neither instruments nor the film wander, and the rolls are round.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        roll_degc: float = 22.0,
        parameters: dict[str, float] | None = None,
        noise: bool = True,
    ) -> None:
        self.web = Web()
        self.model = Model(
            self.web,
            seed=seed,
            parameters=(parameters or {}) if noise else QUIET | (parameters or {}),
            roll_degc=roll_degc,
        )
        instruments = INSTRUMENTS if noise else [replace(i, **SILENT) for i in INSTRUMENTS]
        self.rack = Rack(instruments, seed + 1)
        self.rack.settle(self.model.sense())
        self.plc = Plc("CAL", calender_points(), Logic())
        self.coater: Callable[[float], float] | None = None
        self.outer: Callable[[Rig], None] | None = None  # supervisory loop, every second
        if not noise:
            self.model.set_fault("roll_eccentricity", 1e-6)
        self.connected = True
        self.now_s = 0.0
        self._ticks = 0
        self._sequence = 0
        self._wanted: dict[str, float] = {}

    def set(self, **tags: float) -> None:
        """Write set points: `set(LOAD_SP=600)` is CAL.LOAD.SP."""
        self._wanted |= {f"CAL.{name.replace('_', '.')}": value for name, value in tags.items()}
        self._write()

    def _write(self) -> None:
        self._sequence += 1
        image = self.plc.image
        items = [(image.slot(tag), value) for tag, value in self._wanted.items()]
        answer = self.plc.write(self.now_s, self._sequence, self.plc.heart(self.now_s), items)
        assert answer.verdict is Verdict.ACCEPTED, answer

    def tag(self, name: str) -> float:
        """Value of a tag of the image."""
        return self.plc.image.value[self.plc.image.slot(name)]

    @property
    def mode(self) -> Mode:
        return self.plc.logic.mode

    @property
    def trip(self) -> str:
        return Logic.TRIPS[self.plc.trip_code]

    def step(self) -> None:
        """Two PLC scans and one step of the physics."""
        self._ticks += 1
        if self.connected and self._ticks % 10 == 0:
            self._write()
        for _ in range(2):
            out = self.plc.scan(self.now_s, self.now_s, self.rack.readings, self.rack.status)
            self.now_s += SCAN_S
        model = self.model
        model.actuate(out)
        if self.coater is not None and model.line_m_per_s > 0.0:
            model.coater_m_per_s = model.line_m_per_s
            self.web.push(film(model.line_m_per_s * STEP_S, self.coater(self.now_s)))
        model.step(STEP_S)
        self.rack.step(STEP_S, model.sense())
        if self.outer is not None and self._ticks % 10 == 0:
            self.outer(self)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / STEP_S)):
            self.step()

    def until(self, done: Callable[[], bool], within_s: float) -> float:
        """Let time pass until `done`; returns how long it took, fails when it took too long."""
        start = self.now_s
        while not done():
            self.step()
            assert self.now_s - start < within_s, f"not within {within_s} s; mode {self.mode.name}"
        return self.now_s - start

    def thickness_um(self) -> float:
        """Truth at the nip, behind springback."""
        return self.model.thickness_m * 1e6

    def warm(self, kelvin: float) -> None:
        """An upset: both rolls are suddenly warmer by this."""
        self.model.heat.upper_degc += kelvin
        self.model.heat.lower_degc += kelvin

    def sample(self, seconds: float, value: Callable[[], float]) -> list[float]:
        """A value of every step while time passes."""
        out = []
        for _ in range(round(seconds / STEP_S)):
            self.step()
            out.append(value())
        return out

    def produce(self, *, v_m_per_min: float = 5.0, load: float = 600.0) -> None:
        """From any state to steady production in line-load control."""
        self.set(CMD=Mode.RUN, TROLL_SP=80.0, LOAD_SP=load, V_SP=v_m_per_min)
        self.until(lambda: self.mode is Mode.RUN, 3000.0)
        self.until(lambda: abs(self.tag("CAL.V.PV") - v_m_per_min) < 0.01, 200.0)
        self.run(max(60.0, 90.0 / v_m_per_min))


def mean(values: list[float]) -> float:
    """Arithmetic mean."""
    return fmean(values)


def sd(values: list[float]) -> float:
    """Population standard deviation."""
    return pstdev(values)
