"""The PI block of the simulated PLCs."""

import pytest

from plc_sim.loops import PlcPi


def make(**options):
    return PlcPi(2.0, 10.0, 0.0, 100.0, **options)


def settle(loop, gain, load, steps=2000, dt_s=0.1, sp=50.0):
    """A first-order process of 5 s behind the loop; the end value of its PV."""
    pv = load
    for _ in range(steps):
        pv += (gain * loop.scan(dt_s, sp, pv) + load - pv) * dt_s / 5.0
    return pv


def test_it_brings_the_pv_to_the_set_point():
    assert settle(make(), 1.0, 10.0) == pytest.approx(50.0, abs=0.01)


def test_a_direct_loop_raises_its_output_with_the_pv():
    assert settle(make(reverse=False), -1.0, 90.0) == pytest.approx(50.0, abs=0.01)


def test_reset_takes_over_without_a_bump():
    loop = make()
    loop.reset(40.0)
    assert loop.scan(0.1, 50.0, 50.0) == 40.0


@pytest.mark.parametrize(("value", "taken"), [(-5.0, 0.0), (140.0, 100.0)])
def test_reset_stays_within_the_limits(value, taken):
    loop = make()
    loop.reset(value)
    assert loop.out == taken


@pytest.mark.parametrize(("sp", "limit"), [(1000.0, 100.0), (-1000.0, 0.0)])
def test_it_comes_off_a_limit_as_soon_as_the_error_turns(sp, limit):
    loop = make()
    loop.reset(50.0)
    for _ in range(1000):
        loop.scan(0.1, sp, 50.0)
    assert loop.out == limit
    turned = 45.0 if limit == 100.0 else 55.0
    outs = [loop.scan(0.1, turned, 50.0) for _ in range(20)]
    assert all(o != limit for o in outs)


def test_the_output_never_leaves_its_limits():
    loop = make()
    for k in range(500):
        out = loop.scan(0.1, 100.0 * (k % 7), 30.0 * (k % 11), ff=float(k % 300) - 150.0)
        assert 0.0 <= out <= 100.0


def test_feed_forward_acts_at_once():
    plain, fed = make(), make()
    for loop in (plain, fed):
        loop.reset(40.0)
    assert fed.scan(0.1, 50.0, 50.0, ff=15.0) - plain.scan(0.1, 50.0, 50.0) == pytest.approx(15.0)


def test_the_integral_grows_by_gain_error_and_time():
    loop = make()
    loop.reset(40.0)
    loop.scan(1.0, 51.0, 50.0)
    assert loop.out == pytest.approx(40.0 + 2.0 + 2.0 / 10.0)
