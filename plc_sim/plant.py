"""The plant: the physics of the three stations, coupled, with their instruments.

Couplings: web and buffer between coater and calender, hard-wired permits of the enclosure,
machine heat into the enclosure air, enclosure air onto the product. `step` is the only way
time passes. Readings go out to, and actuators come in from, whoever plays the PLC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Protocol

from plc_sim.faults import Fault, FaultSchedule, Where
from plc_sim.field import calender as calender_field
from plc_sim.field import coater as coater_field
from plc_sim.field import enclosure as enclosure_field
from plc_sim.instruments import Instrument, InstrumentFault, Rack
from plc_sim.models import calender, coater, enclosure
from plc_sim.models.parameters import numbers
from plc_sim.models.surroundings import Surroundings
from plc_sim.models.web import Slice, Web

TICK_S = 0.05
INSTRUMENT_TICKS = 2
ENCLOSURE_TICKS = round(enclosure.Model.PERIOD_S / TICK_S)
COATER_TICKS = round(coater.Model.PERIOD_S / TICK_S)
CALENDER_TICKS = round(calender.Model.PERIOD_S / TICK_S)
COUPLING_TICKS = 20  # heat, air and moisture change slowly; permits are wired straight through
COMMON_TICKS = gcd(INSTRUMENT_TICKS, ENCLOSURE_TICKS, COATER_TICKS, CALENDER_TICKS, COUPLING_TICKS)
SAFE_OUTPUTS = {
    "nip_open": 1.0,
    "open": 1.0,
    "brake": 1.0,
    "ratio": 1.0,
    "gap_um": 500.0,
}
STATIONS = ("enclosure", "coater", "calender")
CHANGEABLE = ("line", "film", *STATIONS)


class Model(Protocol):
    """Physics of one station; engineering units at `actuate` and `sense`, SI inside."""

    @property
    def SENSORS(self) -> tuple[str, ...]:  # noqa: N802 - a class attribute of every model
        """Names of the true values, in order."""
        ...

    @property
    def ACTUATORS(self) -> tuple[str, ...]:  # noqa: N802
        """Names of the PLC outputs, in order."""
        ...

    def actuate(self, values: Sequence[float]) -> None:
        """Take the outputs of the PLC, in the order of ACTUATORS."""
        ...

    def step(self, dt_s: float) -> None:
        """Advance by one period."""
        ...

    def sense(self) -> list[float]:
        """True values, in the order of SENSORS."""
        ...

    def set_fault(self, name: str, level: float) -> None:
        """Set a fault of the physics; level 0 ends it."""
        ...

    def truth(self) -> dict[str, float]:
        """What only a scoring tool may see."""
        ...


@dataclass(slots=True)
class Site:
    """One station in the field: physics, instruments and the two bundles of wires to its PLC."""

    name: str
    model: Model
    rack: Rack
    instrument_faults: dict[str, tuple[str, InstrumentFault]]


class Plant:
    """The whole simulated line: equal seeds and actuators give equal readings, bit for bit."""

    def __init__(
        self,
        seed: int = 1,
        surroundings: Surroundings | None = None,
        soaked: bool = True,
        stations: Sequence[str] = STATIONS,
        parameters: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        """stations: those whose physics run; the others stand still (for experiments on one).

        parameters: section -> name -> value instead of that of `plc_sim.models.parameters`, for
        the sections in CHANGEABLE; of the film they hold for coater and calender. The day is
        changed by the scenario of the surroundings.
        """
        self.now_s = 0.0
        self._tick = 0
        self.surroundings = surroundings or Surroundings(seed=seed)
        self.web = Web()
        self._build_models(seed, soaked, parameters or {})
        self.faults = FaultSchedule()
        racks: dict[
            str, tuple[Model, Sequence[Instrument], Mapping[str, tuple[str, InstrumentFault]]]
        ]
        racks = {
            "enclosure": (self.enclosure, enclosure_field.INSTRUMENTS, enclosure_field.FAULTS),
            "coater": (self.coater, coater_field.INSTRUMENTS, coater_field.FAULTS),
            "calender": (self.calender, calender_field.INSTRUMENTS, calender_field.FAULTS),
        }
        self.sites = {
            name: Site(
                name=name,
                model=model,
                rack=Rack(instruments, seed * 101 + 11 + k),
                instrument_faults=dict(faults),
            )
            for k, (name, (model, instruments, faults)) in enumerate(racks.items())
            if name in stations
        }
        for site in self.sites.values():
            site.rack.settle(site.model.sense())
        names = self.enclosure.ACTUATORS
        self._feed_permit, self._rolls_permit = (
            names.index("feed_permit"),
            names.index("rolls_permit"),
        )

    def _build_models(
        self, seed: int, soaked: bool, parameters: Mapping[str, Mapping[str, float]]
    ) -> None:
        unknown = sorted(set(parameters) - set(CHANGEABLE))
        if unknown:
            raise ValueError(
                f"parameters: no section {', '.join(unknown)}; sections: {', '.join(CHANGEABLE)}"
            )
        changed = {name: dict(parameters.get(name, {})) for name in CHANGEABLE}
        film = changed["film"]
        self._line = numbers("line", changed["line"])
        self.enclosure = enclosure.Model(
            seed=seed * 101 + 1,
            soaked=soaked,
            surroundings=self.surroundings,
            parameters=changed["enclosure"],
        )
        self.coater = coater.Model(seed=seed * 101 + 2, parameters=film | changed["coater"])
        self.calender = calender.Model(
            self.web, seed=seed * 101 + 3, parameters=film | changed["calender"]
        )

    def actuate(self, station: str, values: Sequence[float]) -> None:
        """Hand a station's actuators over; they act from its next step on."""
        self.sites[station].model.actuate(values)
        if station == "enclosure":
            coater_model = self.coater
            coater_model.feed_permit = values[self._feed_permit]
            coater_model.rolls_permit = values[self._rolls_permit]
            self.calender.rolls_permit = values[self._rolls_permit] > 0.5

    def safe_outputs(self, station: str) -> list[float]:
        """What output cards drive behind a dead PLC: no heat, no motion, open rolls."""
        model = self.sites[station].model
        return [SAFE_OUTPUTS.get(name, 0.0) for name in model.ACTUATORS]

    def step(self) -> list[tuple[Fault, float]]:
        """Advance by TICK_S; returns the PLC faults whose level changed in this tick."""
        self._tick += 1
        self.now_s = self._tick * TICK_S
        for_plc = self._apply_faults() if self.now_s >= self.faults.next_s else []
        tick = self._tick
        if tick % COMMON_TICKS:
            return for_plc  # between the steps of all models and instruments
        if tick % ENCLOSURE_TICKS == 0 and "enclosure" in self.sites:
            self.enclosure.step(self.enclosure.PERIOD_S)
        if tick % COATER_TICKS == 0 and "coater" in self.sites:
            self.coater.step(self.coater.PERIOD_S)
            self._push_web()
        if tick % CALENDER_TICKS == 0 and "calender" in self.sites:
            self.calender.coater_m_per_s = self.coater.line_m_per_s
            self.calender.step(self.calender.PERIOD_S)
        if tick % COUPLING_TICKS == 0:
            self._couple()
        if tick % INSTRUMENT_TICKS == 0:
            for site in self.sites.values():
                site.rack.step(TICK_S * INSTRUMENT_TICKS, site.model.sense())
        return for_plc

    def readings(self, station: str) -> tuple[list[float], list[int]]:
        """What the instruments of a station show: readings and statuses, updated in place."""
        rack = self.sites[station].rack
        return rack.readings, rack.status

    def truth(self) -> dict[str, dict[str, float]]:
        """Plant truth by station; for scoring, never for the wire."""
        return {name: site.model.truth() for name, site in self.sites.items()}

    def _couple(self) -> None:
        """What the stations do to each other through air and heat, once a plant second."""
        box, film, mill, line = self.enclosure, self.coater, self.calender, self._line
        if "calender" in self.sites:
            film.buffer_permit = float(self.web.position < line["buffer_limit"])
        film.enclosure_ppmv = box.ppmv
        film.enclosure_temp_degc = box.temp_degc
        mill.ambient_degc = box.temp_degc
        drive_w = film.drive_power_w + mill.drive_power_w
        box.machine_heat_w = line["drive_heat_share"] * drive_w
        box.roll_heat_w = line["roll_heat_share"] * (film.roll_heat_w + mill.roll_heat_w)
        box.product_kg_per_h = film.powder_kg_per_h
        box.web_m_per_s = film.line_m_per_s
        self.web.expose(box.ppmv, COUPLING_TICKS * TICK_S)

    def _push_web(self) -> None:
        """Hand the web made in the last coater step over to the buffer."""
        film = self.coater
        if film.made_m <= 0.0 or "calender" not in self.sites:
            return  # without a calender the web is wound up and gone
        if film.made_loading_mg_per_cm2 <= 0.0:
            self.web.push_leader(film.made_m)
            return
        self.web.push(
            Slice(
                length_m=film.made_m,
                loading_kg_m2=film.made_loading_mg_per_cm2 * 0.01,
                edge_loading_kg_m2=film.made_edge_loading * 0.01,
                unfibrillated=film.made_u,
                fibrils=film.made_f,
                broken=film.made_b,
                density_kg_m3=film.made_density_g_per_cm3 * 1000.0,
                thickness_m=film.made_film_um * 1e-6,
                strength_pa=film.made_strength_mpa * 1e6,
                dose_ppm_min=film.nips.wedge.dose_ppm_min,
                lot=1 + int(film.film_m / self._line["lot_m"]),
            )
        )

    def _apply_faults(self) -> list[tuple[Fault, float]]:
        for_plc = []
        for fault, level in self.faults.changes(self.now_s):
            site = self.sites[fault.station]
            if fault.where is Where.PLC:
                for_plc.append((fault, level))
            elif fault.where is Where.MODEL:
                site.model.set_fault(fault.name, level)
            else:
                sensor, kind = site.instrument_faults[fault.name]
                scale = calender_field.FAULT_SCALES.get(fault.name, 1.0)
                site.rack.set_fault(sensor, kind, level * scale)
        return for_plc
