"""The baseline: what drying a whole room would take under the same weather and occupancy.

Three installations run in parallel: the existing dry room at fixed settings, the same room with
settings optimised for its own dew point, and a two-stage one. Their powers are what a saving is
measured against; none of them is a constant.
"""

from collections.abc import Mapping
from dataclasses import replace

from plc_sim.models.room import Room, RoomDesign

DRY_ROOM_STEP_S = 30.0

FIXED_DESIGN = RoomDesign(
    supply_m3_h=12000.0,
    ratio=0.162,
    regeneration_degc=150.0,
    fresh_m3_h=1200.0,
    dry_purge=0.5,
    infiltration_m3_h=6.7,
    fan_pressure_pa=1450.0,
    start_frost_point_degc=-42.0,
)
"""160 m2 x 3 m, 25 air changes per hour, one rotor at 150 degC."""

OPTIMISED_DESIGN = replace(
    FIXED_DESIGN,
    flow_share=0.85,
    regeneration_share=0.5,
    regeneration_degc=170.0,
    fresh_m3_h=600.0,
)
"""The same room: less flow, less regeneration air, hotter, little fresh air."""

TWO_STAGE_DESIGN = replace(
    FIXED_DESIGN,
    stages=2,
    regeneration_share=0.65,
    dry_purge=0.95,
    start_frost_point_degc=-48.0,
)
"""Two rotors in series, the regeneration air of the second feeds the first."""


class Baseline:
    """The three dry rooms; `step` every DRY_ROOM_STEP_S. Powers in W."""

    def __init__(self, v: Mapping[str, float]) -> None:
        self.fixed = Room(FIXED_DESIGN, v, dt_s=DRY_ROOM_STEP_S)
        self.optimised = Room(OPTIMISED_DESIGN, v, dt_s=DRY_ROOM_STEP_S)
        self.two_stage = Room(TWO_STAGE_DESIGN, v, dt_s=DRY_ROOM_STEP_S)
        self.rooms = (self.fixed, self.optimised, self.two_stage)

    def step(
        self, people: float, heat_w: float, outdoor: tuple[float, float], hall_w: float
    ) -> None:
        """Advance by DRY_ROOM_STEP_S; heat_w: machines in the room."""
        for room in self.rooms:
            room.heat_w = heat_w
            room.step(DRY_ROOM_STEP_S, people, outdoor, hall_w)
