"""What control is worth: worn rolls, a weak binder lot and a failed jacket, one after the other."""

from statistics import mean, stdev

import pytest

from tests.support.coater_rig import Rig

SLOW_S = 120
LAST_S = 4500


class Pi:
    """The plainest PI a supervisor could have."""

    def __init__(self, gain, ti_s, low, high, start):
        self.gain, self.ti_s, self.low, self.high, self.integral = gain, ti_s, low, high, start

    def __call__(self, dt_s, error):
        integral = self.integral + self.gain * error * dt_s / self.ti_s
        self.integral = min(self.high, max(self.low, integral))
        return min(self.high, max(self.low, self.integral + self.gain * error))


class Run:
    """75 min with the three faults (friction within 25 min); `inner`: L10, `outer`: L11 as well."""

    def __init__(self, inner=False, outer=False):
        rig = Rig(parameters={"friction_ramp_s": 1500.0}).start(900.0)
        ratio, energy = Pi(0.0012, 3.0, 1.02, 1.6, 1.25), Pi(60.0, 900.0, 30.0, 140.0, 65.0)
        target, index = 65.0, []
        self.asr, self.fibrils, self.strength, self.before = [], [], [], []
        for t in range(LAST_S):
            if t in (900, 2400, 2700):
                fault = {900: ("roll_friction", -35.0), 2400: ("ptfe_lot", 0.75)}
                rig.model.set_fault(*fault.get(t, ("jacket_failure", 1.0)))
            rig.run(1.0)
            index.append(rig["COAT.FIBIDX"])
            if outer and t % SLOW_S == SLOW_S - 1:
                target = energy(SLOW_S, 0.58 - mean(index[-SLOW_S:]))
            if inner:
                rig.write(RATIO_SP=ratio(1.0, target - rig["COAT.ENIP"]))
            truth = rig.model.truth()
            self.asr.append(truth["asr_dry_ohm_cm2"])
            self.fibrils.append(truth["f"])
            self.strength.append(truth["strength_mpa"])
            if 60 < t < 900:
                self.before.append(truth["e_nip_kj_per_kg"])
        self.ratio = rig["COAT.RATIO.PV"]
        self.trip = rig.trip


@pytest.fixture(scope="module")
def runs():
    return {"open": Run(), "inner": Run(inner=True), "outer": Run(inner=True, outer=True)}


def test_open_loop_the_resistance_rises(runs):
    run = runs["open"]
    assert 15.5 < max(run.asr) < 19.0
    assert mean(run.asr) > 13.0
    assert min(run.fibrils) == pytest.approx(0.38, abs=0.03)
    assert run.ratio == pytest.approx(1.25, abs=0.01)


def test_the_energy_loop_takes_most_of_it_away(runs):
    run = runs["inner"]
    assert 13.5 < max(run.asr) < 15.5
    assert max(run.asr) < max(runs["open"].asr) - 1.5
    assert run.ratio == pytest.approx(1.38, abs=0.04)
    assert min(run.strength) > min(runs["open"].strength) + 0.08


def test_a_supervisor_takes_more(runs):
    run = runs["outer"]
    assert max(run.asr) < max(runs["inner"].asr) - 0.15
    assert 1.40 < run.ratio <= 1.6
    assert run.trip == "none"


def test_the_energy_loop_quietens_the_nip(runs):
    assert stdev(runs["inner"].before) < 0.6 * stdev(runs["open"].before)
