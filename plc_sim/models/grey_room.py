"""The grey room around the enclosures: people, moderate dryness, its own desiccant unit."""

from collections.abc import Mapping

from plc_sim.models.room import Room, RoomDesign

GREY_STEP_S = 5.0


def grey_room(v: Mapping[str, float]) -> Room:
    """The grey room, to be stepped every GREY_STEP_S: one rotor, heated outside air."""
    design = RoomDesign(
        supply_m3_h=v["grey_supply"],
        ratio=v["grey_regeneration_ratio"],
        regeneration_degc=v["grey_regeneration"],
        rev_per_h=v["room_rotor_speed"],
        fresh_m3_h=v["grey_fresh"],
        fresh_min_m3_h=v["grey_fresh_least"],
        precooled=False,
        infiltration_m3_h=v["grey_infiltration"],
        inlet_degc=v["grey_inlet"],
        fan_pressure_pa=v["grey_fan_pressure"],
        face_velocity=v["room_face_velocity"],
        start_frost_point_degc=v["grey_start_frost_point"],
    )
    room = Room(design, v, dt_s=GREY_STEP_S)
    room.heat_w = v["grey_machine_heat"]
    return room
