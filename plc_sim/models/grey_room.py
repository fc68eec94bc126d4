"""The grey room around the enclosures: people, moderate dryness, its own desiccant unit."""

from collections.abc import Mapping

from plc_sim.models.room import Room, RoomDesign

GREY_STEP_S = 5.0

GREY_DESIGN = RoomDesign(
    supply_m3_h=4800.0,
    ratio=0.15,
    regeneration_degc=120.0,
    fresh_m3_h=600.0,
    fresh_min_m3_h=90.0,
    precooled=False,
    infiltration_m3_h=2.0,
    inlet_degc=14.0,
    fan_pressure_pa=1250.0,
    start_frost_point_degc=-20.0,
)
"""10 air changes per hour, one rotor regenerated with heated outside air."""


def grey_room(v: Mapping[str, float], heat_w: float) -> Room:
    """The grey room, to be stepped every GREY_STEP_S; heat_w: machines outside the enclosures."""
    room = Room(GREY_DESIGN, v, dt_s=GREY_STEP_S)
    room.heat_w = heat_w
    return room
