"""What energies cost and emit, by the numbers that [energy] of line.toml gives and by no others."""

from typing import Any

from controller.api.energy_settings import EnergySettings

Plain = dict[str, Any]
G_PER_KG = 1_000.0


def worth_of(window: Plain, settings: EnergySettings | None) -> Plain | None:
    """Cost in the currency, and kg of CO2, of the energies of a window (`energy.window_of`).

    None without settings; cost or co2_kg is None where its number is not given. What was not
    measured costs nothing here, as it counts nothing there.
    """
    if settings is None:
        return None
    price, co2_g = settings.price_per_kwh, settings.co2_g_per_kwh
    return {
        "cost": None if price is None else _of(window, price),
        "co2_kg": None if co2_g is None else _of(window, co2_g / G_PER_KG),
    }


def _of(window: Plain, per_kwh: float) -> Plain:
    """Air treatment, machines, both together, and the saving with its interval, None as there."""
    air, machines = window["air_kwh"] * per_kwh, window["machines_kwh"] * per_kwh
    saving = window["saving_kwh"]
    return {
        "air": air, "machines": machines, "total": air + machines,
        "saving": saving and {end: kwh * per_kwh for end, kwh in saving.items()},
    }  # fmt: skip
