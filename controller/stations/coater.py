"""Mixer, dry coater, laminator: mixing energy (L8), nip shear energy (L10), fibrillation (L11),
areal loading (L12).

Energy, not fibrillation, is what the fast loops hold: it is monotonic in what they move. The
supervisor L11 moves the energy set point slowly and only on the safe side of the optimum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from controller.control.interlock import Comparison, OnBad, Permissive, Trip
from controller.control.loop import Loop
from controller.control.pid import Pid
from controller.control.pid_config import (
    LONGEST_TI_S,
    SHORTEST_TI_S,
    Direction,
    Fallback,
    Limited,
    LoopMode,
    LoopStatus,
    PidConfig,
    Terms,
)
from controller.control.procedure import Step
from controller.control.states import State
from controller.control.station import Station as Base
from controller.control.station_parts import StationSetup
from controller.core.ports import EventLog
from controller.core.sample import FIRST_BAD
from controller.core.table import TagTable
from controller.formulas.coater import PARAMETERS
from controller.stations.common import (
    HEATED_K,
    PLC_READY,
    WARM_UP_S,
    Conditions,
    Mode,
    usual_steps,
)

GAUGE_M = 2.0  # web from the first nips to the scanning gauge
GAUGE_S = 5.0  # half a scan of the gauge
LOADING_GAIN = 0.30  # mg/cm2 per um of film gap
STILL_M_PER_MIN = 0.2  # below this speed a gauge says nothing about the gap
SPEED_NOISE = 0.01  # a speed that differs by less needs no other gains
TORQUE_LIMIT_PCT = 85.0
NO_FILM_INDEX = 0.05  # below it the index means "no film", not "no fibrils"
OPTIMUM_KJ_PER_KG = 137.0  # total shear energy of most intact fibrils, nominal binder
BEYOND_OPTIMUM = 1.1
_CAS, _MANUAL, _HIGH, _FREE = LoopMode.CAS, LoopStatus.MANUAL, Limited.HIGH, Limited.NONE


def _pid(**settings: object) -> Pid:
    return Pid(PidConfig(**settings))  # type: ignore[arg-type]  # checked by PidConfig itself


class Station(Base):
    """Loops, steps and schedules of the coater."""

    FORMULA = PARAMETERS
    SETTINGS: ClassVar[Mapping[str, tuple[float, float, float, str, str]]] = {
        "FEED": (10.0, 2.0, 20.0, "kg/h", "powder feed"),
        "SME": (40.0, 20.0, 120.0, "kJ/kg", "mixing energy"),
        "SCREW.START": (200.0, 100.0, 500.0, "1/min", "screw speed until the loop takes over"),
        "TBARREL": (60.0, 20.0, 90.0, "degC", "mixer temperature"),
        "TROLL": (80.0, 40.0, 140.0, "degC", "forming roll temperature"),
        "TLAM": (120.0, 60.0, 150.0, "degC", "lamination temperature"),
        "QLAM": (40.0, 10.0, 150.0, "N/mm", "lamination line load"),
        "V": (5.0, 0.5, 20.0, "m/min", "line speed"),
        "RATIO.START": (1.25, 1.02, 1.6, "-", "speed ratio until the loop takes over"),
        "GAP.START": (100.0, 60.0, 400.0, "um", "film gap until the loop takes over"),
        "ENIP": (65.0, 20.0, 140.0, "kJ/kg", "nip shear energy"),
        "FIB": (0.59, 0.3, 0.65, "-", "fibrillation index aimed at by the supervisor"),
        "LOADING": (30.0, 10.0, 50.0, "mg/cm2", "areal loading"),
        "TENS.FILM": (1.5, 0.5, 4.0, "N", "film tension"),
        "TENS.FOIL": (60.0, 20.0, 150.0, "N", "foil tension"),
    }

    @classmethod
    def loops_of(cls, prefix: str) -> dict[str, Loop]:
        """L8, L10 (in cascade of L11), L11, L12."""
        p = prefix
        mixing = _pid(
            name="mixing energy", kc=6.0, ti_s=15.0, period_s=1.0, direction=Direction.REVERSE,
            out_low=100.0, out_high=500.0, sp_low=20.0, sp_high=120.0, sp=40.0, out_rate=20.0,
            fallback=Fallback.HOLD, pv_unit="kJ/kg", out_unit="1/min",
        )  # fmt: skip
        nip = _pid(
            name="nip shear energy", kc=0.0012, ti_s=3.0, period_s=1.0,
            direction=Direction.REVERSE, out_low=1.02, out_high=1.60, sp_low=20.0, sp_high=140.0,
            sp=65.0, sp_rate=2.0, fallback=Fallback.HOLD, pv_unit="kJ/kg", out_unit="-",
        )  # fmt: skip
        fibrillation = _pid(
            name="fibrillation supervisor", kc=60.0, ti_s=900.0, period_s=120.0,
            direction=Direction.REVERSE, out_low=30.0, out_high=140.0, sp_low=0.3, sp_high=0.65,
            sp=0.59, safe_value=65.0, fallback=Fallback.HOLD, pv_unit="-", out_unit="kJ/kg",
            modes=(LoopMode.MAN, LoopMode.AUTO),
        )  # fmt: skip
        loading = _pid(
            name="areal loading", kc=0.29, ti_s=5.0, period_s=1.0, direction=Direction.REVERSE,
            terms=Terms.INTEGRAL_ONLY, out_low=60.0, out_high=400.0, sp_low=10.0, sp_high=50.0,
            sp=30.0, out_rate=2.0, fallback=Fallback.HOLD, pv_unit="mg/cm2", out_unit="um",
        )  # fmt: skip
        return {
            "L8": Loop(f"{p}.L8", mixing, pv=f"{p}.SME", out=f"{p}.SCREW.SP"),
            "L10": Loop(f"{p}.L10", nip, pv=f"{p}.ENIP", out=f"{p}.RATIO.SP", wanted=LoopMode.CAS),
            "L11": Loop(f"{p}.L11", fibrillation, pv=f"{p}.FIBIDX"),
            "L12": Loop(f"{p}.L12", loading, pv=f"{p}.LOAD.C", out=f"{p}.GAP1.SP"),
        }

    def __init__(self, setup: StationSetup, table: TagTable, log: EventLog) -> None:
        super().__init__(setup, table, log)
        self._l8, self._l10 = self.loops["L8"], self.loops["L10"]
        self._l11, self._l12 = self.loops["L11"], self.loops["L12"]
        self._torque, self._feed = self.at(".TORQUE"), self.at(".FEED.PV")
        self._refill, self._speed = self.at(".REFILL"), self.at(".V.LINE")
        self._tuned_for = 0.0
        self._sme, self._index = self.at(".SME"), self.at(".FIBIDX")

    def start_permissives(self) -> Sequence[tuple[str, Permissive]]:
        """Link, remote, no trip. Dryness is waited for in the procedure, not demanded at START."""
        return PLC_READY

    def trips(self) -> Sequence[tuple[str, Trip]]:
        """A torque that stays high holds the line before the PLC has to trip it."""
        torque = Permissive(
            name="torque", text="mixer torque", compare=Comparison.ABOVE, limit=92.0, unit="%"
        )
        return ((".TORQUE", Trip(cause=torque, on_delay_s=3.0, on_bad=OnBad.IGNORE)),)

    def steps(self) -> Mapping[State, Sequence[Step]]:
        """Warm up, wait for dry air, thread, run."""
        c = Conditions(self)
        warm = tuple(
            c.within(f".{t}.PV", f".{t}.SP", HEATED_K, f"{t} within {HEATED_K:g} K")
            for t in ("TBARREL", "TROLL1", "TROLL2", "TROLL3", "TLAM")
        )
        dry = c.equals(".PERMIT", 1.0, "enclosure permits feed")
        state = {m: c.equals(".STATE", m, f"machine in {m.name.lower()}") for m in Mode}
        at_speed = c.within(".V.LINE", ".V.LINE.SP", 0.1, "line at speed")
        running = Step(
            name="run", enter=self._run, until=(state[Mode.RUN], at_speed), settle_s=60.0,
            timeout_s=900.0,
        )  # fmt: skip
        threading = Step(
            name="thread", enter=self._thread, until=(state[Mode.THREAD],), settle_s=30.0,
            timeout_s=900.0,
        )  # fmt: skip
        start = (
            Step(name="warm up", enter=self._heat, until=warm, settle_s=10.0, timeout_s=WARM_UP_S),
            Step(name="wait for dry air", enter=lambda: None, until=(dry,), timeout_s=WARM_UP_S),
            threading,
            running,
        )
        back = (
            Step(name="warm up", enter=self._heat, until=(*warm, dry), timeout_s=WARM_UP_S),
            replace(threading, name="thread again", settle_s=10.0),
            running,
        )
        usual = usual_steps(self, stop_s=120.0, hold=Mode.HOLD, resume=back)
        return {**usual, State.STARTING: start}

    def _heat(self) -> None:
        for tag, key in (
            *((f".TROLL{k}.SP", "TROLL") for k in (1, 2, 3)),
            (".TBARREL.SP", "TBARREL"),
            (".TLAM.SP", "TLAM"),
            (".TENS.FILM.SP", "TENS.FILM"),
            (".TENS.FOIL.SP", "TENS.FOIL"),
        ):
            self.put(self.at(tag), self.setting(key))
        self.put(self.at(".CMD"), float(Mode.WARMUP))

    def _thread(self) -> None:
        for tag, key in (
            (".FEED.SP", "FEED"),
            (".SCREW.SP", "SCREW.START"),
            (".RATIO.SP", "RATIO.START"),
            (".GAP1.SP", "GAP.START"),
            (".QLAM.SP", "QLAM"),
        ):
            self.put(self.at(tag), self.setting(key))
        self.put(self.at(".CMD"), float(Mode.THREAD))

    def _run(self) -> None:
        self.put(self.at(".V.LINE.SP"), self.setting("V"))
        self.put(self.at(".CMD"), float(Mode.RUN))
        self._l8.pid.set_sp(self.setting("SME"))
        self._l11.pid.set_sp(self.setting("FIB"))
        self._l12.pid.set_sp(self.setting("LOADING"))
        self._l11.pid.initialise(self.setting("ENIP"))

    def control(self, now_s: float) -> None:
        """L11 above L10; L8 with torque override; L12 scheduled by line speed."""
        v, q = self.v, self.q
        l10, l11 = self._l10.pid, self._l11.pid
        limited = _HIGH if v[self._torque] > TORQUE_LIMIT_PCT else _FREE
        self._l8.scan(now_s, v, q, limited=limited)
        roof = BEYOND_OPTIMUM * OPTIMUM_KJ_PER_KG - v[self._sme]
        active = self._l11.active
        if not active:
            l11.limit_out(30.0, 140.0)  # while feed begins, energy per kg says nothing yet
        elif q[self._sme] < FIRST_BAD:
            l11.limit_out(30.0, min(140.0, max(30.0, roof)))
        track = l10.cascade_track if active else None
        if l10.mode is _CAS and l10.status is _MANUAL:
            track = None  # L10 begins to follow with this scan; L11 begins where it was put
        if v[self._index] < NO_FILM_INDEX and active:
            track = l11.out  # no film has reached the index yet
        energy = self._l11.scan(now_s, v, q, track=track, limited=l10.cascade_limited)
        self._l10.scan(now_s, v, q, remote_sp=energy)
        speed = v[self._speed]
        still = speed < STILL_M_PER_MIN or q[self._speed] >= FIRST_BAD
        l12 = self._l12.pid
        if not still and abs(speed - self._tuned_for) > SPEED_NOISE * speed:
            self._tuned_for = speed
            dead_s = GAUGE_M * 60.0 / speed + GAUGE_S
            wanted_s = l12.kc * 2.0 * LOADING_GAIN * dead_s
            l12.tune(l12.kc, min(max(wanted_s, SHORTEST_TI_S), LONGEST_TI_S), 0.0)
        frozen = still or v[self._refill] != 0.0
        self._l12.scan(now_s, v, q, track=l12.out if frozen else None)
