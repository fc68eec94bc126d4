"""Loops inside the coater's PLC: feeder and powder level, temperatures, tensions, energies.

The constants of the machine stand here as they would in a PLC after commissioning; the physics
has its own, and a difference between both is a modelling error the line must live with.
"""

from collections import deque
from math import pi

from plc_sim.loops import PlcPi

FEEDER_KG_PER_H_PER_PCT = 0.2
WEIGHT_FILTER_S = 8.0
REFILL_EVERY_S = 900.0
REFILL_FOR_S = 30.0
HOPPER_LOW_KG = 5.0
LEVEL_SP_MM = 30.0
LEVEL_TRIM = 0.3  # of the feed set point
TORQUE_RATED_NM = 10.0
TORQUE_IDLE_PCT = 10.0
FILM_WIDTH_M = 0.110
LOADING_PER_GAP = 0.30  # mg/cm2 per um, at the reference gap
BARREL_PCT_PER_W = 1.0 / (12.0 * 1.2)
OIL_HIGH_DEGC = 170.0
TRIM_HIGH_PCT = 2.0


class FeedLoop:
    """L7, loss in weight: weight -> feed -> feeder speed, with refills and the level's trim.

    While the hopper is refilled the weight says nothing: the speed is held (volumetric), and so
    is `pv`.
    """

    __slots__ = (
        "_hold_s",
        "_level",
        "_pi",
        "_since_refill_s",
        "_weight",
        "feeder_pct",
        "pv",
        "refilling",
        "trim",
    )

    def __init__(self) -> None:
        self._pi = PlcPi(2.0, 10.0, 0.0, 100.0)
        self._level = PlcPi(0.09, 720.0, 0.0, 0.0)
        self._weight: float | None = None
        self._since_refill_s = self._hold_s = 0.0
        self.refilling = False
        self.pv = self.feeder_pct = self.trim = 0.0
        self.stop()

    def stop(self) -> None:
        """Stand still; the next start begins without memory."""
        self._pi.reset(0.0)
        self._level.integral = self.trim = 0.0
        self.feeder_pct = 0.0

    def weigh(self, dt_s: float, weight_kg: float, feeding: bool) -> None:
        """Feed from the falling weight; starts and ends refills."""
        self._since_refill_s += dt_s if feeding else 0.0
        if self.refilling:
            if self._since_refill_s >= REFILL_FOR_S:
                self.refilling = False
                self._hold_s = 5.0
        elif feeding and (self._since_refill_s >= REFILL_EVERY_S or weight_kg < HOPPER_LOW_KG):
            self.refilling = True
            self._since_refill_s = 0.0
        if not feeding:
            self.refilling = False
        if self.refilling or self._hold_s > 0.0 or self._weight is None:
            self._hold_s -= dt_s
        else:
            raw = (self._weight - weight_kg) / dt_s * 3600.0
            self.pv += (raw - self.pv) * dt_s / WEIGHT_FILTER_S
        self._weight = weight_kg

    def level(self, dt_s: float, level_mm: float, base_kg_per_h: float) -> None:
        """Trim of the feed that keeps the powder above the nip at its level."""
        pi_ = self._level
        pi_.high = LEVEL_TRIM * base_kg_per_h
        pi_.low = -pi_.high
        self.trim = pi_.scan(dt_s, LEVEL_SP_MM, level_mm)

    def feed(self, dt_s: float, wanted_kg_per_h: float) -> None:
        """Feeder speed for a wanted feed."""
        if self.refilling or self._hold_s > 0.0:
            return
        ff = wanted_kg_per_h / FEEDER_KG_PER_H_PER_PCT
        self.feeder_pct = self._pi.scan(dt_s, wanted_kg_per_h, self.pv, ff)


class HeatLoops:
    """L9 (barrel), L14 (three rolls on oil, cascade) and the lamination roll."""

    __slots__ = (
        "_barrel",
        "_lamination",
        "_oil",
        "_roll",
        "barrel_pct",
        "lamination_pct",
        "oil_pct",
    )

    def __init__(self) -> None:
        self._barrel = PlcPi(4.0, 320.0, -100.0, 100.0)
        self._lamination = PlcPi(1.5, 200.0, 0.0, 100.0)
        self._roll = [PlcPi(6.0, 900.0, 20.0, OIL_HIGH_DEGC) for _ in range(3)]
        self._oil = [PlcPi(4.0, 120.0, 0.0, 100.0) for _ in range(3)]
        self.barrel_pct = self.lamination_pct = 0.0
        self.oil_pct = [0.0, 0.0, 0.0]
        self.off()

    def off(self) -> None:
        """Everything cold."""
        self._barrel.reset(0.0)
        self._lamination.reset(0.0)
        self.barrel_pct = self.lamination_pct = 0.0
        for k in range(3):
            self._roll[k].reset(20.0)
            self._oil[k].reset(0.0)
            self.oil_pct[k] = 0.0

    def start(self) -> None:
        """Oil begins at the roll's set point, so that only the error asks for more."""
        for pi_ in self._roll:
            pi_.integral = 0.0  # the set point itself is fed forward

    def barrel(self, dt_s: float, sp: float, pv: float, shear_w: float) -> None:
        """Heating or cooling of the mixer, less the heat of the screw."""
        self.barrel_pct = self._barrel.scan(dt_s, sp, pv, -BARREL_PCT_PER_W * shear_w)

    def roll(self, dt_s: float, k: int, sp: float, pv: float, oil_degc: float) -> None:
        """Oil heater of roll k (0 to 2)."""
        oil_sp = self._roll[k].scan(dt_s, sp, pv, sp)
        self.oil_pct[k] = self._oil[k].scan(dt_s, oil_sp, oil_degc)

    def lamination(self, dt_s: float, sp: float, pv: float) -> None:
        """Heater of the lamination roll."""
        self.lamination_pct = self._lamination.scan(dt_s, sp, pv, 0.5 * (sp - 22.0))


class TensionLoop:
    """L13: speed trim for one span. The span's gain grows with speed, the loop's falls with it."""

    __slots__ = ("_gain", "_pi")

    def __init__(self, gain_pct_per_n: float) -> None:
        self._gain = gain_pct_per_n
        self._pi = PlcPi(gain_pct_per_n, 4.0, -TRIM_HIGH_PCT, TRIM_HIGH_PCT)
        self._pi.reset(0.0)

    def rest(self) -> float:
        """Trim to zero."""
        self._pi.reset(0.0)
        return 0.0

    def scan(self, dt_s: float, sp: float, pv: float, speed_m_per_min: float) -> float:
        """Speed trim, %."""
        pi_ = self._pi
        pi_.gain = self._gain * 5.0 / (speed_m_per_min if speed_m_per_min > 0.5 else 0.5)
        return pi_.scan(dt_s, sp, pv)


class Energies:
    """Specific energies from drive powers: mixer over feed, nips over film."""

    __slots__ = ("_feed", "_power", "_sum_w", "_window", "enip", "net_w", "sme")

    def __init__(self) -> None:
        self._window: deque[float] = deque([0.0] * 20)
        self._sum_w = self._power = self._feed = 0.0
        self.sme = self.enip = self.net_w = 0.0

    def mixer(self, dt_s: float, torque_pct: float, rpm: float, feed_kg_per_h: float) -> None:
        """Specific mixing energy; power and feed are averaged alike before they are divided."""
        torque_nm = 0.01 * (torque_pct - TORQUE_IDLE_PCT) * TORQUE_RATED_NM
        self.net_w = max(0.0, torque_nm * 2.0 * pi * rpm / 60.0)
        self._window.append(self.net_w)
        self._sum_w += self.net_w - self._window.popleft()
        share = dt_s / 13.0
        self._power += (self._sum_w / 20.0 - self._power) * share
        self._feed += (feed_kg_per_h - self._feed) * share
        self.sme = min(200.0, 3.6 * self._power / self._feed) if self._feed > 0.3 else 0.0

    def nips(self, dt_s: float, power_w: float, flow_g_per_s: float) -> None:
        """Specific shear energy of the nips; 0 without film, the first value is taken as it is."""
        if flow_g_per_s <= 0.0 or power_w <= 0.0:
            self.enip = 0.0
            return
        raw = min(200.0, power_w / flow_g_per_s)
        self.enip = raw if self.enip == 0.0 else self.enip + (raw - self.enip) * dt_s / 3.0


def film_flow_g_per_s(loading: float, gap_um: float, speed_m_per_min: float) -> float:
    """Mass flow of the film: from the gauge where it is plausible, else from the gap."""
    from_gap = LOADING_PER_GAP * gap_um
    if not 0.8 * from_gap < loading < 1.2 * from_gap:
        loading = from_gap
    return loading * 10.0 * FILM_WIDTH_M * speed_m_per_min / 60.0
