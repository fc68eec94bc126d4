"""Calender under a simple thickness controller: settling, standard deviation, quality by metre."""

import random

import pytest

from plc_sim.models.quality import Metre, specs, summarize
from tests.support.calender_rig import Rig, mean, sd

TARGET_UM = 104.0
GAIN_UM = 0.026  # um per N/mm
TAU_S = 2.8
GAUGE_M = 1.25


class ThicknessPi:
    """PI from thickness to line load, dead time from the speed, called every second."""

    def __init__(self, rig: Rig, v_m_per_min: float, target_um: float) -> None:
        dead_s = GAUGE_M / v_m_per_min * 60.0
        self.gain = TAU_S / (GAIN_UM * (2.0 * dead_s + TAU_S))
        self.load = rig.tag("CAL.LOAD.SP")
        self.seen_um = rig.tag("CAL.THK.C")
        self.target_um = target_um

    def __call__(self, rig: Rig) -> None:
        self.seen_um += 0.4 * (rig.tag("CAL.THK.C") - self.seen_um)
        error = self.seen_um - self.target_um
        self.load += self.gain / TAU_S * error
        rig.set(LOAD_SP=min(1150.0, max(150.0, self.load + self.gain * error)))


def wandering_loading(seed: int, share: float = 0.009, tau_s: float = 300.0):
    rng = random.Random(seed)
    keep = 1.0 - 0.1 / tau_s
    state = 0.0

    def loading(_t: float) -> float:
        nonlocal state
        state = keep * state + rng.gauss(0.0, (1.0 - keep * keep) ** 0.5)
        return 0.30 * (1.0 + share * state)

    return loading


@pytest.mark.parametrize(
    ("v_m_per_min", "least_s", "most_s"),
    [(5.0, 30.0, 60.0), (1.0, 150.0, 280.0), (20.0, 7.0, 20.0)],
)
def test_a_step_of_loading_and_roll_temperature_settles_in_a_time_that_follows_the_speed(
    v_m_per_min: float, least_s: float, most_s: float
) -> None:
    rig = Rig(roll_degc=80.0, noise=False)
    rig.coater = lambda _t: 0.30
    rig.produce(v_m_per_min=v_m_per_min)
    target = rig.tag("CAL.THK.C")
    rig.outer = ThicknessPi(rig, v_m_per_min, target)
    rig.coater = lambda _t: 0.306
    before = rig.thickness_um()
    rig.until(lambda: rig.thickness_um() > before + 1.0, 600.0)
    rig.warm(3.0)
    errors = rig.sample(
        1.5 * most_s + 600.0 / v_m_per_min, lambda: abs(rig.thickness_um() - target)
    )
    settled_s = 0.1 * (1 + max(k for k, e in enumerate(errors) if e > 0.5))
    assert least_s < settled_s < most_s


def test_control_halves_the_standard_deviation_at_5_m_per_min() -> None:
    def run(controlled: bool) -> list[float]:
        rig = Rig(roll_degc=80.0)
        rig.coater = wandering_loading(3)
        rig.produce()
        if controlled:
            rig.outer = ThicknessPi(rig, 5.0, TARGET_UM)
        rig.run(240.0)
        return rig.sample(3600.0, lambda: rig.tag("CAL.THK.C"))

    free, held = run(False), run(True)
    assert 0.75 < sd(free) < 1.4
    assert 0.45 < sd(held) < 0.65
    assert sd(held) < 0.68 * sd(free)
    assert mean(held) == pytest.approx(TARGET_UM, abs=0.15)


def test_finished_metres_carry_loading_thickness_and_dose_of_their_own() -> None:
    rig = Rig(roll_degc=80.0, noise=False)
    rig.coater = lambda _t: 0.30
    rig.produce()
    rig.coater = lambda _t: 0.312
    changed_m = rig.web.pushed_m
    rig.web.expose(10.0, 60.0)
    rig.run(300.0)
    metres = {m.number: m for m in rig.model.ledger.metres}
    early, late = metres[int(changed_m) - 3], metres[int(changed_m) + 3]
    assert early.loading_mg_cm2 == pytest.approx(30.0)
    assert late.loading_mg_cm2 == pytest.approx(31.2)
    assert late.thickness_um - early.thickness_um == pytest.approx(4.2, abs=0.4)
    assert early.dose_ppm_min == pytest.approx(10.0)
    assert late.dose_ppm_min == pytest.approx(0.0)
    assert early.edge_loss == pytest.approx(0.03)
    assert list(metres) == list(range(len(metres)))
    assert late.density_g_cm3 == pytest.approx(late.loading_mg_cm2 * 10.0 / late.thickness_um)


def metre(number: int, thickness_um: float, length_m: float = 1.0) -> Metre:
    return Metre(
        number=number,
        lot=7,
        length_m=length_m,
        loading_mg_cm2=30.0,
        edge_loss=0.03,
        thickness_um=thickness_um,
        thickness_low_um=thickness_um,
        thickness_high_um=thickness_um,
        run_out_um=0.0,
        density_g_cm3=300.0 / thickness_um,
        porosity=0.2,
        unfibrillated=0.26,
        fibrils=0.58,
        broken=0.16,
        strength_mpa=0.7,
        dose_ppm_min=100.0,
        asr_ohm_cm2=12.7,
    )


def test_lot_statistics_weigh_with_length_and_name_the_worst_metre() -> None:
    lot = summarize(
        [metre(0, 104.0), metre(1, 103.0), metre(2, 109.0), metre(3, 104.0, 0.5)], specs()
    )
    thickness = lot["thickness_um"]
    assert lot.lot == 7
    assert lot.length_m == pytest.approx(3.5)
    assert thickness.mean == pytest.approx((104.0 + 103.0 + 109.0 + 52.0) / 3.5)
    assert (thickness.low, thickness.high) == (103.0, 109.0)
    assert thickness.share_in_spec == pytest.approx(2.5 / 3.5)
    assert lot.yield_share == pytest.approx(2.5 / 3.5)
    assert thickness.worst_metre == 2
    assert lot["loading_mg_cm2"].sd == pytest.approx(0.0)


def test_a_lot_without_a_finished_metre_cannot_be_judged() -> None:
    with pytest.raises(LookupError, match="no finished metre"):
        Rig().model.ledger.lot(1)
