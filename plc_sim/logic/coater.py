"""PLC logic of the coater: sequence, ramps, interlocks, and the loops inside the machine.

Motion is reached only in sequence: warm-up, thread, run. A wanted RUN from STOP goes through all
of them by itself. What ended a run from outside (trip, permit lost) must be answered with another
command than THREAD or RUN before anything moves again.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from plc_sim.logic.coater_interlocks import Interlocks, Trip
from plc_sim.logic.coater_io import (
    BARREL,
    BUFFER_PERMIT,
    COPIES,
    FEED_PERMIT,
    FILM_N,
    FILM_PRESENT,
    FOIL_N,
    GAP,
    HOPPER,
    LAMINATION,
    LINE,
    LOAD_CENTRE,
    METER,
    NIP_CLOSED,
    NIP_POWER,
    OIL1,
    ROLL1,
    ROLLS_PERMIT,
    SCREW,
    TORQUE,
    U_BARREL,
    U_BRAKE,
    U_FEEDER,
    U_FILM_TRIM,
    U_FOIL_TRIM,
    U_GAP,
    U_LAMINATION,
    U_LAMINATION_LOAD,
    U_LINE,
    U_NIP_OPEN,
    U_OIL1,
    U_RATIO,
    U_REFILL,
    U_SCREW,
    WEDGE,
)
from plc_sim.logic.coater_loops import (
    Energies,
    FeedLoop,
    HeatLoops,
    TensionLoop,
    film_flow_g_per_s,
)
from plc_sim.models.coater import Model
from plc_sim.plc import SCAN_S, Image, Mode

CREEP_M_PER_MIN = 0.5
WARM_BAND_K = 5.0
LEVEL_TO_THREAD_MM = 20.0
LEVEL_FULL_MM = 55.0
LEVEL_LOW_MM = 15.0  # no faster line below this
RUN_UP_S = 240.0  # from rest to full speed: powder needs its time through the mixer
THREADED_AFTER_S = 5.0
THREAD_SCREW_SHARE = 0.45
FILL_FEED_SHARE = 0.3
CREEP_FEED_SHARE = 0.15
PERMIT_WAIT_S = 10.0
SCREW_AFTER_FEED_S = 3.0
CYCLE = 100  # scans of the job table, 5 s


_S, _W, _T, _R, _H, _X = Mode

# mode -> wanted mode -> next mode; THREAD and RUN are entered only through their conditions
NEXT: Mapping[Mode, Mapping[Mode, Mode]] = {
    _S: {_S: _S, _W: _W, _T: _W, _R: _W, _H: _S, _X: _X},
    _W: {_S: _S, _W: _W, _T: _T, _R: _T, _H: _H, _X: _X},
    _T: {_S: _S, _W: _W, _T: _T, _R: _R, _H: _H, _X: _X},
    _R: {_S: _S, _W: _W, _T: _T, _R: _R, _H: _H, _X: _X},
    _H: {_S: _S, _W: _W, _T: _T, _R: _T, _H: _H, _X: _X},
    _X: {_S: _S, _W: _W, _T: _H, _R: _H, _H: _H, _X: _X},
}
# The attribute of an enum costs ten times as much as a global, and the program asks often.
_STOP, _WARMUP, _THREAD, _RUN, _HOLD, _TRIP = Mode
MOVING = (_THREAD, _RUN)


class Logic:
    """The coater's part of the PLC program (see plc_sim.plc.Logic)."""

    SENSORS: ClassVar[tuple[str, ...]] = Model.SENSORS
    ACTUATORS: ClassVar[tuple[str, ...]] = Model.ACTUATORS
    COPIES: ClassVar[Mapping[str, str]] = COPIES
    TRIPS: ClassVar[tuple[str, ...]] = tuple(trip.name.lower().replace("_", " ") for trip in Trip)
    LATCH_SAFE: ClassVar[bool] = True

    def __init__(self) -> None:
        self._image = Image(())
        jobs: list[Callable[[Sequence[float], Sequence[int]], None] | None] = [None] * CYCLE
        jobs[2::4] = [self._shear] * len(jobs[2::4])
        for first, job in enumerate((self._weigh, self._feed, self._work, self._sequence_again)):
            jobs[2 * first + 1 :: 10] = [job] * (CYCLE // 10)
        jobs[9::20] = [self._heat_barrel] * (CYCLE // 20)
        jobs[19], jobs[39], jobs[59] = self._heat_roll1, self._heat_roll2, self._heat_roll3
        jobs[79] = self._level
        self._jobs = jobs
        self.restart()

    def restart(self) -> None:
        """As after power-up: stopped, rolls open, cold."""
        self.mode = _STOP
        self._wanted = _STOP
        self._must_rest = False
        self._hot = False
        self._filled = False
        self._steady_s = 0.0
        self._without_permit = self._after_trip = 0
        self._locks = Interlocks()
        self._feeding = False
        self._meter_zero: float | None = None
        self._k = 0
        self.feed = FeedLoop()
        self.heat = HeatLoops()
        self.energies = Energies()
        self._film_loop = TensionLoop(0.05)
        self._foil_loop = TensionLoop(0.02)
        self._out = [0.0] * len(self.ACTUATORS)
        self._out[U_RATIO] = 1.0
        self._out[U_GAP] = 500.0
        self._out[U_NIP_OPEN] = 1.0

    def bind(self, image: Image) -> None:
        """Look up the slots once."""
        self._image = image
        slot = image.slot
        self._feed_sp, self._screw_sp = slot("COAT.FEED.SP"), slot("COAT.SCREW.SP")
        self._barrel_sp = slot("COAT.TBARREL.SP")
        self._roll_sp = image.slots(("COAT.TROLL1.SP", "COAT.TROLL2.SP", "COAT.TROLL3.SP"))
        self._line_sp, self._ratio_sp = slot("COAT.V.LINE.SP"), slot("COAT.RATIO.SP")
        self._gap_sp, self._lam_sp = slot("COAT.GAP1.SP"), slot("COAT.TLAM.SP")
        self._lam_load_sp = slot("COAT.QLAM.SP")
        self._film_sp, self._foil_sp = slot("COAT.TENS.FILM.SP"), slot("COAT.TENS.FOIL.SP")
        self._feed_pv, self._refill = slot("COAT.FEED.PV"), slot("COAT.REFILL")
        self._sme, self._enip = slot("COAT.SME"), slot("COAT.ENIP")
        self._meter = slot("COAT.METER")

    def interlocks(self, s: Sequence[float], status: Sequence[int]) -> int:
        """Code of the first trip whose cause is present, 0 for none."""
        mode = self.mode
        return self._locks.check(mode is _THREAD or mode is _RUN, s, status)

    def scan(
        self, now_s: float, command: Mode, s: Sequence[float], status: Sequence[int]
    ) -> Sequence[float]:
        """One scan: sequence at once on a new command, everything else by the job table."""
        k = self._k = (self._k + 1) % CYCLE
        if command is not self._wanted:
            self._wanted = command
            self._sequence(s)
        if k & 1:
            self._move(s)
        else:
            self._pull(s)
        job = self._jobs[k]
        if job is not None:
            job(s, status)
        return self._out

    # sequence

    def _sequence_again(self, s: Sequence[float], _status: Sequence[int]) -> None:
        self._sequence(s)

    def _sequence(self, s: Sequence[float]) -> None:
        """Next mode; THREAD waits for heat and permits, RUN for a threaded film."""
        command = self._wanted
        if command is _TRIP:
            self._must_rest = True
        elif command not in MOVING:
            self._must_rest = False
        if self._must_rest and command in MOVING:
            command = _HOLD
        wanted = NEXT[self.mode][command]
        if wanted is _THREAD and self.mode is not _THREAD and self.mode is not _RUN:
            wanted = wanted if self._ready(s) else self._waiting()
        elif wanted is _RUN and not self._locks.threaded:
            wanted = _THREAD
        if wanted is not self.mode:
            self._enter(wanted)
        if wanted in MOVING:
            self._watch_permit(s)

    def _waiting(self) -> Mode:
        """Where to wait for the conditions of THREAD."""
        return _WARMUP if self.mode is _WARMUP or self.mode is _STOP else self.mode

    def _enter(self, mode: Mode) -> None:
        out = self._out
        was, self.mode = self.mode, mode
        if mode is _STOP:
            self._hot = False
            self.heat.off()
        elif mode not in (_HOLD, _TRIP) and not self._hot:
            self._hot = True
            self.heat.start()
        if mode in MOVING:
            if was not in MOVING:
                self._filled = False
                self._locks.disarm()
                self._steady_s = 0.0
                self._without_permit = 0
                out[U_GAP] = 500.0
        else:
            self._locks.disarm()
            self._stop_feed()
        if mode is _TRIP:
            self._after_trip = 0
            out[U_BRAKE] = out[U_NIP_OPEN] = 1.0
            out[U_LINE] = out[U_LAMINATION_LOAD] = 0.0
        elif was is _TRIP:
            out[U_BRAKE] = 0.0
            self._locks.forget()

    def _ready(self, s: Sequence[float]) -> bool:
        """Heat within 5 K of all set points as they were asked for, permits given."""
        v = self._image.value
        if s[FEED_PERMIT] < 0.5 or s[ROLLS_PERMIT] < 0.5 or s[BUFFER_PERMIT] < 0.5:
            return False
        if abs(s[BARREL] - v[self._barrel_sp]) > WARM_BAND_K:
            return False
        if abs(s[LAMINATION] - v[self._lam_sp]) > WARM_BAND_K:
            return False
        pairs = zip(self._roll_sp, s[ROLL1 : ROLL1 + 3], strict=True)
        return all(abs(v[slot] - temp) <= WARM_BAND_K for slot, temp in pairs)

    def _watch_permit(self, s: Sequence[float]) -> None:
        """Without the enclosure's permit the feed has stopped; after a while the line holds."""
        if s[FEED_PERMIT] > 0.5:
            self._without_permit = 0
            return
        self._without_permit += 1
        if self._without_permit * 10 * SCAN_S >= PERMIT_WAIT_S:
            self._must_rest = True
            self._enter(_HOLD)

    def _stop_feed(self) -> None:
        self._feeding = False
        self.feed.stop()
        self._out[U_FEEDER] = self._out[U_REFILL] = 0.0

    # motion

    def _move(self, s: Sequence[float]) -> None:
        """Ramps of line, ratio, gap and screw; every 0.1 s."""
        out, v, mode = self._out, self._image.effective, self.mode
        if mode is _RUN:
            line = v[self._line_sp]
            up = 0.1 * line / RUN_UP_S * max(0.0, min(1.0, 0.1 * (s[WEDGE] - LEVEL_LOW_MM)))
        elif mode is _THREAD:
            line, up = (CREEP_M_PER_MIN if self._filled else 0.0), 0.01
        else:
            line, up = 0.0, 0.0
        now = out[U_LINE]
        out[U_LINE] = now = min(line, now + up) if line > now else max(line, now - 0.05)
        if mode is _THREAD or mode is _RUN:
            out[U_NIP_OPEN] = 0.0
            out[U_RATIO] = _ramp(out[U_RATIO], v[self._ratio_sp], 0.005)
            out[U_GAP] = _ramp(out[U_GAP], v[self._gap_sp], 1.0 if self._locks.threaded else 10.0)
            share = 1.0 if mode is _RUN else THREAD_SCREW_SHARE
            out[U_SCREW] = _ramp(out[U_SCREW], share * v[self._screw_sp], 2.0)
            warm = abs(s[LAMINATION] - v[self._lam_sp]) <= WARM_BAND_K
            out[U_LAMINATION_LOAD] = v[self._lam_load_sp] if warm and s[LINE] > 0.0 else 0.0
            if s[FEED_PERMIT] < 0.5:
                self._stop_feed()
            return
        out[U_LAMINATION_LOAD] = 0.0
        if now <= 0.0 and s[LINE] < 0.02:
            out[U_NIP_OPEN] = 1.0
        self._after_trip += 1
        if mode is not _TRIP or self._after_trip * 0.1 >= SCREW_AFTER_FEED_S:
            out[U_SCREW] = _ramp(out[U_SCREW], 0.0, 20.0)

    def _pull(self, s: Sequence[float]) -> None:
        """Tension of film and foil; every 0.1 s."""
        out, v, speed = self._out, self._image.effective, s[LINE]
        if speed < 0.05:
            if self.mode not in MOVING:
                out[U_FILM_TRIM] = self._film_loop.rest()
            return
        out[U_FOIL_TRIM] = self._foil_loop.scan(0.1, v[self._foil_sp], s[FOIL_N], speed)
        if s[FILM_PRESENT] < 0.5:
            out[U_FILM_TRIM] = self._film_loop.rest()
            return
        out[U_FILM_TRIM] = self._film_loop.scan(0.1, v[self._film_sp], s[FILM_N], speed)

    # jobs

    def _weigh(self, s: Sequence[float], status: Sequence[int]) -> None:
        """Feed measurement, and whether powder may be fed at all; every 0.5 s."""
        image, feed = self._image, self.feed
        self._feeding = (
            self.mode in MOVING
            and image.effective[self._feed_sp] > 0.1
            and s[FEED_PERMIT] > 0.5
            and s[NIP_CLOSED] > 0.5
            and s[SCREW] > 30.0
            and s[WEDGE] < LEVEL_FULL_MM
        )
        feed.weigh(0.5, s[HOPPER], self._feeding)
        image.value[self._feed_pv] = max(0.0, feed.pv)
        image.status[self._feed_pv] = status[HOPPER]
        image.value[self._refill] = self._out[U_REFILL] = float(feed.refilling)

    def _feed(self, s: Sequence[float], _status: Sequence[int]) -> None:
        """Feeder speed; threading follows the level; every 0.5 s."""
        if not self._feeding:
            self._out[U_FEEDER] = 0.0
            self.feed.stop()
        else:
            sp = self._image.effective[self._feed_sp]
            if self.mode is _RUN:
                wanted = sp + self.feed.trim
            else:
                share = CREEP_FEED_SHARE if self._filled else FILL_FEED_SHARE
                wanted = share * sp + self.feed.trim
            self.feed.feed(0.5, max(0.0, wanted))
            self._out[U_FEEDER] = self.feed.feeder_pct
        if self.mode is _THREAD:
            self._thread(s)

    def _thread(self, s: Sequence[float]) -> None:
        """Fill the wedge, then creep until the film has held its tension for a while."""
        self._filled = self._filled or s[WEDGE] >= LEVEL_TO_THREAD_MM
        present = s[FILM_PRESENT] > 0.5
        locks = self._locks
        locks.film_seen = locks.film_seen or present
        self._steady_s = self._steady_s + 0.5 if present and 0.8 <= s[FILM_N] <= 4.0 else 0.0
        if self._steady_s >= THREADED_AFTER_S:
            locks.threaded = True

    def _work(self, s: Sequence[float], status: Sequence[int]) -> None:
        """Mixing energy and length; every 0.5 s."""
        image, energies = self._image, self.energies
        energies.mixer(0.5, s[TORQUE], s[SCREW], self.feed.pv)
        image.value[self._sme] = energies.sme
        image.status[self._sme] = max(status[TORQUE], status[SCREW], status[HOPPER])
        if self._meter_zero is None:
            self._meter_zero = s[METER]
        image.value[self._meter] = s[METER] - self._meter_zero
        image.status[self._meter] = status[METER]

    def _shear(self, s: Sequence[float], status: Sequence[int]) -> None:
        """Nip energy; every 0.2 s."""
        image, energies = self._image, self.energies
        moving = s[LINE] > 0.1 and s[NIP_CLOSED] > 0.5
        flow = film_flow_g_per_s(s[LOAD_CENTRE], s[GAP], s[LINE]) if moving else 0.0
        energies.nips(0.2, s[NIP_POWER], flow)
        image.value[self._enip] = energies.enip
        image.status[self._enip] = max(status[NIP_POWER], status[LINE])

    def _level(self, s: Sequence[float], _status: Sequence[int]) -> None:
        """Trim of the feed by the powder level; every 5 s."""
        if self._feeding and self._filled:
            self.feed.level(5.0, s[WEDGE], self._image.effective[self._feed_sp])

    def _heat_barrel(self, s: Sequence[float], _status: Sequence[int]) -> None:
        """Barrel and lamination roll; every second."""
        out, v, heat = self._out, self._image.effective, self.heat
        if not self._hot:
            out[U_BARREL] = out[U_LAMINATION] = 0.0
            out[U_OIL1 : U_OIL1 + 3] = heat.oil_pct
            return
        heat.barrel(1.0, v[self._barrel_sp], s[BARREL], self.energies.net_w)
        heat.lamination(1.0, v[self._lam_sp], s[LAMINATION])
        highest = 0.0 if self._locks.cause is Trip.BARREL_HOT else 100.0
        out[U_BARREL] = min(highest, heat.barrel_pct)
        out[U_LAMINATION] = heat.lamination_pct

    def _heat_roll(self, k: int, s: Sequence[float]) -> None:
        if self._hot:
            sp = self._image.effective[self._roll_sp[k]]
            self.heat.roll(5.0, k, sp, s[ROLL1 + k], s[OIL1 + k])
            self._out[U_OIL1 + k] = self.heat.oil_pct[k]

    def _heat_roll1(self, s: Sequence[float], _status: Sequence[int]) -> None:
        self._heat_roll(0, s)

    def _heat_roll2(self, s: Sequence[float], _status: Sequence[int]) -> None:
        self._heat_roll(1, s)

    def _heat_roll3(self, s: Sequence[float], _status: Sequence[int]) -> None:
        self._heat_roll(2, s)


def _ramp(now: float, wanted: float, most: float) -> float:
    if wanted > now + most:
        return now + most
    return wanted if wanted > now - most else now - most
