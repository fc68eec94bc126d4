"""An enclosure alone on the bench: physics, instruments and PLC in lockstep."""

from collections.abc import Callable
from pathlib import Path

from controller.core.point import Point
from controller.io_list import read_io_list
from plc_sim.field.enclosure import FAULTS, INSTRUMENTS
from plc_sim.instruments import Rack
from plc_sim.logic.enclosure import Logic
from plc_sim.models.enclosure import Model
from plc_sim.models.surroundings import STEADY, Scenario, Surroundings
from plc_sim.plc import SCAN_S, Mode, Plc, Verdict

IO_LIST = Path(__file__).parents[2] / "controller" / "lines" / "pilot" / "io_list.csv"
STEP_S = 0.1
FULL = {"DHU.FAN.SP": 100.0, "DHU.TREG.SP": 160.0, "DHU.FREG.SP": 100.0}


def enclosure_points() -> list[Point]:
    """The rows of the station in the pilot line's I/O list."""
    points, problems = read_io_list(IO_LIST.read_text(encoding="utf-8"), "io_list.csv")
    assert not [p for p in problems if "ENC." in str(p) or "DHU." in str(p)]
    return [p for p in points if p.station == "enclosure"]


class Rig:
    """Steps everything; `outer` is a supervisory loop that is called every second."""

    def __init__(
        self,
        *,
        seed: int = 1,
        scenario: Scenario = STEADY,
        soaked: bool = True,
        start_frost_point_degc: float = -20.0,
        grey_degc: float | None = -20.0,
        producing: bool = True,
        parameters: dict[str, float] | None = None,
    ) -> None:
        self.around = Surroundings(seed, scenario)
        self.around.grey_forced_degc = grey_degc
        self.model = Model(
            seed=seed,
            soaked=soaked,
            start_frost_point_degc=start_frost_point_degc,
            parameters=parameters,
            surroundings=self.around,
        )
        if producing:
            self.model.machine_heat_w = 4000.0
            self.model.product_kg_per_h = 10.0
            self.model.web_m_per_s = 5.0 / 60.0
        self.rack = Rack(INSTRUMENTS, seed + 1)
        self.rack.settle(self.model.sense())
        self.plc = Plc("ENC", enclosure_points(), Logic())
        self.outer: Callable[[Rig], None] | None = None
        self.connected = True
        self.now_s = 0.0
        self._ticks = 0
        self._sequence = 0
        self._wanted: dict[str, float] = {}

    def set(self, tags: dict[str, float]) -> None:
        """Write set points by tag."""
        self._wanted |= tags
        self._write()

    def start(self, tags: dict[str, float] | None = None) -> None:
        """Command production."""
        self.set({"ENC.CMD": Mode.RUN} | (tags or {}))

    def reset_trip(self) -> None:
        """Press reset."""
        self.set({"ENC.RESET": self._wanted.get("ENC.RESET", 0.0) + 1.0})

    def _write(self) -> None:
        self._sequence += 1
        slot = self.plc.image.slot
        items = [(slot(tag), float(value)) for tag, value in self._wanted.items()]
        answer = self.plc.write(self.now_s, self._sequence, self.plc.heart(self.now_s), items)
        assert answer.verdict is Verdict.ACCEPTED, answer

    def tag(self, name: str) -> float:
        """Value of a tag of the image."""
        return self.plc.image.value[self.plc.image.slot(name)]

    def fault(self, name: str, level: float) -> None:
        """Set a fault by its name, of the physics or of an instrument."""
        if name in FAULTS:
            sensor, kind = FAULTS[name]
            self.rack.set_fault(sensor, kind, level)
        else:
            self.model.set_fault(name, level)

    @property
    def mode(self) -> Mode:
        return self.plc.logic.mode

    @property
    def trip(self) -> str:
        return Logic.TRIPS[self.plc.trip_code]

    @property
    def frost_point(self) -> float:
        return self.model.frost_point_degc

    def output(self, name: str) -> float:
        """What the PLC drives on an actuator."""
        return self._last_out[Logic.ACTUATORS.index(name)]

    def step(self) -> None:
        """Two PLC scans and one step of the physics."""
        self._ticks += 1
        if self.connected and self._ticks % 10 == 0:
            self._write()
        for _ in range(2):
            out = self.plc.scan(self.now_s, self.now_s, self.rack.readings, self.rack.status)
            self.now_s += SCAN_S
        self._last_out = out
        self.model.actuate(out)
        self.model.step(STEP_S)
        self.rack.step(STEP_S, self.model.sense())
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
            assert self.now_s - start < within_s, f"not within {within_s} s; {self.mode.name}"
        return self.now_s - start
