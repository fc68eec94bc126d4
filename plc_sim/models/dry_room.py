"""The baseline: what drying a whole room would take under the same weather and occupancy.

Three installations run in parallel: the existing dry room at fixed settings, the same room with
settings optimised for its own dew point, and a two-stage one. Their powers are what a saving is
measured against; none of them is a constant.
"""

from collections.abc import Mapping
from dataclasses import replace

from plc_sim.models.room import Room, RoomDesign

DRY_ROOM_STEP_S = 30.0


def fixed_design(v: Mapping[str, float]) -> RoomDesign:
    """The existing dry room: one rotor, half of its regeneration air dried before."""
    return RoomDesign(
        supply_m3_h=v["dry_supply"],
        ratio=v["dry_regeneration_ratio"],
        regeneration_degc=v["dry_regeneration"],
        rev_per_h=v["room_rotor_speed"],
        fresh_m3_h=v["dry_fresh"],
        dry_purge=v["dry_purge_share"],
        infiltration_m3_h=v["dry_infiltration"],
        inlet_degc=v["dry_inlet"],
        fan_pressure_pa=v["dry_fan_pressure"],
        face_velocity=v["room_face_velocity"],
        start_frost_point_degc=v["dry_start_frost_point"],
    )


def optimised_design(v: Mapping[str, float]) -> RoomDesign:
    """The same room: less flow, less regeneration air, hotter, little fresh air."""
    return replace(
        fixed_design(v),
        flow_share=v["optimised_flow_share"],
        regeneration_share=v["optimised_regeneration_share"],
        regeneration_degc=v["optimised_regeneration"],
        fresh_m3_h=v["optimised_fresh"],
    )


def two_stage_design(v: Mapping[str, float]) -> RoomDesign:
    """Two rotors in series, the regeneration air of the second feeds the first."""
    return replace(
        fixed_design(v),
        stages=2,
        regeneration_share=v["two_stage_regeneration_share"],
        dry_purge=v["two_stage_purge_share"],
        start_frost_point_degc=v["two_stage_start_frost_point"],
    )


class Baseline:
    """The three dry rooms; `step` every DRY_ROOM_STEP_S. Powers in W."""

    def __init__(self, v: Mapping[str, float]) -> None:
        self.fixed = Room(fixed_design(v), v, dt_s=DRY_ROOM_STEP_S)
        self.optimised = Room(optimised_design(v), v, dt_s=DRY_ROOM_STEP_S)
        self.two_stage = Room(two_stage_design(v), v, dt_s=DRY_ROOM_STEP_S)
        self.rooms = (self.fixed, self.optimised, self.two_stage)

    def step(
        self, people: float, heat_w: float, outdoor: tuple[float, float], hall_w: float
    ) -> None:
        """Advance by DRY_ROOM_STEP_S; heat_w: machines in the room."""
        for room in self.rooms:
            room.heat_w = heat_w
            room.step(DRY_ROOM_STEP_S, people, outdoor, hall_w)
