"""Faults by name: what can be injected, where, and when.

The table says everything a person needs to inject a fault; `FaultSchedule` says which are active at
a plant time. Applying a level is the business of the part named in `where`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite


class Where(StrEnum):
    """Which part of the simulated station a fault acts on."""

    MODEL = "model"  # physics
    INSTRUMENT = "instrument"  # the measuring chain
    PLC = "plc"  # program, clock and wire of the station's PLC


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One injectable fault. `level` is its default strength in `unit`; 0 means "not there"."""

    id: str
    name: str
    station: str
    where: Where
    level: float
    unit: str
    low: float
    high: float
    effect: str


def _fault(  # one row of the table
    id_: str, name: str, station: str, where: Where, level: float, unit: str,
    limits: tuple[float, float], effect: str,
) -> Fault:  # fmt: skip
    low, high = limits
    return Fault(
        id=id_, name=name, station=station, where=where, level=level, unit=unit, low=low,
        high=high, effect=effect,
    )  # fmt: skip


_M, _I, _P = Where.MODEL, Where.INSTRUMENT, Where.PLC
_ONCE = (0.0, 1.0)

# F1 to F20 are those of the process description; the others serve what alarms and trips watch.
FAULTS: tuple[Fault, ...] = (
    _fault("F1", "dew_point_drift", "enclosure", _I, 0.5, "K/day", (-50.0, 50.0),
           "zone probe drifts: the loop looks perfect, power slowly changes"),
    _fault("F2", "dew_point_frozen", "enclosure", _I, 1.0, "-", _ONCE,
           "zone probe holds its output: variance zero"),
    _fault("F3", "door_seal_leak", "enclosure", _M, 5.0, "m3/h", (0.0, 50.0),
           "room air flows back through a door seal"),
    _fault("F4", "glove_tear", "enclosure", _M, 2.0, "cm2", (0.0, 20.0),
           "outflow while pressure is positive: make-up rises, dew point unchanged"),
    _fault("F5", "heater_failure", "enclosure", _M, 1.0, "-", _ONCE,
           "regeneration heater dead: regeneration temperature falls to ambient"),
    _fault("F6", "rotor_stopped", "enclosure", _M, 1.0, "-", _ONCE,
           "rotor stands: only the rotation pulse shows it"),
    _fault("F7", "seal_wear", "enclosure", _M, 3.0, "%", (0.3, 10.0),
           "rotor seal leaks: supply air gets wetter"),
    _fault("F8", "fan_slip", "enclosure", _M, 15.0, "%", (0.0, 100.0),
           "supply fan delivers only this share of its flow"),
    _fault("F9", "feeder_bridging", "coater", _M, 1.0, "-", _ONCE,
           "powder bridges: feed decays, hopper weight constant"),
    _fault("F10", "ptfe_lot", "coater", _M, 0.75, "-", (0.2, 1.5),
           "binder lot with this reactivity"),
    _fault("F11", "jacket_failure", "coater", _M, 1.0, "-", _ONCE,
           "mixer jacket fails: barrel temperature falls to 22 degC"),
    _fault("F12", "roll_friction", "coater", _M, -35.0, "%", (-60.0, 60.0),
           "nip torque gain changes by this within one hour"),
    _fault("F13", "roll_eccentricity", "calender", _M, 4.0, "um", (0.0, 20.0),
           "run-out amplitude: a line at roll frequency"),
    _fault("F14", "gauge_dirt", "calender", _I, 0.5, "um/h", (-5.0, 5.0),
           "thickness gauge drifts: slow over-compaction"),
    _fault("F15", "servo_stiction", "calender", _M, 12.0, "N/mm", (0.0, 50.0),
           "line-load servo sticks: limit cycle"),
    _fault("F16", "web_break", "coater", _M, 1.0, "-", _ONCE, "film tears: tension zero"),
    *(
        fault
        for station in ("coater", "calender", "enclosure")
        for fault in (
            _fault("F17", "comm_drop", station, _P, 1.0, "-", _ONCE,
                   "the PLC's server stops answering"),
            _fault("F17", "stale_values", station, _P, 1.0, "-", _ONCE,
                   "values and heartbeat freeze, answers stay good"),
            _fault("F18", "plc_restart", station, _P, 1.0, "-", _ONCE,
                   "PLC restarts: set points to defaults, boot counter up"),
            _fault("F19", "clock_skew", station, _P, 30.0, "s", (-3600.0, 3600.0),
                   "source time stamps are off by this"),
            _fault("-", "local_mode", station, _P, 1.0, "-", _ONCE,
                   "station switched to local: remote writes refused"),
        )
    ),
    _fault("F19", "swapped_words", "enclosure", _P, 1.0, "-", _ONCE,
           "words of 32-bit values and bytes of registers are swapped"),
    _fault("F20", "h2s_release", "enclosure", _M, 0.5, "g", (0.0, 5.0),
           "water onto sulfide powder: hydrogen sulfide and a dew-point spike"),
    _fault("-", "door_open", "enclosure", _M, 1.0, "door", (0.0, 4.0),
           "the door of this number stands open"),
    _fault("-", "makeup_damper_stuck", "enclosure", _M, 100.0, "%", (0.0, 100.0),
           "make-up damper stands here whatever the PLC asks for"),
    _fault("-", "relief_stuck", "enclosure", _M, 1.0, "-", _ONCE,
           "pressure relief stays shut whatever the PLC asks for"),
    _fault("-", "chilled_water_stuck", "enclosure", _M, 100.0, "%", (0.0, 100.0),
           "chilled-water valve stands here whatever the PLC asks for"),
    _fault("-", "heater_stuck", "enclosure", _M, 100.0, "%", (0.0, 100.0),
           "regeneration heater heats with this, until the limiter opens"),
    _fault("-", "regeneration_fan_slip", "enclosure", _M, 20.0, "%", (0.0, 100.0),
           "regeneration fan delivers only this share of its flow"),
    _fault("-", "filter_loaded", "enclosure", _M, 3.0, "-", (1.0, 8.0),
           "supply filter takes so many times its clean pressure; flow falls a little"),
    _fault("-", "nitrogen_leak", "enclosure", _M, 30.0, "m3/h", (0.0, 200.0),
           "nitrogen gets into the enclosure and displaces the air"),
    _fault("-", "mirror_dirty", "enclosure", _I, 5.0, "K", (-20.0, 20.0),
           "chilled mirror reads this much too high: zone probe and mirror disagree"),
    _fault("-", "oxygen_cell_drift", "enclosure", _I, 3.5, "%", (-10.0, 4.0),
           "oxygen cell reads this much too high"),
    _fault("-", "jacket_stuck", "coater", _M, -100.0, "%", (-100.0, 100.0),
           "mixer jacket heats (below 0: cools) with this whatever the PLC asks for"),
    _fault("-", "mixer_jam", "coater", _M, 60.0, "%", (0.0, 150.0),
           "a lump in the mixer: torque higher by this while the screw turns"),
    _fault("-", "roll_growth", "coater", _M, 50.0, "um", (-100.0, 200.0),
           "forming rolls have grown: the gap is smaller by this than it was set"),
    _fault("-", "winder_draw", "coater", _M, 3.0, "%", (-10.0, 10.0),
           "winder draws faster by this than it should; below 0: slower"),
    _fault("-", "refill_empty", "coater", _M, 1.0, "-", _ONCE,
           "refilling brings no powder: the hopper runs empty"),
    _fault("-", "emergency_stop", "coater", _M, 1.0, "-", _ONCE,
           "somebody has pressed the emergency stop"),
    _fault("-", "servo_stuck", "calender", _M, 1050.0, "N/mm", (0.0, 1500.0),
           "both servo valves stand at this line load"),
    _fault("-", "side_stuck", "calender", _M, 450.0, "N/mm", (0.0, 1500.0),
           "servo valve of the drive side stands at this line load"),
    _fault("-", "oil_heater_stuck", "calender", _M, 100.0, "%", (0.0, 100.0),
           "oil heater heats with this whatever the PLC asks for"),
    _fault("-", "drive_slip", "calender", _M, -40.0, "%", (-100.0, 100.0),
           "calender runs at another speed than asked for, by this"),
    _fault("-", "bearing_drag", "calender", _M, 40.0, "%", (0.0, 150.0),
           "a stiff bearing: drive torque higher by this while the rolls turn"),
    _fault("-", "web_break", "calender", _M, 1.0, "-", _ONCE,
           "web tears in the calender: tension zero"),
    _fault("-", "guard_open", "calender", _M, 1.0, "-", _ONCE, "nip guard stands open"),
    _fault("-", "emergency_stop", "calender", _M, 1.0, "-", _ONCE,
           "somebody has pressed the emergency stop"),
)  # fmt: skip


def find(station: str, name: str) -> Fault:
    """The fault of a station by name; LookupError lists the names there are."""
    for fault in FAULTS:
        if fault.station == station and name in (fault.name, fault.id):
            return fault
    names = ", ".join(f.name for f in FAULTS if f.station == station)
    known = sorted({f.station for f in FAULTS})
    if not names:
        raise LookupError(f"no station {station!r}; stations: {', '.join(known)}")
    raise LookupError(f"no fault {name!r} for {station}; faults: {names}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """A fault at a level from start_s to end_s (plant seconds, end may be inf)."""

    fault: Fault
    start_s: float
    end_s: float = inf
    level: float

    def __post_init__(self) -> None:
        f = self.fault
        if not isfinite(self.level) or not f.low <= self.level <= f.high:
            raise ValueError(
                f"{f.station} {f.name}: level = {self.level}: "
                f"allowed {f.low:g} to {f.high:g} {f.unit}"
            )
        if not self.end_s > self.start_s:
            raise ValueError(
                f"{f.station} {f.name}: ends at {self.end_s} s, before its start {self.start_s} s"
            )


class FaultSchedule:
    """Which faults are active now. The last injection of the same fault wins.

    next_s: before this plant time `changes` has nothing to tell.
    """

    def __init__(self, injections: Iterable[Injection] = ()) -> None:
        self._waiting = list(injections)
        self._level: dict[tuple[str, str], float] = {}
        self.next_s = -inf

    def add(self, injection: Injection) -> None:
        """Schedule one more."""
        self._waiting.append(injection)
        self.next_s = -inf

    def active(self) -> dict[tuple[str, str], float]:
        """(station, name) -> level of what is active."""
        return dict(self._level)

    def changes(self, now_s: float) -> list[tuple[Fault, float]]:
        """Faults whose level changed since the last call; level 0 means it ended."""
        if now_s < self.next_s:
            return []
        wanted: dict[tuple[str, str], tuple[Fault, float]] = {}
        for inj in self._waiting:
            if inj.start_s <= now_s < inj.end_s:
                wanted[inj.fault.station, inj.fault.name] = (inj.fault, inj.level)
        out = [(f, lv) for key, (f, lv) in wanted.items() if self._level.get(key) != lv]
        out += [(find(*key), 0.0) for key in self._level if key not in wanted]
        self._level = {key: lv for key, (_, lv) in wanted.items()}
        self._waiting = [i for i in self._waiting if i.end_s > now_s]
        edges = [t for i in self._waiting for t in (i.start_s, i.end_s) if t > now_s]
        self.next_s = min(edges, default=inf)
        return out

    def clear(self, station: str, name: str) -> None:
        """End a fault now and forget its later injections."""
        self._waiting = [
            i for i in self._waiting if (i.fault.station, i.fault.name) != (station, name)
        ]
        self.next_s = -inf
