"""The rotor against the published wheel benchmark and the shape of the ultra-low range."""

import pytest

from plc_sim.models.humidity import frost_point_of_w, w_of_frost_point
from plc_sim.models.parameters import numbers
from plc_sim.models.rotor import AIR_KG_PER_M3, Rotor

PARAMETERS = numbers("enclosure")


def settle(
    process,
    regeneration,
    rev_per_h=4.0,
    *,
    depth_m=0.4,
    face_m2=1.0,
    own_air=False,
    **changed,
):
    """A rotor after two hours at constant inputs; own_air: regenerated with its own outlet air."""
    rotor = Rotor(
        PARAMETERS | changed,
        face_m2=face_m2,
        depth_m=depth_m,
        w_start=process[1],
        dt_s=10.0,
        rev_per_h=rev_per_h,
    )
    for _ in range(720):
        m_r, w_r, t_reg = regeneration
        rotor.step(10.0, process, (m_r, rotor.w_out if own_air else w_r, t_reg), rev_per_h)
    return rotor


# process degC, g/kg, m/s, regeneration heat MJ/kg -> outlet g/kg, degC of the benchmark
BENCHMARK = (
    (15.0, 6.0, 2.5, 5.4, 0.86, 31.4),
    (25.0, 8.0, 2.5, 4.7, 2.93, 41.6),
    (25.0, 12.0, 2.5, 4.3, 4.92, 47.3),
    (25.0, 8.0, 3.5, 4.4, 3.86, 38.1),
)


@pytest.mark.parametrize(("t_in", "w_in", "v", "heat", "w_out", "t_out"), BENCHMARK)
def test_outlet_agrees_with_the_wheel_benchmark(t_in, w_in, v, heat, w_out, t_out):
    m_p = v * AIR_KG_PER_M3
    water = m_p * (w_in - w_out) * 1e-3
    m_r = heat * 1e6 * water / (1006.0 * (121.0 - 35.0))  # benchmark air outside at 35 degC
    rotor = settle(
        (m_p, w_in * 1e-3, t_in),
        (m_r, 0.010, 121.0),
        20.0,
        depth_m=0.2,
        rotor_process_sector=245.0,
        rotor_seal_leak=0.0005,
    )
    assert rotor.w_out * 1e3 == pytest.approx(w_out, abs=0.65)
    assert rotor.process_out_degc == pytest.approx(t_out, abs=2.5)


# regeneration air g/kg -> outlet frost points at 120, 140, 150, 160, 180 degC
ULTRA_LOW = (
    (20.0, (-33.2, -38.3, -40.6, -42.8, -46.7)),
    (6.7, (-41.9, -46.8, -49.0, -51.0, -54.6)),
    (3.4, (-47.0, -51.7, -53.8, -55.7, -59.0)),
    (0.82, (-55.7, -59.7, -61.4, -63.0, -65.4)),
    (0.0066, (-63.2, -66.1, -67.3, -68.2, -69.7)),
)


@pytest.mark.parametrize(("w_reg", "expected"), ULTRA_LOW)
def test_outlet_frost_point_has_the_shape_of_the_reference_model(w_reg, expected):
    for t_reg, frost in zip((120.0, 140.0, 150.0, 160.0, 180.0), expected, strict=True):
        rotor = settle((2.4, 0.3e-3, 15.0), (0.4, w_reg * 1e-3, t_reg))
        assert frost_point_of_w(rotor.w_out) == pytest.approx(frost, abs=1.0)


def _enclosure_outlet(rev_per_h=4.0, t_reg=140.0, **changed):
    rotor = settle((2.4, 0.1e-3, 15.0), (0.24, 0.0, t_reg), rev_per_h, own_air=True, **changed)
    return frost_point_of_w(rotor.w_out)


def test_rotor_speed_has_an_optimum():
    slow, best, normal, fast, racing = (_enclosure_outlet(n) for n in (1.0, 2.0, 4.0, 8.0, 12.0))
    assert best < slow
    assert best < normal < fast < racing
    assert racing - best == pytest.approx(12.0, abs=3.0)


def test_seal_wear_makes_the_outlet_wetter():
    outlets = [_enclosure_outlet(rotor_seal_leak=s) for s in (0.001, 0.003, 0.01, 0.03)]
    assert outlets == sorted(outlets)
    assert outlets[-1] - outlets[0] == pytest.approx(13.0, abs=4.0)


def test_humid_regeneration_air_costs_about_eight_kelvin():
    dry = settle((2.4, 0.3e-3, 15.0), (0.4, 6.7e-3, 140.0))
    humid = settle((2.4, 0.3e-3, 15.0), (0.4, 20.0e-3, 140.0))
    cost = frost_point_of_w(humid.w_out) - frost_point_of_w(dry.w_out)
    assert cost == pytest.approx(8.0, abs=1.5)


def test_colder_inlet_gives_drier_air():
    warm, cold = (settle((2.4, 0.3e-3, t), (0.4, 3.4e-3, 150.0)).w_out for t in (20.0, 15.0))
    assert frost_point_of_w(warm) - frost_point_of_w(cold) == pytest.approx(2.4, abs=0.8)


def test_cold_rotor_does_not_dry_for_ever():
    rotor = settle((2.4, 0.3e-3, 15.0), (0.4, 0.3e-3, 16.0))
    assert rotor.w_out > 0.25e-3


def test_standing_rotor_keeps_its_outlet_for_an_hour_at_low_load():
    rotor = settle((2.4, 0.1e-3, 15.0), (0.24, 0.0, 140.0), own_air=True)
    before = frost_point_of_w(rotor.w_out)
    for _ in range(360):
        rotor.step(10.0, (2.4, 0.1e-3, 15.0), (0.24, rotor.w_out, 140.0), 0.0)
    assert abs(frost_point_of_w(rotor.w_out) - before) < 2.5


def test_water_taken_from_the_process_air_is_stored_or_released():
    rotor = Rotor(PARAMETERS, face_m2=1.0, depth_m=0.4, w_start=w_of_frost_point(-20.0), dt_s=1.0)
    taken = released = 0.0
    for _ in range(3600):
        taken += 2.4 * (0.3e-3 - rotor.w_out)
        released += rotor.released_kg_s
        rotor.step(1.0, (2.4, 0.3e-3, 15.0), (0.4, 1e-4, 140.0), 4.0)
    assert taken - released == pytest.approx(rotor.stored_kg, rel=1e-9)


@pytest.mark.parametrize("flow", [0.0, 1e-3, 2.4])
@pytest.mark.parametrize("regeneration", [0.0, 1e-3, 0.4])
def test_no_flow_no_heat_and_no_rotation_stay_finite(flow, regeneration):
    rotor = Rotor(PARAMETERS, face_m2=1.0, depth_m=0.4, w_start=6e-4, dt_s=1.0)
    for rev in (0.0, 4.0, 0.0):
        for t_reg in (15.0, 160.0, 20.0):
            for _ in range(600):
                rotor.step(1.0, (flow, 6e-4, 15.0), (regeneration, 6e-4, t_reg), rev)
            assert 1e-8 < rotor.w_out < 0.05
            assert -10.0 < rotor.process_out_degc < 250.0
