"""A coater by itself: physics, instruments and PLC in lockstep, and an operator's hand."""

from pathlib import Path

import controller
from controller.io_list import read_io_list
from plc_sim.field.coater import INSTRUMENTS
from plc_sim.instruments import Rack
from plc_sim.logic.coater import Logic
from plc_sim.models.coater import Model
from plc_sim.plc import HEART_S, SCAN_S, Mode, Plc, Verdict

IO_LIST = Path(controller.__file__).parent / "lines" / "pilot" / "io_list.csv"
MODEL_SCANS = round(Model.PERIOD_S / SCAN_S)
RACK_SCANS = 2

RECIPE = {
    "COAT.FEED.SP": 10.0,
    "COAT.SCREW.SP": 240.0,
    "COAT.TBARREL.SP": 60.0,
    "COAT.TROLL1.SP": 80.0,
    "COAT.TROLL2.SP": 80.0,
    "COAT.TROLL3.SP": 80.0,
    "COAT.V.LINE.SP": 5.0,
    "COAT.RATIO.SP": 1.25,
    "COAT.GAP1.SP": 100.0,
    "COAT.TLAM.SP": 120.0,
    "COAT.QLAM.SP": 40.0,
    "COAT.TENS.FILM.SP": 1.5,
    "COAT.TENS.FOIL.SP": 60.0,
}


def points():
    """The rows of the I/O list that belong to the coater."""
    found, _ = read_io_list(IO_LIST.read_text(), str(IO_LIST))
    return [p for p in found if p.station == "coater"]


class Rig:
    """`rig["COAT.SME"]` reads a tag; `write` is what a controller would send."""

    def __init__(self, seed: int = 1, parameters: dict[str, float] | None = None) -> None:
        self.model = Model(seed=seed, parameters=parameters)
        self.rack = Rack(INSTRUMENTS, seed + 1000)
        self.rack.settle(self.model.sense())
        self.logic = Logic()
        self.plc = Plc("COAT", points(), self.logic)
        self.now_s = 0.0
        self.watchdog_fed = True
        self._tick = 0
        self._sequence = 0

    def __getitem__(self, tag: str) -> float:
        return self.plc.image.value[self.plc.image.slot(tag)]

    @property
    def mode(self) -> Mode:
        return self.logic.mode

    @property
    def trip(self) -> str:
        return self.logic.TRIPS[self.plc.trip_code]

    def write(self, **values: float) -> None:
        """Set points by tag without prefix, "_" for "."; CMD takes a Mode."""
        self.send({"COAT." + name.replace("_", "."): float(v) for name, v in values.items()})

    def send(self, values: dict[str, float]) -> None:
        items = [(self.plc.image.slot(tag), value) for tag, value in values.items()]
        self._sequence += 1
        answer = self.plc.write(self.now_s, self._sequence, int(self.now_s / HEART_S), items)
        assert answer.verdict is Verdict.ACCEPTED, answer

    def tick(self) -> None:
        """One PLC scan and, when due, physics and instruments."""
        self._tick += 1
        self.now_s = self._tick * SCAN_S
        if self._tick % MODEL_SCANS == 0:
            self.model.step(Model.PERIOD_S)
        if self._tick % RACK_SCANS == 0:
            self.rack.step(SCAN_S * RACK_SCANS, self.model.sense())
        if self.watchdog_fed and self._tick % 20 == 0:
            self.send({})
        out = self.plc.scan(self.now_s, self.now_s, self.rack.readings, self.rack.status)
        self.model.actuate(out)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / SCAN_S)):
            self.tick()

    def run_until(self, condition, within_s: float) -> float:
        """Run until condition(rig) holds; returns the seconds it took."""
        start = self.now_s
        while self.now_s - start < within_s:
            if condition(self):
                return self.now_s - start
            self.tick()
        raise AssertionError(f"not within {within_s} s: mode {self.mode.name}, trip {self.trip}")

    def warm(self) -> None:
        """Put the heated bodies at the recipe's temperatures, as after an hour of warm-up."""
        self.model.mixer.temp_degc = 60.0
        self.model.lamination.temp_degc = 120.0
        for roll in self.model.rolls:
            roll.settle(80.0)
        self.rack.settle(self.model.sense())

    def start(self, settle_s: float = 600.0, **recipe: float) -> "Rig":
        """Warm start into RUN at the reference recipe, settled."""
        self.warm()
        self.send(RECIPE)
        if recipe:
            self.write(**recipe)
        self.write(CMD=Mode.RUN)
        self.run_until(lambda r: r.mode is Mode.RUN, 1500.0)
        self.run(settle_s)
        return self
